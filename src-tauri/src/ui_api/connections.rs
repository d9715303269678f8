//! Who may come in.

use drawbridge_oauth::{ClientKind, Connection, ConnectionState, EditError, GrantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{UiError, UiErrorCode};
use crate::engine::Engine;

/// A connection, or a token made for a script.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionView {
    /// Its id.
    pub id: String,
    /// What the client calls itself, or the owner the token; nobody checked it.
    pub client: String,
    /// How we know the client; `script` for a token.
    pub client_kind: String,
    /// The host that publishes the client's metadata, if one does.
    pub client_domain: Option<String>,
    /// Where the browser went back to when it was approved.
    pub redirect_host: Option<String>,
    /// The address it belongs to: `loopback`, or the public origin.
    pub origin: String,
    /// The servers it may use.
    pub servers: Vec<String>,
    /// `read` or `read-write`.
    pub access: String,
    /// When it was approved.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends; `None` is until revoked.
    pub expires_at: Option<Timestamp>,
    /// `pending`, `active`, `connect-again`, `damaged` (it lets nobody in and can be revoked) or
    /// `ended`.
    pub state: String,
    /// Why it ended, if it did.
    pub end_reason: Option<String>,
}

impl ConnectionView {
    /// Whether it is a token made for a script.
    #[must_use]
    pub fn is_script_token(&self) -> bool {
        self.client_kind == ClientKind::Script.as_str()
    }
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let (state, end_reason) = match connection.state {
            ConnectionState::Pending => ("pending", None),
            ConnectionState::Active => ("active", None),
            ConnectionState::ConnectAgain => ("connect-again", None),
            ConnectionState::Damaged => ("damaged", None),
            ConnectionState::Ended { reason, .. } => ("ended", Some(reason.as_str().to_owned())),
        };
        Self {
            id: connection.id.to_string(),
            client: connection.name.unwrap_or(connection.client_id),
            client_kind: connection.kind.as_str().to_owned(),
            client_domain: connection.client_host,
            redirect_host: connection.redirect_host,
            origin: connection.audience.to_string(),
            servers: connection.servers.iter().map(str::to_owned).collect(),
            access: connection.access.to_string(),
            created_at: connection.created_at,
            last_used_at: connection.last_used_at,
            expires_at: connection.expires_at,
            state: state.to_owned(),
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
