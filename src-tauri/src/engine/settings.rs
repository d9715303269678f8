//! The settings: what the owner stored, what flags and the environment decide over it, and what is
//! in force. Pure, but for the two functions that read and write the vault.
//!
//! A flag wins over the environment, that over what is stored, and that over the usual value.

use drawbridge_vault::{Reader, StoreError, Vault, Writer};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::{self, Config, ConfigError, Front, GivenPorts, Listener, Ports, PublicUrl};
use crate::ui_api::{PUBLIC_URL_SETTING, SettingsChange, TunnelKind, UiError};

/// The key of the settings in the vault. The public address stands beside it under
/// [`PUBLIC_URL_SETTING`], where `import` writes it too.
const SETTINGS: &str = "settings";
/// The form that [`Stored`] has now.
const VERSION: u32 = 1;

/// What a flag or the environment decides.
#[derive(Debug, Clone)]
pub(super) struct Given {
    ports: GivenPorts,
    tunnel: Option<config::TunnelKind>,
    public_url: Option<PublicUrl>,
    known_clients_only: bool,
    pub(super) front: Front,
}

impl Given {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            ports: config.ports,
            tunnel: config.tunnel,
            public_url: config.guide.base_url.clone(),
            known_clients_only: config.known_clients_only,
            front: config.front,
        }
    }

    /// The kind of tunnel it decides, if it does. A public address of the environment says that
    /// there is a front.
    fn tunnel(&self) -> Option<TunnelKind> {
        match self.tunnel {
            Some(config::TunnelKind::Off) => Some(TunnelKind::Off),
            Some(_) => Some(TunnelKind::Own),
            None => self.public_url.as_ref().map(|_| TunnelKind::Own),
        }
    }
}

/// What the owner set; what is missing is as usual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stored {
    switches: Switches,
    public_url: Option<PublicUrl>,
}

/// All but the public address, as one JSON value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Switches {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_at_start: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_window_at_start: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loopback_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<TunnelKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    armed_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known_clients_only: Option<bool>,
}

/// Why stored settings cannot be used.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They are of a later version, or no settings.
    #[error(
        "the stored settings cannot be read; they may be of a newer Drawbridge: install that \
         version, or choose another data folder with DRAWBRIDGE_HOME"
    )]
    Unreadable,
}

/// Why settings cannot be used together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsProblem {
    /// Two listeners have the same port.
    #[error(transparent)]
    SamePort(ConfigError),
    /// There is to be a front, and nobody said where.
    #[error(
        "--tunnel own needs BASE_URL, the public address of your HTTPS front, like https://mcp.example.com. Set it in the environment or in .env"
    )]
    NoPublicUrl,
}

/// In the words of the window.
impl From<&SettingsProblem> for UiError {
    fn from(problem: &SettingsProblem) -> Self {
        Self::invalid(match problem {
            SettingsProblem::SamePort(ConfigError::SamePort {
                first,
                second,
                port,
            }) => format!(
                "port {port} cannot be both the port {} and the port {}. Give each its own, or 0 \
                 for a free one",
                first.purpose(),
                second.purpose()
            ),
            SettingsProblem::SamePort(error) => error.to_string(),
            SettingsProblem::NoPublicUrl => "your own HTTPS front needs its public address, like \
                 https://mcp.example.com. Write it beside it, or switch the front off"
                .to_owned(),
        })
    }
}

/// What is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Effective {
    /// Whether the bridge opens when the app starts.
    pub open_at_start: bool,
    /// Whether the main window opens when the app starts.
    pub show_window_at_start: bool,
    /// Where to listen.
    pub ports: Ports,
    /// How clients elsewhere reach this computer.
    pub tunnel: TunnelKind,
    /// The public address, if it is known; in use when there is a tunnel.
    pub public_url: Option<PublicUrl>,
    /// Whether new connections may ask only for ten minutes after *Add connection*.
    pub armed_only: bool,
    /// Whether clients that are not known by name are turned away.
    pub known_clients_only: bool,
    /// The fields that a flag or the environment decides.
    pub fixed: Vec<&'static str>,
}

/// Where to listen: what a change of settings has to open anew for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) ports: Ports,
    pub(super) public: Option<PublicUrl>,
}

