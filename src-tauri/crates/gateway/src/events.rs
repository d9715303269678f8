//! News for the timeline, the tray and the log: what happened to servers and calls.
//!
//! No event holds an argument, a result, a variable or a token.

use serde::Serialize;

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
    /// A server was added, removed, switched on or off, started, ended or said something while it
    /// starts, or one of its rules changed.
    ServersChanged,
    /// A server did not start, or ended by itself.
    ServerFailed {
        /// Which.
        server: String,
        /// What happened, in words; it may hold what the server said last, redacted.
        reason: String,
    },
    /// A call is over.
    Called(CallRecord),
}

/// One call, as the audit keeps it: never its arguments or its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct CallRecord {
    /// The server.
    pub server: String,
    /// The tool, by its own name.
    pub tool: String,
    /// The grant it was made under.
    pub grant: String,
    /// The client that made it.
    pub client: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The tool did its work.
    Done,
    /// The tool answered with an error.
    Failed,
    /// A rule refused it.
    Refused,
    /// It needed the owner's word.
    Asked,
    /// The server did not answer in time.
    TimedOut,
    /// The server was not there, or ended meanwhile.
    Unavailable,
    /// The client went away.
    Cancelled,
}
