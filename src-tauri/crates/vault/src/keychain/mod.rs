//! The port to the operating system's keychain, and what stands behind it.

mod memory;
mod os;
#[cfg(target_os = "linux")]
mod secret_service;

pub use self::memory::{MemoryKeychain, MemoryMood};
pub use self::os::OsKeychain;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::oneshot;

/// Whether this computer has a keychain at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// There is one. It may still be locked or refuse.
    Available,
    /// There is none yet, but a desktop session is there that may be about to start one.
    Awaited,
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
    /// It has no collection to put new items in.
    #[error(
        "the keychain has no default keyring to keep the key in; create one in the password \
         manager of your desktop (in Passwords and Keys: a keyring named Login, set as default) and \
         start Drawbridge again"
    )]
    NoDefaultCollection,
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

/// How long the keychain may take to answer: a person may have to type the password of the
/// keychain.
const ANSWER_LIMIT: Duration = Duration::from_mins(2);

/// Asks the keychain on a thread of its own, for at most [`ANSWER_LIMIT`]. A call that takes longer
/// keeps its thread until it ends and its answer is dropped: there is no way to call it back.
pub(crate) async fn asked<T: Send + 'static>(
    keychain: &Arc<dyn Keychain>,
    question: impl FnOnce(&dyn Keychain) -> Result<T, KeychainError> + Send + 'static,
) -> Result<T, KeychainError> {
    asked_within(ANSWER_LIMIT, keychain, question).await
}

async fn asked_within<T: Send + 'static>(
    limit: Duration,
    keychain: &Arc<dyn Keychain>,
    question: impl FnOnce(&dyn Keychain) -> Result<T, KeychainError> + Send + 'static,
) -> Result<T, KeychainError> {
    let keychain = Arc::clone(keychain);
    let (answer, answered) = oneshot::channel();
    // Not one of the runtime's blocking threads: a dialog nobody answers would hold up its end.
    thread::Builder::new()
        .name("keychain".to_owned())
        .spawn(move || drop(answer.send(question(&*keychain))))
        .map_err(|error| KeychainError::Failed {
            reason: error.to_string(),
        })?;
    match tokio::time::timeout(limit, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(KeychainError::Failed {
            reason: "it ended unexpectedly".to_owned(),
        }),
        Err(_) => Err(KeychainError::TimedOut {
            seconds: limit.as_secs(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_keychain_that_never_answers_is_given_up() {
        let keychain: Arc<dyn Keychain> = Arc::new(MemoryKeychain::new());
        let (release, held) = mpsc::channel::<()>();
        let answer = asked_within(Duration::from_millis(20), &keychain, move |_| {
            let _ = held.recv();
            Ok(())
        })
        .await;
        assert_eq!(answer, Err(KeychainError::TimedOut { seconds: 0 }));
        drop(release);
    }

    #[tokio::test]
    async fn a_keychain_that_panics_is_an_error() {
        let keychain: Arc<dyn Keychain> = Arc::new(MemoryKeychain::new());
        let answer = asked(&keychain, |_| -> Result<(), _> { panic!("broken") }).await;
        assert!(matches!(answer, Err(KeychainError::Failed { .. })));
    }
}
