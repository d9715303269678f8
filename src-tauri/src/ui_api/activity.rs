//! What happened, for the one whose computer it is.

use std::collections::HashMap;

use drawbridge_gateway::{CallRecord, Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::UiError;
use super::words::words;
use crate::engine::{Engine, Entry, StoredEntry};

/// The most things told at once.
const MOST: usize = 1000;

words! {
    /// What happened.
    ActivityKind as "ActivityKind" {
        /// A client called a tool.
        Call = "call",
        /// A client asks to connect.
        ConnectionAsked = "connection_asked",
        /// The owner let it in.
        ConnectionApproved = "connection_approved",
        /// The owner turned it away.
        ConnectionDenied = "connection_denied",
        /// Nobody answered in time, or the browser or Drawbridge went away.
        ConnectionWithdrawn = "connection_withdrawn",
        /// A connection is over.
        ConnectionEnded = "connection_ended",
        /// A client registered itself.
        ClientRegistered = "client_registered",
        /// Somebody was turned away without a question: too many requests, or a client that cannot
        /// be used.
        Refused = "refused",
        /// Somebody tried pairing codes until the code was withdrawn.
        PairingGuessed = "pairing_guessed",
        /// Clients can reach Drawbridge from now on.
        BridgeOpened = "bridge_opened",
        /// Clients cannot reach Drawbridge any more.
        BridgeClosed = "bridge_closed",
        /// A server did not start, or ended by itself.
        ServerFailed = "server_failed",
    }

    /// What became of a call.
    CallOutcome as "Outcome" {
        /// The tool did its work.
        Done = "done",
        /// The tool answered with an error.
        Failed = "failed",
        /// A rule refused it.
        Refused = "refused",
        /// It needed the owner's word.
        Asked = "asked",
        /// The server did not answer in time.
        TimedOut = "timed_out",
        /// The server was not there, or ended meanwhile.
        Unavailable = "unavailable",
        /// The client went away.
        Cancelled = "cancelled",
    }
}

/// One thing that happened. Never an argument, a result or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ActivityView {
    /// Its id; later ones are other ids.
    pub id: String,
    /// When.
    #[cfg_attr(test, ts(as = "String"))]
    pub at: Timestamp,
    /// What.
    pub kind: ActivityKind,
    /// What the client calls itself, or the owner the token; nobody checked it.
    pub client: Option<String>,
    /// The server, by name.
    pub server: Option<String>,
    /// The tool, as its server names it.
    pub tool: Option<String>,
    /// What became of a call.
    pub outcome: Option<CallOutcome>,
    /// How long a call took.
    pub milliseconds: Option<u64>,
    /// More about it, in words that may hold what strangers said.
    pub detail: Option<String>,
}

/// What happened last, the newest first; `limit` is at most 1000.
pub fn activity(engine: &Engine, limit: usize) -> Result<Vec<ActivityView>, UiError> {
    let limit = u32::try_from(limit.clamp(1, MOST)).unwrap_or(u32::MAX);
    // A call names its grant; who that is, the grants know.
    let names: HashMap<String, String> = engine
        .oauth()
        .connections()?
        .into_iter()
        .filter_map(|connection| Some((connection.id.to_string(), connection.name?)))
        .collect();
    Ok(engine
        .history(limit)?
        .into_iter()
        .map(|(id, at, stored)| match stored {
            StoredEntry::Entry(entry) => of_entry(id, at, entry),
            StoredEntry::Call(call) => of_call(id, at, call, &names),
        })
        .collect())
}

fn of_entry(id: i64, at: Timestamp, entry: Entry) -> ActivityView {
    ActivityView {
        id: id.to_string(),
        at,
        kind: entry.event,
        client: entry.client,
        server: entry.server,
        tool: None,
        outcome: None,
        milliseconds: None,
        detail: entry.detail,
    }
}

fn of_call(
    id: i64,
    at: Timestamp,
    call: CallRecord,
    names: &HashMap<String, String>,
) -> ActivityView {
    let name = names.get(&call.grant).cloned().unwrap_or(call.client);
    ActivityView {
        id: id.to_string(),
        at,
        kind: ActivityKind::Call,
        client: Some(name),
        server: Some(call.server),
        tool: Some(call.tool),
        outcome: CallOutcome::of(call.outcome),
        milliseconds: Some(call.milliseconds),
        detail: None,
    }
}

impl CallOutcome {
    /// `None` for one that a later version of the gateway may bring.
    fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Done => Some(Self::Done),
            Outcome::Failed => Some(Self::Failed),
            Outcome::Refused => Some(Self::Refused),
            Outcome::Asked => Some(Self::Asked),
            Outcome::TimedOut => Some(Self::TimedOut),
            Outcome::Unavailable => Some(Self::Unavailable),
            Outcome::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }
}
