//! Where secrets lie.

use drawbridge_vault::{KeyPlace, StoreError};
use serde::{Deserialize, Serialize};

use super::{UiError, UiErrorCode};
use crate::engine::Engine;

/// What is kept, and where its key is. Never a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SecretsView {
    /// `keychain`, `environment` or `file`.
    #[cfg_attr(test, ts(as = "super::bindings::KeyPlace"))]
    pub key_place: String,
    /// What the owner should know about that place.
    pub warning: Option<String>,
    /// The names of the secrets kept.
    pub names: Vec<String>,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Rotated {
    /// How many values were sealed anew.
    pub resealed: u64,
}

/// Where the key is now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Moved {
    /// `keychain`, `environment` or `file`.
    #[cfg_attr(test, ts(as = "super::bindings::KeyPlace"))]
    pub key_place: String,
}

/// What is kept.
pub fn secrets(engine: &Engine) -> Result<SecretsView, UiError> {
    let vault = engine.vault();
    Ok(SecretsView {
        key_place: vault.key_place().to_string(),
        warning: vault.warning().map(str::to_owned),
        names: vault.read::<_, StoreError>(|reader| reader.secret_names())?,
    })
}

/// Makes a new data key and seals everything with it.
pub async fn rotate(engine: &Engine) -> Result<Rotated, UiError> {
    let rotation = engine.vault().rotate().await.map_err(UiError::failed)?;
    Ok(Rotated {
        resealed: rotation.resealed,
    })
}

/// Whether there is such a place.
pub(crate) fn check_key_place(to: &str) -> Result<(), UiError> {
    to.parse::<KeyPlace>().map(|_| ()).map_err(UiError::invalid)
}

/// Moves the key to another place.
pub async fn move_key(engine: &Engine, to: &str) -> Result<Moved, UiError> {
    let to: KeyPlace = to.parse().map_err(UiError::invalid)?;
    engine
        .vault()
        .move_key(to)
        .await
        .map_err(|error| UiError::new(UiErrorCode::Failed, error))?;
    Ok(Moved {
        key_place: engine.vault().key_place().to_string(),
    })
}
