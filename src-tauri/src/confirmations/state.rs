//! The life of a confirmation: pure.
//!
//! ```text
//! raise ──► waiting ──answer──► allowed | denied
//!              ├─ expire, time_out ──► timed out
//!              ├─ leave, close ──────► unattended
//!              └─ withdraw ──────────► gone, nobody is told
//! ```
//! No clock, no randomness, no I/O: the moment and the id are parameters.

use std::collections::VecDeque;
use std::sync::Arc;

use drawbridge_oauth::ShownHash;
use jiff::{SignedDuration, Timestamp};

use super::shown::{Asker, Confirmation, ConfirmationText};

/// Questions that wait at once.
pub const MOST_WAITING: usize = 4;
/// So many of them may be commands'; the rest is for the person in the window.
pub const MOST_COMMANDS: usize = MOST_WAITING - 1;
/// How long a question waits for the person.
pub const LIFE: SignedDuration = SignedDuration::from_secs(60);
/// So many questions of commands that were refused, withdrawn or not answered …
const QUIET_AFTER: usize = 3;
/// … within this time …
const QUIET_WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// … keep commands from asking again for this long.
pub const QUIET_LIFE: SignedDuration = SignedDuration::from_mins(1);

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The person said yes.
    Allowed,
    /// The person said no.
    Denied,
    /// Nobody answered in time.
    TimedOut,
    /// The window went away, or Drawbridge stopped.
    Unattended,
}

impl Outcome {
    /// For the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed by the owner",
            Self::Denied => "denied by the owner",
            Self::TimedOut => "withdrawn: nobody answered in time",
            Self::Unattended => "withdrawn: the window or Drawbridge went away",
        }
    }
}

/// What becomes of something that needs a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// There is no window, and none is expected: the person is whoever holds this account's shell.
    Headless,
    /// A person is asked.
    Attended,
    /// A window is expected, or was there: it is refused.
    Unattended,
}

/// Why nobody was asked. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRaised {
    /// No window attends.
    #[error("Drawbridge's window is not there to ask you, so nothing was changed. Try again")]
    Unattended,
    /// Too many wait already.
    #[error(
        "enough questions wait in Drawbridge's window already, so nothing was changed. Answer them \
         first"
    )]
    Busy,
    /// Several commands in a row were not allowed.
    #[error(
        "several commands were refused, withdrawn or not answered just now, so this one was not \
         shown and nothing was changed. Try again in a minute, or do it in Drawbridge's window"
    )]
    Quiet,
    /// No random bytes.
    #[error("the operating system gave no random bytes, so nothing was changed. Try again")]
    Entropy,
}

/// Why an answer did not count. Nothing was allowed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// It was answered before, timed out, or was withdrawn.
    #[error("this question does not wait any more: it was answered, withdrawn, or timed out")]
    NotWaiting,
    /// The answer is about something other than what is asked.
    #[error("this is not what was shown: look at the question again, then answer")]
    Changed,
}

/// A question to be asked.
pub(super) struct Raise {
    pub(super) id: String,
    pub(super) asker: Asker,
    pub(super) text: ConfirmationText,
    pub(super) life: SignedDuration,
}

/// What waits, and who attends.
pub(super) struct State {
    /// Whether a window is expected, or was ever there.
    expected: bool,
    attendants: usize,
    closed: bool,
    waiting: VecDeque<Arc<Confirmation>>,
    ended: Vec<(String, Outcome)>,
    /// When questions of commands came to nothing, lately.
    failures: VecDeque<Timestamp>,
    quiet_until: Option<Timestamp>,
}

impl State {
    pub(super) fn new(expected: bool) -> Self {
        Self {
            expected,
            attendants: 0,
            closed: false,
            waiting: VecDeque::new(),
            ended: Vec::new(),
            failures: VecDeque::new(),
            quiet_until: None,
        }
    }

    pub(super) fn gate(&self) -> Gate {
        if self.closed {
            Gate::Unattended
        } else if self.attendants > 0 {
            Gate::Attended
        } else if self.expected {
            Gate::Unattended
        } else {
            Gate::Headless
        }
    }

    /// A window attends.
    pub(super) fn attend(&mut self) {
        self.expected = true;
        self.attendants += 1;
    }

