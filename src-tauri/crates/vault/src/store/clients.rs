//! Clients: who may ask for access.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{Reader, Writer, debug_without_content, millis, moment};
use crate::error::StoreError;

pub(super) const TABLE: &str = "clients";

/// One client known to the authorization server.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its client id.
    pub id: String,
    /// How it became known.
    pub kind: String,
    /// When it became known.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// Whether a person ever approved it.
    pub approved: bool,
    /// The rest, sealed on disk.
    pub details: Vec<u8>,
}

debug_without_content!(ClientRow, id, kind);

fn read(row: &Row<'_>) -> rusqlite::Result<ClientRow> {
    Ok(ClientRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        created_at: moment(row, 2)?,
        last_used_at: moment(row, 3)?,
        approved: row.get(4)?,
        details: row.get(5)?,
    })
}

impl Reader<'_> {
    /// The client with this id.
    pub fn client(&self, id: &str) -> Result<Option<ClientRow>, StoreError> {
        let row = self.one(
            "SELECT id, kind, created_at, last_used_at, approved, details FROM clients \
             WHERE id = ?1",
            [id],
            read,
        )?;
        row.map(|mut row| {
            row.details = self.open(TABLE, row.id.as_bytes(), &row.details)?;
            Ok(row)
        })
        .transpose()
    }

    /// How many clients of this kind there are.
    pub fn count_clients(&self, kind: &str) -> Result<u64, StoreError> {
        let count: i64 = self
            .one(
                "SELECT count(*) FROM clients WHERE kind = ?1",
                [kind],
                |row| row.get(0),
            )?
            .unwrap_or(0);
        Ok(count.unsigned_abs())
    }

    /// The id of the never-approved client of this kind that was not used for the longest time,
    /// created before `created_before` and not among `keep`.
    pub fn stalest_unapproved_client(
        &self,
        kind: &str,
        created_before: Timestamp,
        keep: &[String],
    ) -> Result<Option<String>, StoreError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id FROM clients WHERE kind = ?1 AND approved = 0 AND created_at < ?2 \
             ORDER BY last_used_at, rowid",
        )?;
        let mut rows = statement.query(params![kind, millis(created_before)])?;
        while let Some(row) = rows.next()? {
            let id: String = row.get(0)?;
            if !keep.contains(&id) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

impl Writer<'_> {
    /// Adds this client, or replaces the one with its id.
    pub fn put_client(&self, row: &ClientRow) -> Result<(), StoreError> {
        let details = self.seal(TABLE, row.id.as_bytes(), &row.details)?;
        self.run(
            "INSERT INTO clients (id, kind, created_at, last_used_at, approved, details) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET kind = ?2, \
             created_at = ?3, last_used_at = ?4, approved = ?5, details = ?6",
            params![
                row.id,
                row.kind,
                millis(row.created_at),
                millis(row.last_used_at),
                row.approved,
                details
            ],
        )?;
        Ok(())
    }

    /// Says that this client was used now. Answers whether it exists.
    pub fn touch_client(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self.run(
            "UPDATE clients SET last_used_at = max(last_used_at, ?2) WHERE id = ?1",
            params![id, millis(now)],
        )?;
        Ok(changed > 0)
    }

    /// Says that a person approved this client. Answers whether it exists.
    pub fn mark_client_approved(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.run("UPDATE clients SET approved = 1 WHERE id = ?1", [id])? > 0)
    }

    /// Forgets this client. Its grants stay. Answers whether it existed.
    pub fn delete_client(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM clients WHERE id = ?1", [id])? > 0)
    }
}
