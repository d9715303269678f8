//! Scopes: `mcp`, which every tool call needs, and `offline_access`, which clients like to ask.
//!
//! What a client may really do is in its grant (servers, level), not in its scope.

use std::fmt;

/// Calls to the MCP endpoint.
pub(crate) const MCP: &str = "mcp";
/// Asked by clients that want a refresh token; they get one anyway.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// A set of the scopes we know. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope {
    mcp: bool,
    offline_access: bool,
}

/// Why a scope cannot be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScopeError {
    /// A character no scope may hold (OAuth 2.1 section 1.4.1).
    #[error("the scope is not a list of names separated by single spaces; ask for mcp")]
    Malformed,
    /// Nothing of what was asked is known here.
    #[error("none of these scopes exists here; ask for mcp or leave scope out")]
    Unknown,
    /// More than was granted (OAuth 2.1 section 4.3.1).
    #[error("this asks for more than was granted; leave scope out to keep what was granted")]
    Wider,
}

impl Scope {
    /// What a client gets that asks for nothing.
    pub(crate) const DEFAULT: Self = Self {
        mcp: true,
        offline_access: false,
    };

    /// Reads an authorization request's `scope`. Names we do not know are left out silently, as
    /// OAuth 2.1 section 3.2.2.1 allows (the answer says what was granted); `mcp` is always in
    /// it, for a grant without it would be good for nothing.
    pub(crate) fn for_authorization(asked: Option<&str>) -> Result<Self, ScopeError> {
        match asked {
            None => Ok(Self::DEFAULT),
            Some(text) => Ok(Self {
                mcp: true,
                ..Self::parse(text)?
            }),
        }
    }

    /// Reads a refresh request's `scope`: the same or less than was granted.
    pub(crate) fn for_refresh(asked: Option<&str>, granted: Self) -> Result<Self, ScopeError> {
        let Some(text) = asked else {
            return Ok(granted);
        };
        let asked = Self::parse(text)?;
        if (asked.mcp && !granted.mcp) || (asked.offline_access && !granted.offline_access) {
            return Err(ScopeError::Wider);
        }
        Ok(asked)
    }

    /// Reads what [`Display`](fmt::Display) wrote into a row.
    #[must_use]
    pub(crate) fn from_stored(text: &str) -> Self {
        let has = |name| text.split(' ').any(|found| found == name);
        Self {
            mcp: has(MCP),
            offline_access: has(OFFLINE_ACCESS),
        }
    }

    /// Whether the MCP endpoint may be called with it.
    #[must_use]
    pub(crate) const fn allows_mcp(self) -> bool {
        self.mcp
    }

    fn parse(text: &str) -> Result<Self, ScopeError> {
        let mut scope = Self {
            mcp: false,
            offline_access: false,
        };
        for name in text.split(' ') {
            let well_formed = !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
            if !well_formed {
                return Err(ScopeError::Malformed);
            }
            scope.mcp |= name == MCP;
            scope.offline_access |= name == OFFLINE_ACCESS;
        }
        if scope.mcp || scope.offline_access {
            Ok(scope)
        } else {
            Err(ScopeError::Unknown)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.mcp, self.offline_access) {
            (true, true) => "mcp offline_access",
            (false, true) => OFFLINE_ACCESS,
            (_, false) => MCP,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked(text: &str) -> Result<String, ScopeError> {
        Scope::for_authorization(Some(text)).map(|scope| scope.to_string())
    }

    #[test]
    fn the_least_that_is_granted_is_mcp() {
        assert_eq!(
            Scope::for_authorization(None).map(|scope| scope.to_string()),
            Ok(MCP.into())
        );
        assert_eq!(asked("offline_access"), Ok("mcp offline_access".into()));
    }

    #[test]
    fn unknown_names_beside_a_known_one_are_left_out() {
        assert_eq!(asked("openid mcp email"), Ok("mcp".into()));
        assert_eq!(asked("openid"), Err(ScopeError::Unknown));
        assert_eq!(
            asked("MCP"),
            Err(ScopeError::Unknown),
            "scopes are case-sensitive"
        );
    }

    #[test]
    fn malformed_lists_are_refused() {
        for text in ["mcp  mcp", " mcp", "mcp ", "mcp\"", "mcp\\", "mcp\t", "mçp"] {
            assert_eq!(asked(text), Err(ScopeError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_refresh_may_narrow_but_not_widen() {
        let both = Scope::for_authorization(Some("mcp offline_access")).unwrap();
        assert_eq!(Scope::for_refresh(None, both), Ok(both));
        assert_eq!(Scope::for_refresh(Some("mcp"), both), Ok(Scope::DEFAULT));
        assert_eq!(
            Scope::for_refresh(Some("mcp offline_access"), Scope::DEFAULT),
            Err(ScopeError::Wider)
        );
        let less = Scope::for_refresh(Some("offline_access"), both).unwrap();
        assert!(!less.allows_mcp());
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(
            names in prop::collection::vec(
                prop::sample::select(vec!["mcp", "offline_access", "email"]), 1..8,
            ),
            by in any::<prop::sample::Index>(),
        ) {
            let mut shuffled = names.clone();
            shuffled.rotate_left(by.index(names.len()));
            prop_assert_eq!(asked(&names.join(" ")), asked(&shuffled.join(" ")));
        }

        #[test]
        fn a_refresh_never_gives_more_than_was_granted(
            granted in prop::sample::select(vec!["mcp", "offline_access", "mcp offline_access"]),
            asked in "[a-z_ ]{0,30}|mcp|offline_access|mcp offline_access",
        ) {
            let granted = Scope::from_stored(granted);
            if let Ok(scope) = Scope::for_refresh(Some(&asked), granted) {
                prop_assert!(!scope.mcp || granted.mcp);
                prop_assert!(!scope.offline_access || granted.offline_access);
            }
        }

        #[test]
        fn a_stored_scope_reads_back(mcp: bool, offline_access: bool) {
            prop_assume!(mcp || offline_access);
            let scope = Scope { mcp, offline_access };
            prop_assert_eq!(Scope::from_stored(&scope.to_string()), scope);
        }
    }
}
