//! Secrets in the OS keychain, sealing, and the one SQLite store.

pub mod envelope;
mod error;
mod key;
mod keychain;
pub mod ports;
mod seal;
mod store;
mod vault;

pub use self::error::StoreError;
pub use self::key::{KeyPlace, UnknownKeyPlace};
pub use self::keychain::{
    Availability, Keychain, KeychainError, MemoryKeychain, MemoryMood, OsKeychain,
};
pub use self::store::{
    AccessTokenRow, AuditRow, ClientRow, CodeRow, GrantRow, Reader, RefreshState, RefreshTokenRow,
    ServerRow, ToolRuleRow, VALUE_LIMIT, Writer,
};
pub use self::vault::{MoveKeyError, OpenError, OpenOptions, Rotation, Vault};
