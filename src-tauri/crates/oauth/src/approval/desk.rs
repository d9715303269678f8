//! The rules of `state.rs` at work: with the clock, randomness, the news, and everybody who waits.
//!
//! One lock around the state, held for the length of one rule and never across an await.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use drawbridge_vault::ports::EntropyError;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{Semaphore, watch};

use super::asked::Asked;
use super::browser::Browser;
use super::decide::{DecideError, Decided};
use super::outcome::{
    CodeRefused, Collect, HandleEnded, NewRequest, NotNow, ReturnRefused, Scene, Standing, View,
};
use super::shown::{Approval, Proof, ShownHash};
use super::state::State;
use crate::events::{ApprovalOutcome, Event};
use crate::pairing::{PairingCode, PairingState, PairingStatus, Typed};
use crate::tokens::{Token, TokenHash, TokenKind};
use crate::{ApprovalId, Dependencies, GrantId, ServerSelection};

/// How long an asking script is kept waiting for news, well under the 100 s after which Cloudflare
/// gives up.
const POLL_WAIT: Duration = Duration::from_secs(20);
/// Scripts kept waiting at once; any other is answered at once and asks again.
const MOST_POLLS: usize = 32;
/// The least time between two looks at what timed out, whatever the clock does.
const LEAST_TICK: Duration = Duration::from_secs(1);
/// Bytes drawn for a pairing code; eight usable ones are enough.
const PAIRING_RANDOM: usize = 32;

/// The requests of this run and everybody who waits for them.
pub(crate) struct Desk {
    shared: Arc<Shared>,
}

struct Shared {
    ports: Dependencies,
    book: Mutex<Book>,
    /// What waits for a person, for the app.
    waiting: watch::Sender<Vec<Approval>>,
    /// Counts changes, for waiting pages.
    changes: watch::Sender<u64>,
    polls: Semaphore,
}

#[derive(Default)]
struct Book {
    state: State,
    /// Whether a task looks after the time-outs.
    ticking: bool,
}

/// What a browser that asked gets next.
pub(crate) enum Page {
    /// The page, with fresh secrets for its link and its form.
    Ask {
        /// The secret in the link to the local listener.
        handle: Token,
        /// The id its form sends along.
        request: Token,
    },
    /// It was asked before and proven: on to the waiting page of this id.
    Wait {
        /// The id in the waiting page's address.
        request: Token,
    },
}

/// Why nothing could be shown to a browser that asked.
#[derive(Debug)]
pub(crate) enum AskFailed {
    NotNow(NotNow),
    Entropy,
}

impl From<EntropyError> for AskFailed {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
    }
}

impl From<NotNow> for AskFailed {
    fn from(why: NotNow) -> Self {
        Self::NotNow(why)
    }
}

