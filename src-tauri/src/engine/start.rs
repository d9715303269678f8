//! Building and starting the parts, each in its turn.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use drawbridge_gateway::{ChildEnvironment, Gateway, GatewayError};
use drawbridge_oauth::{
    AuthorizationServer, GuardedFetcher, ServerChoice, ServerDirectory, Settings,
};
use drawbridge_vault::ports::{Clock as _, EntropyError, OsEntropy, SystemClock};
use drawbridge_vault::{
    DataDirectory, DirectoryError, KeyPlace, Keychain, OpenError, OpenOptions, OsKeychain,
    StoreError, Vault,
};
use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bridge::{Bridge, instance_name};
use super::history::History;
use super::settings::{Effective, Given, LoadError, Stored};
use super::{Engine, Events, Inner};
use crate::config::{Config, ConfigError, Folders, GuideValues, TunnelKind};
use crate::confirmations::Confirmations;
use crate::control::Client;
#[cfg(unix)]
use crate::listeners::control::ControlSocket;
#[cfg(windows)]
use crate::listeners::control_pipe::ControlSocket;
use crate::ui_api::{State, use_client_secret};

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
    /// A kind of tunnel that is not there yet.
    #[error(
        "a {0} tunnel is not in this version. Use --tunnel off, or --tunnel own with an HTTPS front of your own"
    )]
    NotInThisVersion(&'static str),
    /// The stored settings cannot be read.
    #[error(transparent)]
    Settings(#[from] LoadError),
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

async fn open_vault(
    folders: &Folders,
    held: Option<DataDirectory>,
    key: Option<SecretString>,
    keychain: Arc<dyn Keychain>,
) -> Result<Vault, StartError> {
    let key_is_set = key.is_some();
    let options = OpenOptions {
        directory: folders.data.clone(),
        keychain,
        environment_key: key,
        entropy: Arc::new(OsEntropy),
        keychain_wait: KEYCHAIN_WAIT,
    };
    let vault = match held {
        Some(held) => Vault::open_held(held, options).await?,
        None => Vault::open(options).await?,
    };
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

/// A program put before each server's command, which makes it end when this process does, with
/// everything it started.
fn launcher() -> Option<(std::path::PathBuf, Vec<std::ffi::OsString>)> {
    // A unit test's own program is no Drawbridge.
    (cfg!(target_os = "linux") && !cfg!(test)).then(|| {
        let own = std::process::id().to_string();
        (
            "/proc/self/exe".into(),
            vec![crate::LAUNCH_ARGUMENT.into(), own.into()],
        )
    })
}

/// The data folder and the control socket, taken before anything else is done: from here on no
/// other Drawbridge starts with this folder, and who asks this one something waits until it has
/// started.
pub struct Claim {
    folder: DataDirectory,
    control: ControlSocket,
}

impl Claim {
    /// Takes both.
    ///
    /// # Errors
    /// [`StartError::AlreadyRunning`] when another has them, or they cannot be made.
    pub async fn take(folders: &Folders) -> Result<Self, StartError> {
        let running = || StartError::AlreadyRunning {
            data: folders.data.display().to_string(),
        };
        // The lock is what makes this sure; asking first gives the better words.
        if Client::new(folders.clone()).is_answered().await {
            return Err(running());
        }
        let path = folders.data.clone();
        let held = tokio::task::spawn_blocking(move || DataDirectory::hold(&path)).await;
        let folder = match held.map_err(|_| StoreError::Panicked)? {
            Err(DirectoryError::InUse { .. }) => return Err(running()),
            held => held.map_err(OpenError::from)?,
        };
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
        Ok(Self { folder, control })
    }
}

impl Engine {
    /// Starts everything but the ways in: see [`Engine::open`].
    ///
    /// # Errors
    /// When a part cannot start. What had started before it has stopped again.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_on(config, Arc::new(OsKeychain)).await
    }

    /// The same with what was taken before.
    ///
    /// # Errors
    /// As [`Engine::start`]; then the claim is given up.
    pub async fn start_claimed(config: Config, claim: Claim) -> Result<Self, StartError> {
        Self::start_with(config, claim, Arc::new(OsKeychain)).await
    }

    /// The same with another keychain than the system's: tests leave the owner's alone.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_on(config: Config, keychain: Arc<dyn Keychain>) -> Result<Self, StartError> {
        let claim = Claim::take(&config.folders).await?;
        Self::start_with(config, claim, keychain).await
    }

    async fn start_with(
        config: Config,
        claim: Claim,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, StartError> {
        match config.tunnel {
            Some(TunnelKind::Quick) => return Err(StartError::NotInThisVersion("quick")),
            Some(TunnelKind::Named) => return Err(StartError::NotInThisVersion("named")),
            _ => {}
        }
        let Claim { folder, control } = claim;
        let key = config.guide.encryption_key.clone();
        let vault = open_vault(&config.folders, Some(folder), key, keychain).await?;
        let started = Self::start_in(config, vault.clone(), control).await;
        if started.is_err() {
            vault.close().await;
        }
        started
    }

    async fn start_in(
        config: Config,
        vault: Vault,
        control: ControlSocket,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock);
        let events = Events::default();
        let given = Given::of(&config);
        let stored = Effective::of(&given, &Stored::load(&vault)?);
        let bridge = Bridge::new(given, instance_name(&OsEntropy)?);
        let history = History::load(&vault)?;
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
        let (oauth_settings, seen_settings) = watch::channel(Settings::default());
        let oauth =
            authorization_server(&vault, Arc::new(gateway.clone()), seen_settings, &events).await?;
        if let Some(secret) = config.guide.client_secret {
            use_client_secret(&oauth, secret).await?;
        }
        let engine = Self {
            inner: Arc::new(Inner {
                folders: config.folders,
                vault,
                oauth,
                gateway,
                events,
                history,
                confirmations: Confirmations::new(
                    clock.clone(),
                    Arc::new(OsEntropy),
                    config.window,
                ),
                state: watch::Sender::new(State::Closed),
                problem: Mutex::default(),
                bridge,
                erasing: AtomicBool::new(false),
                started_at: clock.now(),
                stop: CancellationToken::new(),
                tasks: TaskTracker::new(),
                oauth_settings,
                has_tray: AtomicBool::new(true),
                tray_notice: AtomicBool::new(false),
            }),
        };
        engine.tell_oauth(&stored);
        engine.serve_owner(control);
        Ok(engine)
    }

    /// Serves the control socket, and starts what runs beside it.
    fn serve_owner(&self, control: ControlSocket) {
        let Inner {
            oauth,
            gateway,
            stop,
            tasks,
            ..
        } = &*self.inner;
        tasks.spawn(control.serve(self.clone(), stop.clone(), tasks.clone()));
        tasks.spawn(sweep(oauth.clone(), stop.clone()));
        let news = self.events();
        tasks.spawn(self.clone().keep_history(news, stop.clone()));
        #[cfg(target_os = "linux")]
        {
            let gateway = gateway.clone();
            tasks.spawn(crate::process_tree::reap_orphans(
                move || gateway.child_processes(),
                stop.clone(),
            ));
        }
    }
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
    let key = values.encryption_key.clone();
    let vault = open_vault(folders, None, key, Arc::new(OsKeychain)).await?;
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
