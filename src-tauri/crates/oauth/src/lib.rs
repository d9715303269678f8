//! The OAuth 2.1 authorization server, the bearer check and connection approvals
