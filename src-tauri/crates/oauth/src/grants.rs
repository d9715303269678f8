//! Grants: what a person approved for one client at one audience.
//!
//! A grant begins when the person approves, owns its code and tokens, and ends when it is revoked,
//! at its expiry, when unused for 30 days, or when a code or refresh token of it is used that must
//! not be used again. With a grant end all its tokens.

use drawbridge_vault::{GrantRow, StoreError, Writer};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::approval::state::{COLLECT_AGAIN, COLLECT_LIFE};
use crate::clients::{ClientInformation, ClientKind};
use crate::codes::CODE_LIFE;
use crate::events::Event;
use crate::pkce::CodeChallenge;
use crate::resource::Resource;
use crate::scope::Scope;
use crate::{
    AccessLevel, Audience, AuthorizationServer, GrantId, GrantLifetime, ServerSelection, Terms,
    redirect_uri,
};

/// A grant that nobody uses for this long ends.
pub(crate) const UNUSED_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A grant whose client does not come for its tokens ends: after the time its browser has to
/// collect the code, a second time if the first answer got lost, and the life of the code.
pub(crate) const CONNECT_LIFE: SignedDuration = SignedDuration::from_secs(
    COLLECT_LIFE.as_secs() + COLLECT_AGAIN.as_secs() + CODE_LIFE.as_secs(),
);
/// Ended grants stay in the list for this long.
pub(crate) const ENDED_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Why a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// The user revoked it.
    RevokedByUser,
    /// The client revoked it (RFC 7009).
    RevokedByClient,
    /// Its authorization code was used a second time.
    CodeReuse,
    /// A refresh token came back whose successor had been used.
    RefreshTokenReuse,
    /// Its lifetime is over.
    Expired,
    /// Nobody used it for 30 days.
    Unused,
    /// The client never exchanged its code.
    NeverConnected,
}

impl EndReason {
    const ALL: [Self; 7] = [
        Self::RevokedByUser,
        Self::RevokedByClient,
        Self::CodeReuse,
        Self::RefreshTokenReuse,
        Self::Expired,
        Self::Unused,
        Self::NeverConnected,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RevokedByUser => "revoked-by-user",
            Self::RevokedByClient => "revoked-by-client",
            Self::CodeReuse => "code-reuse",
            Self::RefreshTokenReuse => "refresh-token-reuse",
            Self::Expired => "expired",
            Self::Unused => "unused",
            Self::NeverConnected => "never-connected",
        }
    }

    pub(crate) fn from_stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// An authorization request that passed every check: what a grant and its code are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorizationRequest {
    /// Who asks.
    pub(crate) client: ClientInformation,
    /// Where the answer goes, exactly as asked.
    pub(crate) redirect_uri: String,
    /// What the code will be tied to; none only for the static client.
    pub(crate) challenge: Option<CodeChallenge>,
    /// What will be granted of the scope that was asked.
    pub(crate) scope: Scope,
    /// What the tokens will be for.
    pub(crate) resource: Resource,
    /// At which audience it was asked.
    pub(crate) audience: Audience,
}

/// The part of a grant that is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantDetails {
    /// The client's own name, or the name the user gave a script's token.
    pub(crate) name: Option<String>,
    /// The verified host of the client's metadata document.
    pub(crate) client_host: Option<String>,
    /// Where the browser was sent back to.
    pub(crate) redirect_host: Option<String>,
    /// Which servers.
    pub(crate) servers: ServerSelection,
    /// Reading or writing.
    pub(crate) access: AccessLevel,
    /// What was chosen as lifetime.
    pub(crate) lifetime: GrantLifetime,
    /// The scope granted.
    pub(crate) scope: String,
    /// Whether its code was exchanged.
    pub(crate) connected: bool,
}

impl GrantDetails {
    pub(crate) fn read(row: &GrantRow) -> Result<Self, StoreError> {
        from_json(&row.details, "grants")
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>, StoreError> {
        to_json(self, "grants")
    }

    /// What is shown of a grant whose details cannot be read: nothing is known and nothing allowed.
    pub(crate) fn unreadable() -> Self {
        Self {
            name: None,
            client_host: None,
            redirect_host: None,
            servers: ServerSelection::new([]),
            access: AccessLevel::Read,
            lifetime: GrantLifetime::UntilRevoked,
            scope: String::new(),
            connected: false,
        }
    }

    /// The reason for a person: what expired before it was connected never was.
    pub(crate) fn reason_for(&self, reason: EndReason) -> EndReason {
        match reason {
            EndReason::Expired if !self.connected => EndReason::NeverConnected,
            reason => reason,
        }
    }

    /// When the grant ends by the lifetime that was chosen.
    pub(crate) fn own_expiry(&self, row: &GrantRow) -> Option<Timestamp> {
        self.lifetime.expires_at(row.created_at)
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope)
    }
}

