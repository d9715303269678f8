//! The master key: where it lives, what it looks like there, how it gets there and away.

mod environment;
#[cfg(not(target_os = "linux"))]
mod no_file;
mod place;
mod text;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

pub(crate) use self::environment::Salt;
#[cfg(not(target_os = "linux"))]
use self::no_file as key_file;
pub use self::place::{KeyPlace, UnknownKeyPlace};
use crate::keychain::{Availability, Keychain, KeychainError, asked};
use crate::ports::{Entropy, EntropyError};
use crate::seal::SealingKey;
#[cfg(target_os = "linux")]
use crate::unix::key_file;

/// How long to wait between two looks for a keychain that is not there yet.
const KEYCHAIN_LOOK_EVERY: Duration = Duration::from_millis(500);
/// The longest wait for a keychain before the key of a new database goes elsewhere, for ever: a
/// desktop that starts Drawbridge at login has its keyring up within this time, and a computer
/// that has a session bus and no keyring loses no more than this at the first start.
const FIRST_KEYCHAIN_WAIT: Duration = Duration::from_secs(5);

/// What is wrong with the master key. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The keychain exists and did not do it.
    #[error(transparent)]
    Keychain(#[from] KeychainError),
    /// The key is, or should go, where there is nothing.
    #[error(
        "the encryption key belongs in the keychain, and no keychain service (Secret Service) is \
         running here; sign in to the desktop or start the keyring (gnome-keyring, KeePassXC, \
         KWallet), then start Drawbridge again"
    )]
    KeychainAbsent,
    /// The keychain holds no key for this database.
    #[error(
        "the keychain holds no item {item:?} for the service \"drawbridge\", which is the key of \
         this data folder; unlock or restore the keychain that had it, or use another data folder"
    )]
    KeychainItemMissing {
        /// The item's name.
        item: String,
    },
    /// The database's key is derived from a variable that is not set.
    #[error(
        "TOKEN_ENCRYPTION_KEY is not set, and the key of this data folder is derived from it; set \
         it in the environment or in .env to the value it had"
    )]
    EnvironmentMissing,
    /// The variable holds too little to make a key from.
    #[error(
        "TOKEN_ENCRYPTION_KEY has only {characters} characters; set it to at least 32 characters, \
         best to 32 random bytes, as `openssl rand -base64 32` prints them"
    )]
    EnvironmentTooShort {
        /// How many it has.
        characters: usize,
    },
    /// The variable holds more than anybody's key.
    #[error("TOKEN_ENCRYPTION_KEY is longer than {limit} bytes; set it to a shorter value")]
    EnvironmentTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The key file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Neither a keychain nor the variable, on a system where a key file is no way.
    #[error(
        "there is nowhere to keep the encryption key; sign in to the desktop so that the keychain \
         is there, or set TOKEN_ENCRYPTION_KEY to 32 random bytes (`openssl rand -base64 32`)"
    )]
    NoPlace,
    /// What stands in the place is no key.
    #[error(
        "what stands in the place of the encryption key ({place}) is not a key; put the right one \
         back, or the data folder with its key from a backup"
    )]
    Malformed {
        /// The place.
        place: KeyPlace,
    },
    /// It is a key, and not this database's.
    #[error(
        "the key found in the recorded place ({place}) is not the one this data folder was sealed \
         with; nothing was changed; put the former key back there"
    )]
    Wrong {
        /// The place.
        place: KeyPlace,
    },
    /// The place did not keep what was put there.
    #[error("the keychain did not keep the new key; nothing was changed; check the keychain")]
    NotKept,
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The derivation failed, for want of memory.
    #[error("the encryption key could not be derived; free about 100 MB of memory and try again")]
    Derivation,
}

