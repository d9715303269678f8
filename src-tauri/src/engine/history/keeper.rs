//! The one who writes the history.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use drawbridge_oauth::{ApprovalOutcome, EndReason};
use drawbridge_vault::StoreError;
use drawbridge_vault::ports::{Clock as _, SystemClock};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::{Engine, Event};
use super::{Entry, KEPT_ENTRIES, Stored};
use crate::ui_api::{ActivityKind, ApprovalView, State};

/// After so many further entries the oldest are forgotten.
const TRIM_EVERY: u32 = 200;
/// Entries of one kind that strangers, or a server that keeps failing, can cause at once …
const AT_ONCE: u32 = 20;
/// … and how long until they can cause one more.
const ONE_MORE_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How long news of entries are gathered.
const TELL_AFTER: Duration = Duration::from_millis(100);
/// Questions whose asker is remembered until they end. There are never as many.
const ASKED_KEPT: usize = 64;
/// The longest text kept of a stranger, in characters.
const MAX_TEXT: usize = 300;

impl Engine {
    /// Writes the history until Drawbridge stops, and then what is left to write.
    pub(in crate::engine) async fn keep_history(
        self,
        mut news: Receiver<Event>,
        stop: CancellationToken,
    ) {
        let mut keeper = Keeper::new(self);
        keeper.trim().await;
        loop {
            let event = tokio::select! {
                event = news.recv() => event,
                () = keeper.wait_to_tell() => {
                    keeper.tell().await;
                    continue;
                }
                () = stop.cancelled() => break,
            };
            match event {
                Ok(event) => keeper.take(event).await,
                Err(RecvError::Lagged(missed)) => warn_missed(missed),
                Err(RecvError::Closed) => return,
            }
        }
        loop {
            match news.try_recv() {
                Ok(event) => keeper.take(event).await,
                Err(TryRecvError::Lagged(missed)) => warn_missed(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

impl Entry {
    fn of(event: ActivityKind, asked: Asked) -> Self {
        Self {
            client: asked.client,
            detail: asked
                .host
                .as_ref()
                .map(|host| format!("goes back to {host}")),
            host: asked.host,
            ..Self::new(event)
        }
    }
}

fn warn_missed(missed: u64) {
    tracing::warn!(missed, "too much happened at once to write all of it down");
}

/// Who asks to connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    client: Option<String>,
    host: Option<String>,
}

/// How often something may be written down that others can cause.
#[derive(Debug)]
struct Budget {
    left: u32,
    since: Timestamp,
    held_back: u64,
}

impl Budget {
    fn new(now: Timestamp) -> Self {
        Self {
            left: AT_ONCE,
            since: now,
            held_back: 0,
        }
    }

    /// Whether one more may be written; then how many were not, since the last that was.
    fn spend(&mut self, now: Timestamp) -> Option<u64> {
        while self.left < AT_ONCE && now.duration_since(self.since) >= ONE_MORE_AFTER {
            self.left += 1;
            self.since = self.since.checked_add(ONE_MORE_AFTER).unwrap_or(now);
        }
        if self.left == AT_ONCE {
            self.since = now;
        }
        if self.left == 0 {
            self.held_back = self.held_back.saturating_add(1);
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.held_back))
    }
}

/// The one who writes.
struct Keeper {
    engine: Engine,
    asked: VecDeque<(String, Asked)>,
    budgets: BTreeMap<&'static str, Budget>,
    is_open: bool,
    since_trim: u32,
    /// When to tell that there is something new to read.
    tell_at: Option<Instant>,
}

impl Keeper {
    fn new(engine: Engine) -> Self {
        Self {
            engine,
            asked: VecDeque::new(),
            budgets: BTreeMap::new(),
            is_open: false,
            since_trim: 0,
            tell_at: None,
        }
    }

    async fn wait_to_tell(&self) {
        match self.tell_at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Says that there is something new, once it can be read.
    async fn tell(&mut self) {
        self.tell_at = None;
        let vault = self.engine.vault();
        // Work is done in its order: when this is done, what was queued before it is on disk.
        if vault.write::<_, StoreError>(|_| Ok(())).await.is_ok() {
            self.engine.inner.events.tell(Event::History);
        }
    }

    async fn take(&mut self, event: Event) {
        let now = as_stored(SystemClock.now());
        let entry = match event {
            Event::State(state) => self.of_state(state),
            Event::OAuth(event) => self.of_oauth(event, now),
            Event::Gateway(drawbridge_gateway::Event::Called(call)) => {
                self.engine
                    .inner
                    .history
                    .milestones()
                    .take(now, &Stored::Call(call));
                self.count().await;
                None
            }
            Event::Gateway(drawbridge_gateway::Event::ServerFailed { server, reason }) => {
                let entry = Entry {
                    server: Some(server),
                    detail: Some(shortened(&reason)),
                    ..Entry::new(ActivityKind::ServerFailed)
                };
                self.within_budget(entry, now, 0)
            }
            _ => None,
        };
        if let Some(entry) = entry {
            self.write(now, entry).await;
        }
    }

    fn of_state(&mut self, state: State) -> Option<Entry> {
        let was_open = std::mem::replace(&mut self.is_open, state == State::Open);
        let event = match (was_open, self.is_open) {
            (false, true) => ActivityKind::BridgeOpened,
            (true, false) => ActivityKind::BridgeClosed,
            _ => return None,
        };
        let problem = self.engine.problem().map(|problem| problem.message);
        Some(Entry {
            detail: problem.filter(|_| state == State::Attention),
            ..Entry::new(event)
        })
    }

    fn of_oauth(&mut self, event: drawbridge_oauth::Event, now: Timestamp) -> Option<Entry> {
        use drawbridge_oauth::Event as News;
        match event {
            News::ClientRegistered { name, host, .. } => {
                let asked = Asked {
                    client: name.as_deref().map(shortened),
                    host,
                };
                self.within_budget(Entry::of(ActivityKind::ClientRegistered, asked), now, 0)
            }
            News::ClientRefused { reason } => {
                let entry = Entry {
                    detail: Some(shortened(&reason)),
                    ..Entry::new(ActivityKind::Refused)
                };
                self.within_budget(entry, now, 0)
            }
            News::RateLimited { endpoint } => {
                let others = self.engine.inner.events.take_held_back();
                let entry = Entry {
                    detail: Some(format!("too many requests at {endpoint}")),
                    ..Entry::new(ActivityKind::Refused)
                };
                self.within_budget(entry, now, others)
            }
            News::PairingGuessed => Some(Entry::new(ActivityKind::PairingGuessed)),
            News::ApprovalWaiting { approval, client } => {
                let asked = self.who_asks(approval.as_str(), client);
                if self.asked.len() >= ASKED_KEPT {
                    self.asked.pop_front();
                }
                self.asked.push_back((approval.to_string(), asked.clone()));
                Some(Entry::of(ActivityKind::ConnectionAsked, asked))
            }
            News::ApprovalEnded { approval, outcome } => {
                let asked = self.take_asked(approval.as_str());
                Some(of_outcome(outcome, asked))
            }
            News::GrantEnded { grant, reason } => Some(self.of_end(grant.as_str(), reason)),
            _ => None,
        }
    }

    fn who_asks(&self, approval: &str, host: String) -> Asked {
        let waiting = self.engine.oauth().approvals();
        let found = waiting
            .iter()
            .find(|waiting| waiting.id().as_str() == approval)
            .map(ApprovalView::from);
        Asked {
            client: found.map(|view| shortened(&view.client)),
            host: Some(host),
        }
    }

    fn take_asked(&mut self, approval: &str) -> Asked {
        let place = self.asked.iter().position(|(id, _)| id == approval);
        place
            .and_then(|place| self.asked.remove(place))
            .map(|(_, asked)| asked)
            .unwrap_or_default()
    }

    fn of_end(&self, grant: &str, reason: EndReason) -> Entry {
        let connections = self.engine.oauth().connections().unwrap_or_default();
        let found = connections
            .into_iter()
            .find(|connection| connection.id.as_str() == grant);
        let (client, host) = found.map_or((None, None), |connection| {
            (connection.name, connection.redirect_host)
        });
        Entry {
            client: client.as_deref().map(shortened),
            host,
            grant: Some(grant.to_owned()),
            detail: Some(end_words(reason).to_owned()),
            ..Entry::new(ActivityKind::ConnectionEnded)
        }
    }

    /// The entry, if its kind may be written once more, with how many were not.
    fn within_budget(&mut self, mut entry: Entry, now: Timestamp, others: u64) -> Option<Entry> {
        let budget = self
            .budgets
            .entry(entry.event.as_str())
            .or_insert_with(|| Budget::new(now));
        budget.held_back = budget.held_back.saturating_add(others);
        let held_back = budget.spend(now)?;
        if held_back > 0 {
            let detail = entry.detail.take().unwrap_or_default();
            entry.detail = Some(format!("{detail} (and {held_back} more like this before)"));
        }
        Some(entry)
    }

    async fn write(&mut self, at: Timestamp, entry: Entry) {
        let details = match serde_json::to_vec(&entry) {
            Ok(details) => details,
            Err(error) => {
                tracing::error!(%error, "an entry of the history cannot be written");
                return;
            }
        };
        self.engine
            .inner
            .history
            .milestones()
            .take(at, &Stored::Entry(entry));
        let queued = self
            .engine
            .vault()
            .write_soon(move |writer| writer.append_audit(at, &details).map(|_| ()))
            .await;
        if let Err(error) = queued {
            tracing::error!(%error, "an entry of the history cannot be written");
        }
        self.count().await;
    }

    /// One more entry is on its way to the disk.
    async fn count(&mut self) {
        self.tell_at
            .get_or_insert_with(|| Instant::now() + TELL_AFTER);
        self.since_trim += 1;
        if self.since_trim >= TRIM_EVERY {
            self.trim().await;
        }
    }

    async fn trim(&mut self) {
        self.since_trim = 0;
        let trimmed = self
            .engine
            .vault()
            .write_soon(|writer| writer.keep_newest_audit(KEPT_ENTRIES).map(|_| ()))
            .await;
        if let Err(error) = trimmed {
            tracing::warn!(%error, "the history could not be shortened");
        }
    }
}

fn of_outcome(outcome: ApprovalOutcome, asked: Asked) -> Entry {
    let (event, why) = match outcome {
        ApprovalOutcome::Approved => (ActivityKind::ConnectionApproved, None),
        ApprovalOutcome::Denied => (ActivityKind::ConnectionDenied, None),
        ApprovalOutcome::TimedOut => (
            ActivityKind::ConnectionWithdrawn,
            Some("nobody answered in time"),
        ),
        ApprovalOutcome::Abandoned => (
            ActivityKind::ConnectionWithdrawn,
            Some("the browser or Drawbridge went away"),
        ),
    };
    let entry = Entry::of(event, asked);
    match why {
        Some(why) => Entry {
            detail: Some(why.to_owned()),
            ..entry
        },
        None => entry,
    }
}

fn end_words(reason: EndReason) -> &'static str {
    match reason {
        EndReason::RevokedByUser => "you revoked it",
        EndReason::RevokedByClient => "the client gave it back",
        EndReason::CodeReuse => "its code came a second time, as it does when it was stolen",
        EndReason::RefreshTokenReuse => {
            "an old token came back, as it does when one was stolen; connect again"
        }
        EndReason::Expired => "its time was over",
        EndReason::Unused => "nobody used it for 30 days",
        EndReason::NeverConnected => "the client never came for its tokens",
    }
}

/// As precise as it will be read again.
fn as_stored(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn texts_of_strangers_are_cut() {
        assert_eq!(shortened(&"x".repeat(10_000)).len(), MAX_TEXT);
    }

    #[test]
    fn a_flood_leaves_few_entries_and_its_size() {
        let mut budget = Budget::new(at(0));
        let written = (0..1000).filter(|_| budget.spend(at(1)).is_some()).count();
        assert_eq!(written, usize::try_from(AT_ONCE).unwrap());
        let later = at(1).checked_add(ONE_MORE_AFTER).unwrap();
        assert_eq!(budget.spend(later), Some(1000 - u64::from(AT_ONCE)));
        assert_eq!(budget.spend(later), None);
        // Rest refills it, and no more than that.
        let much_later = at(10_000_000);
        let written = (0..1000)
            .filter(|_| budget.spend(much_later).is_some())
            .count();
        assert_eq!(written, usize::try_from(AT_ONCE).unwrap());
    }
}
