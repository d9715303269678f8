//! What a piece of work may read and write: one file per kind of row.
//!
//! A [`Reader`] sees one consistent snapshot. A [`Writer`] sees its own changes too. Both open and
//! seal what is sealed, so their callers see plain bytes.

mod audit;
mod clients;
mod codes;
mod grants;
mod secrets;
mod servers;
mod tokens;

use std::ops::Deref;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, Row};

pub use self::audit::AuditRow;
pub use self::clients::ClientRow;
pub use self::codes::CodeRow;
pub use self::grants::GrantRow;
pub use self::servers::{ServerRow, ToolRuleRow};
pub use self::tokens::{AccessTokenRow, RefreshState, RefreshTokenRow};
use crate::error::StoreError;
use crate::ports::Entropy;
use crate::seal::KeyRing;

/// The most bytes one sealed value may hold.
pub const VALUE_LIMIT: usize = 1 << 20;

/// The tables that hold sealed values: name, column of the row's id, sealed column.
pub(crate) const SEALED: [(&str, &str, &str); 6] = [
    (clients::TABLE, "id", "details"),
    (grants::TABLE, "id", "details"),
    (codes::TABLE, "hash", "details"),
    (servers::TABLE, "name", "details"),
    (secrets::TABLE, "name", "value"),
    (audit::TABLE, "id", "details"),
];

/// Reads rows in one consistent snapshot. Given to the work of [`crate::Vault::read`].
pub struct Reader<'a> {
    connection: &'a Connection,
    ring: &'a KeyRing,
}

/// Reads and writes rows. Given to the work of [`crate::Vault::write`].
pub struct Writer<'a> {
    reader: Reader<'a>,
    entropy: &'a dyn Entropy,
}

impl<'a> Deref for Writer<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(connection: &'a Connection, ring: &'a KeyRing) -> Self {
        Self { connection, ring }
    }

    /// One row or none.
    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row(params, read)
            .optional()?)
    }

    /// All rows, in the statement's order.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_map(params, read)?
            .collect::<Result<_, _>>()?)
    }

    fn open(&self, table: &'static str, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.ring.open(table, id, sealed)
    }

    pub(crate) fn connection(&self) -> &'a Connection {
        self.connection
    }

    pub(crate) fn ring(&self) -> &'a KeyRing {
        self.ring
    }
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        ring: &'a KeyRing,
        entropy: &'a dyn Entropy,
    ) -> Self {
        Self {
            reader: Reader::new(connection, ring),
            entropy,
        }
    }

    /// Runs one statement; answers how many rows it changed.
    fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    pub(crate) fn seal(
        &self,
        table: &'static str,
        id: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        if plain.len() > VALUE_LIMIT {
            return Err(StoreError::TooLarge {
                table,
                limit: VALUE_LIMIT,
            });
        }
        self.ring.seal(table, id, plain, self.entropy)
    }

    pub(crate) fn entropy(&self) -> &'a dyn Entropy {
        self.entropy
    }
}

/// A moment as it is stored: unix milliseconds.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A stored moment.
fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let stored: i64 = row.get(column)?;
    Timestamp::from_millisecond(stored)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, stored))
}

/// A stored moment that may be missing.
fn optional_moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    moment(row, column).map(Some)
}

/// Shows which row it is and nothing of what it holds.
macro_rules! debug_without_content {
    ($row:ty, $($field:ident),+) => {
        impl std::fmt::Debug for $row {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter
                    .debug_struct(stringify!($row))
                    $(.field(stringify!($field), &self.$field))+
                    .finish_non_exhaustive()
            }
        }
    };
}
use debug_without_content;