/// What is wrong with the key file. It was not touched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is none where the database's key should be.
    #[error(
        "the file `key` in the data folder is missing, and it is the key of this data folder; put \
         it back from a backup"
    )]
    Missing,
    /// There is one where a new one should go.
    #[error(
        "there is a file `key` in the data folder that this database does not use; move it away \
         and try again"
    )]
    AlreadyThere,
    /// It is a link, has two names, or is no file.
    #[error("`key` in the data folder must be a plain file with one name; replace it by one")]
    NotPlain,
    /// It belongs to someone else.
    #[error("the file `key` in the data folder belongs to another user; make it your own: chown")]
    NotYours,
    /// Others can read it.
    #[error(
        "other users can read the file `key` in the data folder; run chmod 600 on it, and then \
         `drawbridge secrets rotate` if others use this computer"
    )]
    Exposed,
    /// It holds no text.
    #[error("the file `key` in the data folder holds no key; put it back from a backup")]
    Malformed,
    /// Key files are for Linux.
    #[error("a key file is possible on Linux only; use the keychain or TOKEN_ENCRYPTION_KEY")]
    Unsupported,
    /// The operating system refused.
    #[error("the file `key` in the data folder cannot be read or written; check its disk")]
    Io(#[source] io::Error),
}

/// What the names of keychain items begin with.
const ITEM: &str = "master-key-";

/// Whether a text is the name of a keychain item of ours.
pub(crate) fn is_item(text: &str) -> bool {
    text.strip_prefix(ITEM)
        .is_some_and(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What of the database the keys depend on.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// Random bytes made with the database.
    pub(crate) instance: [u8; 16],
    /// Random bytes for deriving a key from a passphrase.
    pub(crate) salt: Salt,
}

impl Identity {
    /// The name of this database's keychain item. Two data folders have two items.
    pub(crate) fn item(&self) -> String {
        use std::fmt::Write;
        let mut item = String::from(ITEM);
        for byte in &self.instance[..8] {
            // Writing to a String cannot fail.
            let _ = write!(item, "{byte:02x}");
        }
        item
    }
}

/// The places, and how to reach each.
pub(crate) struct KeyPlaces {
    pub(crate) keychain: Arc<dyn Keychain>,
    pub(crate) environment: Option<Arc<SecretString>>,
    pub(crate) key_file: PathBuf,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) keychain_wait: Duration,
}

impl KeyPlaces {
    /// Where the key of a new database goes: the keychain if there is one, else what
    /// `TOKEN_ENCRYPTION_KEY` gives, else, on Linux, a file. Before it settles for a file it waits
    /// a little for a keychain that may be about to start.
    pub(crate) async fn choose(&self) -> Result<KeyPlace, KeyError> {
        let has_variable = self.environment.is_some();
        let wait = self.keychain_wait.min(FIRST_KEYCHAIN_WAIT);
        let awaited = |found| found == Availability::Awaited && !has_variable;
        match self.look_for_keychain(wait, awaited).await? {
            Availability::Available => Ok(KeyPlace::Keychain),
            _ if has_variable => Ok(KeyPlace::Environment),
            _ if cfg!(target_os = "linux") => Ok(KeyPlace::File),
            _ => Err(KeyError::NoPlace),
        }
    }

    /// Whether a new key can be put there without harm to what is there.
    pub(crate) async fn check_free(&self, place: KeyPlace) -> Result<(), KeyError> {
        match place {
            KeyPlace::Keychain => {
                match asked(&self.keychain, |keychain| keychain.availability()).await? {
                    Availability::Available => Ok(()),
                    Availability::Awaited | Availability::Absent => Err(KeyError::KeychainAbsent),
                }
            }
            KeyPlace::Environment => self
                .environment
                .as_ref()
                .map(|_| ())
                .ok_or(KeyError::EnvironmentMissing),
            KeyPlace::File => match key_file::read(&self.key_file)? {
                None => Ok(()),
                Some(_) => Err(KeyFileError::AlreadyThere.into()),
            },
        }
    }

