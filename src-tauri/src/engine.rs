//! The composition root: builds every part, starts and stops them in order.
//!
//! ```text
//! start: lock → vault → gateway → oauth → values of the guide → control socket
//! open:  ports → listeners        close: approvals → listeners → ports
//! ```
//! Started it answers the command line and the window; opened, clients too, until it is closed,
//! any number of times. It stops the other way round: no new requests, a second for those in
//! flight, the servers' children, the vault. Everything that runs in the background belongs to a
//! task tracker and ends with a token: those of the opening, or the engine's.

mod bridge;
mod erase;
mod events;
mod history;
mod settings;
mod start;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drawbridge_gateway::Gateway;
use drawbridge_oauth::AuthorizationServer;
use drawbridge_vault::Vault;
use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Folders, PublicUrl};
use crate::confirmations::Confirmations;
use crate::ui_api::{State, UiError};

use bridge::Bridge;
use history::History;

pub use bridge::OpenError;
pub(crate) use bridge::port_problem;
pub use erase::EraseError;
pub use events::{Event, Events};
pub use history::{Entry, Family, KEPT_ENTRIES, Milestones, Stored as StoredEntry};
pub use settings::{Effective, LoadError, SettingsProblem};
pub use start::{Claim, Offline, StartError, open_offline};

/// How long requests and commands in flight may take to finish.
const FINISH_REQUESTS: Duration = Duration::from_millis(1100);
/// How long the servers' children may take to end.
const FINISH_SERVERS: Duration = Duration::from_millis(500);
/// How long the vault may take to close. What clients were told is on disk already.
const FINISH_VAULT: Duration = Duration::from_millis(250);

/// Where the listeners are.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Clients on this computer.
    pub loopback: SocketAddr,
    /// The browser's proof.
    pub local: SocketAddr,
    /// The owner's HTTPS front, with the public address it stands for.
    pub tunnel: Option<(SocketAddr, PublicUrl)>,
}

impl Addresses {
    /// Where clients on this computer reach it, without a path.
    #[must_use]
    pub fn local_url(&self) -> String {
        format!("http://{}", self.loopback)
    }

    /// The public origin, if there is one.
    #[must_use]
    pub fn public_url(&self) -> Option<String> {
        self.tunnel
            .as_ref()
            .map(|(_, public)| public.origin().to_owned())
    }

    /// Where the owner's HTTPS front must forward to, if there is one.
    #[must_use]
    pub fn tunnel_url(&self) -> Option<String> {
        self.tunnel
            .as_ref()
            .map(|(address, _)| format!("http://{address}"))
    }

    /// What is pasted into a client: the public address where there is one.
    #[must_use]
    pub fn connector_url(&self) -> String {
        let origin = self.public_url().unwrap_or_else(|| self.local_url());
        format!("{origin}{}", drawbridge_oauth::MCP_PATH)
    }
}

/// The running engine. Clones are one.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    folders: Folders,
    vault: Vault,
    oauth: AuthorizationServer,
    gateway: Gateway,
    events: Events,
    history: History,
    confirmations: Confirmations,
    state: watch::Sender<State>,
    /// Why the state is [`State::Attention`].
    problem: Mutex<Option<UiError>>,
    bridge: Bridge,
    /// Whether everything is being erased.
    erasing: AtomicBool,
    started_at: Timestamp,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// What the authorization server sees of the settings.
    oauth_settings: watch::Sender<drawbridge_oauth::Settings>,
    /// See [`Engine::set_tray`].
    has_tray: AtomicBool,
    tray_notice: AtomicBool,
}

impl Engine {
    /// The folders it works in.
    #[must_use]
    pub fn folders(&self) -> &Folders {
        &self.inner.folders
    }

    /// The state a person is shown.
    #[must_use]
    pub fn state(&self) -> State {
        *self.inner.state.borrow()
    }

    /// What needs the owner, while the state is [`State::Attention`].
    #[must_use]
    pub fn problem(&self) -> Option<UiError> {
        self.inner
            .problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The state, and its changes.
    #[must_use]
    pub fn watch_state(&self) -> watch::Receiver<State> {
        self.inner.state.subscribe()
    }

    /// News from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.listen()
    }

    /// Since when it runs.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.inner.started_at
    }

    /// The vault.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// The authorization server.
    #[must_use]
    pub fn oauth(&self) -> &AuthorizationServer {
        &self.inner.oauth
    }

    /// The gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.inner.gateway
    }

    /// What a person confirms in the window before it is done, and who attends there.
    #[must_use]
    pub fn confirmations(&self) -> &Confirmations {
        &self.inner.confirmations
    }

    /// Whether the desktop has a place for the tray icon; without one closing the window quits.
    #[must_use]
    pub fn has_tray(&self) -> bool {
        self.inner.has_tray.load(Ordering::Relaxed)
    }

    /// Whether the owner is to be told in this run that there is no tray.
    #[must_use]
    pub fn tray_notice(&self) -> bool {
        self.inner.tray_notice.load(Ordering::Relaxed)
    }

    /// What the desktop found.
    pub fn set_tray(&self, present: bool, notice: bool) {
        self.inner.has_tray.store(present, Ordering::Relaxed);
        self.inner.tray_notice.store(notice, Ordering::Relaxed);
    }

    /// Ends when [`Engine::stop`] was called.
    pub async fn stopped(&self) {
        self.inner.stop.cancelled().await;
    }

    fn set_state(&self, state: State, problem: Option<UiError>) {
        let mut known = self
            .inner
            .problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let other_problem = *known != problem;
        *known = problem;
        drop(known);
        if self.inner.state.send_replace(state) != state || other_problem {
            self.inner.events.tell(Event::State(state));
        }
    }

    /// Stops everything, in order and within two seconds. A second call does nothing.
    pub async fn stop(&self) {
        let inner = &self.inner;
        if inner.stop.is_cancelled() {
            return;
        }
        self.set_state(State::Closed, None);
        inner.confirmations.close();
        inner.oauth.close_approvals();
        inner.stop.cancel();
        inner.tasks.close();
        let mut orderly = true;
        let finished = async { tokio::join!(self.close(), inner.tasks.wait()) };
        orderly &= tokio::time::timeout(FINISH_REQUESTS, finished)
            .await
            .is_ok();
        orderly &= tokio::time::timeout(FINISH_SERVERS, inner.gateway.shutdown())
            .await
            .is_ok();
        orderly &= tokio::time::timeout(FINISH_VAULT, inner.vault.close())
            .await
            .is_ok();
        if orderly {
            tracing::info!("Drawbridge has stopped");
        } else {
            tracing::warn!(
                "Drawbridge has stopped; something did not finish in time and was cut off"
            );
        }
    }
}