impl Effective {
    /// Puts together what is given and what is stored.
    pub(super) fn of(given: &Given, stored: &Stored) -> Self {
        let switches = &stored.switches;
        let ports = GivenPorts {
            loopback: switches.loopback_port,
            local: switches.local_port,
            tunnel: switches.tunnel_port,
        };
        let public_url = given
            .public_url
            .clone()
            .or_else(|| stored.public_url.clone());
        // Whoever has told a public address and nothing else has a front.
        let usual_tunnel = if public_url.is_some() {
            TunnelKind::Own
        } else {
            TunnelKind::Off
        };
        let mut fixed: Vec<&'static str> = Listener::ALL
            .into_iter()
            .filter(|listener| given.ports.of(*listener).is_some())
            .map(|listener| match listener {
                Listener::Loopback => "ports.loopback",
                Listener::Local => "ports.local",
                Listener::Tunnel => "ports.tunnel",
            })
            .collect();
        fixed.extend(given.tunnel().map(|_| "tunnel"));
        fixed.extend(given.public_url.as_ref().map(|_| "public_url"));
        fixed.extend(given.known_clients_only.then_some("known_clients_only"));
        Self {
            open_at_start: switches.open_at_start.unwrap_or(true),
            show_window_at_start: switches.show_window_at_start.unwrap_or(true),
            ports: given.ports.or(ports).or_default(),
            tunnel: given.tunnel().or(switches.tunnel).unwrap_or(usual_tunnel),
            public_url,
            armed_only: switches.armed_only.unwrap_or(false),
            known_clients_only: given.known_clients_only
                || switches.known_clients_only.unwrap_or(false),
            fixed,
        }
    }

    /// The public address to be reached at, if there is a tunnel.
    pub(super) fn public(&self) -> Option<PublicUrl> {
        match self.tunnel {
            TunnelKind::Off => None,
            TunnelKind::Own => self.public_url.clone(),
        }
    }

    /// Where to listen.
    ///
    /// # Errors
    /// When these settings cannot be used together.
    pub(super) fn ways(&self) -> Result<Ways, SettingsProblem> {
        let ports = self.ports.check().map_err(SettingsProblem::SamePort)?;
        let public = self.public();
        if public.is_none() && self.tunnel == TunnelKind::Own {
            return Err(SettingsProblem::NoPublicUrl);
        }
        Ok(Ways { ports, public })
    }
}

/// What a change makes of what is stored. Nothing is stored yet.
///
/// # Errors
/// What is wrong with it, and what to do, in whole sentences.
pub(super) fn change(
    given: &Given,
    stored: &Stored,
    change: SettingsChange,
) -> Result<Stored, UiError> {
    let before = Effective::of(given, stored);
    let mut after = stored.clone();
    let switches = &mut after.switches;
    switches.version = VERSION;
    let set = |to: &mut Option<bool>, value: Option<bool>| *to = value.or(*to);
    set(&mut switches.open_at_start, change.open_at_start);
    set(
        &mut switches.show_window_at_start,
        change.show_window_at_start,
    );
    set(&mut switches.armed_only, change.armed_only);
    if let Some(known_only) = change.known_clients_only {
        free(
            "known_clients_only",
            "whether unknown clients are turned away",
            &before,
            known_only == before.known_clients_only,
        )?;
        if !before.fixed.contains(&"known_clients_only") {
            switches.known_clients_only = Some(known_only);
        }
    }
    if let Some(ports) = change.ports {
        for (listener, field, port, to) in [
            (
                Listener::Loopback,
                "ports.loopback",
                ports.loopback,
                &mut switches.loopback_port,
            ),
            (
                Listener::Local,
                "ports.local",
                ports.local,
                &mut switches.local_port,
            ),
            (
                Listener::Tunnel,
                "ports.tunnel",
                ports.tunnel,
                &mut switches.tunnel_port,
            ),
        ] {
            let name = format!("the port {}", listener.purpose());
            free(field, &name, &before, port == before.ports.of(listener))?;
            if !before.fixed.contains(&field) {
                *to = Some(port);
            }
        }
    }
    if let Some(tunnel) = change.tunnel {
        let name = "how clients elsewhere reach this computer";
        free("tunnel", name, &before, tunnel == before.tunnel)?;
        if !before.fixed.contains(&"tunnel") {
            switches.tunnel = Some(tunnel);
        }
    }
    if let Some(text) = change.public_url {
        let url = public_url(&text)?;
        free(
            "public_url",
            "the public address",
            &before,
            url == before.public_url,
        )?;
        if !before.fixed.contains(&"public_url") {
            after.public_url = url;
        }
    }
    Effective::of(given, &after)
        .ways()
        .map_err(|problem| UiError::from(&problem))?;
    Ok(after)
}

