//! Where Drawbridge stands.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{TunnelKind, UiError};
use crate::engine::Engine;

/// The state a person is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// On its way.
    Opening,
    /// Clients can reach it.
    Open,
    /// Nobody can reach it.
    Closed,
    /// It could not be opened: something needs the owner.
    Attention,
}

impl State {
    /// As `status` prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Attention => "attention",
        }
    }
}

/// The state, and the addresses.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Status {
    /// Whether clients can reach it.
    pub state: State,
    /// This program's version.
    pub version: String,
    /// Where clients on this computer reach it, without a path.
    pub local_url: String,
    /// The public origin; `None` while there is none.
    pub public_url: Option<String>,
    /// What is pasted into a client.
    pub connector_url: String,
    /// The port where a browser proves that it is on this computer.
    pub local_port: u16,
    /// Where the owner's own HTTPS front must forward to; `None` without one.
    pub tunnel_url: Option<String>,
    /// `keychain`, `environment` or `file`.
    #[cfg_attr(test, ts(as = "super::bindings::KeyPlace"))]
    pub key_place: String,
    /// What the owner should know about the key's place.
    pub warning: Option<String>,
    /// How many questions wait for the owner.
    pub pending_approvals: usize,
    /// How many connections may come in.
    pub connections: usize,
    /// How many servers are there.
    pub servers: usize,
    /// The process.
    pub process: u32,
    /// The data folder.
    pub data_folder: String,
    /// Since when it runs.
    #[cfg_attr(test, ts(as = "String"))]
    pub started_at: Timestamp,
    /// What needs the owner, while the state is `attention`.
    pub problem: Option<UiError>,
    /// How clients elsewhere reach this computer.
    pub tunnel: TunnelKind,
    /// Whether new connections may ask only for ten minutes after *Add connection*.
    pub armed_only: bool,
    /// Until when they may, if they may.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub armed_until: Option<Timestamp>,
    /// How many requests were kept away since the start: unarmed, too many, or too soon after
    /// denials.
    pub missed_requests: u64,
    /// Whether a desktop asks the owner; else commands that widen access pass as they are.
    pub window: bool,
    /// Whether the desktop has a place for the tray icon; without one closing the window quits.
    pub tray: bool,
    /// Whether the owner is to be told in this run that there is none.
    pub tray_notice: bool,
}

/// The present status.
pub fn status(engine: &Engine) -> Result<Status, UiError> {
    let addresses = engine.addresses();
    let vault = engine.vault();
    let oauth = engine.oauth();
    Ok(Status {
        state: engine.state(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        local_url: addresses.local_url(),
        public_url: addresses.public_url(),
        connector_url: addresses.connector_url(),
        local_port: addresses.local.port(),
        tunnel_url: addresses.tunnel_url(),
        key_place: vault.key_place().to_string(),
        warning: vault.warning().map(str::to_owned),
        pending_approvals: oauth.approvals().len(),
        connections: usize::try_from(oauth.count_connections()?).unwrap_or(usize::MAX),
        servers: engine.gateway().servers().len(),
        process: std::process::id(),
        data_folder: engine.folders().data.display().to_string(),
        started_at: engine.started_at(),
        problem: engine.problem(),
        tunnel: if addresses.tunnel.is_some() {
            TunnelKind::Own
        } else {
            TunnelKind::Off
        },
        armed_only: engine.settings()?.armed_only,
        armed_until: oauth.armed_until(),
        missed_requests: oauth.missed_requests(),
        window: engine.confirmations().is_attended(),
        tray: engine.has_tray(),
        tray_notice: engine.tray_notice(),
    })
}
