//! The command line: one file per command. A command asks the running Drawbridge through the
//! control socket and prints what it says; only `serve` and `import` do work of their own.

mod approvals;
mod arguments;
mod connections;
mod doctor;
mod import;
mod log;
mod pair;
mod prompt;
mod secrets;
mod serve;
mod servers;
mod show;
mod status;
mod terminal;
mod token;

use std::io;

use thiserror::Error;

use crate::config::{ConfigError, Environment, Folders};
use crate::control::{AskError, Client};
use crate::exit::ExitStatus;
use crate::ui_api::{UiError, UiErrorCode};

#[cfg(feature = "gui")]
pub(crate) use arguments::BACKGROUND;
pub use arguments::{Arguments, Command, Serve};
#[cfg(feature = "gui")]
pub(crate) use serve::start_logging;
pub use terminal::Terminal;

/// Why a command did not end well.
#[derive(Debug, Error)]
pub enum CommandError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The running Drawbridge did not do it, or there is none.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The engine did not start.
    #[error(transparent)]
    Start(#[from] crate::engine::StartError),
    /// The ways in could not be opened.
    #[error(transparent)]
    Open(#[from] crate::engine::OpenError),
    /// The terminal went away.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    /// Asked for what makes no sense.
    #[error("{0}")]
    Usage(String),
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
}

impl From<UiError> for CommandError {
    fn from(error: UiError) -> Self {
        Self::Ask(AskError::Ui(error))
    }
}

impl CommandError {
    /// The exit status that says so.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Usage(_) => ExitStatus::Usage,
            // Whoever read the output has read enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitStatus::Done,
            Self::Ask(AskError::NotRunning) => ExitStatus::NotRunning,
            Self::Ask(AskError::Ui(error)) if error.code == UiErrorCode::Refused => {
                ExitStatus::Refused
            }
            Self::Config(_)
            | Self::Ask(_)
            | Self::Start(_)
            | Self::Open(_)
            | Self::Output(_)
            | Self::Failed(_) => ExitStatus::Failed,
        }
    }
}

/// What every command works with.
pub struct Context {
    /// The environment of this process.
    pub environment: Environment,
    /// Where the running Drawbridge has its files.
    pub folders: Folders,
    /// The way to the running Drawbridge.
    pub client: Client,
    /// Where to print.
    pub terminal: Terminal,
}

impl Context {
    /// From the environment.
    pub fn new(environment: Environment) -> Result<Self, ConfigError> {
        let folders = Folders::resolve(&environment)?;
        let client = Client::new(folders.clone()).telling(|text| Terminal.note(text));
        Ok(Self {
            environment,
            folders,
            client,
            terminal: Terminal,
        })
    }
}

/// Runs one command to its end.
pub async fn run(command: Command, context: &Context) -> Result<(), CommandError> {
    match command {
        Command::Serve(flags) => serve::run(flags, context).await,
        Command::Status(output) => status::status(output, context).await,
        Command::Url => status::url(context).await,
        Command::Pair(output) => pair::run(output, context).await,
        Command::Approvals(output) => approvals::list(output, context).await,
        Command::Approve(choice) => approvals::approve(choice, context).await,
        Command::Deny { id } => approvals::deny(&id, context).await,
        Command::Connections(choice) => connections::list(choice, context).await,
        Command::Revoke { id } => connections::revoke(&id, context).await,
        Command::Servers(command) => servers::run(command, context).await,
        Command::Token(command) => token::run(command, context).await,
        Command::Log(choice) => log::run(choice, context).await,
        Command::Secrets(command) => secrets::run(command, context).await,
        Command::Import { file } => import::run(&file, context).await,
        Command::Doctor(output) => doctor::run(output, context).await,
    }
}
