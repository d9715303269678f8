//! How far each family of clients has come: registered, approved, first call.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far one family of clients has come with its newest connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Progress {
    /// When it first asked, or registered.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub registered_at: Option<Timestamp>,
    /// When the owner let it in.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub approved_at: Option<Timestamp>,
    /// When it first called a tool.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub first_call_at: Option<Timestamp>,
}

/// How far each family of clients has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChecklistView {
    /// Those that go back to ChatGPT.
    pub chatgpt: Progress,
    /// Those that go back to Claude.
    pub claude: Progress,
    /// All others.
    pub other: Progress,
}
