//! Access and refresh tokens, by their hash. Nothing here can be turned back into a token.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params};

use super::{Reader, Writer, debug_without_content, millis, moment, optional_moment};
use crate::error::StoreError;

/// Where a refresh token stands in its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshState {
    /// It may be used.
    Active,
    /// A successor was issued, and not yet used: this one may be used once more.
    Superseded,
    /// It may never be used again; using it is a sign of theft.
    Dead,
}

impl ToSql for RefreshState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
        }))
    }
}

impl FromSql for RefreshState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "active" => Ok(Self::Active),
            "superseded" => Ok(Self::Superseded),
            "dead" => Ok(Self::Dead),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// One refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshTokenRow {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// The grant it belongs to.
    pub grant_id: String,
    /// The token it was issued for; none for the first of a family.
    pub parent: Option<[u8; 32]>,
    /// Where it stands.
    pub state: RefreshState,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops being valid.
    pub expires_at: Timestamp,
}

debug_without_content!(RefreshTokenRow, grant_id, state);

/// One access token.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessTokenRow {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// The grant it belongs to.
    pub grant_id: String,
    /// The refresh token it was issued with, if any.
    pub refresh: Option<[u8; 32]>,
    /// The resource it is for (RFC 8707).
    pub resource: String,
    /// Its scope, space-separated (RFC 6749 section 3.3).
    pub scope: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops being valid, if it does before its grant ends.
    pub expires_at: Option<Timestamp>,
}

debug_without_content!(AccessTokenRow, grant_id, expires_at);

fn read_refresh(row: &Row<'_>) -> rusqlite::Result<RefreshTokenRow> {
    Ok(RefreshTokenRow {
        hash: row.get(0)?,
        grant_id: row.get(1)?,
        parent: row.get(2)?,
        state: row.get(3)?,
        created_at: moment(row, 4)?,
        expires_at: moment(row, 5)?,
    })
}

fn read_access(row: &Row<'_>) -> rusqlite::Result<AccessTokenRow> {
    Ok(AccessTokenRow {
        hash: row.get(0)?,
        grant_id: row.get(1)?,
        refresh: row.get(2)?,
        resource: row.get(3)?,
        scope: row.get(4)?,
        created_at: moment(row, 5)?,
        expires_at: optional_moment(row, 6)?,
    })
}

impl Reader<'_> {
    /// The refresh token with this hash, whatever its state.
    pub fn refresh_token(&self, hash: &[u8; 32]) -> Result<Option<RefreshTokenRow>, StoreError> {
        self.one(
            "SELECT hash, grant_id, parent, state, created_at, expires_at FROM refresh_tokens \
             WHERE hash = ?1",
            [hash],
            read_refresh,
        )
    }

    /// All refresh tokens of this grant, the oldest first.
    pub fn refresh_tokens_of(&self, grant_id: &str) -> Result<Vec<RefreshTokenRow>, StoreError> {
        self.all(
            "SELECT hash, grant_id, parent, state, created_at, expires_at FROM refresh_tokens \
             WHERE grant_id = ?1 ORDER BY created_at, hash",
            [grant_id],
            read_refresh,
        )
    }

    /// The access token with this hash, expired or not.
    pub fn access_token(&self, hash: &[u8; 32]) -> Result<Option<AccessTokenRow>, StoreError> {
        self.one(
            "SELECT hash, grant_id, refresh, resource, scope, created_at, expires_at \
             FROM access_tokens WHERE hash = ?1",
            [hash],
            read_access,
        )
    }

    /// All access tokens of this grant, the oldest first.
    pub fn access_tokens_of(&self, grant_id: &str) -> Result<Vec<AccessTokenRow>, StoreError> {
        self.all(
            "SELECT hash, grant_id, refresh, resource, scope, created_at, expires_at \
             FROM access_tokens WHERE grant_id = ?1 ORDER BY created_at, hash",
            [grant_id],
            read_access,
        )
    }
}

impl Writer<'_> {
    /// Adds this refresh token, or replaces the one with its hash. Its grant must exist.
    pub fn put_refresh_token(&self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO refresh_tokens (hash, grant_id, parent, state, created_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (hash) DO UPDATE SET grant_id = ?2, \
             parent = ?3, state = ?4, created_at = ?5, expires_at = ?6",
            params![
                row.hash,
                row.grant_id,
                row.parent,
                row.state,
                millis(row.created_at),
                millis(row.expires_at)
            ],
        )?;
        Ok(())
    }

    /// Sets where this refresh token stands. Answers whether it exists.
    pub fn set_refresh_state(
        &self,
        hash: &[u8; 32],
        state: RefreshState,
    ) -> Result<bool, StoreError> {
        let changed = self.run(
            "UPDATE refresh_tokens SET state = ?2 WHERE hash = ?1",
            params![hash, state],
        )?;
        Ok(changed > 0)
    }

    /// Forgets this refresh token. Answers whether it existed.
    pub fn delete_refresh_token(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM refresh_tokens WHERE hash = ?1", [hash])? > 0)
    }

    /// Forgets all refresh tokens of this grant. Answers how many.
    pub fn delete_refresh_tokens_of(&self, grant_id: &str) -> Result<usize, StoreError> {
        self.run("DELETE FROM refresh_tokens WHERE grant_id = ?1", [grant_id])
    }

    /// Forgets refresh tokens that expired before `before`. Answers how many.
    pub fn delete_refresh_tokens_expired_before(
        &self,
        before: Timestamp,
    ) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM refresh_tokens WHERE expires_at < ?1",
            [millis(before)],
        )
    }

    /// Adds this access token, or replaces the one with its hash. Its grant must exist.
    pub fn put_access_token(&self, row: &AccessTokenRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO access_tokens (hash, grant_id, refresh, resource, scope, created_at, \
             expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (hash) DO UPDATE SET \
             grant_id = ?2, refresh = ?3, resource = ?4, scope = ?5, created_at = ?6, \
             expires_at = ?7",
            params![
                row.hash,
                row.grant_id,
                row.refresh,
                row.resource,
                row.scope,
                millis(row.created_at),
                row.expires_at.map(millis)
            ],
        )?;
        Ok(())
    }

    /// Forgets this access token. Answers whether it existed.
    pub fn delete_access_token(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM access_tokens WHERE hash = ?1", [hash])? > 0)
    }

    /// Forgets all access tokens of this grant. Answers how many.
    pub fn delete_access_tokens_of(&self, grant_id: &str) -> Result<usize, StoreError> {
        self.run("DELETE FROM access_tokens WHERE grant_id = ?1", [grant_id])
    }

    /// Forgets the access tokens of this grant that were issued with this refresh token. Answers
    /// how many.
    pub fn delete_access_tokens_of_refresh(
        &self,
        grant_id: &str,
        refresh: &[u8; 32],
    ) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM access_tokens WHERE grant_id = ?1 AND refresh = ?2",
            params![grant_id, refresh],
        )
    }

    /// Forgets access tokens that expired before `before`. Answers how many.
    pub fn delete_access_tokens_expired_before(
        &self,
        before: Timestamp,
    ) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM access_tokens WHERE expires_at IS NOT NULL AND expires_at < ?1",
            [millis(before)],
        )
    }
}
