//! The data directory: private to its user, and held by one process at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(not(unix))]
use crate::other as platform;
#[cfg(unix)]
use crate::unix as platform;

/// The database.
pub(crate) const DATABASE: &str = "drawbridge.db";
/// The master key, when it lives beside the data.
pub(crate) const KEY: &str = "key";
/// Held locked while a process has the vault open.
const LOCK: &str = "lock";

/// Why the data directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// It belongs to someone else.
    #[error(
        "{path} belongs to another user; choose a folder of your own with DRAWBRIDGE_HOME, or run \
         Drawbridge as the user it belongs to"
    )]
    NotYours {
        /// The directory or file.
        path: PathBuf,
    },
    /// Others can get in, and it holds other things than Drawbridge's, so it was left as it is.
    #[error(
        "other users of this computer can get into {path}, and it is not only Drawbridge's, so its \
         rights were not changed; choose another folder with DRAWBRIDGE_HOME, or run: chmod 700 on it"
    )]
    Exposed {
        /// The directory.
        path: PathBuf,
    },
    /// Something else stands where a directory or a plain file should.
    #[error(
        "{path} is not what Drawbridge put there (a link, a device, or a file in place of a \
         folder); move it away and start again"
    )]
    WrongKind {
        /// The directory or file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error(
        "another Drawbridge is using {path}; use or stop that one, or choose another folder with \
         DRAWBRIDGE_HOME"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path} cannot be used; check that the disk is there and that you may write to it")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl DirectoryError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// Makes sure that `path` is a directory only its user can enter: creates it with its parents
/// (0700), takes group's and others' rights away where it is Drawbridge's or empty, and refuses it
/// where it belongs to another user or cannot be made private. On Windows the rights are those the
/// user's profile hands down.
pub fn ensure_private_directory(path: &Path) -> Result<(), DirectoryError> {
    platform::private_directory(path)
}

/// The data directory, held by this process until it is dropped.
pub struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory private and takes its lock. It blocks for a moment at most.
    ///
    /// # Errors
    /// [`DirectoryError::InUse`] when another process has it, or it cannot be used.
    pub fn hold(path: &Path) -> Result<Self, DirectoryError> {
        platform::private_directory(path)?;
        let lock_path = path.join(LOCK);
        let lock = platform::open_private_file(&lock_path)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(DirectoryError::io(&lock_path, error)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The database file: created (0600) when missing, made private when it is not. Call it before
    /// SQLite opens the file: closing a second handle of it would take SQLite's locks away.
    pub(crate) fn database(&self) -> Result<PathBuf, DirectoryError> {
        let path = self.path.join(DATABASE);
        platform::open_private_file(&path)?;
        Ok(path)
    }
}
