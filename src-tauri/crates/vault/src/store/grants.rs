//! Grants: what the user approved for one client at one origin.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{Reader, Writer, debug_without_content, millis, moment, optional_moment};
use crate::error::StoreError;

pub(super) const TABLE: &str = "grants";

/// One grant. It owns its codes and tokens: they go when it ends.
#[derive(Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: String,
    /// The client it was given to.
    pub client_id: String,
    /// The origin it belongs to.
    pub origin: String,
    /// How it came to be.
    pub kind: String,
    /// When it was approved.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it ended, if it did.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// The rest, sealed on disk.
    pub details: Vec<u8>,
}

debug_without_content!(GrantRow, id, kind, ended_at);

fn read(row: &Row<'_>) -> rusqlite::Result<GrantRow> {
    Ok(GrantRow {
        id: row.get(0)?,
        client_id: row.get(1)?,
        origin: row.get(2)?,
        kind: row.get(3)?,
        created_at: moment(row, 4)?,
        last_used_at: moment(row, 5)?,
        expires_at: optional_moment(row, 6)?,
        ended_at: optional_moment(row, 7)?,
        end_reason: row.get(8)?,
        details: row.get(9)?,
    })
}

impl Reader<'_> {
    /// The grant with this id, ended or not.
    pub fn grant(&self, id: &str) -> Result<Option<GrantRow>, StoreError> {
        let row = self.one(
            "SELECT id, client_id, origin, kind, created_at, last_used_at, expires_at, ended_at, \
             end_reason, details FROM grants WHERE id = ?1",
            [id],
            read,
        )?;
        row.map(|row| self.opened_grant(row)).transpose()
    }

    /// All grants, the newest first, with the ended ones. One whose sealed part does not open comes
    /// with empty `details`: a damaged row hides no other.
    pub fn grants(&self) -> Result<Vec<GrantRow>, StoreError> {
        self.all(
            "SELECT id, client_id, origin, kind, created_at, last_used_at, expires_at, ended_at, \
             end_reason, details FROM grants ORDER BY created_at DESC, rowid DESC",
            [],
            read,
        )?
        .into_iter()
        .map(|mut row| {
            let opened = self.open(TABLE, row.id.as_bytes(), &row.details);
            row.details = opened.unwrap_or_default();
            Ok(row)
        })
        .collect()
    }

    /// The ids of this client's grants that have not ended, the newest first. Nothing sealed is
    /// opened, so a damaged grant is among them and can be ended.
    pub fn live_grant_ids_of_client(&self, client_id: &str) -> Result<Vec<String>, StoreError> {
        self.all(
            "SELECT id FROM grants WHERE client_id = ?1 AND ended_at IS NULL \
             ORDER BY created_at DESC, rowid DESC",
            [client_id],
            |row| row.get(0),
        )
    }

    /// The ids of the grants that [`Self::count_live_grants`] counts, the newest first. Nothing
    /// sealed is opened, so a damaged grant is among them and can be ended.
    pub fn live_grant_ids(
        &self,
        now: Timestamp,
        used_since: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        self.all(
            "SELECT id FROM grants WHERE ended_at IS NULL \
             AND (expires_at IS NULL OR expires_at > ?1) AND last_used_at > ?2 \
             ORDER BY created_at DESC, rowid DESC",
            [millis(now), millis(used_since)],
            |row| row.get(0),
        )
    }

    /// How many grants have not ended, do not expire by `now`, and were used after `used_since`.
    /// Nothing sealed is opened.
    pub fn count_live_grants(
        &self,
        now: Timestamp,
        used_since: Timestamp,
    ) -> Result<u64, StoreError> {
        let count: i64 = self
            .one(
                "SELECT count(*) FROM grants WHERE ended_at IS NULL \
                 AND (expires_at IS NULL OR expires_at > ?1) AND last_used_at > ?2",
                [millis(now), millis(used_since)],
                |row| row.get(0),
            )?
            .unwrap_or(0);
        Ok(count.unsigned_abs())
    }

    /// The ids of the grants that have not ended and were last used before `since`.
    pub fn grants_unused_since(&self, since: Timestamp) -> Result<Vec<String>, StoreError> {
        self.all(
            "SELECT id FROM grants WHERE ended_at IS NULL AND last_used_at < ?1 \
             ORDER BY last_used_at",
            [millis(since)],
            |row| row.get(0),
        )
    }

    /// The ids of the grants that have not ended and whose expiry is `now` or earlier.
    pub fn grants_expired(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.all(
            "SELECT id FROM grants WHERE ended_at IS NULL AND expires_at IS NOT NULL \
             AND expires_at <= ?1 ORDER BY expires_at",
            [millis(now)],
            |row| row.get(0),
        )
    }

    fn opened_grant(&self, mut row: GrantRow) -> Result<GrantRow, StoreError> {
        row.details = self.open(TABLE, row.id.as_bytes(), &row.details)?;
        Ok(row)
    }
}

impl Writer<'_> {
    /// Adds this grant, or replaces the one with its id and leaves its codes and tokens alone.
    pub fn put_grant(&self, row: &GrantRow) -> Result<(), StoreError> {
        let details = self.seal(TABLE, row.id.as_bytes(), &row.details)?;
        self.run(
            "INSERT INTO grants (id, client_id, origin, kind, created_at, last_used_at, \
             expires_at, ended_at, end_reason, details) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET \
             client_id = ?2, origin = ?3, kind = ?4, created_at = ?5, last_used_at = ?6, \
             expires_at = ?7, ended_at = ?8, end_reason = ?9, details = ?10",
            params![
                row.id,
                row.client_id,
                row.origin,
                row.kind,
                millis(row.created_at),
                millis(row.last_used_at),
                row.expires_at.map(millis),
                row.ended_at.map(millis),
                row.end_reason,
                details
            ],
        )?;
        Ok(())
    }

    /// Says that this grant was used now. Answers whether it exists.
    pub fn touch_grant(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self.run(
            "UPDATE grants SET last_used_at = max(last_used_at, ?2) WHERE id = ?1",
            params![id, millis(now)],
        )?;
        Ok(changed > 0)
    }

    /// Ends this grant and deletes its codes, access and refresh tokens. A grant that has ended
    /// keeps its first end. Answers whether it was this call that ended it.
    pub fn end_grant(&self, id: &str, now: Timestamp, reason: &str) -> Result<bool, StoreError> {
        let changed = self.run(
            "UPDATE grants SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL",
            params![id, millis(now), reason],
        )?;
        self.run("DELETE FROM codes WHERE grant_id = ?1", [id])?;
        self.run("DELETE FROM access_tokens WHERE grant_id = ?1", [id])?;
        self.run("DELETE FROM refresh_tokens WHERE grant_id = ?1", [id])?;
        Ok(changed > 0)
    }

    /// Forgets grants that ended before `before`. Answers how many.
    pub fn delete_grants_ended_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM grants WHERE ended_at IS NOT NULL AND ended_at < ?1",
            [millis(before)],
        )
    }
}
