//! What the app tells the authorization server: its settings, and which servers there are.

use std::net::SocketAddr;

/// The settings that matter here. The app publishes a new value whenever one changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Clients we know only: no document of an unknown host is fetched, and a client that
    /// registered itself may go back to a known host or to this computer only.
    pub known_clients_only: bool,
    /// New connections are possible for ten minutes after the user pressed *Add connection*.
    pub armed_only: bool,
    /// Where the local listener listens; `None` while it does not.
    pub local_listener: Option<SocketAddr>,
    /// The public origin of this moment, `https://host`; `None` while there is none.
    pub public_origin: Option<String>,
}

/// One server the user can put into a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerChoice {
    /// Its name: the key in [`crate::ServerSelection`].
    pub name: String,
    /// What people call it.
    pub title: String,
    /// How many tools it has.
    pub tools: u32,
    /// How many of them change things.
    pub changing: u32,
    /// How many of them ask before each call.
    pub asking: u32,
}

/// Knows the servers of this moment. The gateway's, by way of the app.
pub trait ServerDirectory: Send + Sync {
    /// Every enabled server.
    fn servers(&self) -> Vec<ServerChoice>;
}
