//! How far each family of clients has come: registered, approved, first call.

use drawbridge_oauth::{ClientKind, Connection, ConnectionState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::UiError;
use crate::engine::{Engine, Family, Milestones};

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

/// How far each family has come.
pub fn checklist(engine: &Engine) -> Result<ChecklistView, UiError> {
    let connections = engine.oauth().connections()?;
    Ok(engine.with_milestones(|milestones| ChecklistView {
        chatgpt: progress(Family::ChatGpt, &connections, milestones),
        claude: progress(Family::Claude, &connections, milestones),
        other: progress(Family::Other, &connections, milestones),
    }))
}

/// How far one family has come with its newest connection that holds. Without one, whether it has
/// asked at all.
fn progress(family: Family, connections: &[Connection], milestones: &Milestones) -> Progress {
    let newest = connections
        .iter()
        .filter(|connection| is_of(connection, family))
        .max_by_key(|connection| connection.created_at);
    let Some(newest) = newest else {
        return Progress {
            registered_at: milestones.introduced(family, None),
            ..Progress::default()
        };
    };
    let approved_at = newest.created_at;
    let introduced = milestones.introduced(family, Some(approved_at));
    Progress {
        // Who was approved has asked before, even if that is no longer written down.
        registered_at: Some(introduced.unwrap_or(approved_at)),
        approved_at: Some(approved_at),
        first_call_at: milestones.first_call(newest.id.as_str()),
    }
}

fn is_of(connection: &Connection, family: Family) -> bool {
    let holds = match connection.state {
        ConnectionState::Pending | ConnectionState::Active => true,
        ConnectionState::ConnectAgain
        | ConnectionState::Damaged
        | ConnectionState::Ended { .. } => false,
    };
    holds
        && connection.kind != ClientKind::Script
        && Family::of(connection.redirect_host.as_deref()) == family
}
