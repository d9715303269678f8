//! What a person is shown before they confirm, and the hash that ties the answer to it.

use std::fmt;

use drawbridge_oauth::{ShownHash, spelled_out};
use jiff::Timestamp;

/// The most bytes that the lines of one question of a command may have together: few enough to be
/// read. What is longer is not asked.
const MOST_TEXT: usize = 4 * 1024;
/// The same for a question of the window: what the person ticked there themselves, which may be
/// every server there can be, twice.
const MOST_OWN_TEXT: usize = 16 * 1024;

/// What is to be done, for a window that draws each kind its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A new server.
    AddServer,
    /// A server switched on.
    EnableServer,
    /// A client let in.
    Approve,
    /// A code for another device.
    Pair,
    /// An access token.
    Token,
    /// A looser rule for a tool.
    Rule,
    /// The client typed in by hand: its secret shown or replaced, or another address for it.
    Client,
    /// The values of a `.env` file.
    Import,
    /// A new data key, or the key to another place.
    Secrets,
    /// More for a connection than it has.
    WidenConnection,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddServer => "add_server",
            Self::EnableServer => "enable_server",
            Self::Approve => "approve",
            Self::Pair => "pair",
            Self::Token => "token",
            Self::Rule => "rule",
            Self::Client => "client",
            Self::Import => "import",
            Self::Secrets => "secrets",
            Self::WidenConnection => "widen_connection",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A command, by the control socket.
    Command,
    /// The person, in the main window.
    Window,
}

impl Asker {
    /// In our words, for the window.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Command => "A command in a terminal",
            Self::Window => "You, in the window",
        }
    }
}

/// One line of what is asked: what it is, in our words, and the text of whoever asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Detail {
    /// What it is.
    pub label: &'static str,
    /// Whole, with hidden characters spelled out. To be shown as a stranger's text.
    pub value: String,
}

/// A text too long to be shown whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is too long to be shown, so it cannot be confirmed (at most {MOST_TEXT} bytes), and \
     nothing was changed. Make it shorter; or do it in Drawbridge's window"
)]
pub struct TooMuchText;

/// What is asked: one question in our words, and what it is about.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfirmationText {
    /// What is to be done.
    pub action: Action,
    /// The question.
    pub title: &'static str,
    /// What it is about.
    pub details: Vec<Detail>,
}

impl ConfirmationText {
    /// A question without details.
    #[must_use]
    pub const fn new(action: Action, title: &'static str) -> Self {
        Self {
            action,
            title,
            details: Vec::new(),
        }
    }

    /// One more line.
    #[must_use]
    pub fn with(mut self, label: &'static str, value: &str) -> Self {
        let value = spelled_out(value);
        self.details.push(Detail { label, value });
        self
    }

    /// Whether a person can be shown all of it.
    pub fn check(&self, asker: Asker) -> Result<(), TooMuchText> {
        let line = |detail: &Detail| detail.label.len() + detail.value.len();
        let bytes: usize = self.details.iter().map(line).sum();
        let most = match asker {
            Asker::Command => MOST_TEXT,
            Asker::Window => MOST_OWN_TEXT,
        };
        if bytes > most {
            return Err(TooMuchText);
        }
        Ok(())
    }
}

/// The hash over all that a person is shown. Each part stands behind its length, so two questions
/// with one text are equal.
fn shown(
    id: &str,
    asker: Asker,
    text: &ConfirmationText,
    requested_at: Timestamp,
    expires_at: Timestamp,
) -> ShownHash {
    let mut all = "drawbridge confirmation 1: ".to_owned();
    let mut add = |part: &str| {
        all.push_str(&part.len().to_string());
        all.push(':');
        all.push_str(part);
    };
    add(id);
    add(asker.as_str());
    add(&requested_at.to_string());
    add(&expires_at.to_string());
    add(text.action.as_str());
    add(text.title);
    for Detail { label, value } in &text.details {
        add(label);
        add(value);
    }
    ShownHash::of_text(&all)
}

/// One question that waits for a person, with all they are shown about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Confirmation {
    id: String,
    asker: Asker,
    text: ConfirmationText,
    requested_at: Timestamp,
    expires_at: Timestamp,
    shown: ShownHash,
}

/// Without its details: a server's arguments may hold secrets.
impl fmt::Debug for Confirmation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Confirmation")
            .field("id", &self.id)
            .field("action", &self.text.action)
            .finish_non_exhaustive()
    }
}

impl Confirmation {
    pub(super) fn new(
        id: String,
        asker: Asker,
        text: ConfirmationText,
        requested_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let shown = shown(&id, asker, &text, requested_at, expires_at);
        Self {
            id,
            asker,
            text,
            requested_at,
            expires_at,
            shown,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who asks.
    #[must_use]
    pub fn asker(&self) -> Asker {
        self.asker
    }

    /// What is to be done.
    #[must_use]
    pub fn action(&self) -> Action {
        self.text.action
    }

    /// The question, in our words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.text.title
    }

    /// What it is about.
    #[must_use]
    pub fn details(&self) -> &[Detail] {
        &self.text.details
    }

    /// When it was asked.
    #[must_use]
    pub fn requested_at(&self) -> Timestamp {
        self.requested_at
    }

    /// When it is withdrawn.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The hash an answer must carry.
    #[must_use]
    pub fn shown(&self) -> ShownHash {
        self.shown
    }
}
