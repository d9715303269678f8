//! The MCP gateway: servers, catalog, rules and calls
