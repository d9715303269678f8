//! What happened, for the one whose computer it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::words;

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
