//! Drawbridge, the app: puts the crates together and opens the ways in.
//!
//! # What it promises
//! - Nothing but the listed paths is reachable, and at each listener only what belongs there:
//!   `Host` and `Origin` are checked before anything else.
//! - Commands are taken from this user's own programs only, and from none that a server started.
//! - Everything it starts ends with it: two seconds after it is told to stop nothing is left.
//! - No secret is printed but where its owner asked for it, once.
//!
//! # What it never does
//! - Listen on an address other computers can reach.
//! - Approve by itself, or take silence for a yes.
//! - Change its own environment, or hand it to children as it is.
//!
//! # Where things are
//! | file | what |
//! |---|---|
//! | `main.rs` | the process: errors and exit code |
//! | `config.rs`, `config/` | the environment, `.env` and flags, checked into one value |
//! | `engine.rs`, `engine/` | the composition root: starts and stops every part in order |
//! | `confirmations.rs`, `confirmations/` | what a person confirms in the window before it is done |
//! | `listeners/` | the ways in: loopback, tunnel, local, control; `host_guard.rs` has the rules |
//! | `ui_api/` | what a window or the command line may ask, as plain data |
//! | `control/` | the command line's conversation with a running Drawbridge |
//! | `cli/` | one file per command |
//! | `process_tree.rs` | who descends from whom; orphans |
//! | `logging.rs`, `logging/` | standard error and the log file |
//! | `exit.rs` | exit codes |
//! | `desktop/` | the window (feature `gui`) |

pub mod cli;
pub mod config;
pub mod confirmations;
pub mod control;
#[cfg(feature = "gui")]
mod desktop;
pub mod engine;
pub mod exit;
pub mod listeners;
pub mod logging;
pub mod process_tree;
#[cfg(test)]
mod testing;
pub mod ui_api;

use std::ffi::OsString;

use clap::Parser as _;

use cli::{Arguments, Command, CommandError, Context, Terminal};
use config::Environment;
use exit::ExitStatus;

/// The hidden first argument that makes this program start a server's command and become its
/// watcher: see `drawbridge_gateway::launch`.
pub const LAUNCH_ARGUMENT: &str = "--launch-server";
/// The hidden first argument of a watcher.
#[cfg(target_os = "linux")]
const WATCH_ARGUMENT: &str = "--watch-server";

/// Runs what the command line says, to its end. Never returns from becoming a server's watcher,
/// unless that fails.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments
        .get(1)
        .is_some_and(|first| first == LAUNCH_ARGUMENT)
    {
        return launch(arguments.into_iter().skip(2));
    }
    #[cfg(target_os = "linux")]
    if arguments
        .get(1)
        .is_some_and(|first| first == WATCH_ARGUMENT)
    {
        return match drawbridge_gateway::launch::watch(arguments.into_iter().skip(2)) {
            Ok(code) => ExitStatus::AsServer(code),
            Err(_) => ExitStatus::Failed,
        };
    }
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors and go to standard output; clap knows which is which.
            let _terminal_gone = error.print();
            return if error.use_stderr() {
                ExitStatus::Usage
            } else {
                ExitStatus::Done
            };
        }
    };
    let environment = Environment::of_this_process();
    let command = match parsed.command {
        Some(command) => command,
        #[cfg(feature = "gui")]
        None if environment.has_display() => {
            return run_desktop(environment, parsed.background);
        }
        None => Command::Serve(cli::Serve::default()),
    };
    match run_command(command, environment) {
        Ok(()) => ExitStatus::Done,
        Err(error) => {
            report(&error);
            error.status()
        }
    }
}

/// Says on standard error why a command did not end well; that the reader of its output has gone
/// is no news to anybody.
fn report(error: &CommandError) {
    if error.status() != ExitStatus::Done {
        Terminal.note(&ui_api::UiError::failed(error).message);
    }
}

/// Runs the window on this thread, with the engine behind it.
#[cfg(feature = "gui")]
fn run_desktop(environment: Environment, background: bool) -> ExitStatus {
    let starting = |environment: &Environment| -> Result<_, CommandError> {
        let folders = config::Folders::resolve(environment)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let client = control::Client::new(folders.clone());
        let first = runtime.block_on(desktop::look_for_first(&client, background));
        if first != desktop::First::Absent {
            return Ok((folders, runtime, first, None));
        }
        cli::start_logging(&folders, environment, false)?;
        // Before there is an icon or a window: of two started at once only one shows any.
        let (first, claim) = match runtime.block_on(engine::Claim::take(&folders)) {
            Ok(claim) => (first, Some(claim)),
            Err(engine::StartError::AlreadyRunning { .. }) => {
                let waiting = desktop::wait_for_first(&client, background);
                (runtime.block_on(waiting), None)
            }
            // The window says it, when the engine's start meets it again.
            Err(_) => (first, None),
        };
        Ok((folders, runtime, first, claim))
    };
    let (folders, runtime, first, claim) = match starting(&environment) {
        Ok(started) => started,
        Err(error) => {
            report(&error);
            return error.status();
        }
    };
    if let Some(status) = first.ends() {
        return status;
    }
    let start = desktop::Start {
        folders,
        background,
    };
    let claim = std::sync::Mutex::new(claim);
    let status = desktop::run(runtime.handle(), start, move || {
        // A start that is tried again takes everything anew.
        let claim = claim.lock().ok().and_then(|mut claim| claim.take());
        start_engine(environment.clone(), claim, background)
    });
    #[cfg(target_os = "linux")]
    process_tree::end_orphans();
    runtime.shutdown_background();
    status
}

/// Starts the engine behind the window, and opens the bridge if the settings say so.
#[cfg(feature = "gui")]
async fn start_engine(
    environment: Environment,
    claim: Option<engine::Claim>,
    background: bool,
) -> Result<engine::Engine, ui_api::UiError> {
    let flags = config::ServeFlags::default();
    let mut config =
        config::Config::gather(&environment, flags, None).map_err(ui_api::UiError::failed)?;
    config.window = true;
    let client = control::Client::new(config.folders.clone());
    let started = match claim {
        Some(claim) => engine::Engine::start_claimed(config, claim).await,
        None => engine::Engine::start(config).await,
    };
    let engine = match started {
        Err(engine::StartError::AlreadyRunning { .. }) => {
            let first = desktop::wait_for_first(&client, background).await;
            return Err(first.gives_way());
        }
        started => started.map_err(ui_api::UiError::failed)?,
    };
    match engine.settings() {
        Ok(settings) if settings.open_at_start => {
            // The window does not wait for it, and its state says whether it went well.
            let opening = engine.clone();
            tokio::spawn(async move { opening.open().await });
        }
        Ok(_) => {}
        Err(error) => {
            tracing::error!(%error, "the settings cannot be read; the bridge stays closed");
        }
    }
    Ok(engine)
}

fn run_command(command: Command, environment: Environment) -> Result<(), CommandError> {
    let context = Context::new(environment)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(cli::run(command, &context));
    // Nothing that still runs in the background may keep the process from ending.
    runtime.shutdown_background();
    ended
}

#[cfg(target_os = "linux")]
fn launch(command: impl Iterator<Item = OsString>) -> ExitStatus {
    let error = drawbridge_gateway::launch::launch(command, &[WATCH_ARGUMENT.into()]);
    Terminal.note(&format!(
        "drawbridge: the server's command could not be started: {error}"
    ));
    ExitStatus::Failed
}

#[cfg(not(target_os = "linux"))]
fn launch(_command: impl Iterator<Item = OsString>) -> ExitStatus {
    Terminal.note("drawbridge: servers are started directly on this system");
    ExitStatus::Usage
}
