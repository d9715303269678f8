//! Building and starting the parts, each in its turn.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use drawbridge_gateway::{ChildEnvironment, Gateway, GatewayError};
use drawbridge_oauth::{
    AuthorizationServer, GuardedFetcher, ServerChoice, ServerDirectory, Settings,
};
use drawbridge_vault::ports::{Clock as _, Entropy as _, EntropyError, OsEntropy, SystemClock};
use drawbridge_vault::{KeyPlace, OpenError, OpenOptions, OsKeychain, StoreError, Vault};
use secrecy::SecretString;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Addresses, Engine, Events, Inner};
use crate::config::{Config, ConfigError, Folders, Front, GuideValues, PublicUrl, TunnelKind};
use crate::control::Client;
use crate::listeners;
#[cfg(unix)]
use crate::listeners::control::ControlSocket;
#[cfg(windows)]
use crate::listeners::control_pipe::ControlSocket;
use crate::ui_api::{PUBLIC_URL_SETTING, State, use_client_secret};

/// How long to wait for the keychain at login, when the desktop is still starting it.
const KEYCHAIN_WAIT: Duration = Duration::from_mins(1);
/// How often what has expired is removed.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// Why Drawbridge did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// One is running already.
    #[error(
        "Drawbridge is running already with the data folder {data}. Use it (drawbridge status), or stop it first"
    )]
    AlreadyRunning {
        /// The data folder.
        data: String,
    },
    /// A folder cannot be used.
    #[error(
        "the folder {path} cannot be used: {problem}. Choose another with DRAWBRIDGE_HOME, or make it yours"
    )]
    Folder {
        /// Which.
        path: String,
        /// Why.
        problem: std::io::Error,
    },
    /// A port cannot be had.
    #[error(
        "port {port} cannot be used: {problem}. Stop the program that has it, or choose another with {flag}"
    )]
    Port {
        /// The flag that chooses it.
        flag: &'static str,
        /// The port.
        port: u16,
        /// What the system said.
        problem: std::io::Error,
    },
    /// A kind of tunnel that is not there yet.
    #[error(
        "a {0} tunnel is not in this version. Use --tunnel off, or --tunnel own with an HTTPS front of your own"
    )]
    NotInThisVersion(&'static str),
    /// An own front without an address.
    #[error(
        "--tunnel own needs BASE_URL, the public address of your HTTPS front, like https://mcp.example.com. Set it in the environment or in .env"
    )]
    NoBaseUrl,
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The vault did not open.
    #[error(transparent)]
    Vault(#[from] OpenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fetcher of client metadata cannot speak TLS.
    #[error(transparent)]
    Fetcher(#[from] drawbridge_oauth::FetchError),
    /// The gateway did not start.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The client typed in by hand could not be kept.
    #[error(transparent)]
    Ui(#[from] crate::ui_api::UiError),
    /// The control socket could not be made.
    #[error(
        "the control socket in {path} cannot be made: {problem}. Choose a shorter or another folder with DRAWBRIDGE_HOME"
    )]
    Control {
        /// The run folder.
        path: String,
        /// What the system said.
        problem: std::io::Error,
    },
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

fn folder_error(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> StartError {
    let path = path.display().to_string();
    move |problem| StartError::Folder { path, problem }
}

async fn open_vault(folders: &Folders, key: Option<SecretString>) -> Result<Vault, StartError> {
    let key_is_set = key.is_some();
    let options = OpenOptions {
        directory: folders.data.clone(),
        keychain: Arc::new(OsKeychain),
        environment_key: key,
        entropy: Arc::new(OsEntropy),
        keychain_wait: KEYCHAIN_WAIT,
    };
    let vault = Vault::open(options).await?;
    let place = vault.key_place();
    if key_is_set && place != KeyPlace::Environment {
        tracing::warn!(
            key.place = %place,
            "TOKEN_ENCRYPTION_KEY is set but not used, because this data folder has its key \
             elsewhere: remove the variable, or use it with: drawbridge secrets move --to environment"
        );
    }
    Ok(vault)
}

/// The sockets, bound before anything slower, so that a port in use is known at once.
struct Sockets {
    loopback: listeners::Loopback,
    local: TcpListener,
}

impl Sockets {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let ports = config.ports;
        let failed = |flag, port| {
            move |problem| StartError::Port {
                flag,
                port,
                problem,
            }
        };
        Ok(Self {
            loopback: listeners::bind_loopback(ports.loopback)
                .await
                .map_err(failed("--port", ports.loopback))?,
            local: listeners::bind(ports.local)
                .await
                .map_err(failed("--local-port", ports.local))?,
        })
    }
}

/// The public address, if there is to be one: what was asked for, and what the vault remembers.
fn public_url(config: &Config, vault: &Vault) -> Result<Option<PublicUrl>, StartError> {
    let remembered = || -> Result<Option<PublicUrl>, StartError> {
        let text = vault.read::<_, StoreError>(|reader| reader.setting(PUBLIC_URL_SETTING))?;
        Ok(text.as_deref().map(PublicUrl::parse).transpose()?)
    };
    let known = match &config.guide.base_url {
        Some(url) => Some(url.clone()),
        None => remembered()?,
    };
    match config.tunnel {
        Some(TunnelKind::Quick) => Err(StartError::NotInThisVersion("quick")),
        Some(TunnelKind::Named) => Err(StartError::NotInThisVersion("named")),
        Some(TunnelKind::Off) => Ok(None),
        Some(TunnelKind::Own) => known.map(Some).ok_or(StartError::NoBaseUrl),
        None => Ok(known),
    }
}

/// A program put before each server's command, which makes it end when this process does, with
/// everything it started.
fn launcher() -> Option<(std::path::PathBuf, Vec<std::ffi::OsString>)> {
    cfg!(target_os = "linux").then(|| {
        let own = std::process::id().to_string();
        (
            "/proc/self/exe".into(),
            vec![crate::LAUNCH_ARGUMENT.into(), own.into()],
        )
    })
}

impl Engine {
    /// Starts everything; when it is back, the listeners serve.
    ///
    /// # Errors
    /// When a part cannot start. What had started before it has stopped again.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        match config.tunnel {
            Some(TunnelKind::Quick) => return Err(StartError::NotInThisVersion("quick")),
            Some(TunnelKind::Named) => return Err(StartError::NotInThisVersion("named")),
            _ => {}
        }
        // The vault holds the lock that makes this sure; asking first gives the better words, and
        // no port is taken from the one that runs.
        if Client::new(config.folders.clone()).is_answered().await {
            return Err(StartError::AlreadyRunning {
                data: config.folders.data.display().to_string(),
            });
        }
        let sockets = Sockets::bind(&config).await?;
        let vault = open_vault(&config.folders, config.guide.encryption_key.clone()).await?;
        let started = Self::start_with(config, sockets, vault.clone()).await;
        if started.is_err() {
            vault.close().await;
        }
        started
    }

    async fn start_with(
        config: Config,
        sockets: Sockets,
        vault: Vault,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock);
        let events = Events::default();
        let public = public_url(&config, &vault)?;
        let front = config.front;
        let tunnel = match &public {
            Some(public) => {
                let port = config.ports.tunnel;
                let socket = listeners::bind(port)
                    .await
                    .map_err(|problem| StartError::Port {
                        flag: "--tunnel-port",
                        port,
                        problem,
                    })?;
                Some((socket, public.clone()))
            }
            None => None,
        };
        let addresses = addresses(&sockets, tunnel.as_ref())?;
        let gateway = Gateway::start(drawbridge_gateway::Dependencies {
            vault: vault.clone(),
            clock: clock.clone(),
            environment: ChildEnvironment {
                variables: config.children,
                launcher: launcher(),
            },
            events: Arc::new(events.clone()),
            options: drawbridge_gateway::Options::default(),
        })?;
        let (settings, seen_settings) = watch::channel(Settings {
            known_clients_only: config.known_clients_only,
            local_listener: Some(addresses.local),
            public_origin: addresses.public_url(),
            ..Settings::default()
        });
        let oauth =
            authorization_server(&vault, Arc::new(gateway.clone()), seen_settings, &events).await?;
        if let Some(secret) = config.guide.client_secret {
            use_client_secret(&oauth, secret).await?;
        }
        let engine = Self {
            inner: Arc::new(Inner {
                folders: config.folders,
                addresses,
                vault,
                oauth,
                gateway,
                events,
                state: watch::Sender::new(State::Opening),
                started_at: clock.now(),
                stop: CancellationToken::new(),
                tasks: TaskTracker::new(),
                _settings: settings,
            }),
        };
        if let Err(error) = engine.serve(sockets, tunnel, front).await {
            engine.stop().await;
            return Err(error);
        }
        engine.set_state(State::Open);
        Ok(engine)
    }

    /// Starts the listeners and what runs beside them.
    async fn serve(
        &self,
        sockets: Sockets,
        tunnel: Option<(TcpListener, PublicUrl)>,
        front: Front,
    ) -> Result<(), StartError> {
        let Inner {
            oauth,
            gateway,
            stop,
            tasks,
            folders,
            ..
        } = &*self.inner;
        let place = if cfg!(unix) {
            &folders.run
        } else {
            &folders.data
        };
        let control = ControlSocket::bind(place)
            .await
            .map_err(|problem| StartError::Control {
                path: folders.run.display().to_string(),
                problem,
            })?;
        let routes = listeners::client_routes(
            oauth.public_router(),
            oauth.require_bearer(gateway.router()),
            instance_name()?,
        );
        if let Some((socket, public)) = tunnel {
            listeners::serve_tunnel(socket, &public, front, routes.clone(), stop, tasks);
        }
        let not_bound = folder_error(&folders.run);
        listeners::serve_loopback(sockets.loopback, routes, stop, tasks)
            .and_then(|()| listeners::serve_local(sockets.local, oauth.local_router(), stop, tasks))
            .map_err(not_bound)?;
        tasks.spawn(control.serve(self.clone(), stop.clone(), tasks.clone()));
        tasks.spawn(sweep(oauth.clone(), stop.clone()));
        #[cfg(target_os = "linux")]
        {
            let gateway = gateway.clone();
            tasks.spawn(crate::process_tree::reap_orphans(
                move || gateway.child_processes(),
                stop.clone(),
            ));
        }
        Ok(())
    }
}

