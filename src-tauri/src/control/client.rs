//! Asks a running Drawbridge.

#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::{ANSWER_BYTES, Answer, read_line};
use crate::config::Folders;
use crate::ui_api::UiError;

/// How long an answer may take: adding a server waits for its first list of tools.
const ANSWER_WAIT: Duration = Duration::from_secs(90);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("Drawbridge is not running. Start it with: drawbridge serve")]
    NotRunning,
    /// Somebody else's Drawbridge listens there, or its folder is not ours.
    #[error("the control socket in {folder} may not be used: {problem}")]
    Socket {
        /// The run folder.
        folder: String,
        /// What the system said.
        problem: String,
    },
    /// It listens, but the conversation failed.
    #[error("Drawbridge did not answer ({problem}). Look at its log with: drawbridge log")]
    Conversation {
        /// What went wrong.
        problem: String,
    },
    /// It answered: no.
    #[error(transparent)]
    Ui(#[from] UiError),
}

/// A way to the running Drawbridge. Every question makes a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    folders: Folders,
}

impl Client {
    /// For the Drawbridge of these folders.
    #[must_use]
    pub fn new(folders: Folders) -> Self {
        Self { folders }
    }

    /// Asks, and waits for the answer.
    pub async fn ask<T: DeserializeOwned>(&self, question: &impl Serialize) -> Result<T, AskError> {
        let stream = self.connect().await?;
        let broken = |problem: String| AskError::Conversation { problem };
        let line = tokio::time::timeout(ANSWER_WAIT, converse(stream, question))
            .await
            .map_err(|_| {
                broken(format!(
                    "nothing came within {} seconds",
                    ANSWER_WAIT.as_secs()
                ))
            })?
            .map_err(broken)?;
        match serde_json::from_slice(&line).map_err(|_| broken(other_version()))? {
            Answer::Ok(value) => {
                serde_json::from_str(value.get()).map_err(|_| broken(other_version()))
            }
            Answer::Error(error) => Err(error.into()),
        }
    }

    /// Whether somebody listens.
    pub async fn is_answered(&self) -> bool {
        self.connect().await.is_ok()
    }

    /// Tries the run folder, and the one inside the data folder: a Drawbridge started where the
    /// session has no runtime folder listens there.
    #[cfg(unix)]
    async fn connect(&self) -> Result<impl AsyncRead + AsyncWrite + Unpin, AskError> {
        let inside = self.folders.data.join("run");
        let mut folders: Vec<&Path> = vec![&self.folders.run];
        if inside != self.folders.run {
            folders.push(&inside);
        }
        for folder in folders {
            match tokio::net::UnixStream::connect(super::socket_path(folder)).await {
                Ok(stream) => {
                    let user = stream.peer_cred().ok().map(|peer| peer.uid());
                    if user == Some(rustix::process::geteuid().as_raw()) {
                        return Ok(stream);
                    }
                    return Err(AskError::Socket {
                        folder: folder.display().to_string(),
                        problem: "it belongs to another user's program".to_owned(),
                    });
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused
                    ) => {}
                Err(error) => {
                    return Err(AskError::Socket {
                        folder: folder.display().to_string(),
                        problem: error.to_string(),
                    });
                }
            }
        }
        Err(AskError::NotRunning)
    }

    #[cfg(windows)]
    async fn connect(&self) -> Result<impl AsyncRead + AsyncWrite + Unpin, AskError> {
        crate::listeners::control_pipe::connect(&self.folders.data).await
    }
}

fn other_version() -> String {
    "its answer could not be read; is it of another version than this command?".to_owned()
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    question: &impl Serialize,
) -> Result<Vec<u8>, String> {
    let mut stream = BufReader::new(stream);
    let mut line = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    line.push(b'\n');
    stream
        .write_all(&line)
        .await
        .map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    read_line(&mut stream, ANSWER_BYTES)
        .await
        .map_err(|error| error.to_string())
}
