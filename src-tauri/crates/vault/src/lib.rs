//! Secrets in the OS keychain, sealing, and the one SQLite store.
//!
//! # What it promises
//! - `Ok` from [`Vault::write`] means on disk: WAL with `synchronous=FULL`. Killed at any moment,
//!   the vault opens again, with every write it ever acknowledged and no half of another.
//! - Everything personal is sealed: XChaCha20-Poly1305, bound to its table and row, under a random
//!   data key that a master key wraps. The master key lives in one place, which the database
//!   records: one item of the OS keychain, `TOKEN_ENCRYPTION_KEY`, or (Linux) a file.
//! - A wrong, missing or refused key is an error that says what to do, and changes nothing.
//! - One process has the data directory at a time; nobody but its user can look into it.
//! - Memory is bounded: the queue of writes, the readers, SQLite's page caches and prepared
//!   statements have limits, and no row is cached.
//!
//! # What it never does
//! - Fall back to another place for the key than the recorded one, least of all because a keychain
//!   is locked.
//! - Put a secret, a row or SQL into an error or a log.
//! - Make up the time: moments are parameters.
//!
//! # Map
//! | file | what it holds |
//! |---|---|
//! | `vault.rs` | [`Vault`]: open, read, write, close |
//! | `store/` | what work may read and write, one file per kind of row |
//! | `writer.rs` | the writer thread, group commit |
//! | `readers.rs` | the connections that read |
//! | `database.rs`, `migrations/` | the SQLite file, its settings and its tables |
//! | `seal.rs`, `envelope.rs` | sealing, the keys in use, the sealed value's form |
//! | `key/` | the master key's places; the key from a passphrase |
//! | `key_work.rs` | unlock, rotate, move: the steps that survive being killed |
//! | `erase.rs` | erasing everything, in an order that survives being killed |
//! | `keychain/` | the port to the keychain, the real one, one in memory for tests |
//! | `files.rs`, `unix.rs`, `other.rs` | the data directory, its rights and its lock |
//! | `ports.rs` | clock and randomness, for all crates |
//! | `error.rs` | what reading and writing can fail with |
//! | `failpoint.rs` | feature `failpoints`: die at a chosen commit or step, for tests |

mod database;
pub mod envelope;
mod erase;
mod error;
#[cfg(feature = "failpoints")]
mod failpoint;
mod files;
mod key;
mod key_work;
mod keychain;
#[cfg(not(unix))]
mod other;
pub mod ports;
mod readers;
mod seal;
mod store;
#[cfg(unix)]
mod unix;
mod vault;
mod writer;

pub use self::erase::{BeginErasingError, Left, empty_folder, is_being_erased};
pub use self::error::StoreError;
pub use self::files::{DataDirectory, DirectoryError, ensure_private_directory};
pub use self::key::{KeyError, KeyFileError, KeyPlace, UnknownKeyPlace};
pub use self::key_work::{MoveKeyError, RotateError, Rotation};
pub use self::keychain::{
    Availability, Keychain, KeychainError, MemoryKeychain, MemoryMood, OsKeychain,
};
pub use self::store::{
    AccessTokenRow, AuditRow, ClientRow, CodeRow, GrantRow, Reader, RefreshState, RefreshTokenRow,
    ServerRow, ToolRuleRow, VALUE_LIMIT, Writer,
};
pub use self::vault::{OpenError, OpenOptions, Vault};
