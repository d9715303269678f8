//! Files on Unix: owners, rights, links. Everything that only Unix knows stands here.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::files::{DATABASE, DirectoryError, KEY};

/// Rights of group and others.
const NOT_THE_USERS: u32 = 0o077;
/// What tells a directory of Drawbridge's from any other.
const OURS: [&str; 7] = [DATABASE, KEY, "lock", "run", "logs", "bin", ".env"];

pub(crate) fn private_directory(path: &Path) -> Result<(), DirectoryError> {
    let failed = |error| DirectoryError::io(path, error);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                DirectoryError::WrongKind {
                    path: path.to_owned(),
                }
            }
            _ => failed(error),
        })?;
    let found = fs::metadata(path).map_err(failed)?;
    if found.uid() != geteuid().as_raw() {
        return Err(DirectoryError::NotYours {
            path: path.to_owned(),
        });
    }
    if found.mode() & NOT_THE_USERS == 0 {
        return Ok(());
    }
    let exposed = || DirectoryError::Exposed {
        path: path.to_owned(),
    };
    if !is_ours_or_empty(path).map_err(failed)? {
        return Err(exposed());
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|_| exposed())?;
    // Some file systems accept the change and do nothing.
    if fs::metadata(path).map_err(failed)?.mode() & NOT_THE_USERS != 0 {
        return Err(exposed());
    }
    tracing::warn!("other users could get into the data folder; that was taken away");
    Ok(())
}

/// Whether nobody but Drawbridge can have meant this directory for something.
fn is_ours_or_empty(path: &Path) -> io::Result<bool> {
    let mut empty = true;
    for entry in fs::read_dir(path)? {
        empty = false;
        let name = entry?.file_name();
        if OURS.iter().any(|ours| name == *ours) {
            return Ok(true);
        }
    }
    Ok(empty)
}

/// Opens or creates (0600) a plain file of this user's and follows no link to it.
pub(crate) fn open_private_file(path: &Path) -> Result<File, DirectoryError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(open_flags(OFlags::NOFOLLOW))
        .open(path)
        .map_err(|error| {
            if refused_kind(&error) {
                DirectoryError::WrongKind {
                    path: path.to_owned(),
                }
            } else {
                DirectoryError::io(path, error)
            }
        })?;
    let found = file
        .metadata()
        .map_err(|error| DirectoryError::io(path, error))?;
    if !found.is_file() {
        return Err(DirectoryError::WrongKind {
            path: path.to_owned(),
        });
    }
    if found.uid() != geteuid().as_raw() {
        return Err(DirectoryError::NotYours {
            path: path.to_owned(),
        });
    }
    if found.mode() & NOT_THE_USERS != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| DirectoryError::io(path, error))?;
    }
    Ok(file)
}

/// What was created, renamed or deleted in the directory is so after a power cut, too.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path).and_then(|opened| opened.sync_all())
}

/// Whether opening failed because of what stands there: a link (`ELOOP`) or a directory.
fn refused_kind(error: &io::Error) -> bool {
    matches!(
        rustix::io::Errno::from_io_error(error),
        Some(rustix::io::Errno::LOOP | rustix::io::Errno::ISDIR | rustix::io::Errno::NXIO)
    )
}

fn open_flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// The key file (Linux only).
#[cfg(target_os = "linux")]
pub(crate) mod key_file {
    use std::fs::{self, Metadata, OpenOptions};
    use std::io::{self, Read, Write};
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    use rustix::fs::OFlags;
    use rustix::process::geteuid;
    use zeroize::Zeroizing;

    use super::{NOT_THE_USERS, open_flags, refused_kind};
    use crate::key::KeyFileError;

    /// More than a key file ever holds, in bytes.
    const SIZE_LIMIT: u16 = 256;

    /// The text in the key file, or none when there is no such file. A file that others can read,
    /// that belongs to someone else or that is no plain file is refused.
    pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, KeyFileError> {
        let opened = OpenOptions::new()
            .read(true)
            // Without NONBLOCK a named pipe put there would hold us for ever.
            .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if refused_kind(&error) => return Err(KeyFileError::NotPlain),
            Err(error) => return Err(KeyFileError::Io(error)),
        };
        check(&file.metadata().map_err(KeyFileError::Io)?)?;
        let mut text = Zeroizing::new(String::with_capacity(SIZE_LIMIT.into()));
        file.take(SIZE_LIMIT.into())
            .read_to_string(&mut text)
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => KeyFileError::Malformed,
                _ => KeyFileError::Io(error),
            })?;
        Ok(Some(text))
    }

    fn check(found: &Metadata) -> Result<(), KeyFileError> {
        if !found.is_file() || found.nlink() != 1 {
            return Err(KeyFileError::NotPlain);
        }
        if found.uid() != geteuid().as_raw() {
            return Err(KeyFileError::NotYours);
        }
        if found.mode() & NOT_THE_USERS != 0 {
            return Err(KeyFileError::Exposed);
        }
        Ok(())
    }

    /// Writes a key file (0600) that must not exist yet. It is on disk when this returns.
    pub(crate) fn create(path: &Path, text: &str) -> Result<(), KeyFileError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(open_flags(OFlags::NOFOLLOW))
            .open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => KeyFileError::AlreadyThere,
                _ => KeyFileError::Io(error),
            })?;
        file.write_all(text.as_bytes()).map_err(KeyFileError::Io)?;
        file.sync_all().map_err(KeyFileError::Io)?;
        sync_directory_of(path)
    }

    /// Deletes the key file. It is no error when there is none.
    pub(crate) fn delete(path: &Path) -> Result<(), KeyFileError> {
        match fs::remove_file(path) {
            Ok(()) => sync_directory_of(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(KeyFileError::Io(error)),
        }
    }

    fn sync_directory_of(path: &Path) -> Result<(), KeyFileError> {
        let Some(directory) = path.parent() else {
            return Ok(());
        };
        super::sync_directory(directory).map_err(KeyFileError::Io)
    }
}
