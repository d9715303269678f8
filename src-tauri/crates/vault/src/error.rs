//! What reading and writing can fail with. No text here holds a secret, a row or SQL.

use crate::ports::EntropyError;

/// Why a read or a write did not happen. A write that fails changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The vault was closed, or its writer ended.
    #[error("the vault is closed; start Drawbridge again")]
    Closed,
    /// Everything is being erased.
    #[error(
        "everything is being erased, so the keys stay as they are; when that is done, the next start \
         makes new ones"
    )]
    Erasing,
    /// The disk has no room.
    #[error("the disk is full, so nothing was saved; free some space and try again")]
    DiskFull,
    /// The file may not be written.
    #[error(
        "the database file may not be written, so nothing was saved; check the rights of the data \
         folder and that its disk is not read-only"
    )]
    ReadOnly,
    /// Another program holds the database file.
    #[error(
        "another program holds the database file, so nothing was saved; close backup or database \
         tools that have it open and try again"
    )]
    Busy,
    /// The file is not what the vault wrote.
    #[error(
        "the database file is damaged; stop Drawbridge and put the data folder back from a backup"
    )]
    Damaged,
    /// One sealed value does not open: it was altered, or moved from another row.
    #[error(
        "a sealed value in the table {table} does not open: it was altered or belongs to another \
         row; put the data folder back from a backup, or remove that entry"
    )]
    Unsealable {
        /// The table it stands in.
        table: &'static str,
    },
    /// A value is sealed with a data key this database does not hold.
    #[error(
        "a value in the table {table} is sealed with a key this database does not hold; put the \
         data folder back from a backup"
    )]
    UnknownKey {
        /// The table it stands in.
        table: &'static str,
    },
    /// A row refers to one that is gone.
    #[error("this belongs to an entry that no longer exists, so nothing was saved")]
    Orphan,
    /// A value is larger than the vault takes.
    #[error("a value in the table {table} is larger than {limit} bytes, so nothing was saved")]
    TooLarge {
        /// The table it was meant for.
        table: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// The work given to the vault panicked; it was rolled back.
    #[error("the operation failed inside Drawbridge and was undone; please report this")]
    Panicked,
    /// The random generator failed.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The disk or SQLite failed in another way.
    #[error("the database failed (SQLite code {code}), so nothing was saved; check the disk")]
    Sqlite {
        /// SQLite's extended result code.
        code: i32,
    },
}

impl From<rusqlite::Error> for StoreError {
    /// Keeps the result code only: SQLite's messages name columns and may quote values.
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::DiskFull,
                ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                    Self::ReadOnly
                }
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
                ErrorCode::ConstraintViolation
                    if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY =>
                {
                    Self::Orphan
                }
                _ => Self::Sqlite {
                    code: failure.extended_code,
                },
            },
            // A column of another type than the one written there.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Self::Damaged,
            _ => Self::Sqlite {
                code: rusqlite::ffi::SQLITE_MISUSE,
            },
        }
    }
}