/// Why this grant is over at this moment, if it is: written in its row, or known from the clock
/// before the next sweep writes it.
pub(crate) fn end_of(row: &GrantRow, now: Timestamp) -> Option<EndReason> {
    if row.ended_at.is_some() {
        let reason = row.end_reason.as_deref().and_then(EndReason::from_stored);
        return Some(reason.unwrap_or(EndReason::RevokedByUser));
    }
    if row.expires_at.is_some_and(|expiry| expiry <= now) {
        return Some(EndReason::Expired);
    }
    if now.duration_since(row.last_used_at) >= UNUSED_LIFE {
        return Some(EndReason::Unused);
    }
    None
}

/// When something of this grant with a life of its own ends: never after the grant.
pub(crate) fn bounded_expiry(grant: &GrantRow, life: SignedDuration, now: Timestamp) -> Timestamp {
    let own = now.checked_add(life).unwrap_or(Timestamp::MAX);
    grant.expires_at.map_or(own, |end| own.min(end))
}

/// Ends a grant and its tokens, inside a write. Answers whether it was this call that did.
pub(crate) fn end(
    writer: &Writer<'_>,
    grant: &str,
    now: Timestamp,
    reason: EndReason,
) -> Result<bool, StoreError> {
    writer.end_grant(grant, now, reason.as_str())
}

/// Tells of several grants that a write ended.
pub(crate) fn tell_ended(server: &AuthorizationServer, ended: &[(GrantId, EndReason)]) {
    for (grant, reason) in ended {
        server.emit(Event::GrantEnded {
            grant: grant.clone(),
            reason: *reason,
        });
    }
}

impl AuthorizationServer {
    /// Writes down what the person approved. The client is told nothing yet: the code is minted
    /// when its browser comes for it. Unless that happens, the grant ends after [`CONNECT_LIFE`].
    pub(crate) async fn issue_grant(
        &self,
        request: &AuthorizationRequest,
        terms: &Terms,
    ) -> Result<GrantId, StoreError> {
        let id = GrantId::random(self.entropy())?;
        let now = self.now();
        let details = GrantDetails {
            name: request.client.name.clone(),
            client_host: request.client.host.clone(),
            redirect_host: Some(redirect_uri::display_host(&request.redirect_uri)),
            servers: terms.servers.clone(),
            access: terms.access,
            lifetime: terms.lifetime,
            scope: request.scope.to_string(),
            connected: false,
        };
        let row = GrantRow {
            id: id.to_string(),
            client_id: request.client.id.clone(),
            origin: request.audience.as_str().to_owned(),
            kind: request.client.kind.as_str().to_owned(),
            created_at: now,
            last_used_at: now,
            // Its own lifetime begins to count when the client is connected, from this moment on.
            expires_at: now.checked_add(CONNECT_LIFE).ok(),
            ended_at: None,
            end_reason: None,
            details: details.write()?,
        };
        let registered = request.client.kind == ClientKind::Registered;
        self.vault()
            .write(move |writer| {
                writer.put_grant(&row)?;
                if registered {
                    // From now on it is never dropped to make room.
                    writer.mark_client_approved(&row.client_id)?;
                    writer.touch_client(&row.client_id, now)?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(id)
    }

    /// Ends a grant now. Answers whether it was this call that did.
    pub(crate) async fn end_grant(
        &self,
        grant: &GrantId,
        reason: EndReason,
    ) -> Result<bool, StoreError> {
        let (now, id) = (self.now(), grant.to_string());
        let grant = grant.clone();
        self.change(
            move |writer| end(writer, &id, now, reason),
            move |server, ended| {
                if *ended {
                    server.emit(Event::GrantEnded { grant, reason });
                }
            },
        )
        .await
    }
}

/// Writes the sealed part of a row.
pub(crate) fn to_json<T: Serialize>(value: &T, table: &'static str) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|_| StoreError::Unsealable { table })
}

/// Reads the sealed part of a row.
pub(crate) fn from_json<'a, T: Deserialize<'a>>(
    bytes: &'a [u8],
    table: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| StoreError::Unsealable { table })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::from_stored(reason.as_str()), Some(reason));
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn the_clock_ends_a_grant_before_the_sweep_does() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let later = |hours| now.checked_add(SignedDuration::from_hours(hours)).unwrap();
        let row = GrantRow {
            id: "g-1".into(),
            client_id: "c-1".into(),
            origin: "loopback".into(),
            kind: "registered".into(),
            created_at: now,
            last_used_at: now,
            expires_at: Some(later(31 * 24)),
            ended_at: None,
            end_reason: None,
            details: Vec::new(),
        };
        assert_eq!(end_of(&row, now), None);
        assert_eq!(end_of(&row, later(30 * 24 - 1)), None);
        assert_eq!(end_of(&row, later(30 * 24)), Some(EndReason::Unused));
        assert_eq!(end_of(&row, later(31 * 24)), Some(EndReason::Expired));
        assert_eq!(
            bounded_expiry(&row, SignedDuration::from_hours(1), now),
            later(1)
        );
        let late = later(31 * 24 - 1);
        assert_eq!(
            bounded_expiry(&row, SignedDuration::from_hours(2), late),
            later(31 * 24)
        );
    }
}
