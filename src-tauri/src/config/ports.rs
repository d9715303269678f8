//! The ports of the listeners: who chooses them, and that no two are the same.

use super::{ConfigError, Environment};

/// The port for clients on this computer, unless told otherwise.
pub const LOOPBACK_PORT: u16 = 8787;
/// The port where a browser on this computer proves that it is on this computer.
pub const LOCAL_PORT: u16 = 8788;
/// The port an HTTPS front of the owner's own forwards to.
pub const TUNNEL_PORT: u16 = 8789;

/// A listener whose port the owner may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Clients on this computer.
    Loopback,
    /// The browser's proof that it is on this computer.
    Local,
    /// The owner's own HTTPS front.
    Tunnel,
}

impl Listener {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Loopback, Self::Local, Self::Tunnel];

    /// The flag of `serve` that chooses its port.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Loopback => "--port",
            Self::Local => "--local-port",
            Self::Tunnel => "--tunnel-port",
        }
    }

    /// The variable that chooses its port.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Loopback => "DRAWBRIDGE_PORT",
            Self::Local => "DRAWBRIDGE_LOCAL_PORT",
            Self::Tunnel => "DRAWBRIDGE_TUNNEL_PORT",
        }
    }

    /// What it is for, to stand after "the port".
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Loopback => "for clients on this computer",
            Self::Local => "for the browser's proof that it is on this computer",
            Self::Tunnel => "for your own HTTPS front",
        }
    }
}

/// The ports to listen on; 0 picks a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Clients on this computer.
    pub loopback: u16,
    /// The browser's proof that it is on this computer.
    pub local: u16,
    /// The owner's own HTTPS front.
    pub tunnel: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            loopback: LOOPBACK_PORT,
            local: LOCAL_PORT,
            tunnel: TUNNEL_PORT,
        }
    }
}

impl Ports {
    /// The port of this listener.
    #[must_use]
    pub const fn of(self, listener: Listener) -> u16 {
        match listener {
            Listener::Loopback => self.loopback,
            Listener::Local => self.local,
            Listener::Tunnel => self.tunnel,
        }
    }

    /// Two listeners cannot share a port.
    pub fn check(self) -> Result<Self, ConfigError> {
        GivenPorts {
            loopback: Some(self.loopback),
            local: Some(self.local),
            tunnel: Some(self.tunnel),
        }
        .check()?;
        Ok(self)
    }
}

/// The ports that a flag, a variable or a setting names; the others are left to whoever comes
/// next in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GivenPorts {
    /// Clients on this computer.
    pub loopback: Option<u16>,
    /// The browser's proof that it is on this computer.
    pub local: Option<u16>,
    /// The owner's own HTTPS front.
    pub tunnel: Option<u16>,
}

impl GivenPorts {
    /// The port of this listener, if it is named.
    #[must_use]
    pub const fn of(self, listener: Listener) -> Option<u16> {
        match listener {
            Listener::Loopback => self.loopback,
            Listener::Local => self.local,
            Listener::Tunnel => self.tunnel,
        }
    }

    /// These, and `others` where nothing is named.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            loopback: self.loopback.or(others.loopback),
            local: self.local.or(others.local),
            tunnel: self.tunnel.or(others.tunnel),
        }
    }

    /// These, and the usual ones where nothing is named.
    #[must_use]
    pub fn or_default(self) -> Ports {
        let usual = Ports::default();
        Ports {
            loopback: self.loopback.unwrap_or(usual.loopback),
            local: self.local.unwrap_or(usual.local),
            tunnel: self.tunnel.unwrap_or(usual.tunnel),
        }
    }

    /// The variables of the environment.
    pub(super) fn of_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let port = |listener: Listener| {
            let name = listener.variable();
            environment
                .text(name)?
                .map(|text| text.parse().map_err(|_| ConfigError::Port { name }))
                .transpose()
        };
        Ok(Self {
            loopback: port(Listener::Loopback)?,
            local: port(Listener::Local)?,
            tunnel: port(Listener::Tunnel)?,
        })
    }

    /// Two listeners cannot share a port.
    pub(super) fn check(self) -> Result<Self, ConfigError> {
        for (index, first) in Listener::ALL.into_iter().enumerate() {
            for second in Listener::ALL.into_iter().skip(index + 1) {
                if let Some(port) = self.of(first).filter(|port| *port != 0)
                    && self.of(second) == Some(port)
                {
                    return Err(ConfigError::SamePort {
                        first,
                        second,
                        port,
                    });
                }
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ServeFlags};

    #[test]
    fn a_flag_says_the_port_then_the_environment() {
        let gather = |variable: &str, flag| {
            let environment =
                Environment::from_pairs([("DRAWBRIDGE_HOME", "/h"), ("DRAWBRIDGE_PORT", variable)]);
            let flags = ServeFlags {
                ports: GivenPorts {
                    loopback: flag,
                    ..GivenPorts::default()
                },
                ..ServeFlags::default()
            };
            Config::gather(&environment, flags, None).map(|config| config.ports.loopback)
        };
        assert_eq!(gather("", None), Ok(None));
        assert_eq!(gather("9000", None), Ok(Some(9000)));
        assert_eq!(gather("9000", Some(0)), Ok(Some(0)));
        let name = "DRAWBRIDGE_PORT";
        assert_eq!(gather("70000", None), Err(ConfigError::Port { name }));
    }

    #[test]
    fn two_listeners_need_two_ports() {
        let same = Ports {
            loopback: 9000,
            local: 9000,
            tunnel: 0,
        };
        assert!(
            same.check()
                .unwrap_err()
                .to_string()
                .contains("--local-port")
        );
        assert!(
            Ports {
                loopback: 0,
                local: 0,
                tunnel: 0
            }
            .check()
            .is_ok()
        );
    }
}
