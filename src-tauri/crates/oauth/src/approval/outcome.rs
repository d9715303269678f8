//! What the rules of `state.rs` are asked and what they answer.

use std::sync::Arc;

use jiff::Timestamp;

use super::asked::Asked;
use crate::tokens::TokenHash;
use crate::{ApprovalId, GrantId, ServerChoice};

/// Why a request ended without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The person said no.
    Denied,
    /// Nobody answered in time.
    TimedOut,
    /// Drawbridge was closed while the question waited.
    Closed,
}

impl Refusal {
    /// What the client is told: RFC 6749's code and a text. Nobody is said to have denied who did
    /// not.
    pub(crate) const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Denied => (
                "access_denied",
                "The connection was denied on the computer where Drawbridge runs.",
            ),
            Self::TimedOut => (
                "access_denied",
                "Nobody answered the question on the computer where Drawbridge runs in time. \
                 Connect again and answer there.",
            ),
            Self::Closed => (
                "temporarily_unavailable",
                "Drawbridge was closed before anybody answered. Start it and connect again.",
            ),
        }
    }
}

/// A request as the authorization endpoint hands it in, with the hashes of its fresh secrets.
pub(crate) struct NewRequest {
    pub(crate) id: ApprovalId,
    pub(crate) page: TokenHash,
    pub(crate) browser: TokenHash,
    pub(crate) fingerprint: TokenHash,
    pub(crate) handle: TokenHash,
    pub(crate) asked: Arc<Asked>,
}

/// What else matters when a question is to be asked.
pub(crate) struct Scene {
    /// The servers the person can choose from.
    pub(crate) servers: Vec<ServerChoice>,
    /// The setting: new connections only after *Add connection*.
    pub(crate) armed_only: bool,
}

/// Where a browser that asked stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Show the page; the handle handed in is now the one that works.
    Page(ApprovalId),
    /// It was proven before: send it to its waiting page.
    Wait(ApprovalId),
}

/// Why nobody new may ask now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// New connections are possible only after *Add connection*.
    Unarmed,
    /// Several were denied just now; until this moment no other is shown.
    Quiet(Timestamp),
    /// As many wait as may.
    Busy,
    /// Drawbridge is closing.
    Closing,
}

/// Why a handle did nothing: unknown, used or too old, which is one and the same from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandleEnded;

/// Why coming back from this computer led nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReturnRefused {
    /// The proof is unknown, used or too old.
    Ended,
    /// Another browser than the one that asked.
    WrongBrowser,
    /// Nobody new may ask now.
    NotNow(NotNow),
}

/// Why a typed code led nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefused {
    /// The page is unknown or too old, or its question is already being asked.
    Ended,
    /// Another browser than the one that asked.
    WrongBrowser,
    /// The code is wrong, or none is open; this page has so many tries left.
    Wrong { left: u8 },
    /// Too many pages are trying codes.
    TooManyPages,
    /// Nobody new may ask now.
    NotNow(NotNow),
}

/// What a browser sees at its waiting page.
#[derive(Clone)]
pub(crate) enum View {
    /// The page is unknown or has ended.
    Ended,
    /// Another browser than the one that asked.
    WrongBrowser,
    /// The browser has not come back from this computer yet.
    NotProven,
    /// The person is being asked.
    Waiting(Arc<Asked>),
    /// The person approved. `State::begin_collect` starts the writing of a code.
    Approved,
    /// There is no grant; tell the client.
    Refused(Arc<Asked>, Refusal),
    /// The answer was handed over long enough ago.
    Over,
}

/// What is needed to mint a code.
pub(crate) struct Collect {
    pub(crate) id: ApprovalId,
    pub(crate) asked: Arc<Asked>,
    pub(crate) grant: GrantId,
    /// A code went out before, and its answer may have got lost.
    pub(crate) again: bool,
}

/// Why a decision was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDecided {
    /// No such approval waits: it was answered, withdrawn or never there.
    NotWaiting,
    /// The hash is not that of what is shown.
    Changed,
}
