//! Connections: the grants as the user sees them, and what the user can change about them.

use drawbridge_vault::{GrantRow, StoreError, Writer};
use jiff::Timestamp;
use serde::Serialize;

use crate::clients::ClientKind;
use crate::events::Event;
use crate::grants::{EndReason, GrantDetails, end_of};
use crate::{AccessLevel, Audience, AuthorizationServer, GrantId, GrantLifetime, ServerSelection};

/// One grant as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: GrantId,
    /// The client's id; `script` for a token the user made.
    pub client_id: String,
    /// How the client is known.
    pub kind: ClientKind,
    /// What the client calls itself, or the user called the token. Not verified: show it as a
    /// quotation.
    pub name: Option<String>,
    /// The host that publishes the client's metadata document.
    pub client_host: Option<String>,
    /// Where the browser was sent back to.
    pub redirect_host: Option<String>,
    /// The address it belongs to.
    pub audience: Audience,
    /// Which servers.
    pub servers: ServerSelection,
    /// Reading or writing.
    pub access: AccessLevel,
    /// The lifetime that was chosen.
    pub lifetime: GrantLifetime,
    /// Since when.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// Until when, if not until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// Whether it holds.
    pub state: ConnectionState,
}

/// Whether a connection holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ConnectionState {
    /// Approved; the client has not come for its tokens yet.
    Pending,
    /// It holds.
    Active,
    /// It belongs to a public address that is gone: the client must connect again.
    ConnectAgain,
    /// It is over.
    Ended {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: EndReason,
    },
}

/// Why a connection was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is none with this id, or it is over.
    #[error("there is no such connection, or it has ended; list the connections to see which hold")]
    NotFound,
    /// The change would allow more, and nobody was asked.
    #[error("this would let the connection do more than now, so it has to be confirmed")]
    Widens,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether new terms allow anything the old ones did not.
fn widens(old: &GrantDetails, servers: &ServerSelection, access: AccessLevel) -> bool {
    !servers.is_subset(&old.servers) || access > old.access
}

impl AuthorizationServer {
    /// All connections, the newest first, with those that ended in the last 90 days.
    pub fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        let rows = self.vault().read(|reader| reader.grants())?;
        let public = self.settings().public_origin;
        let now = self.now();
        rows.iter()
            .map(|row| connection(row, public.as_deref(), now))
            .collect()
    }

    /// Ends a connection: its tokens are worth nothing when this returns.
    pub async fn revoke(&self, id: &GrantId) -> Result<(), EditError> {
        if self.end_grant(id, EndReason::RevokedByUser).await? {
            return Ok(());
        }
        Err(EditError::NotFound)
    }

    /// Takes something away from a connection; holds from its next call on. Refuses what would
    /// allow more.
    pub async fn narrow(
        &self,
        id: &GrantId,
        servers: ServerSelection,
        access: AccessLevel,
    ) -> Result<(), EditError> {
        self.change_terms(id, servers, access, false).await
    }

    /// Gives a connection other terms, also wider ones. The caller has had a person confirm that.
    pub async fn edit(
        &self,
        id: &GrantId,
        servers: ServerSelection,
        access: AccessLevel,
    ) -> Result<(), EditError> {
        self.change_terms(id, servers, access, true).await
    }

    async fn change_terms(
        &self,
        id: &GrantId,
        servers: ServerSelection,
        access: AccessLevel,
        may_widen: bool,
    ) -> Result<(), EditError> {
        let (id, now) = (id.clone(), self.now());
        let grant = id.to_string();
        let change = move |writer: &Writer<'_>| {
            let mut row = writer.grant(&grant)?.ok_or(EditError::NotFound)?;
            if end_of(&row, now).is_some() {
                return Err(EditError::NotFound);
            }
            let mut details = GrantDetails::read(&row)?;
            if !may_widen && widens(&details, &servers, access) {
                return Err(EditError::Widens);
            }
            (details.servers, details.access) = (servers, access);
            row.details = details.write()?;
            writer.put_grant(&row)?;
            Ok(())
        };
        self.change(change, move |server, ()| {
            server.emit(Event::GrantChanged { grant: id });
        })
        .await
    }
}

fn connection(
    row: &GrantRow,
    public: Option<&str>,
    now: Timestamp,
) -> Result<Connection, StoreError> {
    let details = GrantDetails::read(row)?;
    let audience = Audience::from_stored(&row.origin);
    let gone = match (&audience, public) {
        (Audience::Public(origin), Some(current)) => origin != current,
        // With no public address open nothing says that it will not come back.
        _ => false,
    };
    let state = match end_of(row, now) {
        Some(reason) => ConnectionState::Ended {
            at: row.ended_at.or(row.expires_at).unwrap_or(now),
            reason: details.reason_for(reason),
        },
        None if gone => ConnectionState::ConnectAgain,
        None if !details.connected => ConnectionState::Pending,
        None => ConnectionState::Active,
    };
    let expires_at = details.own_expiry(row);
    Ok(Connection {
        id: GrantId::parse(&row.id).map_err(|_| StoreError::Damaged)?,
        client_id: row.client_id.clone(),
        kind: ClientKind::from_stored(&row.kind).ok_or(StoreError::Damaged)?,
        name: details.name,
        client_host: details.client_host,
        redirect_host: details.redirect_host,
        audience,
        servers: details.servers,
        access: details.access,
        lifetime: details.lifetime,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at,
        state,
    })
}
