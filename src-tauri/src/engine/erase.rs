//! Erasing everything, in an order that leaves nothing readable wherever it ends: a marker that it
//! was begun, then the key, then the files. The next start finishes what was cut short.

use std::sync::atomic::Ordering;

use drawbridge_vault::{BeginErasingError, Left};
use thiserror::Error;

use super::{Engine, FINISH_SERVERS};
use crate::config::Folders;
use crate::logging;
use crate::ui_api::{State, UiError};

/// Why not everything was erased.
#[derive(Debug, Error)]
pub enum EraseError {
    /// It is being done.
    #[error("everything is being erased already")]
    Running,
    /// Nothing was changed.
    #[error("nothing was erased: {0}")]
    NotBegun(#[from] BeginErasingError),
    /// Something is left.
    #[error(
        "not everything could be erased. Still there: {0}. Quit Drawbridge; when it is started \
         again it goes on erasing, or delete these yourself"
    )]
    Left(#[from] Left),
}

impl Engine {
    /// Erases everything that is kept, with its key and the log, and stops. It is carried out even
    /// when nobody waits for it any more.
    ///
    /// # Errors
    /// When it could not be begun, or something is left; then it does not stop, so that this can be
    /// read.
    pub async fn erase(&self) -> Result<(), EraseError> {
        if self.inner.erasing.swap(true, Ordering::SeqCst) {
            return Err(EraseError::Running);
        }
        let engine = self.clone();
        let erase = tokio::spawn(async move {
            let erased = engine.erase_now().await;
            if let Err(EraseError::NotBegun(_)) = &erased {
                engine.inner.erasing.store(false, Ordering::SeqCst);
            }
            erased
        });
        erase.await.unwrap_or(Err(EraseError::Running))
    }

    /// Whether erasing everything has begun; then it goes on, at the next start if need be.
    #[must_use]
    pub fn is_erasing(&self) -> bool {
        self.inner.erasing.load(Ordering::SeqCst)
    }

    async fn erase_now(&self) -> Result<(), EraseError> {
        let inner = &self.inner;
        inner.vault.begin_erasing().await?;
        tracing::info!("everything is being erased, as the owner asked");
        self.close().await;
        if tokio::time::timeout(FINISH_SERVERS, inner.gateway.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("a server did not end in time");
        }
        logging::close_file();
        let Folders { logs, run, .. } = inner.folders.clone();
        let folders = [logs, run, inner.folders.web()];
        if let Err(left) = inner.vault.erase(&folders).await {
            let error = EraseError::from(left);
            self.set_state(State::Attention, Some(UiError::failed(&error)));
            return Err(error);
        }
        self.stop().await;
        Ok(())
    }
}
