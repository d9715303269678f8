//! The way from the command line to a running Drawbridge: one line of JSON asked, one answered.
//!
//! ```text
//! → {"ask":"approvals"}
//! ← {"ok":[…]}            or  {"error":{"code":"not_found","message":"…"}}
//! ```
//! Each connection carries one question. Both lines are bounded in size, and both sides in time.

mod client;
mod line;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ui_api::UiError;

pub use client::{AskError, Client};
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
    /// It was done; what was asked for.
    Ok(Box<RawValue>),
    /// It was not done.
    Error(UiError),
}
