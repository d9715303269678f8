//! The way from the command line to a running Drawbridge: one line of JSON asked, one answered.
//!
//! ```text
//! → {"ask":"approvals"}
//! ← {"ok":[…]}            or  {"error":{"code":"not_found","message":"…"}}
//! ```
//! Each connection carries one question. Both lines are bounded in size, and both sides in time.
//! Where a person has to confirm first, `{"waiting":"…"}` comes before the answer; whoever ends the
//! conversation while it waits withdraws what it asked.

mod checks;
mod client;
mod confirming;
#[cfg(test)]
mod confirming_tests;
mod line;
mod variables;
mod widening;
#[cfg(test)]
mod widening_tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::ui_api::UiError;

pub use client::{AskError, Client};
pub(crate) use confirming::{Agreed, agree};
pub use line::{LineError, read_line};

/// The largest question, in bytes: a server's environment and arguments fit in.
pub const QUESTION_BYTES: usize = 256 * 1024;
/// The largest answer, in bytes: a few thousand connections fit in.
pub const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The control socket in the run folder.
#[must_use]
pub fn socket_path(run: &Path) -> PathBuf {
    run.join("control.sock")
}

/// One answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A person is asked first; the answer comes after this. The text is for whoever waits.
    Waiting(String),
    /// It was done; what was asked for.
    Ok(Box<RawValue>),
    /// It was not done.
    Error(UiError),
}

/// How long a caller may take to take one line of answer.
pub const CALLER_WAIT: Duration = Duration::from_secs(5);

/// Writes one line of answer. Answers whether the caller took it in time.
pub(crate) async fn write_answer(stream: &mut (impl AsyncWrite + Unpin), answer: &Answer) -> bool {
    let Ok(mut line) = serde_json::to_vec(answer) else {
        return false;
    };
    line.push(b'\n');
    let written = async {
        stream.write_all(&line).await?;
        stream.flush().await
    };
    matches!(tokio::time::timeout(CALLER_WAIT, written).await, Ok(Ok(())))
}
