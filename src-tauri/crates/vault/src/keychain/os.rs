//! The keychain of the operating system.

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

#[cfg(target_os = "linux")]
use super::secret_service as platform;
use super::{Availability, Keychain, KeychainError};
#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain as platform;
#[cfg(windows)]
use windows_native_keyring_store as platform;

/// The service every item belongs to.
const SERVICE: &str = "drawbridge";

/// The keychain of the operating system: Secret Service on Linux, Keychain on macOS, Credential
/// Manager on Windows. Every call connects anew: it is asked once a start.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsKeychain;

fn entry(item: &str) -> Result<Entry, KeychainError> {
    platform::Store::new()
        .and_then(|store| store.build(SERVICE, item, None))
        .map_err(|error| refusal(item, &error))
}

impl Keychain for OsKeychain {
    fn availability(&self) -> Result<Availability, KeychainError> {
        #[cfg(target_os = "linux")]
        return platform::availability();
        // macOS and Windows have theirs always.
        #[cfg(not(target_os = "linux"))]
        Ok(Availability::Available)
    }

    fn get(&self, item: &str) -> Result<Option<SecretString>, KeychainError> {
        match entry(item)?.get_secret() {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                // What is no text is no key either; the caller finds that out.
                Ok(Some(SecretString::from(
                    String::from_utf8_lossy(&bytes).as_ref(),
                )))
            }
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(refusal(item, &error)),
        }
    }

    fn set(&self, item: &str, value: &SecretString) -> Result<(), KeychainError> {
        entry(item)?
            .set_secret(value.expose_secret().as_bytes())
            .map_err(|error| refusal(item, &error))
    }

    fn delete(&self, item: &str) -> Result<(), KeychainError> {
        match entry(item)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(refusal(item, &error)),
        }
    }
}

/// What the error means. Some of them carry what was read; none of that goes on.
fn refusal(item: &str, error: &Error) -> KeychainError {
    match error {
        Error::Ambiguous(_) => KeychainError::Ambiguous {
            item: item.to_owned(),
        },
        Error::PlatformFailure(source) | Error::NoStorageAccess(source) => {
            #[cfg(target_os = "linux")]
            if let Some(known) = platform::meaning(source.as_ref()) {
                return known;
            }
            if matches!(error, Error::NoStorageAccess(_)) {
                return KeychainError::Refused;
            }
            KeychainError::Failed {
                reason: source.to_string(),
            }
        }
        Error::NoDefaultStore | Error::NotSupportedByStore(_) => KeychainError::Gone,
        Error::TooLong(..) | Error::Invalid(..) => KeychainError::Failed {
            reason: "it does not take a key of this form".to_owned(),
        },
        _ => KeychainError::Failed {
            reason: "it holds something unreadable".to_owned(),
        },
    }
}