/// Refuses a change of what a flag or the environment decides.
fn free(field: &str, name: &str, before: &Effective, same: bool) -> Result<(), UiError> {
    if same || !before.fixed.contains(&field) {
        return Ok(());
    }
    Err(UiError::invalid(format!(
        "{name} is decided by the command line or the environment Drawbridge was started with, so \
         it was not changed. Start it without that, then change it here"
    )))
}

fn public_url(text: &str) -> Result<Option<PublicUrl>, UiError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    PublicUrl::parse(text).map(Some).map_err(|error| {
        let ConfigError::BaseUrl { problem } = error else {
            return UiError::invalid(error);
        };
        UiError::invalid(format!(
            "the public address {problem}. Write only the address of your HTTPS front, like \
             https://mcp.example.com"
        ))
    })
}

impl Stored {
    /// What is stored.
    pub(super) fn load(vault: &Vault) -> Result<Self, LoadError> {
        vault.read(|reader: &Reader<'_>| {
            let switches = match reader.setting(SETTINGS)? {
                None => Switches::default(),
                Some(text) => Switches::read(&text)?,
            };
            let public_url = reader
                .setting(PUBLIC_URL_SETTING)?
                .map(|text| PublicUrl::parse(&text))
                .transpose()
                .map_err(|_| LoadError::Unreadable)?;
            Ok(Self {
                switches,
                public_url,
            })
        })
    }

    /// Stores it; on disk when this answers.
    pub(super) async fn store(self, vault: &Vault) -> Result<(), UiError> {
        let text = serde_json::to_string(&self.switches).map_err(UiError::failed)?;
        let url = self.public_url;
        vault
            .write(move |writer: &Writer<'_>| -> Result<(), StoreError> {
                writer.put_setting(SETTINGS, &text)?;
                match &url {
                    Some(url) => writer.put_setting(PUBLIC_URL_SETTING, url.origin())?,
                    None => {
                        writer.delete_setting(PUBLIC_URL_SETTING)?;
                    }
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}

impl Switches {
    fn read(text: &str) -> Result<Self, LoadError> {
        serde_json::from_str(text)
            .ok()
            .filter(|switches: &Self| (1..=VERSION).contains(&switches.version))
            .ok_or(LoadError::Unreadable)
    }
}

impl From<LoadError> for UiError {
    fn from(error: LoadError) -> Self {
        Self::failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui_api::{PortsView, UiErrorCode};

    fn given() -> Given {
        Given {
            ports: GivenPorts::default(),
            tunnel: None,
            public_url: None,
            known_clients_only: false,
            front: Front::Cloudflare,
        }
    }

    fn url(text: &str) -> PublicUrl {
        PublicUrl::parse(text).unwrap()
    }

    fn ports(loopback: u16, local: u16, tunnel: u16) -> SettingsChange {
        SettingsChange {
            ports: Some(PortsView {
                loopback,
                local,
                tunnel,
            }),
            ..SettingsChange::default()
        }
    }

    #[track_caller]
    fn wrong(given: &Given, stored: &Stored, asked: SettingsChange) -> String {
        let error = change(given, stored, asked).unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
        error.message
    }

    #[test]
    fn the_usual_settings() {
        let usual = Effective::of(&given(), &Stored::default());
        assert!(usual.open_at_start && usual.show_window_at_start);
        assert!(!usual.armed_only && !usual.known_clients_only);
        assert_eq!(usual.ports, Ports::default());
        assert_eq!(usual.tunnel, TunnelKind::Off);
        assert_eq!(usual.public_url, None);
        assert!(usual.fixed.is_empty());
    }

    #[test]
    fn a_public_address_alone_means_a_front() {
        let imported = Stored {
            public_url: Some(url("https://a.example")),
            ..Stored::default()
        };
        let effective = Effective::of(&given(), &imported);
        assert_eq!(effective.tunnel, TunnelKind::Own);
        assert_eq!(
            effective.ways().unwrap().public,
            Some(url("https://a.example"))
        );
        let off = SettingsChange {
            tunnel: Some(TunnelKind::Off),
            ..SettingsChange::default()
        };
        let off = Effective::of(&given(), &change(&given(), &imported, off).unwrap());
        assert_eq!(off.ways().unwrap().public, None);
        assert_eq!(off.public_url, Some(url("https://a.example")), "it is kept");
    }

    #[test]
    fn flags_and_environment_win_and_are_named() {
        let stored = change(&given(), &Stored::default(), ports(1, 2, 3)).unwrap();
        let given = Given {
            ports: GivenPorts {
                local: Some(9),
                ..GivenPorts::default()
            },
            public_url: Some(url("https://env.example")),
            known_clients_only: true,
            ..given()
        };
        let effective = Effective::of(&given, &stored);
        assert_eq!(
            effective.ports,
            Ports {
                loopback: 1,
                local: 9,
                tunnel: 3
            }
        );
        assert_eq!(effective.public_url, Some(url("https://env.example")));
        assert!(effective.known_clients_only);
        assert_eq!(
            effective.fixed,
            ["ports.local", "tunnel", "public_url", "known_clients_only"]
        );
        for asked in [
            ports(1, 2, 3),
            SettingsChange {
                public_url: Some("https://other.example".to_owned()),
                ..SettingsChange::default()
            },
            SettingsChange {
                tunnel: Some(TunnelKind::Off),
                ..SettingsChange::default()
            },
            SettingsChange {
                known_clients_only: Some(false),
                ..SettingsChange::default()
            },
        ] {
            let message = wrong(&given, &stored, asked);
            assert!(
                message.contains("command line or the environment"),
                "{message}"
            );
        }
        // What is the same is no change, and what is decided elsewhere is not stored.
        let same = change(&given, &stored, ports(7, 9, 3)).unwrap();
        let without = Effective::of(&super::tests::given(), &same);
        assert_eq!(
            without.ports,
            Ports {
                loopback: 7,
                local: 2,
                tunnel: 3
            }
        );
    }

    #[test]
    fn what_cannot_go_together_is_said_exactly() {
        let stored = Stored::default();
        assert_eq!(
            wrong(&given(), &stored, ports(9000, 9000, 0)),
            "Port 9000 cannot be both the port for clients on this computer and the port for the \
             browser's proof that it is on this computer. Give each its own, or 0 for a free one"
        );
        assert!(change(&given(), &stored, ports(0, 0, 0)).is_ok());
        let own = SettingsChange {
            tunnel: Some(TunnelKind::Own),
            ..SettingsChange::default()
        };
        let message = wrong(&given(), &stored, own.clone());
        assert!(message.contains("public address"), "{message}");
        let both = SettingsChange {
            public_url: Some(" https://a.example/ ".to_owned()),
            ..own
        };
        let own = change(&given(), &stored, both).unwrap();
        let forget = SettingsChange {
            public_url: Some(String::new()),
            ..SettingsChange::default()
        };
        let message = wrong(&given(), &own, forget.clone());
        assert!(message.contains("public address"), "{message}");
        let off = SettingsChange {
            tunnel: Some(TunnelKind::Off),
            ..forget
        };
        let off = change(&given(), &own, off).unwrap();
        assert_eq!(off.public_url, None);
        let bad = SettingsChange {
            public_url: Some("http://a.example".to_owned()),
            ..SettingsChange::default()
        };
        let message = wrong(&given(), &stored, bad);
        assert!(
            message.starts_with("The public address must begin with https://"),
            "{message}"
        );
    }

    #[test]
    fn what_is_stored_is_read_again_and_a_later_form_is_not_guessed_at() {
        let asked = SettingsChange {
            armed_only: Some(true),
            open_at_start: Some(false),
            ..ports(1, 2, 3)
        };
        let stored = change(&given(), &Stored::default(), asked).unwrap();
        let text = serde_json::to_string(&stored.switches).unwrap();
        assert_eq!(Switches::read(&text).unwrap(), stored.switches);
        for bad in [
            "",
            "[]",
            r#"{"armed_only":true}"#,
            r#"{"version":2}"#,
            r#"{"version":1,"armed_only":"yes"}"#,
        ] {
            assert!(
                matches!(Switches::read(bad), Err(LoadError::Unreadable)),
                "{bad}"
            );
        }
    }
}
