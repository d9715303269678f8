//! Why the engine did not do what a window or the command line asked.

use drawbridge_vault::StoreError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The kinds of failure, a closed list: a caller decides by these and never by the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum UiErrorCode {
    /// What was asked makes no sense as it stands.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It exists already, or something else changed in the meantime.
    Conflict,
    /// This caller may not ask that.
    Refused,
    /// It cannot be done now; it may work later.
    Unavailable,
    /// It was tried and failed.
    Failed,
}

/// A failure: what kind, and in words what happened and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[error("{message}")]
pub struct UiError {
    /// The kind.
    pub code: UiErrorCode,
    /// For a person. Holds no secret.
    pub message: String,
}

impl UiError {
    /// A failure of this kind.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors are handed over, by `map_err`"
    )]
    pub fn new(code: UiErrorCode, message: impl ToString) -> Self {
        Self {
            code,
            message: sentence(&message.to_string()),
        }
    }

    /// What was asked makes no sense as it stands.
    pub fn invalid(message: impl ToString) -> Self {
        Self::new(UiErrorCode::Invalid, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl ToString) -> Self {
        Self::new(UiErrorCode::NotFound, message)
    }

    /// It was tried and failed.
    pub fn failed(message: impl ToString) -> Self {
        Self::new(UiErrorCode::Failed, message)
    }
}

impl From<StoreError> for UiError {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}

/// Error texts of the crates begin in lower case, to stand after a colon; here they stand alone.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_sentence_and_the_code_a_word() {
        let error = UiError::not_found("there is no such connection");
        assert_eq!(error.message, "There is no such connection");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"code":"not_found","message":"There is no such connection"}"#
        );
    }
}
