//! Who may come in.

use drawbridge_oauth::{
    AccessLevel, Connection, ConnectionState, EditError, GrantId, GrantLifetime, ServerSelection,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::confirmations::{access_words, confirmed};
use super::{ClientKind, ConnectionStanding, UiError, UiErrorCode};
use crate::confirmations::{Action, Asker, ConfirmationText};
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
    /// The part of that host that somebody registered.
    pub redirect_registrable: Option<String>,
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
    /// For how long it was let in.
    #[cfg_attr(test, ts(as = "super::bindings::GrantLifetime"))]
    pub lifetime: GrantLifetime,
    /// When it ends if nobody uses it any more; `None` if it has ended, or ends before that.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub unused_until: Option<Timestamp>,
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
            }
        };
        Self {
            id: connection.id.to_string(),
            client: connection.name.unwrap_or(connection.client_id),
            client_kind: connection.kind.into(),
            client_domain: connection.client_host,
            redirect_host: connection.redirect_host,
            redirect_registrable: connection.redirect_registrable,
            origin: connection.audience.to_string(),
            servers: connection.servers.iter().map(str::to_owned).collect(),
            access: connection.access,
            created_at: connection.created_at,
            last_used_at: connection.last_used_at,
            expires_at: connection.expires_at,
            lifetime: connection.lifetime,
            unused_until: connection.unused_until,
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

/// Ends all connections and tokens at once. Answers how many there were.
pub async fn revoke_all(engine: &Engine) -> Result<usize, UiError> {
    Ok(engine.oauth().revoke_all().await?)
}

/// What a connection shall be allowed from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ConnectionTerms {
    /// The servers it may use.
    pub servers: Vec<String>,
    /// Reading, or reading and writing.
    #[cfg_attr(test, ts(as = "super::bindings::AccessLevel"))]
    pub access: AccessLevel,
}

/// Gives a connection or token other terms. What takes away holds at once; what gives more is done
/// when the person confirms it in the approval window, and this waits for that.
pub async fn edit_connection(
    engine: &Engine,
    id: &str,
    terms: ConnectionTerms,
) -> Result<ConnectionView, UiError> {
    let id = GrantId::parse(id).map_err(UiError::invalid)?;
    let old = connection(engine, &id)?;
    let chosen = chosen(engine, &terms.servers);
    known(engine, &old, &terms.servers)?;
    let servers = ServerSelection::new(terms.servers.iter().cloned());
    let oauth = engine.oauth();
    match oauth.narrow(&id, servers.clone(), terms.access).await {
        Err(EditError::Widens) => {
            let text = widening(&old, &servers, terms.access);
            confirmed(engine, Asker::Window, text).await?;
            // A server that went meanwhile must not be in it when another takes its name.
            let now = connection(engine, &id)?;
            known(engine, &now, &terms.servers)?;
            if self::chosen(engine, &terms.servers) != chosen {
                return Err(UiError::new(
                    UiErrorCode::Conflict,
                    "a server was replaced while you were asked; nothing was changed. Look at the \
                     servers, then change the connection again",
                ));
            }
            oauth.edit(&id, servers, terms.access).await?;
        }
        narrowed => narrowed?,
    }
    connection(engine, &id).map(ConnectionView::from)
}

/// The servers of these names, told apart from later ones of the same name.
fn chosen(engine: &Engine, names: &[String]) -> Vec<(String, Timestamp)> {
    let there = engine.gateway().servers().into_iter();
    there
        .filter(|server| names.contains(&server.name))
        .map(|server| (server.name, server.created_at))
        .collect()
}

/// Whether each of these servers is there, or was among the connection's already.
fn known(engine: &Engine, old: &Connection, names: &[String]) -> Result<(), UiError> {
    let there = engine.gateway().servers();
    let known = |name: &String| {
        old.servers.contains(name) || there.iter().any(|server| server.name == *name)
    };
    match names.iter().find(|name| !known(name)) {
        Some(unknown) => Err(UiError::invalid(format!(
            "there is no server {unknown:?} here; look at the servers again"
        ))),
        None => Ok(()),
    }
}

fn connection(engine: &Engine, id: &GrantId) -> Result<Connection, UiError> {
    let mut all = engine.oauth().connections()?.into_iter();
    all.find(|connection| connection.id == *id)
        .ok_or_else(|| EditError::NotFound.into())
}

/// What a person is asked before a connection may do more.
fn widening(old: &Connection, servers: &ServerSelection, access: AccessLevel) -> ConfirmationText {
    let names = |servers: &ServerSelection| {
        if servers.is_empty() {
            return "none".to_owned();
        }
        servers.iter().collect::<Vec<_>>().join(", ")
    };
    let client = old.name.as_deref().unwrap_or(&old.client_id);
    let mut text = ConfirmationText::new(
        Action::WidenConnection,
        "Let this connection do more than now?",
    )
    .with("Connection", client);
    if let Some(host) = &old.redirect_host {
        text = text.with("Goes back to", host);
    }
    text.with("Servers now", &names(&old.servers))
        .with("Servers then", &names(servers))
        .with("Access now", access_words(old.access))
        .with("Access then", access_words(access))
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
