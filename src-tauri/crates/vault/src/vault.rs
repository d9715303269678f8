//! The vault: opening it, reading, writing, closing.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::SecretString;

use crate::database::{DatabaseError, KeyState, open_writer};
use crate::erase::{self, is_being_erased};
use crate::error::StoreError;
use crate::files::{DataDirectory, DirectoryError, KEY};
use crate::key::{KeyError, KeyPlace, KeyPlaces};
use crate::keychain::Keychain;
use crate::ports::Entropy;
use crate::readers::Readers;
use crate::seal::{KeyRing, SealingKey};
use crate::store::{Reader, Writer};
use crate::writer::{WriterHandle, WriterParts};

/// What a vault is opened with.
pub struct OpenOptions {
    /// The data directory; created (0700) when missing.
    pub directory: PathBuf,
    /// The keychain to ask.
    pub keychain: Arc<dyn Keychain>,
    /// `TOKEN_ENCRYPTION_KEY`, when it is set.
    pub environment_key: Option<SecretString>,
    /// Where keys and nonces come from.
    pub entropy: Arc<dyn Entropy>,
    /// How long to wait for the keychain of a database whose key lives there: at login Drawbridge
    /// may start before it.
    pub keychain_wait: Duration,
}

/// Why a vault was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The master key is missing, wrong or out of reach.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database is from a later version.
    #[error(
        "this data folder was last used by a newer Drawbridge; install that version, or choose \
         another folder with DRAWBRIDGE_HOME"
    )]
    Newer,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Newer => Self::Newer,
            DatabaseError::Store(error) => Self::Store(error),
        }
    }
}

/// The store and its keys. Clones share one vault; when the last one goes, what is queued is saved
/// and the directory is given free.
#[derive(Clone)]
pub struct Vault {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) directory: PathBuf,
    readers: Readers,
    writer: WriterHandle,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) places: KeyPlaces,
    /// Held while keys are rotated or moved.
    pub(crate) key_work: tokio::sync::Mutex<()>,
    master: RwLock<Option<Master>>,
}

/// The master key and where it lives.
#[derive(Clone)]
pub(crate) struct Master {
    pub(crate) place: KeyPlace,
    pub(crate) key: Arc<SealingKey>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.readers.close();
    }
}

impl Vault {
    /// Opens the vault in this directory, or makes a new one there. Finishes what was cut short: a
    /// rotation or a move of the key, or the erasing of everything, before it makes a new one.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        let path = options.directory.clone();
        let held = tokio::task::spawn_blocking(move || DataDirectory::hold(&path))
            .await
            .map_err(|_| StoreError::Panicked)??;
        Self::open_held(held, options).await
    }

    /// The same in the directory that is held already; that of the options is not looked at.
    pub async fn open_held(held: DataDirectory, options: OpenOptions) -> Result<Self, OpenError> {
        let directory = held.path().to_owned();
        let OpenOptions {
            directory: _,
            keychain,
            environment_key,
            entropy,
            keychain_wait,
        } = options;
        let ring = Arc::new(KeyRing::empty());
        let places = KeyPlaces {
            keychain,
            environment: environment_key.map(Arc::new),
            key_file: directory.join(KEY),
            entropy: Arc::clone(&entropy),
            keychain_wait,
        };
        let parts_ring = Arc::clone(&ring);
        if is_being_erased(&directory) {
            erase::finish(&directory, &places).await?;
        }
        let opening = move || open_database(held, entropy, parts_ring);
        let (readers, writer) = tokio::task::spawn_blocking(opening)
            .await
            .map_err(|_| StoreError::Panicked)??;
        let vault = Self {
            inner: Arc::new(Inner {
                directory,
                readers,
                writer,
                ring,
                places,
                key_work: tokio::sync::Mutex::new(()),
                master: RwLock::new(None),
            }),
        };
        vault.unlock().await?;
        if let Some(warning) = vault.warning() {
            tracing::warn!("{warning}");
        }
        Ok(vault)
    }

    /// Where the master key lives.
    #[must_use]
    pub fn key_place(&self) -> KeyPlace {
        // There is a master key from the end of `open` on.
        self.master()
            .map_or(KeyPlace::Keychain, |master| master.place)
    }

    /// One sentence when the key lies beside the data: copying the folder copies the key.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        self.key_place().warning()
    }

    /// Does the work on one consistent snapshot, on this thread. It blocks only while all readers
    /// are busy, so keep the work short, and never read inside of it again.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inner.readers.read(&self.inner.ring, work)
    }

    /// Does the work on the writer's thread. `Ok` means that it is on disk; after `Err` nothing of
    /// this work is there, and no other work is touched. All work is done in the order it was asked
    /// for, one piece at a time. It is done even when nobody waits for this future any more.
    pub async fn write<T, E>(
        &self,
        work: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.writer.write(work).await
    }

    /// Has the work done within 100 ms and answers at once when it is queued. For what may be lost
    /// with the power: stamps of last use, entries of the audit that nobody waits for. A failure is
    /// logged.
    pub async fn write_soon(
        &self,
        work: impl FnOnce(&Writer<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.inner.writer.write_soon(work).await
    }

    /// Saves what is queued, closes the database and gives the directory free. Reading and writing
    /// fail from then on.
    pub async fn close(&self) {
        self.inner.readers.close();
        self.inner.writer.close().await;
    }

    pub(crate) fn master(&self) -> Option<Master> {
        self.inner
            .master
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_master(&self, master: Master) {
        *self
            .inner
            .master
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(master);
    }

    pub(crate) fn key_state(&self) -> Result<KeyState, StoreError> {
        self.read(|reader| reader.key_state())
    }
}

fn open_database(
    directory: DataDirectory,
    entropy: Arc<dyn Entropy>,
    ring: Arc<KeyRing>,
) -> Result<(Readers, WriterHandle), OpenError> {
    let path = directory.database()?;
    let connection = open_writer(&path, &*entropy)?;
    let writer = WriterHandle::start(WriterParts {
        connection,
        ring,
        entropy,
        directory,
    })?;
    Ok((Readers::new(path), writer))
}
