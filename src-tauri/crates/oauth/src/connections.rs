//! Connections: the grants as the user sees them, and what the user can change about them.

use drawbridge_vault::{GrantRow, StoreError, Writer};
use jiff::Timestamp;
use serde::Serialize;

use crate::approval::asked::registrable;
use crate::clients::ClientKind;
use crate::events::Event;
use crate::grants::{self, EndReason, GrantDetails, UNUSED_LIFE, end_of};
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
    /// The part of that host that somebody registered.
    pub redirect_registrable: Option<String>,
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
    /// When it ends if nobody uses it any more; `None` if it has ended, or ends before that.
    pub unused_until: Option<Timestamp>,
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
    /// What is stored of it cannot be read, so it lets nobody in. It can be revoked, no more; its
    /// name and terms are not known.
    Damaged,
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
    /// How many connections have not ended.
    pub fn count_connections(&self) -> Result<u64, StoreError> {
        let now = self.now();
        let used_since = now.checked_sub(UNUSED_LIFE).unwrap_or(Timestamp::MIN);
        self.vault()
            .read(|reader| reader.count_live_grants(now, used_since))
    }

    /// All connections, the newest first, with those that ended in the last 90 days. A damaged one
    /// is among them as [`ConnectionState::Damaged`] and hides no other.
    pub fn connections(&self) -> Result<Vec<Connection>, StoreError> {
        let rows = self.vault().read(|reader| reader.grants())?;
        let public = self.settings().public_origin;
        let now = self.now();
        Ok(rows
            .iter()
            .filter_map(|row| connection(row, public.as_deref(), now))
            .collect())
    }

    /// Ends a connection: its tokens are worth nothing when this returns.
    pub async fn revoke(&self, id: &GrantId) -> Result<(), EditError> {
        if self.end_grant(id, EndReason::RevokedByUser).await? {
            return Ok(());
        }
        Err(EditError::NotFound)
    }

    /// Ends all connections and tokens that have not ended: they are worth nothing when this
    /// returns. Answers how many there were.
    pub async fn revoke_all(&self) -> Result<usize, StoreError> {
        let now = self.now();
        let used_since = now.checked_sub(UNUSED_LIFE).unwrap_or(Timestamp::MIN);
        let reason = EndReason::RevokedByUser;
        let end_all = move |writer: &Writer<'_>| {
            let ids = writer.live_grant_ids(now, used_since)?;
            for id in &ids {
                grants::end(writer, id, now, reason)?;
            }
            Ok::<_, StoreError>(ids)
        };
        let ended = self
            .change(end_all, move |server, ids| {
                let grants: Vec<(GrantId, EndReason)> = ids
                    .iter()
                    .filter_map(|id| Some((GrantId::parse(id).ok()?, reason)))
                    .collect();
                grants::tell_ended(server, &grants);
            })
            .await?;
        Ok(ended.len())
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

    /// Takes a server out of every connection that has it, because it is removed: a server that is
    /// later given its name must be in none. A connection whose last server it was stays, with none.
    /// One whose details cannot be read lets nobody in and is left alone. Answers how many had it.
    pub async fn forget_server(&self, name: &str) -> Result<usize, StoreError> {
        let (name, now) = (name.to_owned(), self.now());
        let change = move |writer: &Writer<'_>| {
            let mut changed = Vec::new();
            for mut row in writer.grants()? {
                if end_of(&row, now).is_some() {
                    continue;
                }
                let Ok(mut details) = GrantDetails::read(&row) else {
                    continue;
                };
                if !details.servers.contains(&name) {
                    continue;
                }
                let others = details.servers.iter().filter(|server| *server != name);
                details.servers = ServerSelection::new(others.map(str::to_owned));
                row.details = details.write()?;
                writer.put_grant(&row)?;
                changed.push(row.id);
            }
            Ok::<_, StoreError>(changed)
        };
        let changed = self
            .change(change, move |server, ids| {
                for grant in ids.iter().filter_map(|id| GrantId::parse(id).ok()) {
                    server.emit(Event::GrantChanged { grant });
                }
            })
            .await?;
        Ok(changed.len())
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

/// None for a row that no list can name, because its id is none of ours.
fn connection(row: &GrantRow, public: Option<&str>, now: Timestamp) -> Option<Connection> {
    let Ok(id) = GrantId::parse(&row.id) else {
        tracing::warn!("a connection with a damaged id is not listed");
        return None;
    };
    let kind = ClientKind::from_stored(&row.kind);
    let details = GrantDetails::read(row).ok().filter(|_| kind.is_some());
    let audience = Audience::from_stored(&row.origin);
    let gone = match (&audience, public) {
        (Audience::Public(origin), Some(current)) => origin != current,
        // With no public address open nothing says that it will not come back.
        _ => false,
    };
    let state = match (end_of(row, now), &details) {
        (Some(reason), details) => ConnectionState::Ended {
            at: row.ended_at.or(row.expires_at).unwrap_or(now),
            reason: details
                .as_ref()
                .map_or(reason, |details| details.reason_for(reason)),
        },
        (None, None) => ConnectionState::Damaged,
        (None, Some(_)) if gone => ConnectionState::ConnectAgain,
        (None, Some(details)) if !details.connected => ConnectionState::Pending,
        (None, Some(_)) => ConnectionState::Active,
    };
    let expires_at = details
        .as_ref()
        .map_or(row.expires_at, |details| details.own_expiry(row));
    let ended = matches!(state, ConnectionState::Ended { .. });
    let unused_until = row
        .last_used_at
        .checked_add(UNUSED_LIFE)
        .ok()
        .filter(|unused| !ended && row.expires_at.is_none_or(|expiry| *unused < expiry));
    let details = details.unwrap_or_else(GrantDetails::unreadable);
    Some(Connection {
        id,
        client_id: row.client_id.clone(),
        kind: kind.unwrap_or(ClientKind::Registered),
        name: details.name,
        client_host: details.client_host,
        redirect_registrable: details.redirect_host.as_deref().and_then(registrable),
        redirect_host: details.redirect_host,
        audience,
        servers: details.servers,
        access: details.access,
        lifetime: details.lifetime,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at,
        unused_until,
        state,
    })
}
