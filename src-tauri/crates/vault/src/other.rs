//! Files where there are no Unix rights (Windows): the user's profile keeps others out.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::files::DirectoryError;

pub(crate) fn private_directory(path: &Path) -> Result<(), DirectoryError> {
    fs::create_dir_all(path).map_err(|error| DirectoryError::io(path, error))
}

pub(crate) fn open_private_file(path: &Path) -> Result<File, DirectoryError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| DirectoryError::io(path, error))
}

/// There a directory cannot be synced; the file system's journal keeps the order.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same function can fail where there is something to do"
)]
pub(crate) fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
