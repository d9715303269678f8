//! Authorization codes, by their hash.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::{Reader, Writer, debug_without_content, millis, moment, optional_moment};
use crate::error::StoreError;

pub(super) const TABLE: &str = "codes";

/// One authorization code.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeRow {
    /// SHA-256 of the code.
    pub hash: [u8; 32],
    /// The grant it stands for.
    pub grant_id: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it stops being valid.
    pub expires_at: Timestamp,
    /// When it was exchanged, if it was.
    pub used_at: Option<Timestamp>,
    /// The rest, sealed on disk.
    pub details: Vec<u8>,
}

debug_without_content!(CodeRow, grant_id, used_at);

fn read(row: &Row<'_>) -> rusqlite::Result<CodeRow> {
    Ok(CodeRow {
        hash: row.get(0)?,
        grant_id: row.get(1)?,
        created_at: moment(row, 2)?,
        expires_at: moment(row, 3)?,
        used_at: optional_moment(row, 4)?,
        details: row.get(5)?,
    })
}

impl Reader<'_> {
    /// The code with this hash, used or not, expired or not.
    pub fn code(&self, hash: &[u8; 32]) -> Result<Option<CodeRow>, StoreError> {
        let row = self.one(
            "SELECT hash, grant_id, created_at, expires_at, used_at, details FROM codes \
             WHERE hash = ?1",
            [hash],
            read,
        )?;
        row.map(|mut row| {
            row.details = self.open(TABLE, &row.hash, &row.details)?;
            Ok(row)
        })
        .transpose()
    }
}

impl Writer<'_> {
    /// Adds this code, or replaces the one with its hash. Its grant must exist.
    pub fn put_code(&self, row: &CodeRow) -> Result<(), StoreError> {
        let details = self.seal(TABLE, &row.hash, &row.details)?;
        self.run(
            "INSERT INTO codes (hash, grant_id, created_at, expires_at, used_at, details) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (hash) DO UPDATE SET grant_id = ?2, \
             created_at = ?3, expires_at = ?4, used_at = ?5, details = ?6",
            params![
                row.hash,
                row.grant_id,
                millis(row.created_at),
                millis(row.expires_at),
                row.used_at.map(millis),
                details
            ],
        )?;
        Ok(())
    }

    /// Marks this code as used. Answers whether it was this call that did: false when it does not
    /// exist or was used before.
    pub fn mark_code_used(&self, hash: &[u8; 32], now: Timestamp) -> Result<bool, StoreError> {
        let changed = self.run(
            "UPDATE codes SET used_at = ?2 WHERE hash = ?1 AND used_at IS NULL",
            params![hash, millis(now)],
        )?;
        Ok(changed > 0)
    }

    /// Forgets codes that expired before `before`. Answers how many.
    pub fn delete_codes_expired_before(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.run("DELETE FROM codes WHERE expires_at < ?1", [millis(before)])
    }
}
