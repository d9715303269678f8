//! The audit: what happened, in order.

use jiff::Timestamp;
use rusqlite::params;

use super::{Reader, Writer, debug_without_content, millis, moment};
use crate::error::StoreError;

pub(super) const TABLE: &str = "audit";

/// One entry of the audit.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place in the order of entries; never given twice.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, sealed on disk.
    pub details: Vec<u8>,
}

debug_without_content!(AuditRow, id, at);

impl Reader<'_> {
    /// At most `limit` entries older than the one with the id `before`, or the newest when that is
    /// none; the newest first.
    pub fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let mut rows = self.all(
            "SELECT id, at, details FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            params![before.unwrap_or(i64::MAX), limit],
            |row| {
                Ok(AuditRow {
                    id: row.get(0)?,
                    at: moment(row, 1)?,
                    details: row.get(2)?,
                })
            },
        )?;
        for row in &mut rows {
            row.details = self.open(TABLE, &row.id.to_be_bytes(), &row.details)?;
        }
        Ok(rows)
    }
}

impl Writer<'_> {
    /// Appends an entry; answers its id.
    pub fn append_audit(&self, at: Timestamp, details: &[u8]) -> Result<i64, StoreError> {
        // The id is part of what is sealed, so it must be known first. There is one writer.
        let last: i64 = self
            .one(
                "SELECT seq FROM sqlite_sequence WHERE name = 'audit'",
                [],
                |row| row.get(0),
            )?
            .unwrap_or(0);
        let id = last + 1;
        let sealed = self.seal(TABLE, &id.to_be_bytes(), details)?;
        self.run(
            "INSERT INTO audit (id, at, details) VALUES (?1, ?2, ?3)",
            params![id, millis(at), sealed],
        )?;
        Ok(id)
    }

    /// Forgets all entries but the newest. Answers how many.
    pub fn keep_newest_audit(&self, kept: u32) -> Result<usize, StoreError> {
        self.run(
            "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1",
            [kept],
        )
    }
}
