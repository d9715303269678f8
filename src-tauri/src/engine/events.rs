//! The one stream of news: everything that happens goes to the windows, the tray, the terminal's
//! prompt and the log in the same form.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use crate::logging::Throttle;
use crate::ui_api::State;

/// News kept for a listener that is slow; one that falls further behind misses the oldest.
const KEPT: usize = 256;
/// The shortest time between two news of strangers' failures, so that a flood of them does not
/// push out what matters.
const NOISE_EVERY: Duration = Duration::from_millis(100);

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Drawbridge's own state changed.
    State(State),
    /// The owner's settings changed.
    Settings,
    /// Something happened to clients, approvals or grants.
    OAuth(drawbridge_oauth::Event),
    /// Something happened to servers or calls.
    Gateway(drawbridge_gateway::Event),
    /// There is something new to read in the history.
    History,
}

/// Where news is sent and listened to. Clones are one stream.
#[derive(Clone)]
pub struct Events(Arc<Stream>);

struct Stream {
    sender: broadcast::Sender<Event>,
    floods: Throttle,
    /// When strangers' failures were told last.
    told_noise: Mutex<Option<Instant>>,
    /// How many of them were not told.
    held_back: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        let stream = Stream {
            sender: broadcast::Sender::new(KEPT),
            floods: Throttle::default(),
            told_noise: Mutex::default(),
            held_back: AtomicU64::new(0),
        };
        Self(Arc::new(stream))
    }
}

impl Events {
    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.sender.subscribe()
    }

    /// Tells everybody who listens.
    pub fn tell(&self, event: Event) {
        let _nobody_listens = self.0.sender.send(event);
    }

    /// How many failures of strangers were not told since this was last asked.
    pub(super) fn take_held_back(&self) -> u64 {
        self.0.held_back.swap(0, Ordering::Relaxed)
    }

    /// Whether to tell what strangers can make happen as often as they like. If not, it is counted.
    fn may_tell_noise(&self, now: Instant) -> bool {
        let mut told = self
            .0
            .told_noise
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let may = told.is_none_or(|told| now.saturating_duration_since(told) >= NOISE_EVERY);
        if may {
            *told = Some(now);
        } else {
            self.0.held_back.fetch_add(1, Ordering::Relaxed);
        }
        may
    }
}

/// What anybody can make happen without being asked anything.
const fn is_noise(event: &drawbridge_oauth::Event) -> bool {
    use drawbridge_oauth::Event;
    matches!(
        event,
        Event::RateLimited { .. } | Event::ClientRefused { .. } | Event::TokenRefused { .. }
    )
}

impl drawbridge_oauth::EventSink for Events {
    fn send(&self, event: drawbridge_oauth::Event) {
        record(&event, &self.0.floods);
        if !is_noise(&event) || self.may_tell_noise(Instant::now()) {
            self.tell(Event::OAuth(event));
        }
    }
}

impl drawbridge_gateway::EventSink for Events {
    fn send(&self, event: drawbridge_gateway::Event) {
        self.tell(Event::Gateway(event));
    }
}

/// Writes down what the owner may want to read later. Refused token requests the authorization
/// server writes down itself.
fn record(event: &drawbridge_oauth::Event, floods: &Throttle) {
    use drawbridge_oauth::{ApprovalOutcome, Event};
    match event {
        Event::ClientRegistered { client, name, .. } => tracing::info!(
            client.id = client,
            client.name = name,
            "a client registered itself"
        ),
        Event::ClientRefused { reason } => tracing::info!(reason, "a client was refused"),
        Event::ApprovalWaiting { approval, client } => {
            tracing::info!(approval.id = %approval, client.id = client, "a client asks to connect");
        }
        Event::ApprovalEnded { approval, outcome } => {
            let outcome = match outcome {
                ApprovalOutcome::Approved => "approved",
                ApprovalOutcome::Denied => "denied by the owner",
                ApprovalOutcome::TimedOut => "withdrawn: nobody answered in time",
                ApprovalOutcome::Abandoned => "withdrawn: the browser or Drawbridge went away",
            };
            tracing::info!(approval.id = %approval, outcome, "a question has ended");
        }
        Event::Connected { grant, client } => {
            tracing::info!(grant.id = %grant, client.id = client, "a client is connected");
        }
        Event::Refreshed { grant } => {
            tracing::info!(grant.id = %grant, "a connection got new tokens");
        }
        Event::GrantEnded { grant, reason } => {
            tracing::info!(grant.id = %grant, reason = reason.as_str(), "a connection has ended");
        }
        Event::RateLimited { endpoint } => {
            if let Some(others) = floods.let_through(Instant::now()) {
                tracing::warn!(endpoint, others, "too many requests; some were refused");
            }
        }
        Event::PairingGuessed => {
            tracing::warn!("somebody guesses pairing codes; the code does not work any more");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_pushes_nothing_out() {
        use drawbridge_oauth::EventSink as _;
        let events = Events::default();
        let mut news = events.listen();
        events.tell(Event::Settings);
        for _ in 0..(10 * KEPT) {
            events.send(drawbridge_oauth::Event::RateLimited {
                endpoint: "register",
            });
        }
        assert!(matches!(news.try_recv(), Ok(Event::Settings)));
        assert!(matches!(news.try_recv(), Ok(Event::OAuth(_))));
        assert!(events.take_held_back() > u64::try_from(8 * KEPT).unwrap());
        assert_eq!(events.take_held_back(), 0);
    }
}
