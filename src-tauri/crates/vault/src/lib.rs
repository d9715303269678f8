//! Secrets in the OS keychain, sealing, and the one SQLite store
