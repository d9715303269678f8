//! What the listeners tell about a request: at which address it was asked, by whom.
//!
//! A listener puts these into the request's extensions after it has checked `Host` against its
//! allow-list. Nothing in this crate reads `Host`, `Forwarded` or `Cf-*` by itself.

use std::fmt;
use std::net::IpAddr;

/// The address family a grant belongs to. A token of one audience is worth nothing at another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Clients on this computer; 127.0.0.1, localhost and `[::1]` are one audience at any port.
    Loopback,
    /// The public origin, `https://host` without a slash at its end.
    Public(String),
}

impl Audience {
    /// As it is stored: `loopback`, or the origin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Loopback => "loopback",
            Self::Public(origin) => origin,
        }
    }

    /// Reads what [`Audience::as_str`] wrote.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        if text == "loopback" {
            Self::Loopback
        } else {
            Self::Public(text.to_owned())
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a request was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOrigin {
    /// What a grant made here belongs to.
    pub audience: Audience,
    /// `scheme://host[:port]` exactly as asked, from the allow-listed `Host`. It is the issuer.
    pub base: String,
}

impl RequestOrigin {
    /// The authorization server's identifier here (RFC 8414 section 2).
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.base
    }
}

/// Who asks: the socket's peer, or `Cf-Connecting-Ip` on the tunnel's listener and only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// From where, as two letters: `Cf-Ipcountry` on the tunnel's listener and only there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCountry(pub Option<String>);
