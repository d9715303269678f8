//! The clipboard, as far as Drawbridge writes to it. It never reads it.
//!
//! On X11 and Wayland what was copied lives in the program it was copied from; the clipboard is
//! therefore kept for as long as Drawbridge runs.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::Engine;
use crate::ui_api::{UiError, UiErrorCode};

/// The longest text that a page may have copied, in bytes.
const COPY_BYTES: usize = 64 * 1024;

/// The clipboard of this session. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Clipboard(Arc<Mutex<Option<arboard::Clipboard>>>);

impl Clipboard {
    /// Copies a text.
    ///
    /// # Errors
    /// When the text is too long, or there is no clipboard.
    pub(super) async fn copy(&self, text: String) -> Result<(), UiError> {
        if text.len() > COPY_BYTES {
            return Err(UiError::invalid(format!(
                "this text is too long to be copied: {} bytes, and at most {COPY_BYTES} are. Copy a part of it",
                text.len()
            )));
        }
        self.put(move |clipboard| clipboard.set().text(text)).await
    }

    /// Copies a secret, and asks that no clipboard history keep it.
    ///
    /// # Errors
    /// When there is no clipboard.
    pub(super) async fn copy_secret(&self, secret: SecretString) -> Result<(), UiError> {
        self.put(move |clipboard| {
            unremembered(clipboard.set()).text(secret.expose_secret().to_owned())
        })
        .await
    }

    async fn put(
        &self,
        put: impl FnOnce(&mut arboard::Clipboard) -> Result<(), arboard::Error> + Send + 'static,
    ) -> Result<(), UiError> {
        let shared = Arc::clone(&self.0);
        // The window system is asked and waited for.
        let done = tokio::task::spawn_blocking(move || {
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let mut clipboard = match kept.take() {
                Some(clipboard) => clipboard,
                None => arboard::Clipboard::new()?,
            };
            // One that failed is not kept: the next attempt begins anew.
            put(&mut clipboard)?;
            *kept = Some(clipboard);
            Ok::<(), arboard::Error>(())
        });
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(absent(&error)),
            Err(_) => Err(UiError::new(
                UiErrorCode::Unavailable,
                "Drawbridge is stopping",
            )),
        }
    }
}

fn absent(error: &arboard::Error) -> UiError {
    UiError::new(
        UiErrorCode::Unavailable,
        format!(
            "the clipboard cannot be used ({error}). Select the text in the window and copy it by hand"
        ),
    )
}

#[cfg(target_os = "linux")]
fn unremembered(set: arboard::Set<'_>) -> arboard::Set<'_> {
    arboard::SetExtLinux::exclude_from_history(set)
}

#[cfg(target_os = "macos")]
fn unremembered(set: arboard::Set<'_>) -> arboard::Set<'_> {
    arboard::SetExtApple::exclude_from_history(set)
}

#[cfg(windows)]
fn unremembered(set: arboard::Set<'_>) -> arboard::Set<'_> {
    arboard::SetExtWindows::exclude_from_cloud(arboard::SetExtWindows::exclude_from_history(set))
}

/// Copies the secret of the client that is typed in by hand, without any page seeing it.
///
/// # Errors
/// When there is no such client, or no clipboard.
pub(super) async fn copy_static_client_secret(
    clipboard: &Clipboard,
    engine: &Engine,
) -> Result<(), UiError> {
    let client = engine.oauth().static_client().await?;
    let client = client.ok_or_else(|| {
        UiError::not_found("there is no client with a secret yet. Create one in Connect")
    })?;
    clipboard.copy_secret(client.secret).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_text_without_end_is_not_copied() {
        let error = Clipboard::default()
            .copy("x".repeat(COPY_BYTES + 1))
            .await
            .unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
        assert!(error.message.contains("too long"), "{error}");
    }

    #[test]
    fn a_missing_clipboard_says_what_to_do() {
        let error = absent(&arboard::Error::ClipboardNotSupported);
        assert_eq!(error.code, UiErrorCode::Unavailable);
        assert!(error.message.contains("by hand"), "{error}");
    }
}
