//! Starting one server: the command, the handshake, its tools; and what to say when that fails.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Phase, Running, Server, Tools, known, rest, with_last_words};
use crate::child::{CallFailure, Connection, HandshakeFailure, Session, Start, StartError, find};
use crate::events::Event;

/// How long a start may take whose server's tools were never seen: a package runner may have to
/// fetch the package and all it needs.
const FIRST_START_LIMIT: Duration = Duration::from_mins(3);
/// How long a later start may take.
const START_LIMIT: Duration = Duration::from_mins(2);
/// The shortest time between two news of what a starting server says.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
enum StartFailure {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Handshake(#[from] HandshakeFailure),
    #[error("it did not answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("it was stopped while it started")]
    Stopped,
}

impl From<CallFailure> for StartFailure {
    fn from(failure: CallFailure) -> Self {
        Self::Handshake(failure.into())
    }
}

impl StartFailure {
    /// What happened and what to do, for the owner.
    fn words(&self, last: Option<String>) -> Arc<str> {
        let silent = last.is_none();
        let told = with_last_words(&self.to_string(), last);
        match self {
            Self::Handshake(HandshakeFailure::Connection(_)) | Self::TooSlow(_) if silent => {
                format!("{told} and said nothing; start its command in a terminal to see why")
                    .into()
            }
            _ => told,
        }
    }
}

impl Server {
    /// Starts it, and sets its state to what came of that. When this is back, either it runs or
    /// nothing of it is left.
    pub(super) async fn start(self: Arc<Self>, stop: CancellationToken, said_before: u64) {
        let outcome = tokio::select! {
            outcome = self.try_start(&stop, said_before) => outcome,
            () = self.tell_progress() => Err(StartFailure::Stopped),
        };
        let stopped = {
            let mut state = self.state();
            match outcome {
                // Whoever stopped it has set the state.
                _ if stop.is_cancelled() => outcome.ok(),
                Ok(started) if !self.is_enabled() => {
                    state.phase = Phase::Idle;
                    Some(started)
                }
                Ok((running, tools)) => {
                    let ended = running.connection.wait_ended();
                    let (server, since) = (Arc::downgrade(&self), running.since);
                    tokio::spawn(async move {
                        let reason = ended.await;
                        if let Some(server) = server.upgrade() {
                            server.has_ended(since, &reason);
                        }
                    });
                    tracing::info!(server = %self.name, tools = tools.len(), "a server runs");
                    state.phase = Phase::Running(running);
                    state.tools = Some(tools);
                    state.last_error = None;
                    None
                }
                Err(error) => {
                    tracing::warn!(server = %self.name, %error, "a server did not start");
                    state.failures = state.failures.saturating_add(1);
                    state.rests_until = Some(Instant::now() + rest(state.failures));
                    let words = error.words(self.tail.last_after(said_before));
                    state.last_error = Some(Arc::clone(&words));
                    state.phase = Phase::Idle;
                    self.news(Event::ServerFailed {
                        server: self.name.to_string(),
                        reason: words.to_string(),
                    });
                    None
                }
            }
        };
        if let Some((running, _)) = stopped {
            running.connection.kill().await;
        }
        self.tell();
    }

    /// Says that there is something new to see, whenever the server has said something.
    async fn tell_progress(&self) {
        let mut count = self.tail.count();
        count.mark_unchanged();
        // The tail is ours, so this never fails.
        while count.changed().await.is_ok() {
            self.news(Event::ServersChanged);
            tokio::time::sleep(PROGRESS_EVERY).await;
        }
    }

    async fn try_start(
        &self,
        stop: &CancellationToken,
        said_before: u64,
    ) -> Result<(Running, Tools), StartFailure> {
        let start = self.command()?;
        let since = Instant::now();
        let children = &self.surroundings.starter;
        // Short, and not to be cut off: what is started has to be ended in order.
        let started = children.start(start).await?;
        let connection = Arc::new(Connection::new(
            started,
            Arc::clone(&self.tail),
            children.tending(),
        ));
        let limit = match self.known_tools() {
            Some(_) => START_LIMIT,
            None => FIRST_START_LIMIT,
        };
        let greeted = tokio::select! {
            greeted = tokio::time::timeout(limit, greet(&connection)) => {
                greeted.unwrap_or(Err(StartFailure::TooSlow(limit)))
            }
            () = stop.cancelled() => Err(StartFailure::Stopped),
        };
        match greeted {
            Ok((session, tools)) => Ok((
                Running {
                    connection,
                    session,
                    since,
                    said_before,
                },
                tools,
            )),
            Err(failure) => {
                connection.kill().await;
                Err(failure)
            }
        }
    }

    fn command(&self) -> Result<Start, StartError> {
        let settings = &self.settings;
        let surroundings = &self.surroundings.environment;
        let mut environment: Vec<(OsString, OsString)> = surroundings
            .variables
            .iter()
            .filter(|(name, _)| {
                name.to_str()
                    .is_none_or(|name| !settings.env.contains_key(name))
            })
            .cloned()
            .collect();
        for (name, value) in &settings.env {
            environment.push((name.into(), value.expose_secret().into()));
        }
        let path = environment
            .iter()
            .find(|(name, _)| name == "PATH")
            .map(|(_, value)| value);
        let program = find(&settings.command, path, settings.directory.as_deref())
            .ok_or_else(|| StartError::absent(&settings.command))?;
        let own = settings
            .args
            .iter()
            .map(|argument| argument.expose_secret().into());
        let (program, arguments) = match &surroundings.launcher {
            None => (program.into_os_string(), own.collect()),
            Some((launcher, first)) => {
                let mut arguments = first.clone();
                arguments.push(program.into_os_string());
                arguments.extend(own);
                (launcher.clone().into_os_string(), arguments)
            }
        };
        Ok(Start {
            program,
            arguments,
            environment,
            directory: settings.directory.clone(),
            is_watched: surroundings.launcher.is_some(),
        })
    }
}

async fn greet(connection: &Connection) -> Result<(Session, Tools), StartFailure> {
    let session = Session::open(connection).await?;
    let tools = known(session.tools(connection).await?);
    Ok((session, tools))
}
