//! The vault itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::error::StoreError;
use crate::key::KeyPlace;
use crate::keychain::Keychain;
use crate::ports::Entropy;
use crate::store::{Reader, Writer};

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
    /// How long to wait for the keychain of a database whose key lives there.
    pub keychain_wait: Duration,
}

/// Why a vault was not opened.
#[derive(Debug, thiserror::Error)]
#[error("provisional")]
pub struct OpenError;

/// Why the key was not moved.
#[derive(Debug, thiserror::Error)]
#[error("provisional")]
pub struct MoveKeyError;

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How many values were sealed anew.
    pub resealed: u64,
}

/// The store and its keys. Clones share one vault.
#[derive(Clone)]
pub struct Vault;

impl Vault {
    /// Opens the vault in this directory, or makes a new one there.
    pub async fn open(_options: OpenOptions) -> Result<Self, OpenError> {
        todo!()
    }
    /// Where the master key lives.
    pub fn key_place(&self) -> KeyPlace {
        todo!()
    }
    /// One sentence when the key lies beside the data.
    pub fn warning(&self) -> Option<&'static str> {
        todo!()
    }
    /// Reads.
    pub fn read<T, E: From<StoreError>>(
        &self,
        _work: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        todo!()
    }
    /// Writes.
    pub async fn write<T, E>(
        &self,
        _work: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        todo!()
    }
    /// Writes soon.
    pub async fn write_soon(
        &self,
        _work: impl FnOnce(&Writer<'_>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        todo!()
    }
    /// Makes a new data key and seals everything anew with it.
    pub async fn rotate(&self) -> Result<Rotation, StoreError> {
        todo!()
    }
    /// Moves the master key.
    pub async fn move_key(&self, _to: KeyPlace) -> Result<(), MoveKeyError> {
        todo!()
    }
    /// Closes the vault.
    pub async fn close(&self) {
        todo!()
    }
}
