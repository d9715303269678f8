//! Erasing everything.

use super::{UiError, UiErrorCode};
use crate::engine::{Engine, EraseError};

/// What a person types to say that it is meant.
const WORD: &str = "erase";

/// Whether what was typed says that erasing is meant.
#[must_use]
pub fn means_erasing(typed: &str) -> bool {
    typed.trim().eq_ignore_ascii_case(WORD)
}

/// Erases everything that is kept, with its key, and stops. `typed` must be the word `erase`.
///
/// # Errors
/// When another word was typed, or it could not be begun: then nothing was changed. When something
/// is left: then the message says what and where, the rest is gone, and Drawbridge runs on only to
/// say so.
pub async fn erase_everything(engine: &Engine, typed: &str) -> Result<(), UiError> {
    if !means_erasing(typed) {
        return Err(UiError::invalid(
            "nothing was erased: type the word erase to say that you mean it",
        ));
    }
    engine.erase().await.map_err(|error| match error {
        EraseError::Running => UiError::new(UiErrorCode::Conflict, error),
        EraseError::NotBegun(_) | EraseError::Left(_) => UiError::failed(error),
    })
}
