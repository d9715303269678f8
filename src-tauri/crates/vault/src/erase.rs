//! Erasing everything that is kept.
//!
//! ```text
//! marker ──► key ──► database and the app's own folders ──► marker away
//! ```
//! From the moment the marker is on disk there is no way back: killed anywhere, the next opening
//! finishes it and then makes a new vault. The key goes first, so that what a cut leaves cannot be
//! read; the marker holds what is needed to find it without the database.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::files::{DATABASE, DataDirectory, DirectoryError, KEY};
use crate::key::{KeyError, KeyPlace, KeyPlaces, is_item};
use crate::keychain::{KeychainError, asked};
#[cfg(not(unix))]
use crate::other as platform;
#[cfg(unix)]
use crate::unix as platform;
use crate::vault::{OpenError, Vault};

/// The file that says that everything is to go. It holds the name of the keychain's item that goes
/// with it, or nothing.
const MARKER: &str = "erasing";
/// The marker before it is whole.
const UNFINISHED_MARKER: &str = "erasing.new";
/// What SQLite puts beside the database.
const BESIDE_DATABASE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// More than a marker ever holds, in bytes.
const MARKER_LIMIT: usize = 256;

/// Why erasing was not begun. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BeginErasingError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The marker could not be written.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// What could not be erased, and where it is. The next opening tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left(Vec<String>);

impl fmt::Display for Left {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Left {}

impl Left {
    fn all(left: Vec<String>) -> Result<(), Self> {
        if left.is_empty() {
            Ok(())
        } else {
            Err(Self(left))
        }
    }
}

/// Whether everything in this data directory is to go: it was begun, and cut short.
#[must_use]
pub fn is_being_erased(directory: &Path) -> bool {
    directory.join(MARKER).exists()
}

/// Deletes what is in a folder, and leaves the folder. It is no error when there is none.
///
/// # Errors
/// The first thing that could not be deleted; the others are tried all the same.
pub fn empty_folder(folder: &Path) -> Result<(), DirectoryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(DirectoryError::io(folder, error)),
    };
    let mut first = Ok(());
    for entry in entries {
        let deleted = entry
            .map_err(|error| DirectoryError::io(folder, error))
            .and_then(|entry| {
                let path = entry.path();
                // Of a link this is the link itself.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let deleted = if is_folder {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                gone(&path, deleted)
            });
        first = first.and(deleted);
    }
    first
}

fn gone(path: &Path, deleted: io::Result<()>) -> Result<(), DirectoryError> {
    match deleted {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DirectoryError::io(path, error))
        }
        _ => Ok(()),
    }
}

impl Vault {
    /// Writes down that everything is to go. From here on there is no way back: the next opening
    /// erases what [`Vault::erase`] does not.
    ///
    /// # Errors
    /// When that could not be written; then nothing was changed.
    pub async fn begin_erasing(&self) -> Result<(), BeginErasingError> {
        let _alone = self.inner.key_work.lock().await;
        let state = self.key_state()?;
        let keychain = [state.master.map(|(place, _)| place), state.leftover]
            .contains(&Some(KeyPlace::Keychain));
        let item = if keychain {
            state.identity.item()
        } else {
            String::new()
        };
        write_marker(&self.inner.directory, &item)?;
        step();
        Ok(())
    }

    /// Erases the key, then the database and everything in these folders, and closes. Call
    /// [`Vault::begin_erasing`] before. What was derived from `TOKEN_ENCRYPTION_KEY` goes with the
    /// database; the variable is not ours to change.
    ///
    /// # Errors
    /// What is left. All the rest is gone.
    pub async fn erase(&self, folders: &[PathBuf]) -> Result<(), Left> {
        let _alone = self.inner.key_work.lock().await;
        let directory = &self.inner.directory;
        let mut left = Vec::new();
        if let Err(kept) = erase_item(directory, &self.inner.places).await {
            left.push(kept.to_string());
        }
        left.extend(erase_key_file(directory));
        self.close().await;
        step();
        // Closing gave the directory free, and nobody else may make a new vault in it just now.
        match DataDirectory::hold(directory) {
            Ok(_held) => {
                left.extend(erase_files(directory));
                for folder in folders {
                    left.extend(empty_folder(folder).err().map(|error| whole(&error)));
                }
                step();
                if left.is_empty() {
                    left.extend(erase_marker(directory));
                }
            }
            Err(error) => left.push(whole(&error)),
        }
        Left::all(left)
    }
}

