//! In place of the key file where there is none: not Linux.

use std::path::Path;

use zeroize::Zeroizing;

use super::KeyFileError;

pub(crate) fn read(_path: &Path) -> Result<Option<Zeroizing<String>>, KeyFileError> {
    Err(KeyFileError::Unsupported)
}

pub(crate) fn create(_path: &Path, _text: &str) -> Result<(), KeyFileError> {
    Err(KeyFileError::Unsupported)
}

pub(crate) fn delete(_path: &Path) -> Result<(), KeyFileError> {
    Err(KeyFileError::Unsupported)
}