fn addresses(
    sockets: &Sockets,
    tunnel: Option<&(TcpListener, PublicUrl)>,
) -> Result<Addresses, StartError> {
    let told = |address: std::io::Result<SocketAddr>| {
        address.map_err(|problem| StartError::Port {
            flag: "--port",
            port: 0,
            problem,
        })
    };
    Ok(Addresses {
        loopback: told(sockets.loopback.address())?,
        local: told(sockets.local.local_addr())?,
        tunnel: match tunnel {
            Some((socket, public)) => Some((told(socket.local_addr())?, public.clone())),
            None => None,
        },
    })
}

async fn authorization_server(
    vault: &Vault,
    servers: Arc<dyn ServerDirectory>,
    settings: watch::Receiver<Settings>,
    events: &Events,
) -> Result<AuthorizationServer, StartError> {
    AuthorizationServer::new(drawbridge_oauth::Dependencies {
        vault: vault.clone(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        documents: Arc::new(GuardedFetcher::system()?),
        servers,
        settings,
        events: Arc::new(events.clone()),
    })
    .await
    .map_err(Into::into)
}

/// A name nobody can guess, so that whoever asks `/health` knows that it is this very process.
fn instance_name() -> Result<String, EntropyError> {
    let mut bytes = [0_u8; 16];
    OsEntropy.fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

async fn sweep(oauth: AuthorizationServer, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => oauth.sweep().await,
        }
    }
}

/// The vault and the authorization server without listeners: for a command that changes what is
/// stored while Drawbridge does not run.
pub struct Offline {
    /// The vault.
    pub vault: Vault,
    /// The authorization server.
    pub oauth: AuthorizationServer,
    _settings: watch::Sender<Settings>,
}

/// Opens what is stored, as long as no Drawbridge runs with it.
///
/// # Errors
/// When one runs, or the vault does not open.
pub async fn open_offline(folders: &Folders, values: &GuideValues) -> Result<Offline, StartError> {
    let vault = open_vault(folders, values.encryption_key.clone()).await?;
    let (settings, seen_settings) = watch::channel(Settings::default());
    let oauth = authorization_server(
        &vault,
        Arc::new(NoServers),
        seen_settings,
        &Events::default(),
    )
    .await?;
    Ok(Offline {
        vault,
        oauth,
        _settings: settings,
    })
}

/// Nobody is asked anything while Drawbridge does not run.
struct NoServers;

impl ServerDirectory for NoServers {
    fn servers(&self) -> Vec<ServerChoice> {
        Vec::new()
    }
}
