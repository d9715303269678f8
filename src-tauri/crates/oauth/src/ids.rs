//! Names of things that are no secrets: grants, approvals, registered clients.
//!
//! They are random, so that nobody counts our clients, and may stand in logs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drawbridge_vault::ports::{Entropy, EntropyError};
use serde::{Deserialize, Serialize};

/// 96 random bits: no two meet in a lifetime, and a person can still tell two apart.
const RANDOM_BYTES: usize = 12;
/// The longest text taken for an id.
const MAX_LENGTH: usize = 64;

/// Text that is no id: empty, too long, or with characters no id has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id: copy it whole from the list it stands in")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$documentation:meta])* $name:ident, $prefix:literal) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Makes a new one.
            pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                random($prefix, entropy).map(Self)
            }

            /// Reads one, from the command line or a row.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                if is_id(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId) }
            }

            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                if is_id(&text) { Ok(Self(text)) } else { Err(InvalidId) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }
    };
}

id!(
    /// One grant: what the user sees as a connection.
    GrantId,
    "g-"
);
id!(
    /// One pending question to the user.
    ApprovalId,
    "a-"
);
id!(
    /// A client that registered itself. Never begins with `https://`, so that it cannot be
    /// taken for a metadata document's address (CIMD section 3).
    RegisteredClientId,
    "c-"
);

fn random(prefix: &str, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut bytes = [0_u8; RANDOM_BYTES];
    entropy.fill(&mut bytes)?;
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn an_id_reads_back_and_no_two_are_alike() {
        let entropy = SeededEntropy::new(1);
        let first = GrantId::random(&entropy).unwrap();
        let second = GrantId::random(&entropy).unwrap();
        assert_ne!(first, second);
        assert_eq!(GrantId::parse(first.as_str()), Ok(first));
    }

    #[test]
    fn what_cannot_be_an_id_is_refused() {
        for text in ["", "a b", "../x", "https://chatgpt.com", &"a".repeat(65)] {
            assert_eq!(GrantId::parse(text), Err(InvalidId), "{text}");
        }
    }
}
