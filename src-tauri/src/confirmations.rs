//! Confirmations: "may this be done?", asked in the approval window before something that lets
//! more in: a command of the command line while the window is there, or a wider connection.
//!
//! What it promises:
//! - Only a person in the window says yes, and only to exactly what was shown: an answer names the
//!   question and the hash of all its text.
//! - Silence, an error, a caller that goes away and a window that goes away all mean no, and none
//!   of them is told as "the person refused".
//! - At most [`MOST_WAITING`] wait, each at most [`LIFE`]; commands hold at most [`MOST_COMMANDS`]
//!   of these places, and whose questions come to nothing again and again is not shown for a while.
//!
//! The rules are pure and stand in `confirmations/state.rs`; here they meet the clock, randomness
//! and everybody who waits.

mod shown;
mod state;
#[cfg(test)]
mod state_tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use drawbridge_oauth::ShownHash;
use drawbridge_vault::ports::{Clock, Entropy};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{oneshot, watch};

pub use shown::{Action, Asker, Confirmation, ConfirmationText, Detail, TooMuchText};
pub use state::{
    Gate, LIFE, MOST_COMMANDS, MOST_WAITING, NotAnswered, NotRaised, Outcome, QUIET_LIFE,
};
use state::{Raise, State};

/// The questions of this run, and everybody who waits for their answers. Clones are one.
#[derive(Clone)]
pub struct Confirmations {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    life: SignedDuration,
    book: Mutex<Book>,
    /// What waits, for the window.
    waiting: watch::Sender<Vec<Arc<Confirmation>>>,
    /// How often the main window was asked for.
    shows: watch::Sender<u64>,
}

struct Book {
    state: State,
    callers: HashMap<String, oneshot::Sender<Outcome>>,
}

impl Confirmations {
    /// With nothing waiting. `expected` is whether a window will attend: until it does, what needs
    /// a confirmation is refused. Where none is expected, nothing needs one
    /// ([`Gate::Headless`]).
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, expected: bool) -> Self {
        Self::with_life(clock, entropy, expected, LIFE)
    }

    /// The same, with another time for the person than [`LIFE`].
    pub(crate) fn with_life(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        expected: bool,
        life: SignedDuration,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                entropy,
                life,
                book: Mutex::new(Book {
                    state: State::new(expected),
                    callers: HashMap::new(),
                }),
                waiting: watch::Sender::default(),
                shows: watch::Sender::default(),
            }),
        }
    }

    /// A window attends, until this is dropped: it shows what waits, and a person answers there.
    /// From the first time on, what needs a confirmation is never done without one.
    #[must_use = "dropped, nobody attends any more"]
    pub fn attend(&self) -> Attendant {
        self.shared.change(|state, _| state.attend());
        Attendant { desk: self.clone() }
    }

    /// Whether a window attends now.
    #[must_use]
    pub fn is_attended(&self) -> bool {
        self.gate() == Gate::Attended
    }

    /// What becomes of something that needs a confirmation.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.shared.lock().state.gate()
    }

    /// Asks. Whoever drops the answer to this withdraws the question.
    ///
    /// # Errors
    /// When it cannot be shown: then it is refused.
    pub fn raise(&self, asker: Asker, text: ConfirmationText) -> Result<Pending, NotRaised> {
        let mut random = [0_u8; 16];
        self.shared
            .entropy
            .fill(&mut random)
            .map_err(|_| NotRaised::Entropy)?;
        let id = format!("q-{:032x}", u128::from_be_bytes(random));
        let life = self.shared.life;
        let (sender, outcome) = oneshot::channel();
        let confirmation = self.shared.change_book(|book, now| {
            let raise = Raise {
                id: id.clone(),
                asker,
                text,
                life,
            };
            let confirmation = book.state.raise(raise, now)?;
            book.callers.insert(id, sender);
            Ok(confirmation)
        })?;
        tracing::info!(
            action = confirmation.action().as_str(),
            "a confirmation is asked for"
        );
        Ok(Pending {
            desk: self.clone(),
            confirmation,
            outcome,
        })
    }

    /// The person's answer. `shown` is the hash of what they saw.
    ///
    /// # Errors
    /// When the question does not wait any more, or reads otherwise. Then nothing was allowed.
    pub fn answer(&self, id: &str, shown: &ShownHash, allow: bool) -> Result<(), NotAnswered> {
        self.shared
            .change(|state, now| state.answer(id, shown, allow, now))
    }

    /// What waits, oldest first.
    #[must_use]
    pub fn waiting(&self) -> Vec<Arc<Confirmation>> {
        self.shared.change(|state, now| {
            state.expire(now);
            state.waiting()
        })
    }

    /// The same, as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Vec<Arc<Confirmation>>> {
        self.shared.waiting.subscribe()
    }

    /// Asks for the main window. Answers whether there is a desktop to show it; one that is just
    /// starting shows it as soon as it can.
    #[must_use]
    pub fn show_window(&self) -> bool {
        let desktop = self.gate() != Gate::Headless;
        if desktop {
            self.shared
                .shows
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        desktop
    }

    /// How often the main window was asked for; changes whenever it is.
    #[must_use]
    pub fn watch_show(&self) -> watch::Receiver<u64> {
        self.shared.shows.subscribe()
    }

    /// Refuses what waits and whatever comes, because Drawbridge stops.
    pub fn close(&self) {
        self.shared.change(|state, _| state.close());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Book> {
        // A rule that panicked left the state as it was before or after one assignment.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, rule: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        self.change_book(|book, now| rule(&mut book.state, now))
    }

    /// Applies a rule, answers whoever's question has ended, and tells the window what waits now;
    /// all under the lock, so that the last word published is the last state.
    fn change_book<T>(&self, rule: impl FnOnce(&mut Book, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut book = self.lock();
        let result = rule(&mut book, now);
        for (id, outcome) in book.state.take_ended() {
            tracing::info!(outcome = outcome.as_str(), "a confirmation has ended");
            if let Some(caller) = book.callers.remove(&id) {
                let _gone = caller.send(outcome);
            }
        }
        let waiting = book.state.waiting();
        self.waiting.send_if_modified(|known| {
            let modified = *known != waiting;
            if modified {
                *known = waiting;
            }
            modified
        });
        result
    }
}

/// A window that attends; dropped, it does not any more, and what waits is refused.
pub struct Attendant {
    desk: Confirmations,
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.desk.shared.change(|state, _| state.leave());
    }
}

/// A question that waits. Dropped, it is withdrawn.
pub struct Pending {
    desk: Confirmations,
    confirmation: Arc<Confirmation>,
    outcome: oneshot::Receiver<Outcome>,
}

impl Pending {
    /// What is shown.
    #[must_use]
    pub fn confirmation(&self) -> &Confirmation {
        &self.confirmation
    }

    /// Waits for the answer, at most as long as the question may wait.
    pub async fn outcome(mut self) -> Outcome {
        let life = Duration::try_from(self.desk.shared.life).unwrap_or_default();
        if let Ok(answer) = tokio::time::timeout(life, &mut self.outcome).await {
            // The desk answers before it forgets a caller; that it did not means that it is gone.
            return answer.unwrap_or(Outcome::Unattended);
        }
        let id = self.confirmation.id();
        self.desk
            .shared
            .change(|state, now| state.time_out(id, now));
        // An answer that came in the same moment counts: it was given to a question that waited.
        self.outcome.try_recv().unwrap_or(Outcome::TimedOut)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let id = self.confirmation.id();
        self.desk.shared.change_book(|book, now| {
            book.state.withdraw(id, now);
            book.callers.remove(id);
        });
    }
}

#[cfg(test)]
mod tests;