    /// Puts a new key there and answers it, once it is certain that it stays. From the environment
    /// it is derived.
    pub(crate) async fn make(
        &self,
        place: KeyPlace,
        identity: Identity,
    ) -> Result<SealingKey, KeyError> {
        match place {
            KeyPlace::Environment => self.derive(identity).await,
            KeyPlace::Keychain => {
                let key = SealingKey::random(&*self.entropy)?;
                let (item, value) = (identity.item(), text::encode(&key));
                let kept = asked(&self.keychain, move |keychain| {
                    keychain.set(&item, &value)?;
                    let kept = keychain.get(&item)?;
                    Ok(kept.is_some_and(|kept| {
                        let (kept, value) = (kept.expose_secret(), value.expose_secret());
                        kept.as_bytes().ct_eq(value.as_bytes()).into()
                    }))
                })
                .await?;
                if kept {
                    Ok(key)
                } else {
                    Err(KeyError::NotKept)
                }
            }
            KeyPlace::File => {
                let key = SealingKey::random(&*self.entropy)?;
                key_file::create(&self.key_file, text::encode(&key).expose_secret())?;
                Ok(key)
            }
        }
    }

    /// The key that is there.
    pub(crate) async fn load(
        &self,
        place: KeyPlace,
        identity: Identity,
    ) -> Result<SealingKey, KeyError> {
        match place {
            KeyPlace::Environment => self.derive(identity).await,
            KeyPlace::Keychain => {
                self.await_keychain().await?;
                let item = identity.item();
                let found = asked(&self.keychain, move |keychain| keychain.get(&item)).await?;
                let found = found.ok_or_else(|| KeyError::KeychainItemMissing {
                    item: identity.item(),
                })?;
                text::decode(found.expose_secret()).ok_or(KeyError::Malformed { place })
            }
            KeyPlace::File => {
                let found = key_file::read(&self.key_file)?.ok_or(KeyFileError::Missing)?;
                text::decode(&found).ok_or(KeyFileError::Malformed.into())
            }
        }
    }

    /// Takes the key away from there. The environment is not ours to change.
    pub(crate) async fn remove(&self, place: KeyPlace, identity: Identity) -> Result<(), KeyError> {
        match place {
            KeyPlace::Environment => Ok(()),
            KeyPlace::Keychain => {
                let item = identity.item();
                Ok(asked(&self.keychain, move |keychain| keychain.delete(&item)).await?)
            }
            KeyPlace::File => Ok(key_file::delete(&self.key_file)?),
        }
    }

    /// Waits until there is a keychain: at login Drawbridge may start before it.
    async fn await_keychain(&self) -> Result<(), KeyError> {
        match self.look_for_keychain(self.keychain_wait, |_| true).await? {
            Availability::Available => Ok(()),
            Availability::Awaited | Availability::Absent => Err(KeyError::KeychainAbsent),
        }
    }

    /// Looks for a keychain, again and again for at most `wait` while what is found is worth
    /// waiting. Answers what it found last.
    async fn look_for_keychain(
        &self,
        wait: Duration,
        is_worth_waiting: impl Fn(Availability) -> bool,
    ) -> Result<Availability, KeyError> {
        let started = Instant::now();
        loop {
            let found = asked(&self.keychain, |keychain| keychain.availability()).await?;
            let left = wait.saturating_sub(started.elapsed());
            if found == Availability::Available || left.is_zero() || !is_worth_waiting(found) {
                return Ok(found);
            }
            tokio::time::sleep(KEYCHAIN_LOOK_EVERY.min(left)).await;
        }
    }

    async fn derive(&self, identity: Identity) -> Result<SealingKey, KeyError> {
        let text = self
            .environment
            .clone()
            .ok_or(KeyError::EnvironmentMissing)?;
        // Argon2id would hold up everything else on this thread.
        tokio::task::spawn_blocking(move || environment::derive(&text, &identity.salt))
            .await
            .map_err(|_| KeyError::Derivation)?
    }
}