impl Desk {
    pub(crate) fn new(ports: &Dependencies) -> Self {
        let shared = Shared {
            ports: ports.clone(),
            book: Mutex::default(),
            waiting: watch::Sender::default(),
            changes: watch::Sender::default(),
            polls: Semaphore::new(MOST_POLLS),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A client sent this browser. `fingerprint` is the hash of the URL that was asked.
    pub(crate) fn ask(
        &self,
        asked: Asked,
        browser: &Browser,
        fingerprint: TokenHash,
    ) -> Result<Page, AskFailed> {
        let entropy = self.shared.ports.entropy.as_ref();
        let handle = Token::mint(TokenKind::Handle, entropy)?;
        let id = ApprovalId::random(entropy)?;
        let request = NewRequest {
            page: browser.page_of(&id)?.hash(),
            id,
            browser: browser.hash(),
            fingerprint,
            handle: handle.hash(),
            asked: Arc::new(asked),
        };
        let armed_only = self.armed_only();
        let standing = self
            .shared
            .with(|state, now| state.ask(request, armed_only, now))?;
        Ok(match standing {
            Standing::Page(id) => Page::Ask {
                handle,
                request: browser.page_of(&id)?,
            },
            Standing::Wait(id) => Page::Wait {
                request: browser.page_of(&id)?,
            },
        })
    }

    /// Whether a cookie is of our making and in use.
    pub(crate) fn knows(&self, browser: &Browser) -> bool {
        self.shared
            .with(|state, now| state.knows_browser(&browser.hash(), now))
    }

    /// The link was followed on this computer. Answers where the browser goes now, if the handle
    /// still works.
    pub(crate) fn use_handle(
        &self,
        handle: &TokenHash,
        how: Proof,
    ) -> Result<Option<SecretString>, EntropyError> {
        let proof = Token::mint(TokenKind::ReturnProof, self.shared.ports.entropy.as_ref())?;
        let base = self
            .shared
            .with(|state, now| state.use_handle(handle, how, proof.hash(), now));
        Ok(match base {
            Ok(base) => Some(format!("{base}/oauth/return/{}", proof.expose()).into()),
            Err(HandleEnded) => None,
        })
    }

    /// A browser came back with a proof.
    pub(crate) fn come_back(
        &self,
        proof: &TokenHash,
        browser: Option<&Browser>,
    ) -> Result<ApprovalId, ReturnRefused> {
        let (browser, scene) = (browser.map(Browser::hash), self.scene());
        let id = self
            .shared
            .with(|state, now| state.come_back(proof, browser.as_ref(), scene, now))?;
        self.announce(&id);
        Ok(id)
    }

    /// A code was typed into a page.
    pub(crate) fn enter_code(
        &self,
        page: &TokenHash,
        browser: Option<&Browser>,
        typed: &Typed,
        how: Proof,
    ) -> Result<ApprovalId, CodeRefused> {
        let (browser, scene) = (browser.map(Browser::hash), self.scene());
        let (guessed, result) = self.shared.with(|state, now| {
            let guessed = |state: &State| {
                state
                    .pairing(now)
                    .is_some_and(|status| status.state == PairingState::Guessed)
            };
            let before = guessed(state);
            let result = state.enter_code(page, browser.as_ref(), typed, how, scene, now);
            (guessed(state) && !before, result)
        });
        if guessed {
            self.shared.ports.events.send(Event::PairingGuessed);
        }
        let id = result?;
        self.announce(&id);
        Ok(id)
    }

    /// What a page asks, for its own browser.
    pub(crate) fn asked_on(&self, page: &TokenHash, browser: &Browser) -> Option<Arc<Asked>> {
        self.shared
            .lock()
            .state
            .asked_on(page, Some(&browser.hash()))
    }

    /// What a browser sees at its waiting page now.
    pub(crate) fn view(&self, page: &TokenHash, browser: Option<&Browser>) -> View {
        let browser = browser.map(Browser::hash);
        self.shared
            .with(|state, now| state.view(page, browser.as_ref(), now))
    }

    /// The same, but while the person is being asked it waits a while for the answer.
    pub(crate) async fn next_view(&self, page: &TokenHash, browser: Option<&Browser>) -> View {
        let mut changes = self.shared.changes.subscribe();
        let first = self.view(page, browser);
        let Ok(_permit) = self.shared.polls.try_acquire() else {
            return first;
        };
        let decided = async {
            loop {
                // Looking makes no change, so this does not wake itself.
                let view = self.view(page, browser);
                if !matches!(view, View::Waiting(_)) || changes.changed().await.is_err() {
                    return view;
                }
            }
        };
        tokio::time::timeout(POLL_WAIT, decided)
            .await
            .unwrap_or(first)
    }

    /// The refusal is being told to the browser.
    pub(crate) fn told_refusal(&self, page: &TokenHash) {
        self.shared.with(|state, now| state.told_refusal(page, now));
    }

    /// The browser fetches its code. Whoever calls this also calls [`Self::end_collect`].
    pub(crate) fn begin_collect(
        &self,
        page: &TokenHash,
        browser: Option<&Browser>,
    ) -> Option<Collect> {
        let browser = browser.map(Browser::hash);
        self.shared
            .with(|state, now| state.begin_collect(page, browser.as_ref(), now))
    }

    /// The writing of a code ended, with or without one.
    pub(crate) fn end_collect(&self, id: &ApprovalId, minted: bool) {
        self.shared
            .change(|state, now| state.end_collect(id, minted, now));
    }

    /// The person denied.
    pub(crate) fn deny(&self, id: &ApprovalId, shown: &ShownHash) -> Result<(), DecideError> {
        self.shared
            .change(|state, now| state.deny(id, shown, now))?;
        self.ended(id, ApprovalOutcome::Denied);
        Ok(())
    }

    /// The person approved. Whoever calls this writes the grant and calls [`Self::end_decision`].
    pub(crate) fn begin_decision(
        &self,
        id: &ApprovalId,
        shown: &ShownHash,
        servers: &ServerSelection,
    ) -> Result<Decided, DecideError> {
        // A server that went away and comes back under its name may be another one.
        let now_there = self.shared.ports.servers.servers();
        self.shared.change(|state, now| {
            let approval = state.decidable_approval(id, shown, now)?;
            for name in servers.iter() {
                let was_shown = approval.servers().iter().any(|server| server.name == name);
                if !was_shown || !now_there.iter().any(|server| server.name == name) {
                    return Err(DecideError::UnknownServer {
                        name: name.to_owned(),
                    });
                }
            }
            Ok(state.begin_decision(id, shown, now)?)
        })
    }

    /// The grant is on disk, or could not be written.
    pub(crate) fn end_decision(&self, id: &ApprovalId, grant: Option<GrantId>) {
        let approved = grant.is_some();
        self.shared
            .change(|state, now| state.end_decision(id, grant, now));
        if approved {
            self.ended(id, ApprovalOutcome::Approved);
        }
    }

    /// What waits for a person, oldest first.
    pub(crate) fn waiting(&self) -> Vec<Approval> {
        self.shared.with(|state, now| {
            state.expire(now);
            state.waiting()
        })
    }

    /// The same, as it changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Vec<Approval>> {
        self.shared.waiting.subscribe()
    }

    /// Opens a pairing code; an earlier one ends.
    pub(crate) fn open_pairing(&self) -> Result<PairingCode, EntropyError> {
        let mut random = zeroize::Zeroizing::new([0; PAIRING_RANDOM]);
        self.shared.ports.entropy.fill(random.as_mut_slice())?;
        let typed = Typed::from_random(random.as_slice()).ok_or(EntropyError)?;
        let expires_at = self
            .shared
            .change(|state, now| state.open_pairing(&typed, now));
        Ok(PairingCode {
            code: typed.show(),
            expires_at,
        })
    }

    /// Ends the pairing code opened last.
    pub(crate) fn end_pairing(&self) {
        self.shared.change(|state, _| state.end_pairing());
    }

    /// What became of the pairing code opened last.
    pub(crate) fn pairing(&self) -> Option<PairingStatus> {
        self.shared.with(|state, now| state.pairing(now))
    }

    /// Lets new connections ask for a while.
    pub(crate) fn arm(&self) {
        self.shared.with(State::arm);
    }

    /// Until when they may.
    pub(crate) fn armed_until(&self) -> Option<Timestamp> {
        self.shared.with(|state, now| state.armed_until(now))
    }

    /// How many requests were kept away.
    pub(crate) fn missed(&self) -> u64 {
        self.shared.lock().state.missed()
    }

    /// The clients with a request under way.
    pub(crate) fn client_ids(&self) -> Vec<String> {
        self.shared.lock().state.client_ids()
    }

    /// Refuses what waits, because Drawbridge closes.
    pub(crate) fn close(&self) {
        for id in self.shared.change(State::close) {
            self.ended(&id, ApprovalOutcome::Abandoned);
        }
    }

    /// Takes requests again.
    pub(crate) fn open(&self) {
        self.shared.change(|state, _now| state.open());
    }

    fn scene(&self) -> Scene {
        Scene {
            servers: self.shared.ports.servers.servers(),
            armed_only: self.armed_only(),
        }
    }

    fn armed_only(&self) -> bool {
        self.shared.ports.settings.borrow().armed_only
    }

    /// A question began to wait for the person.
    fn announce(&self, id: &ApprovalId) {
        let client = {
            let mut book = self.shared.lock();
            self.shared.publish(&mut book);
            let asked = book
                .state
                .waiting()
                .into_iter()
                .find(|approval| approval.id() == id);
            asked.map(|approval| approval.question().redirect.host.clone())
        };
        if let Some(client) = client {
            self.shared.ports.events.send(Event::ApprovalWaiting {
                approval: id.clone(),
                client,
            });
        }
        self.tick();
    }

    fn ended(&self, id: &ApprovalId, outcome: ApprovalOutcome) {
        self.shared.ports.events.send(Event::ApprovalEnded {
            approval: id.clone(),
            outcome,
        });
    }

    /// Starts the task that ends what times out, unless it runs. It ends itself when nothing waits.
    fn tick(&self) {
        let mut book = self.shared.lock();
        if !book.ticking {
            book.ticking = true;
            tokio::spawn(end_what_times_out(Arc::downgrade(&self.shared)));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Book> {
        // A rule that panicked left the state as it was before or after one assignment.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a rule that may end what timed out, but changes nothing else that others wait for.
    fn with<T>(&self, rule: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.ports.clock.now();
        let mut book = self.lock();
        let result = rule(&mut book.state, now);
        let timed_out = book.state.take_timed_out();
        if !timed_out.is_empty() {
            self.publish(&mut book);
        }
        drop(book);
        for approval in timed_out {
            let outcome = ApprovalOutcome::TimedOut;
            self.ports
                .events
                .send(Event::ApprovalEnded { approval, outcome });
        }
        result
    }

    /// Applies a rule, and tells everybody who waits to look again.
    fn change<T>(&self, rule: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let result = self.with(rule);
        self.publish(&mut self.lock());
        result
    }

    /// Under the lock, so that the last word published is the last state.
    fn publish(&self, book: &mut Book) {
        let waiting = book.state.waiting();
        self.waiting.send_if_modified(|known| {
            let modified = *known != waiting;
            if modified {
                *known = waiting;
            }
            modified
        });
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

async fn end_what_times_out(desk: Weak<Shared>) {
    loop {
        let pause = {
            let Some(shared) = desk.upgrade() else { return };
            shared.with(|state, now| state.expire(now));
            let now = shared.ports.clock.now();
            let mut book = shared.lock();
            let Some(next) = book.state.next_time_out() else {
                book.ticking = false;
                return;
            };
            Duration::try_from(next.duration_since(now))
                .unwrap_or_default()
                .max(LEAST_TICK)
        };
        tokio::time::sleep(pause).await;
    }
}
