//! The terms of a grant: which servers, reading or writing, for how long.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How much of a server a grant covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AccessLevel {
    /// Tools that only read.
    #[serde(rename = "read")]
    Read,
    /// Tools that change things too.
    #[serde(rename = "read-write")]
    ReadWrite,
}

impl AccessLevel {
    /// `read` or `read-write`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        }
    }
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Text that names no access level, or no lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerms {
    /// Not an access level.
    #[error("the access level is read or read-write")]
    Access,
    /// Not a lifetime.
    #[error("the lifetime is 1h, 1d, 30d or never")]
    Lifetime,
}

impl FromStr for AccessLevel {
    type Err = InvalidTerms;
    fn from_str(text: &str) -> Result<Self, InvalidTerms> {
        match text {
            "read" => Ok(Self::Read),
            "read-write" => Ok(Self::ReadWrite),
            _ => Err(InvalidTerms::Access),
        }
    }
}

/// For how long a grant holds, unless it is revoked or stays unused before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GrantLifetime {
    /// One hour.
    #[serde(rename = "1h")]
    Hour,
    /// 24 hours.
    #[serde(rename = "1d")]
    Day,
    /// 30 days.
    #[serde(rename = "30d")]
    ThirtyDays,
    /// Until the user revokes it.
    #[serde(rename = "never")]
    UntilRevoked,
}

impl GrantLifetime {
    /// `1h`, `1d`, `30d` or `never`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "1d",
            Self::ThirtyDays => "30d",
            Self::UntilRevoked => "never",
        }
    }

    /// When a grant that begins `now` ends.
    #[must_use]
    pub fn expires_at(self, now: Timestamp) -> Option<Timestamp> {
        let hours = match self {
            Self::Hour => 1,
            Self::Day => 24,
            Self::ThirtyDays => 30 * 24,
            Self::UntilRevoked => return None,
        };
        now.checked_add(SignedDuration::from_hours(hours)).ok()
    }
}

impl fmt::Display for GrantLifetime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for GrantLifetime {
    type Err = InvalidTerms;
    fn from_str(text: &str) -> Result<Self, InvalidTerms> {
        match text {
            "1h" => Ok(Self::Hour),
            "1d" => Ok(Self::Day),
            "30d" => Ok(Self::ThirtyDays),
            "never" => Ok(Self::UntilRevoked),
            _ => Err(InvalidTerms::Lifetime),
        }
    }
}

/// The servers a grant covers, by name. *All* is resolved when granted: a server added later is
/// in no grant until it is ticked. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<String>", into = "BTreeSet<String>")]
pub struct ServerSelection(Arc<BTreeSet<String>>);

impl ServerSelection {
    /// The named servers.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(Arc::new(names.into_iter().collect()))
    }

    /// Whether this server is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Their names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each of these is among `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl From<BTreeSet<String>> for ServerSelection {
    fn from(names: BTreeSet<String>) -> Self {
        Self(Arc::new(names))
    }
}

impl From<ServerSelection> for BTreeSet<String> {
    fn from(selection: ServerSelection) -> Self {
        Arc::unwrap_or_clone(selection.0)
    }
}

/// What the user allows one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Which servers.
    pub servers: ServerSelection,
    /// Reading, or reading and writing.
    pub access: AccessLevel,
    /// For how long.
    pub lifetime: GrantLifetime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_command_line_read_back() {
        for access in [AccessLevel::Read, AccessLevel::ReadWrite] {
            assert_eq!(access.as_str().parse(), Ok(access));
        }
        for lifetime in [
            GrantLifetime::Hour,
            GrantLifetime::Day,
            GrantLifetime::ThirtyDays,
            GrantLifetime::UntilRevoked,
        ] {
            assert_eq!(lifetime.as_str().parse(), Ok(lifetime));
            let stored = serde_json::to_string(&lifetime).unwrap();
            assert_eq!(stored, format!("\"{lifetime}\""));
        }
        assert_eq!("write".parse::<AccessLevel>(), Err(InvalidTerms::Access));
        assert_eq!("2h".parse::<GrantLifetime>(), Err(InvalidTerms::Lifetime));
    }

    #[test]
    fn an_expiry_counts_from_the_decision() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        assert_eq!(
            GrantLifetime::Day.expires_at(now),
            Some("2026-11-24T10:00:00Z".parse().unwrap())
        );
        assert_eq!(GrantLifetime::UntilRevoked.expires_at(now), None);
    }
}
