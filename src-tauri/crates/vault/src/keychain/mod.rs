//! The port to the operating system's keychain, and what stands behind it.

mod memory;
mod os;
#[cfg(target_os = "linux")]
mod secret_service;

pub use self::memory::{MemoryKeychain, MemoryMood};
pub use self::os::OsKeychain;

use secrecy::SecretString;

/// Whether this computer has a keychain at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// There is one. It may still be locked or refuse.
    Available,
    /// There is none: no service answers, and none can be started.
    Absent,
}

/// Keeps one item, the master key, under a name. All calls block, some until a person has answered
/// a dialog; the vault makes them on a thread of their own and with a time limit.
pub trait Keychain: Send + Sync {
    /// Whether there is a keychain. An error means that one exists but cannot be used; it is never
    /// a reason to keep the key elsewhere.
    fn availability(&self) -> Result<Availability, KeychainError>;
    /// The item with this name, if there is one.
    fn get(&self, item: &str) -> Result<Option<SecretString>, KeychainError>;
    /// Keeps this item under this name, in place of the one there was.
    fn set(&self, item: &str, value: &SecretString) -> Result<(), KeychainError>;
    /// Deletes the item with this name. It is no error when there is none.
    fn delete(&self, item: &str) -> Result<(), KeychainError>;
}

/// Why the keychain did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeychainError {
    /// It is locked and nobody unlocked it, or access was denied.
    #[error(
        "the keychain is locked or access to it was denied; unlock it (sign in to the desktop, or \
         open the password manager of your desktop), allow Drawbridge, and start it again"
    )]
    Refused,
    /// It exists and did not answer in time.
    #[error(
        "the keychain did not answer within {seconds} seconds; look for its unlock dialog, unlock \
         it, and start Drawbridge again"
    )]
    TimedOut {
        /// The time limit.
        seconds: u64,
    },
    /// It holds several items of that name.
    #[error(
        "the keychain holds several items with the name {item:?} for the service \"drawbridge\"; \
         delete all but the right one in the password manager of your desktop"
    )]
    Ambiguous {
        /// The item's name.
        item: String,
    },
    /// It went away between two questions, or there is none.
    #[error("there is no keychain service any more; sign in to the desktop again and retry")]
    Gone,
    /// Something else.
    #[error(
        "the keychain failed: {reason}; check that the password manager of your desktop works, and \
         start Drawbridge again"
    )]
    Failed {
        /// What the platform said, without any secret.
        reason: String,
    },
}
