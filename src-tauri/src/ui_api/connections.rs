//! Who may come in.

use drawbridge_oauth::{AccessLevel, Connection, ConnectionState, EditError, GrantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ClientKind, ConnectionStanding, UiError, UiErrorCode};
use crate::engine::Engine;

/// A connection, or a token made for a script.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectionView {
    /// Its id.
    pub id: String,
    /// What the client calls itself, or the owner the token; nobody checked it.
    pub client: String,
    /// How we know the client; `script` for a token.
    pub client_kind: ClientKind,
    /// The host that publishes the client's metadata, if one does.
    pub client_domain: Option<String>,
    /// Where the browser went back to when it was approved.
    pub redirect_host: Option<String>,
    /// The address it belongs to: `loopback`, or the public origin.
    pub origin: String,
    /// The servers it may use.
    pub servers: Vec<String>,
    /// Reading, or reading and writing.
    #[cfg_attr(test, ts(as = "super::bindings::AccessLevel"))]
    pub access: AccessLevel,
    /// When it was approved.
    #[cfg_attr(test, ts(as = "String"))]
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    #[cfg_attr(test, ts(as = "String"))]
    pub last_used_at: Timestamp,
    /// When it ends; `None` is until revoked.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub expires_at: Option<Timestamp>,
    /// How it stands.
    pub state: ConnectionStanding,
    /// Why it ended, if it did.
    pub end_reason: Option<String>,
}

impl ConnectionView {
    /// Whether it is a token made for a script.
    #[must_use]
    pub fn is_script_token(&self) -> bool {
        self.client_kind == ClientKind::Script
    }
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let (state, end_reason) = match connection.state {
            ConnectionState::Pending => (ConnectionStanding::Pending, None),
            ConnectionState::Active => (ConnectionStanding::Active, None),
            ConnectionState::ConnectAgain => (ConnectionStanding::ConnectAgain, None),
            ConnectionState::Damaged => (ConnectionStanding::Damaged, None),
            ConnectionState::Ended { reason, .. } => {
                (ConnectionStanding::Ended, Some(reason.as_str().to_owned()))
            },
        };
        Self {
            id: connection.id.to_string(),
            client: connection.name.unwrap_or(connection.client_id),
            client_kind: connection.kind.into(),
            client_domain: connection.client_host,
            redirect_host: connection.redirect_host,
            origin: connection.audience.to_string(),
            servers: connection.servers.iter().map(str::to_owned).collect(),
            access: connection.access,
            created_at: connection.created_at,
            last_used_at: connection.last_used_at,
            expires_at: connection.expires_at,
            state,
            end_reason,
        }
    }
}

/// All connections, newest first; those that ended only if asked for.
pub fn connections(engine: &Engine, ended: bool) -> Result<Vec<ConnectionView>, UiError> {
    let all = engine.oauth().connections()?;
    Ok(all
        .into_iter()
        .filter(|connection| ended || !matches!(connection.state, ConnectionState::Ended { .. }))
        .map(ConnectionView::from)
        .collect())
}

/// Ends a connection or token at once.
pub async fn revoke(engine: &Engine, id: &str) -> Result<(), UiError> {
    let id = GrantId::parse(id).map_err(UiError::invalid)?;
    Ok(engine.oauth().revoke(&id).await?)
}

impl From<EditError> for UiError {
    fn from(error: EditError) -> Self {
        let code = match error {
            EditError::NotFound => UiErrorCode::NotFound,
            EditError::Widens => UiErrorCode::Refused,
            EditError::Store(_) => UiErrorCode::Failed,
        };
        Self::new(code, error)
    }
}
