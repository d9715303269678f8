//! What the app may do for the person: see what waits, decide, let another device in.

use std::sync::Arc;

use drawbridge_vault::StoreError;
use drawbridge_vault::ports::EntropyError;
use jiff::Timestamp;
use tokio::sync::watch;

use super::asked::Asked;
use super::outcome::NotDecided;
use super::shown::{Approval, ShownHash};
use crate::pairing::{PairingCode, PairingStatus};
use crate::{ApprovalId, AuthorizationServer, Terms};

/// What the person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Let it in, on these terms.
    Approve(Terms),
    /// Do not.
    Deny,
}

/// Why a decision did not count. Nothing was granted.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// It was decided before, timed out, or never was.
    #[error(
        "no such question is waiting: it was answered, withdrawn after five minutes, or closed. \
         Connect again from the application"
    )]
    NotWaiting,
    /// The decision is about something other than what is asked now.
    #[error("this is not what was shown: look at the question again, then decide")]
    Changed,
    /// A server that was not among those shown, or is gone since.
    #[error("the server {name} is not among those this question offers: look at it again")]
    UnknownServer {
        /// Its name.
        name: String,
    },
    /// The grant could not be written. The question still waits.
    #[error("the connection could not be written down, so nothing was granted: {0}. Try again")]
    Store(#[from] StoreError),
    /// Drawbridge stopped meanwhile.
    #[error("Drawbridge stopped before this was written down. Start it and connect again")]
    Stopped,
}

impl From<NotDecided> for DecideError {
    fn from(why: NotDecided) -> Self {
        match why {
            NotDecided::NotWaiting => Self::NotWaiting,
            NotDecided::Changed => Self::Changed,
        }
    }
}

/// What a grant is written from.
pub(crate) type Decided = Arc<Asked>;

impl AuthorizationServer {
    /// The questions that wait for a person, oldest first. Show the first and only that.
    #[must_use]
    pub fn approvals(&self) -> Vec<Approval> {
        self.desk().waiting()
    }

    /// The same, as it changes.
    #[must_use]
    pub fn watch_approvals(&self) -> watch::Receiver<Vec<Approval>> {
        self.desk().watch()
    }

    /// Decides about one question. `shown` is the hash of what the person saw. An approval is on
    /// disk when this answers; the code goes to the browser that asked, when it comes for it.
    pub async fn decide(
        &self,
        id: &ApprovalId,
        shown: &ShownHash,
        decision: Decision,
    ) -> Result<(), DecideError> {
        let terms = match decision {
            Decision::Deny => return self.desk().deny(id, shown),
            Decision::Approve(terms) => terms,
        };
        let asked = self.desk().begin_decision(id, shown, &terms.servers)?;
        // A task of its own: whoever asked for this may go away, the decision may not stay halfway.
        let (server, id) = (self.clone(), id.clone());
        let write = tokio::spawn(async move {
            let granted = server.issue_grant(&asked.authorization, &terms).await;
            server
                .desk()
                .end_decision(&id, granted.as_ref().ok().cloned());
            granted
        });
        write.await.map_err(|_| DecideError::Stopped)??;
        Ok(())
    }

    /// Opens a code for a browser on another device; an earlier one ends. Show it on this computer
    /// and nowhere else.
    pub fn open_pairing(&self) -> Result<PairingCode, EntropyError> {
        self.desk().open_pairing()
    }

    /// Ends the code opened last: it cannot be typed any more, and nothing is known of it.
    pub fn end_pairing(&self) {
        self.desk().end_pairing();
    }

    /// What became of the code opened last.
    #[must_use]
    pub fn pairing(&self) -> Option<PairingStatus> {
        self.desk().pairing()
    }

    /// *Add connection*: lets new connections ask for ten minutes, where the settings keep them
    /// away. [`Self::armed_until`] says until when.
    pub fn arm(&self) {
        self.desk().arm();
    }

    /// Until when new connections may ask, where the settings keep them away.
    #[must_use]
    pub fn armed_until(&self) -> Option<Timestamp> {
        self.desk().armed_until()
    }

    /// How many requests were kept away since the start: unarmed, too many, or too soon after
    /// denials. For the tray to count, not to show.
    #[must_use]
    pub fn missed_requests(&self) -> u64 {
        self.desk().missed()
    }

    /// Takes no new requests until [`Self::open_approvals`], and refuses what waits: not as denied,
    /// but as closed. Call it before the listeners stop, so that waiting browsers still hear it.
    pub fn close_approvals(&self) {
        self.desk().close();
    }

    /// Takes requests again.
    pub fn open_approvals(&self) {
        self.desk().open();
    }

    /// The clients that have a request under way: their registrations must stay.
    pub(crate) fn clients_in_use(&self) -> Vec<String> {
        self.desk().client_ids()
    }
}