    /// A window that attended does not any more.
    pub(super) fn leave(&mut self) {
        self.attendants = self.attendants.saturating_sub(1);
        if self.attendants == 0 {
            self.refuse_all();
        }
    }

    /// Nothing is asked from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.refuse_all();
    }

    fn refuse_all(&mut self) {
        let all = self.waiting.drain(..);
        self.ended
            .extend(all.map(|waiting| (waiting.id().to_owned(), Outcome::Unattended)));
    }

    /// Asks, if somebody is there to be asked.
    pub(super) fn raise(
        &mut self,
        raise: Raise,
        now: Timestamp,
    ) -> Result<Arc<Confirmation>, NotRaised> {
        self.expire(now);
        if self.gate() != Gate::Attended {
            return Err(NotRaised::Unattended);
        }
        let quiet = self.quiet_until.is_some_and(|until| now < until);
        if quiet && raise.asker == Asker::Command {
            return Err(NotRaised::Quiet);
        }
        let taken = self.find(&raise.id).is_some();
        let full = match raise.asker {
            Asker::Command => self.commands() >= MOST_COMMANDS,
            Asker::Window => false,
        };
        if taken || full || self.waiting.len() >= MOST_WAITING {
            return Err(NotRaised::Busy);
        }
        let expires_at = now.saturating_add(raise.life).unwrap_or(Timestamp::MAX);
        let confirmation = Arc::new(Confirmation::new(
            raise.id,
            raise.asker,
            raise.text,
            now,
            expires_at,
        ));
        self.waiting.push_back(Arc::clone(&confirmation));
        Ok(confirmation)
    }

    /// The person answers.
    pub(super) fn answer(
        &mut self,
        id: &str,
        shown: &ShownHash,
        allow: bool,
        now: Timestamp,
    ) -> Result<(), NotAnswered> {
        self.expire(now);
        let place = self.find(id).ok_or(NotAnswered::NotWaiting)?;
        let waiting = self.waiting.get(place).ok_or(NotAnswered::NotWaiting)?;
        if waiting.shown() != *shown {
            return Err(NotAnswered::Changed);
        }
        let outcome = if allow {
            Outcome::Allowed
        } else {
            Outcome::Denied
        };
        self.end(place, outcome, now);
        Ok(())
    }

    /// How many of those that wait are commands'.
    fn commands(&self) -> usize {
        let commands = self
            .waiting
            .iter()
            .filter(|waiting| waiting.asker() == Asker::Command);
        commands.count()
    }

    /// Counts a command's question that came to nothing. It makes no difference whether the person
    /// refused it or the command went away in time: the window came up for it all the same.
    fn count_failure(&mut self, asker: Asker, now: Timestamp) {
        if asker != Asker::Command {
            return;
        }
        self.failures
            .retain(|at| now.duration_since(*at) < QUIET_WINDOW);
        self.failures.push_back(now);
        if self.failures.len() >= QUIET_AFTER {
            self.failures.clear();
            self.quiet_until = now.saturating_add(QUIET_LIFE).ok();
        }
    }

    /// Ends what is over at `now`.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(place) = self
            .waiting
            .iter()
            .position(|waiting| now >= waiting.expires_at())
        {
            self.end(place, Outcome::TimedOut, now);
        }
    }

    /// The time of this one is over, whatever the clock on the wall says.
    pub(super) fn time_out(&mut self, id: &str, now: Timestamp) {
        if let Some(place) = self.find(id) {
            self.end(place, Outcome::TimedOut, now);
        }
    }

    /// Whoever asked has gone.
    pub(super) fn withdraw(&mut self, id: &str, now: Timestamp) {
        let place = self.find(id);
        if let Some(gone) = place.and_then(|place| self.waiting.remove(place)) {
            self.count_failure(gone.asker(), now);
        }
    }

    /// What waits, oldest first.
    pub(super) fn waiting(&self) -> Vec<Arc<Confirmation>> {
        self.waiting.iter().cloned().collect()
    }

    /// What has ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<(String, Outcome)> {
        std::mem::take(&mut self.ended)
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.id() == id)
    }

    fn end(&mut self, place: usize, outcome: Outcome, now: Timestamp) {
        if let Some(ended) = self.waiting.remove(place) {
            if outcome != Outcome::Allowed {
                self.count_failure(ended.asker(), now);
            }
            self.ended.push((ended.id().to_owned(), outcome));
        }
    }
}
