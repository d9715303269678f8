//! A secret on its one way out: shown to the owner, once, because they asked for it.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A secret that was just made for the owner, or that the owner just handed in. It crosses the
/// control socket (which only this user can open) and nothing else; it has no `Debug` and no
/// `Display`, and is wiped when dropped.
pub struct Revealed(SecretString);

impl Revealed {
    /// Lets this secret out.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }

    /// The secret, to be printed or kept.
    #[must_use]
    pub fn into_secret(self) -> SecretString {
        self.0
    }

    /// The secret's text, to be printed.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Serialize for Revealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Revealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

/// For a page it is text.
#[cfg(test)]
impl ts_rs::TS for Revealed {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;

    fn name(_: &ts_rs::Config) -> String {
        "string".to_owned()
    }

    fn inline(config: &ts_rs::Config) -> String {
        Self::name(config)
    }
}
