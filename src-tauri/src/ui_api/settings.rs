//! The settings the owner can change.

use serde::{Deserialize, Serialize};

use super::UiError;
use crate::config::Ports;
use crate::engine::Engine;

/// How clients elsewhere reach this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TunnelKind {
    /// Not at all: clients on this computer only.
    Off,
    /// Through the owner's own HTTPS front, at the public address of the settings.
    Own,
}

impl TunnelKind {
    /// As `status` prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Own => "own",
        }
    }
}

/// The ports to listen on; 0 picks a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PortsView {
    /// Clients on this computer.
    pub loopback: u16,
    /// The browser's proof that it is on this computer.
    pub local: u16,
    /// The owner's own HTTPS front.
    pub tunnel: u16,
}

impl From<Ports> for PortsView {
    fn from(ports: Ports) -> Self {
        Self {
            loopback: ports.loopback,
            local: ports.local,
            tunnel: ports.tunnel,
        }
    }
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the page"
)]
pub struct SettingsView {
    /// Whether the bridge opens when the app starts.
    pub open_at_start: bool,
    /// Whether the main window opens when the app starts.
    pub show_window_at_start: bool,
    /// Where to listen.
    pub ports: PortsView,
    /// How clients elsewhere reach this computer.
    pub tunnel: TunnelKind,
    /// The public address of the owner's HTTPS front, `https://host`.
    pub public_url: Option<String>,
    /// Whether new connections may ask only for ten minutes after *Add connection*.
    pub armed_only: bool,
    /// Whether clients that are not known by name are turned away.
    pub known_clients_only: bool,
    /// The fields that a flag or the environment decides, and that cannot be changed here:
    /// `ports.loopback`, `ports.local`, `ports.tunnel`, `tunnel`, `public_url`,
    /// `known_clients_only`.
    pub fixed: Vec<String>,
    /// Where everything is kept.
    pub data_folder: String,
    /// Where the log is.
    pub log_folder: String,
    /// This program's version.
    pub version: String,
}

/// What to change; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SettingsChange {
    /// Whether the bridge opens when the app starts.
    pub open_at_start: Option<bool>,
    /// Whether the main window opens when the app starts.
    pub show_window_at_start: Option<bool>,
    /// Where to listen.
    pub ports: Option<PortsView>,
    /// How clients elsewhere reach this computer.
    pub tunnel: Option<TunnelKind>,
    /// The public address of the owner's HTTPS front; an empty text forgets it.
    pub public_url: Option<String>,
    /// Whether new connections may ask only for ten minutes after *Add connection*.
    pub armed_only: Option<bool>,
    /// Whether clients that are not known by name are turned away.
    pub known_clients_only: Option<bool>,
}

/// The settings in force.
pub fn settings(engine: &Engine) -> Result<SettingsView, UiError> {
    let settings = engine.settings()?;
    let folders = engine.folders();
    Ok(SettingsView {
        open_at_start: settings.open_at_start,
        show_window_at_start: settings.show_window_at_start,
        ports: settings.ports.into(),
        tunnel: settings.tunnel,
        public_url: settings.public_url.map(|url| url.origin().to_owned()),
        armed_only: settings.armed_only,
        known_clients_only: settings.known_clients_only,
        fixed: settings
            .fixed
            .iter()
            .map(|field| (*field).to_owned())
            .collect(),
        data_folder: folders.data.display().to_string(),
        log_folder: folders.logs.display().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Changes settings: all that is asked, or nothing. It is stored when this answers; an open bridge
/// was opened anew where that was needed. That it could not be is no error of the change:
/// [`super::Status`] says it.
pub async fn change_settings(
    engine: &Engine,
    change: SettingsChange,
) -> Result<SettingsView, UiError> {
    engine.change_settings(change).await?;
    settings(engine)
}
