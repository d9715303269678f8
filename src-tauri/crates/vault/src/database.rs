//! The SQLite file: how it is opened, its migrations, and the row that says where its key is.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};
use rusqlite_migration::{M, Migrations};

use crate::envelope::KeyId;
use crate::error::StoreError;
use crate::key::{Identity, KeyPlace};
use crate::ports::Entropy;
use crate::store::{Reader, Writer};

/// In order; one that was ever shipped never changes.
const MIGRATIONS: [M<'static>; 1] = [M::up(include_str!("../migrations/0001.sql"))];

/// Bounds of SQLite's page caches, in KiB; what is not in them is in the system's.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Pages (4 KiB) in the write-ahead log before it is worked into the database: enough that a page
/// written again and again is worked in once.
const LOG_PAGES: i64 = 8_192;
/// The write-ahead log is cut back to this many bytes afterwards.
const LOG_LIMIT: i64 = LOG_PAGES * 4096 * 2;
/// How long to wait for another program that holds the file (a backup), in milliseconds.
const BUSY_TIMEOUT: i64 = 5_000;
const STATEMENTS: usize = 128;

/// Why the database was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseError {
    /// A later version of Drawbridge has migrated it.
    Newer,
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for DatabaseError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

/// The connection that writes. Its database is there and migrated, and has its row `vault`.
pub(crate) fn open_writer(path: &Path, entropy: &dyn Entropy) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "busy_timeout", BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten where that costs no further write.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    migrate(&mut connection)?;
    let mut identity = [0; 32];
    entropy.fill(&mut identity).map_err(StoreError::from)?;
    let (instance, salt) = identity.split_at(16);
    connection.execute(
        "INSERT INTO vault (id, instance, salt) VALUES (1, ?1, ?2) ON CONFLICT (id) DO NOTHING",
        params![instance, salt],
    )?;
    Ok(connection)
}

/// A connection that reads, on a database a writer has opened.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "busy_timeout", BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), DatabaseError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < 0 || version.unsigned_abs() > MIGRATIONS.len() as u64 {
        return Err(DatabaseError::Newer);
    }
    Migrations::from_slice(&MIGRATIONS)
        .to_latest(connection)
        .map_err(|error| match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => DatabaseError::from(err),
            _ => DatabaseError::Store(StoreError::Damaged),
        })
}

/// What the database says about its key.
#[derive(Clone, Copy)]
pub(crate) struct KeyState {
    pub(crate) identity: Identity,
    /// Where the master key is and which it is; none until there is one.
    pub(crate) master: Option<(KeyPlace, KeyId)>,
    /// A place that may hold a key this database does not use.
    pub(crate) leftover: Option<KeyPlace>,
}

/// A data key as it is stored: its id and itself, wrapped by the master key.
pub(crate) struct WrappedKey {
    pub(crate) id: KeyId,
    pub(crate) wrapped: Vec<u8>,
}

fn place(text: Option<String>) -> Result<Option<KeyPlace>, StoreError> {
    text.map(|text| text.parse().map_err(|_| StoreError::Damaged))
        .transpose()
}

impl Reader<'_> {
    pub(crate) fn key_state(&self) -> Result<KeyState, StoreError> {
        let row = self.connection().query_row(
            "SELECT instance, salt, key_place, key_id, leftover_place FROM vault",
            [],
            |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            },
        );
        let (instance, salt, key_place, key_id, leftover): (_, _, _, Option<[u8; 8]>, _) = row?;
        let master = place(key_place)?.zip(key_id.map(KeyId));
        let identity = Identity { instance, salt };
        Ok(KeyState {
            identity,
            master,
            leftover: place(leftover)?,
        })
    }

    /// The data keys, the one that seals last.
    pub(crate) fn data_keys(&self) -> Result<Vec<WrappedKey>, StoreError> {
        let mut statement = self
            .connection()
            .prepare("SELECT id, wrapped FROM data_keys ORDER BY number")?;
        let keys = statement.query_map([], |row| {
            Ok(WrappedKey {
                id: KeyId(row.get(0)?),
                wrapped: row.get(1)?,
            })
        })?;
        Ok(keys.collect::<Result<_, _>>()?)
    }
}

impl Writer<'_> {
    pub(crate) fn set_leftover(&self, place: Option<KeyPlace>) -> Result<(), StoreError> {
        let place = place.map(KeyPlace::as_str);
        self.connection()
            .execute("UPDATE vault SET leftover_place = ?1", [place])?;
        Ok(())
    }

    pub(crate) fn set_master(&self, place: KeyPlace, id: KeyId) -> Result<(), StoreError> {
        self.connection().execute(
            "UPDATE vault SET key_place = ?1, key_id = ?2",
            params![place.as_str(), id.0],
        )?;
        Ok(())
    }

    pub(crate) fn add_data_key(&self, key: &WrappedKey) -> Result<(), StoreError> {
        self.connection().execute(
            "INSERT INTO data_keys (id, wrapped) VALUES (?1, ?2)",
            params![key.id.0, key.wrapped],
        )?;
        Ok(())
    }

    /// Wraps a data key anew.
    pub(crate) fn rewrap_data_key(&self, key: &WrappedKey) -> Result<(), StoreError> {
        self.connection().execute(
            "UPDATE data_keys SET wrapped = ?2 WHERE id = ?1",
            params![key.id.0, key.wrapped],
        )?;
        Ok(())
    }

    /// Deletes every data key but this one.
    pub(crate) fn keep_only_data_key(&self, id: KeyId) -> Result<(), StoreError> {
        self.connection()
            .execute("DELETE FROM data_keys WHERE id <> ?1", [id.0])?;
        Ok(())
    }
}
