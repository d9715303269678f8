//! Opening and closing the ways in.
//!
//! Who opens, closes or changes settings waits for its turn, so that there is one such thing at a
//! time, in the order they were asked for. Closing does not wait for an opening that is under way:
//! it ends it. Each opening has sockets, tasks and a stop token of its own; when it ends, its ports
//! are free. The control socket, the servers and what is stored stay through it all.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError, RwLock};

use drawbridge_vault::ports::EntropyError;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::settings::{self, Effective, Given, LoadError, SettingsProblem, Stored, Ways};
use super::{Addresses, Engine, Event, FINISH_REQUESTS};
use crate::config::{LOOPBACK, Listener, Ports, PublicUrl};
use crate::listeners;
use crate::ui_api::{SettingsChange, State, UiError};

/// Why the ways in could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A port cannot be had.
    #[error(
        "port {port} {}, or choose another with {}",
        port_problem(problem), listener.flag()
    )]
    Port {
        /// For which listener.
        listener: Listener,
        /// The port.
        port: u16,
        /// What the system said.
        problem: io::Error,
    },
    /// The settings cannot be used together.
    #[error(transparent)]
    Settings(SettingsProblem),
    /// The settings cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A socket that was bound does not say where.
    #[error("a listener could not be started: {0}. Try again")]
    Socket(io::Error),
    /// It was closed before it was open.
    #[error("it was closed before it was open")]
    Interrupted,
    /// Drawbridge stops.
    #[error("Drawbridge is stopping")]
    Stopped,
}

/// What is wrong with a port and what to do first, to stand after its number.
pub(crate) fn port_problem(problem: &io::Error) -> String {
    if problem.kind() == io::ErrorKind::AddrInUse {
        "is used by another program. Quit that one".to_owned()
    } else {
        format!("cannot be used ({problem}). Mend that")
    }
}

/// The ways in, as far as they are open.
pub(super) struct Bridge {
    given: Given,
    /// A name nobody can guess, so that whoever asks `/health` knows that it is this very process.
    instance: String,
    /// Held by whoever opens, closes or changes settings.
    turn: tokio::sync::Mutex<Turn>,
    /// Ends the opening under way.
    opening: Mutex<CancellationToken>,
    places: RwLock<Places>,
}

#[derive(Default)]
struct Turn {
    open: Option<Opening>,
    /// What was opened last, or tried to be; `None` once it is closed.
    wanted: Option<Result<Ways, SettingsProblem>>,
}

/// What ends with one opening.
struct Opening {
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Places {
    /// Where it listens.
    open: Option<Addresses>,
    /// The free ports that were found last, for where any free one will do: who stops and starts
    /// again finds clients' settings still right.
    found: Option<Ports>,
}

/// The sockets of one opening.
struct Sockets {
    loopback: listeners::Loopback,
    local: TcpListener,
    tunnel: Option<(TcpListener, PublicUrl)>,
}

impl Bridge {
    pub(super) fn new(given: Given, instance: String) -> Self {
        Self {
            given,
            instance,
            turn: tokio::sync::Mutex::default(),
            opening: Mutex::default(),
            places: RwLock::default(),
        }
    }

    /// Ends an opening that is under way.
    fn interrupt(&self) {
        self.opening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cancel();
    }

    /// Keeps everybody else from opening and closing.
    #[cfg(test)]
    pub(super) async fn hold_turn(&self) -> impl Drop {
        self.turn.lock().await
    }

    fn begin_opening(&self, stop: &CancellationToken) -> CancellationToken {
        let token = stop.child_token();
        *self.opening.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        token
    }

    fn set_open(&self, addresses: Option<Addresses>) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(addresses) = &addresses {
            places.found = Some(Ports {
                loopback: addresses.loopback.port(),
                local: addresses.local.port(),
                tunnel: addresses.tunnel.as_ref().map_or_else(
                    || places.found.map_or(0, |found| found.tunnel),
                    |(address, _)| address.port(),
                ),
            });
        }
        places.open = addresses;
    }

    /// Where it listens, or would.
    fn addresses(&self, settings: impl FnOnce() -> Effective) -> Addresses {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &places.open {
            return open.clone();
        }
        let found = places.found.unwrap_or(Ports {
            loopback: 0,
            local: 0,
            tunnel: 0,
        });
        drop(places);
        let settings = settings();
        let at = |listener| {
            let port = match settings.ports.of(listener) {
                0 => found.of(listener),
                port => port,
            };
            SocketAddr::from((LOOPBACK, port))
        };
        Addresses {
            loopback: at(Listener::Loopback),
            local: at(Listener::Local),
            tunnel: settings
                .public()
                .map(|public| (at(Listener::Tunnel), public)),
        }
    }
}