/// Finishes what was cut short. A keychain that is locked is an error, as it is for a new vault; one
/// that is out of reach for good keeps a key that fits nothing any more, and the log says so.
pub(crate) async fn finish(directory: &Path, places: &KeyPlaces) -> Result<(), OpenError> {
    let item = erase_item(directory, places).await;
    let mut left = erase_key_file(directory);
    left.extend(erase_files(directory));
    step();
    if let Err(kept) = item {
        if let KeychainError::Refused | KeychainError::TimedOut { .. } = kept.why {
            return Err(KeyError::Keychain(kept.why).into());
        }
        tracing::warn!("everything was erased, but a key is left that fits nothing: {kept}");
    }
    if left.is_empty() {
        left.extend(erase_marker(directory));
    }
    match left.into_iter().next() {
        None => Ok(()),
        Some(left) => Err(DirectoryError::io(directory, io::Error::other(left)).into()),
    }
}

/// A key that stays in the keychain.
#[derive(Debug, thiserror::Error)]
#[error("the item {item:?} of the service \"drawbridge\" in the keychain ({why})")]
struct KeptItem {
    item: String,
    why: KeychainError,
}

/// Deletes the keychain's item that the marker names.
async fn erase_item(directory: &Path, places: &KeyPlaces) -> Result<(), KeptItem> {
    if let Some(item) = read_marker(directory) {
        let name = item.clone();
        asked(&places.keychain, move |keychain| keychain.delete(&name))
            .await
            .map_err(|why| KeptItem { item, why })?;
        step();
    }
    Ok(())
}

/// Deletes the key file. Answers what is left.
fn erase_key_file(directory: &Path) -> Vec<String> {
    let mut left: Vec<String> = delete(&directory.join(KEY)).into_iter().collect();
    sync(directory, &mut left);
    step();
    left
}

/// Deletes the database. Answers what is left.
fn erase_files(directory: &Path) -> Vec<String> {
    let mut left = Vec::new();
    let database = directory.join(DATABASE);
    let beside = BESIDE_DATABASE.map(|end| {
        let mut name = database.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    });
    // The log first: with it alone a database that is half gone would look whole.
    for path in beside.into_iter().chain([database]) {
        left.extend(delete(&path));
        step();
    }
    left.extend(delete(&directory.join(UNFINISHED_MARKER)));
    sync(directory, &mut left);
    left
}

fn erase_marker(directory: &Path) -> Option<String> {
    let mut left: Vec<String> = delete(&directory.join(MARKER)).into_iter().collect();
    sync(directory, &mut left);
    left.into_iter().next()
}

fn delete(path: &Path) -> Option<String> {
    gone(path, fs::remove_file(path))
        .err()
        .map(|error| whole(&error))
}

fn sync(directory: &Path, left: &mut Vec<String>) {
    if let Err(error) = platform::sync_directory(directory) {
        left.push(whole(&DirectoryError::io(directory, error)));
    }
}

/// The error with what the system said.
fn whole(error: &DirectoryError) -> String {
    match error {
        DirectoryError::Io { path, source } => format!("{} ({source})", path.display()),
        other => other.to_string(),
    }
}

/// The marker is whole or it is not there.
fn write_marker(directory: &Path, item: &str) -> Result<(), DirectoryError> {
    let unfinished = directory.join(UNFINISHED_MARKER);
    let failed = |error| DirectoryError::io(&unfinished, error);
    let mut file = platform::open_private_file(&unfinished)?;
    file.set_len(0)
        .and_then(|()| file.write_all(item.as_bytes()))
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    drop(file);
    let marker = directory.join(MARKER);
    fs::rename(&unfinished, &marker)
        .and_then(|()| platform::sync_directory(directory))
        .map_err(|error| {
            // Whoever is told that nothing was begun must not lose everything at the next start.
            _ = fs::remove_file(&marker);
            failed(error)
        })
}

/// The keychain's item that the marker names.
fn read_marker(directory: &Path) -> Option<String> {
    let text = fs::read_to_string(directory.join(MARKER)).ok()?;
    (text.len() <= MARKER_LIMIT && is_item(&text)).then_some(text)
}

/// Between two steps tests may end the process.
fn step() {
    #[cfg(feature = "failpoints")]
    crate::failpoint::erasing();
}
