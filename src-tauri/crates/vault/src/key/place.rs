//! The three places a master key can live in.

use std::fmt;
use std::str::FromStr;

/// Where the master key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    /// An item of the operating system's keychain.
    Keychain,
    /// Derived from `TOKEN_ENCRYPTION_KEY`.
    Environment,
    /// A file beside the data (Linux only).
    File,
}

impl KeyPlace {
    /// Its name in the database, in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keychain => "keychain",
            Self::Environment => "environment",
            Self::File => "file",
        }
    }

    /// One sentence to show wherever the vault's state is shown, when the key lies beside the data.
    #[must_use]
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Keychain | Self::Environment => None,
            Self::File => Some(
                "The encryption key lies in the data folder because this computer has no keychain \
                 and TOKEN_ENCRYPTION_KEY is not set: whoever copies the folder copies the key.",
            ),
        }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that names no key place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key lives in one of: keychain, environment, file")]
pub struct UnknownKeyPlace;

impl FromStr for KeyPlace {
    type Err = UnknownKeyPlace;

    fn from_str(text: &str) -> Result<Self, UnknownKeyPlace> {
        match text {
            "keychain" => Ok(Self::Keychain),
            "environment" => Ok(Self::Environment),
            "file" => Ok(Self::File),
            _ => Err(UnknownKeyPlace),
        }
    }
}
