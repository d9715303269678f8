//! One Drawbridge for one data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// The lock on a data folder; it ends with the process, however that ends.
pub(crate) struct InstanceLock(#[expect(dead_code, reason = "held for its lock")] File);

impl InstanceLock {
    /// Takes the lock; `None` when another process has it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn take(data: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
            options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        }
        let file = options.open(data.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InstanceLock;

    #[test]
    fn the_second_gets_nothing_until_the_first_ends() {
        let data = tempfile::tempdir().unwrap();
        let first = InstanceLock::take(data.path()).unwrap();
        assert!(first.is_some());
        assert!(InstanceLock::take(data.path()).unwrap().is_none());
        drop(first);
        assert!(InstanceLock::take(data.path()).unwrap().is_some());
    }
}
