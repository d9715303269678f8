//! What waits to be confirmed in the approval window, and the person's answer.

use drawbridge_oauth::{AccessLevel, ShownHash};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{UiError, UiErrorCode};
use crate::confirmations::{
    Asker, Confirmation, ConfirmationText, NotAnswered, NotRaised, Outcome, TooMuchText,
};
use crate::engine::Engine;

/// One thing to be confirmed. It has no `Debug`: a server's arguments may hold secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfirmationView {
    /// Its id.
    pub id: String,
    /// The hash of all that is shown here; an answer carries it.
    pub shown: String,
    /// What is to be done: `add_server`, `enable_server`, `approve`, `pair`, `token`, `rule`,
    /// `client`, `import`, `secrets` or `widen_connection`.
    pub action: String,
    /// The question, in our words.
    pub title: String,
    /// Who asks, in our words.
    pub asker: String,
    /// What it is about, whole. Labels are our words, values are strangers' text.
    pub details: Vec<Detail>,
    /// When it is withdrawn.
    #[cfg_attr(test, ts(as = "String"))]
    #[cfg_attr(test, ts(as = "String"))]
    pub expires_at: Timestamp,
}

/// One line of what is to be confirmed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Detail {
    /// What it is, in our words.
    pub label: String,
    /// A stranger's text, with hidden characters spelled out.
    pub value: String,
}

impl From<&Confirmation> for ConfirmationView {
    fn from(confirmation: &Confirmation) -> Self {
        Self {
            id: confirmation.id().to_owned(),
            shown: confirmation.shown().to_string(),
            action: confirmation.action().as_str().to_owned(),
            title: confirmation.title().to_owned(),
            asker: confirmation.asker().as_str().to_owned(),
            details: confirmation
                .details()
                .iter()
                .map(|detail| Detail {
                    label: detail.label.to_owned(),
                    value: detail.value.clone(),
                })
                .collect(),
            expires_at: confirmation.expires_at(),
        }
    }
}

/// The person's answer to one of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConfirmationAnswer {
    /// Which.
    pub id: String,
    /// The hash of what the person was shown.
    pub shown: String,
    /// Whether it may be done.
    pub allow: bool,
}

/// Answers. To be asked by the approval window only.
pub fn confirm(engine: &Engine, answer: &ConfirmationAnswer) -> Result<(), UiError> {
    let shown: ShownHash = answer.shown.parse().map_err(UiError::invalid)?;
    Ok(engine
        .confirmations()
        .answer(&answer.id, &shown, answer.allow)?)
}

/// Asks the desktop to raise its main window, for a second start of the program.
pub fn show_window(engine: &Engine) -> Result<(), UiError> {
    if engine.confirmations().show_window() {
        return Ok(());
    }
    Err(UiError::new(
        UiErrorCode::Unavailable,
        "Drawbridge is running already, but without a window (drawbridge serve). Use its commands, \
         like drawbridge status; or stop it and start Drawbridge again for the window",
    ))
}

/// Asks the person in the window, and is back when they said yes.
///
/// # Errors
/// When nobody could be asked, nobody answered, or the answer was no: then nothing may be done.
pub(crate) async fn confirmed(
    engine: &Engine,
    asker: Asker,
    text: ConfirmationText,
) -> Result<(), UiError> {
    text.check(asker)?;
    let pending = engine.confirmations().raise(asker, text)?;
    verdict(pending.outcome().await)
}

/// An access level as a person is asked about it.
pub(crate) const fn access_words(access: AccessLevel) -> &'static str {
    match access {
        AccessLevel::Read => "read",
        AccessLevel::ReadWrite => "read and write",
    }
}

/// What the caller hears of a question that has ended: nothing, if it may be done.
pub(crate) fn verdict(outcome: Outcome) -> Result<(), UiError> {
    let unavailable = |message: &str| Err(UiError::new(UiErrorCode::Unavailable, message));
    match outcome {
        Outcome::Allowed => Ok(()),
        Outcome::Denied => Err(UiError::new(
            UiErrorCode::Refused,
            "refused in Drawbridge's window; nothing was changed",
        )),
        Outcome::TimedOut => unavailable(
            "nobody answered in time; nothing was changed. Ask again and answer in Drawbridge's \
             window within a minute",
        ),
        Outcome::Unattended => unavailable(
            "Drawbridge's window went away before anybody answered; nothing was changed. Ask again",
        ),
    }
}

impl From<NotRaised> for UiError {
    fn from(error: NotRaised) -> Self {
        Self::new(UiErrorCode::Unavailable, error)
    }
}

impl From<TooMuchText> for UiError {
    fn from(error: TooMuchText) -> Self {
        Self::invalid(error)
    }
}

impl From<NotAnswered> for UiError {
    fn from(error: NotAnswered) -> Self {
        let code = match error {
            NotAnswered::NotWaiting => UiErrorCode::NotFound,
            NotAnswered::Changed => UiErrorCode::Conflict,
        };
        Self::new(code, error)
    }
}
