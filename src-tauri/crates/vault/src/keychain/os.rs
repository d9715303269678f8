//! The keychain of the operating system.

use super::{Availability, Keychain, KeychainError};
use secrecy::SecretString;

/// The keychain of the operating system: Secret Service on Linux, Keychain on macOS, Credential
/// Manager on Windows.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsKeychain;

impl Keychain for OsKeychain {
    fn availability(&self) -> Result<Availability, KeychainError> {
        todo!()
    }
    fn get(&self, _item: &str) -> Result<Option<SecretString>, KeychainError> {
        todo!()
    }
    fn set(&self, _item: &str, _value: &SecretString) -> Result<(), KeychainError> {
        todo!()
    }
    fn delete(&self, _item: &str) -> Result<(), KeychainError> {
        todo!()
    }
}
