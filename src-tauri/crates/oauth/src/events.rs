//! News for the timeline, the tray and the log: what happened to clients, approvals and grants.
//!
//! No event holds a token, a code, a handle or a state.

use serde::Serialize;

use crate::{ApprovalId, GrantId};

/// Takes the news. Called from within requests, so it only passes them on.
pub trait EventSink: Send + Sync {
    /// Something happened.
    fn send(&self, event: Event);
}

/// Drops all news.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn send(&self, _event: Event) {}
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A client registered itself.
    ClientRegistered {
        /// Its new id.
        client: String,
        /// What it calls itself.
        name: Option<String>,
        /// The host of the first address it wants browsers to go back to.
        host: Option<String>,
    },
    /// A client is not known, or its metadata cannot be used.
    ClientRefused {
        /// Why, for a person.
        reason: String,
    },
    /// A question waits for the user.
    ApprovalWaiting {
        /// Which.
        approval: ApprovalId,
        /// Who asks.
        client: String,
    },
    /// A question is no longer there.
    ApprovalEnded {
        /// Which.
        approval: ApprovalId,
        /// How it ended.
        outcome: ApprovalOutcome,
    },
    /// A client has exchanged its code: it is connected.
    Connected {
        /// By which grant.
        grant: GrantId,
        /// Which client.
        client: String,
    },
    /// A client got new tokens for its refresh token.
    Refreshed {
        /// By which grant.
        grant: GrantId,
    },
    /// A grant has other terms now.
    GrantChanged {
        /// Which.
        grant: GrantId,
    },
    /// A grant ended; its tokens are dead.
    GrantEnded {
        /// Which.
        grant: GrantId,
        /// Why.
        reason: crate::EndReason,
    },
    /// A token request was refused.
    TokenRefused {
        /// The client it named, if it is one we know.
        client: Option<String>,
        /// RFC 6749's code.
        error: &'static str,
        /// The text the client got.
        description: String,
    },
    /// Requests were refused because there were too many.
    RateLimited {
        /// At which endpoint.
        endpoint: &'static str,
    },
    /// Somebody tries pairing codes.
    PairingGuessed,
}

/// How a question to the user ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalOutcome {
    /// The user said yes.
    Approved,
    /// The user said no.
    Denied,
    /// Nobody answered in time.
    TimedOut,
    /// The browser or Drawbridge went away.
    Abandoned,
}
