//! The one stream of news: everything that happens goes to the windows, the tray, the terminal's
//! prompt and the log in the same form.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::broadcast;

use crate::logging::Throttle;
use crate::ui_api::State;

/// News kept for a listener that is slow; one that falls further behind misses the oldest.
const KEPT: usize = 256;

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
}

/// Where news is sent and listened to. Clones are one stream.
#[derive(Clone)]
pub struct Events(Arc<Stream>);

struct Stream {
    sender: broadcast::Sender<Event>,
    floods: Throttle,
}

impl Default for Events {
    fn default() -> Self {
        let stream = Stream {
            sender: broadcast::Sender::new(KEPT),
            floods: Throttle::default(),
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
}

impl drawbridge_oauth::EventSink for Events {
    fn send(&self, event: drawbridge_oauth::Event) {
        record(&event, &self.0.floods);
        self.tell(Event::OAuth(event));
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
        Event::ClientRegistered { client, name } => tracing::info!(
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
