//! The one question the approval window shows: what waits to be confirmed comes first, then the
//! connections that ask to enter, each oldest first.

use std::sync::Arc;

use drawbridge_oauth::Approval;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{ApprovalView, ConfirmationView, ToolView, UiError};
use crate::confirmations::Confirmation;
use crate::engine::Engine;

/// The question to answer now.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct QuestionView {
    /// Its id.
    pub id: String,
    /// The hash of what is shown; the answer carries it.
    pub shown: String,
    /// How many others wait behind it.
    pub waiting: usize,
    /// When it is withdrawn.
    #[cfg_attr(test, ts(as = "String"))]
    #[cfg_attr(test, ts(as = "String"))]
    pub expires_at: Timestamp,
    /// What is asked.
    pub content: QuestionContent,
}

/// What is asked.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QuestionContent {
    /// A client asks to connect; the answer is a [`super::Decision`].
    Connection {
        /// The question.
        approval: Box<ApprovalView>,
    },
    /// Something is to be confirmed; the answer is a [`super::ConfirmationAnswer`].
    Confirmation {
        /// The question.
        confirmation: ConfirmationView,
    },
}

/// The first of what waits.
fn head(confirmations: &[Arc<Confirmation>], approvals: &[Approval]) -> Option<QuestionView> {
    let waiting = (confirmations.len() + approvals.len()).checked_sub(1)?;
    if let Some(first) = confirmations.first() {
        return Some(QuestionView {
            id: first.id().to_owned(),
            shown: first.shown().to_string(),
            waiting,
            expires_at: first.expires_at(),
            content: QuestionContent::Confirmation {
                confirmation: first.as_ref().into(),
            },
        });
    }
    let first = approvals.first()?;
    Some(QuestionView {
        id: first.id().to_string(),
        shown: first.shown().to_string(),
        waiting,
        expires_at: first.expires_at(),
        content: QuestionContent::Connection {
            approval: Box::new(first.into()),
        },
    })
}

/// The question to answer now, if anything waits.
#[must_use]
pub fn question(engine: &Engine) -> Option<QuestionView> {
    head(
        &engine.confirmations().waiting(),
        &engine.oauth().approvals(),
    )
}

/// The tools of a server that the present question offers, as far as they are known: nothing is
/// started to find out.
pub fn question_tools(engine: &Engine, server: &str) -> Result<Vec<ToolView>, UiError> {
    let offered = match question(engine).map(|question| question.content) {
        Some(QuestionContent::Connection { approval }) => {
            approval.choices.iter().any(|choice| choice.name == server)
        }
        _ => false,
    };
    if !offered {
        return Err(UiError::not_found(
            "the question that is shown now does not offer this server",
        ));
    }
    let known = engine.gateway().known_tools(server)?;
    Ok(known.into_iter().map(ToolView::from).collect())
}

/// What a shell needs to know to raise the window and to count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuestionNews {
    /// The id and the hash of the question to show, if any.
    pub head: Option<(String, String)>,
    /// How many wait, that one included.
    pub waiting: usize,
}

/// Tells whenever there is another question to show, or another number of them.
pub struct QuestionWatch {
    confirmations: watch::Receiver<Vec<Arc<Confirmation>>>,
    approvals: watch::Receiver<Vec<Approval>>,
    told: QuestionNews,
}

impl QuestionWatch {
    /// What waits now; [`Self::changed`] answers when it differs from this.
    pub fn look(&mut self) -> QuestionNews {
        self.told = self.news();
        self.told.clone()
    }

    fn news(&mut self) -> QuestionNews {
        let confirmations = self.confirmations.borrow_and_update();
        let approvals = self.approvals.borrow_and_update();
        let head = confirmations
            .first()
            .map(|first| (first.id().to_owned(), first.shown().to_string()))
            .or_else(|| {
                let first = approvals.first()?;
                Some((first.id().to_string(), first.shown().to_string()))
            });
        QuestionNews {
            head,
            waiting: confirmations.len() + approvals.len(),
        }
    }

    /// Waits until it differs from what was told last. `None` when the engine has gone. Nothing is
    /// lost when this is dropped before it answers.
    pub async fn changed(&mut self) -> Option<QuestionNews> {
        loop {
            let news = self.news();
            if news != self.told {
                self.told = news.clone();
                return Some(news);
            }
            let seen = tokio::select! {
                seen = self.confirmations.changed() => seen,
                seen = self.approvals.changed() => seen,
            };
            seen.ok()?;
        }
    }
}

/// Watches what waits, from "nothing" on: the first [`QuestionWatch::changed`] tells what waits
/// already.
#[must_use]
pub fn watch_questions(engine: &Engine) -> QuestionWatch {
    QuestionWatch {
        confirmations: engine.confirmations().watch(),
        approvals: engine.oauth().watch_approvals(),
        told: QuestionNews::default(),
    }
}
