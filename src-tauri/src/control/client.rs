//! Asks a running Drawbridge.

#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

use super::{ANSWER_BYTES, Answer, read_line};
use crate::config::Folders;
use crate::ui_api::UiError;

/// How long a line of answer may take: a list of tools waits for its server, and a person who has
/// to confirm first has a minute.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(90);

/// The most times one answer may say that a person is asked first.
const MOST_WAITS: usize = 4;

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
    /// Told when a person is asked before the answer comes.
    waiting: fn(&str),
}

impl Client {
    /// For the Drawbridge of these folders.
    #[must_use]
    pub fn new(folders: Folders) -> Self {
        let waiting = |_: &str| {};
        Self { folders, waiting }
    }

    /// The same, and whoever waits for an answer is told here when a person is asked first.
    #[must_use]
    pub fn telling(self, waiting: fn(&str)) -> Self {
        Self { waiting, ..self }
    }

    /// Asks, and waits for the answer.
    pub async fn ask<T: DeserializeOwned>(&self, question: &impl Serialize) -> Result<T, AskError> {
        let mut stream = BufReader::new(self.connect().await?);
        let broken = |problem: String| AskError::Conversation { problem };
        in_time(send(&mut stream, question)).await.map_err(broken)?;
        for _ in 0..=MOST_WAITS {
            let line = in_time(receive(&mut stream)).await.map_err(broken)?;
            match serde_json::from_slice(&line).map_err(|_| broken(other_version()))? {
                // The person has time of their own; the answer may take as long as ever after it.
                Answer::Waiting(text) => (self.waiting)(&text),
                Answer::Ok(value) => {
                    return serde_json::from_str(value.get()).map_err(|_| broken(other_version()));
                }
                Answer::Error(error) => return Err(error.into()),
            }
        }
        Err(broken("it never came to an end".to_owned()))
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

async fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("nothing came within {} seconds", ANSWER_WAIT.as_secs());
    tokio::time::timeout(ANSWER_WAIT, work)
        .await
        .map_err(late)?
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    question: &impl Serialize,
) -> Result<(), String> {
    let mut line = serde_json::to_vec(question).map_err(|error| error.to_string())?;
    line.push(b'\n');
    let sent = async {
        stream.write_all(&line).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| error.to_string())
}

async fn receive(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>, String> {
    read_line(stream, ANSWER_BYTES)
        .await
        .map_err(|error| error.to_string())
}
