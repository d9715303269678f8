//! Folders that only their owner may enter.

use std::io;
use std::path::Path;

/// Makes the folder, and its parents, so that only this user may enter it; an existing one must
/// belong to this user, and loses the rights of others.
///
/// # Errors
/// When the path is a symbolic link or no folder, belongs to somebody else, or cannot be made.
pub(crate) fn ensure_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
        if let Some(parent) = path.parent()
            && !parent.exists()
        {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)?;
        }
        match std::fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let found = std::fs::symlink_metadata(path)?;
        if !found.is_dir() {
            return Err(io::Error::other("it is not a folder"));
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if found.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
    #[cfg(not(unix))]
    {
        // The user's own profile folder already keeps others out on Windows.
        std::fs::create_dir_all(path)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::ensure_private;

    #[test]
    fn a_folder_is_made_private_and_an_open_one_is_closed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        ensure_private(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        ensure_private(&folder).unwrap();
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_link_is_no_folder() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        assert!(ensure_private(&link).is_err());
    }
}