impl Engine {
    /// Opens the ways in, as flags, environment and settings say. Does nothing while they are open.
    /// It is carried out even when nobody waits for it any more.
    ///
    /// # Errors
    /// When they cannot be opened: then [`Engine::state`] is [`State::Attention`] and
    /// [`Engine::problem`] says the same for a window.
    pub async fn open(&self) -> Result<(), OpenError> {
        let engine = self.clone();
        let open = tokio::spawn(async move {
            let mut turn = engine.inner.bridge.turn.lock().await;
            engine.open_now(&mut turn).await
        });
        open.await.unwrap_or(Err(OpenError::Stopped))
    }

    /// Closes the ways in: withdraws what waits for the owner (not as denied), ends what is under
    /// way, and frees the ports, all within 1.1 seconds. Does nothing while they are closed. It is
    /// carried out even when nobody waits for it any more.
    pub async fn close(&self) {
        self.inner.bridge.interrupt();
        let engine = self.clone();
        let close = tokio::spawn(async move {
            let mut turn = engine.inner.bridge.turn.lock().await;
            turn.wanted = None;
            engine.close_now(&mut turn).await;
            engine.set_state(State::Closed, None);
        });
        if close.await.is_err() {
            tracing::error!("the listeners could not be closed");
        }
    }

    /// Where it listens; while it is closed, where it would.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        let bridge = &self.inner.bridge;
        bridge.addresses(|| {
            self.settings().unwrap_or_else(|error| {
                tracing::warn!(%error, "the usual settings are assumed");
                Effective::of(&bridge.given, &Stored::default())
            })
        })
    }

    /// The settings in force.
    ///
    /// # Errors
    /// When what is stored cannot be read.
    pub fn settings(&self) -> Result<Effective, LoadError> {
        let stored = Stored::load(self.vault())?;
        Ok(Effective::of(&self.inner.bridge.given, &stored))
    }

    /// Changes settings, all that is asked or nothing, and opens anew where an open bridge has to.
    ///
    /// # Errors
    /// What is wrong with the change, in whole sentences; nothing was stored.
    pub async fn change_settings(&self, change: SettingsChange) -> Result<(), UiError> {
        let engine = self.clone();
        let changed = tokio::spawn(async move {
            let mut turn = engine.inner.bridge.turn.lock().await;
            engine.change_in_turn(&mut turn, change).await
        });
        changed.await.map_err(UiError::failed)?
    }

    async fn change_in_turn(&self, turn: &mut Turn, change: SettingsChange) -> Result<(), UiError> {
        let given = &self.inner.bridge.given;
        let stored = settings::change(given, &Stored::load(self.vault())?, change)?;
        let effective = Effective::of(given, &stored);
        stored.store(self.vault()).await?;
        let moved = turn
            .wanted
            .as_ref()
            .is_some_and(|wanted| *wanted != effective.ways());
        if moved {
            self.close_now(turn).await;
            if let Err(error) = self.open_now(turn).await {
                tracing::warn!(%error, "the changed settings could not be opened with");
            }
        } else {
            self.tell_oauth(&effective);
        }
        self.inner.events.tell(Event::Settings);
        Ok(())
    }

    async fn open_now(&self, turn: &mut Turn) -> Result<(), OpenError> {
        if self.inner.stop.is_cancelled() || self.inner.erasing.load(Ordering::SeqCst) {
            return Err(OpenError::Stopped);
        }
        if turn.open.is_some() {
            return Ok(());
        }
        let bridge = &self.inner.bridge;
        let interrupted = bridge.begin_opening(&self.inner.stop);
        self.set_state(State::Opening, None);
        let opened = tokio::select! {
            biased;
            () = interrupted.cancelled() => Err(OpenError::Interrupted),
            opened = self.bind(turn) => opened,
        };
        match opened.and_then(|(sockets, settings)| self.serve(sockets, &settings)) {
            Ok(opening) => {
                turn.open = Some(opening);
                self.set_state(State::Open, None);
                tracing::info!("the bridge is open");
                Ok(())
            }
            Err(OpenError::Interrupted) => {
                turn.wanted = None;
                self.set_state(State::Closed, None);
                Err(OpenError::Interrupted)
            }
            Err(error) => {
                tracing::warn!(%error, "the bridge could not be opened");
                self.set_state(State::Attention, Some(UiError::from(&error)));
                Err(error)
            }
        }
    }

    /// Binds every socket there is to be. Dropped on the way it leaves none.
    async fn bind(&self, turn: &mut Turn) -> Result<(Sockets, Effective), OpenError> {
        let settings = self.settings()?;
        let ways = settings.ways();
        turn.wanted = Some(ways.clone());
        let Ways { ports, public } = ways.map_err(OpenError::Settings)?;
        let found = {
            let bridge = &self.inner.bridge;
            let places = bridge.places.read().unwrap_or_else(PoisonError::into_inner);
            places.found
        };
        let plan = |listener| Plan {
            listener,
            port: ports.of(listener),
            found: found.map_or(0, |found| found.of(listener)),
        };
        let sockets = Sockets {
            loopback: plan(Listener::Loopback)
                .bind(listeners::bind_loopback)
                .await?,
            local: plan(Listener::Local).bind(listeners::bind).await?,
            tunnel: match public {
                None => None,
                Some(public) => {
                    let socket = plan(Listener::Tunnel).bind(listeners::bind).await?;
                    Some((socket, public))
                }
            },
        };
        Ok((sockets, settings))
    }

    /// Starts the listeners.
    fn serve(&self, sockets: Sockets, settings: &Effective) -> Result<Opening, OpenError> {
        let inner = &self.inner;
        let addresses = sockets.addresses().map_err(OpenError::Socket)?;
        let opening = Opening {
            stop: inner.stop.child_token(),
            tasks: TaskTracker::new(),
        };
        let (stop, tasks) = (&opening.stop, &opening.tasks);
        let routes = listeners::client_routes(
            inner.oauth.public_router(),
            inner.oauth.require_bearer(inner.gateway.router()),
            inner.bridge.instance.clone(),
        );
        inner.bridge.set_open(Some(addresses));
        self.tell_oauth(settings);
        inner.oauth.open_approvals();
        if let Some((socket, public)) = sockets.tunnel {
            let front = inner.bridge.given.front;
            listeners::serve_tunnel(socket, &public, front, routes.clone(), stop, tasks);
        }
        let served = listeners::serve_local(sockets.local, inner.oauth.local_router(), stop, tasks)
            .and_then(|()| listeners::serve_loopback(sockets.loopback, routes, stop, tasks));
        if let Err(problem) = served {
            opening.stop.cancel();
            inner.bridge.set_open(None);
            self.tell_oauth(settings);
            return Err(OpenError::Socket(problem));
        }
        Ok(opening)
    }

    async fn close_now(&self, turn: &mut Turn) {
        let inner = &self.inner;
        // Before the listeners stop, so that waiting browsers still hear it.
        inner.oauth.close_approvals();
        let Some(opening) = turn.open.take() else {
            return;
        };
        opening.stop.cancel();
        opening.tasks.close();
        if tokio::time::timeout(FINISH_REQUESTS, opening.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some requests did not finish in time and were cut off");
        }
        inner.bridge.set_open(None);
        match self.settings() {
            Ok(settings) => self.tell_oauth(&settings),
            // The vault is closed already.
            Err(error) => tracing::debug!(%error, "the settings could not be read"),
        }
        tracing::info!("the bridge is closed");
    }

    /// What the authorization server sees of the settings, and of where it is reached.
    pub(super) fn tell_oauth(&self, settings: &Effective) {
        let bridge = &self.inner.bridge;
        let is_open = {
            let places = bridge.places.read().unwrap_or_else(PoisonError::into_inner);
            places.open.is_some()
        };
        let addresses = bridge.addresses(|| settings.clone());
        self.inner
            .oauth_settings
            .send_replace(drawbridge_oauth::Settings {
                known_clients_only: settings.known_clients_only,
                armed_only: settings.armed_only,
                local_listener: is_open.then_some(addresses.local),
                public_origin: addresses.public_url(),
            });
    }
}

/// A port to be bound.
struct Plan {
    listener: Listener,
    port: u16,
    /// The free one that was found last, 0 for none.
    found: u16,
}

impl Plan {
    async fn bind<T>(&self, bind: impl AsyncFn(u16) -> io::Result<T>) -> Result<T, OpenError> {
        if self.port == 0
            && self.found != 0
            && let Ok(bound) = bind(self.found).await
        {
            return Ok(bound);
        }
        bind(self.port).await.map_err(|problem| OpenError::Port {
            listener: self.listener,
            port: self.port,
            problem,
        })
    }
}

impl Sockets {
    fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            loopback: self.loopback.address()?,
            local: self.local.local_addr()?,
            tunnel: match &self.tunnel {
                Some((socket, public)) => Some((socket.local_addr()?, public.clone())),
                None => None,
            },
        })
    }
}

/// A name nobody can guess.
pub(super) fn instance_name(
    entropy: &dyn drawbridge_vault::ports::Entropy,
) -> Result<String, EntropyError> {
    let mut bytes = [0_u8; 16];
    entropy.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
