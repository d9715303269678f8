//! Who may call what: a pure function of the server's switch, the grant, the tool and its rule.
//!
//! Effective right = server enabled ∧ grant covers the server ∧ the grant's level covers the tool
//! ∧ tool rule. Nothing here reads a clock, a store or a network.

use std::fmt;
use std::str::FromStr;

use drawbridge_oauth::AccessLevel;
use serde::{Deserialize, Serialize};

/// What a tool does, as far as its server says (MCP `ToolAnnotations`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolKind {
    /// Changes nothing (`readOnlyHint`).
    Reads,
    /// Changes things, but only by adding (`destructiveHint: false`).
    Changes,
    /// May delete or overwrite.
    Destroys,
    /// The server does not say. Treated as if it could destroy.
    Unknown,
}

/// The hints of MCP `ToolAnnotations` that say what a tool does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// `readOnlyHint`
    pub read_only: Option<bool>,
    /// `destructiveHint`, which has a meaning only where `readOnlyHint` is not true.
    pub destructive: Option<bool>,
}

impl ToolKind {
    /// Reads the hints as the MCP schema defines them: a tool that says it is not read-only and
    /// nothing else is destructive by default; one that says neither is unknown.
    #[must_use]
    pub fn from_hints(hints: Hints) -> Self {
        match (hints.read_only, hints.destructive) {
            (Some(true), _) => Self::Reads,
            (_, Some(false)) => Self::Changes,
            (Some(false), None) | (_, Some(true)) => Self::Destroys,
            (None, None) => Self::Unknown,
        }
    }

    /// The rule of a tool for which the owner has set none.
    #[must_use]
    pub fn default_rule(self) -> Rule {
        match self {
            Self::Reads | Self::Changes => Rule::Allow,
            Self::Destroys | Self::Unknown => Rule::Ask,
        }
    }

    /// Whether a grant of this level reaches tools of this kind at all.
    #[must_use]
    pub fn covered_by(self, access: AccessLevel) -> bool {
        match access {
            AccessLevel::Read => self == Self::Reads,
            AccessLevel::ReadWrite => true,
        }
    }
}

impl fmt::Display for ToolKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reads => "reads",
            Self::Changes => "changes",
            Self::Destroys => "destroys",
            Self::Unknown => "unknown",
        })
    }
}

/// What the owner says about one tool of one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// It runs.
    Allow,
    /// Each call needs the owner's word.
    Ask,
    /// It is hidden and refused.
    Block,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Block => "block",
        })
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "allow" => Ok(Self::Allow),
            "ask" => Ok(Self::Ask),
            "block" => Ok(Self::Block),
            _ => Err(UnknownRule),
        }
    }
}

/// A rule that is none of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tool rule is one of: allow, ask, block")]
pub struct UnknownRule;

/// Everything the decision depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The server is switched on.
    pub server_enabled: bool,
    /// The grant names the server.
    pub server_granted: bool,
    /// The grant's level.
    pub access: AccessLevel,
    /// What the tool does.
    pub kind: ToolKind,
    /// The owner's rule, if there is one.
    pub rule: Option<Rule>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The call runs.
    Run,
    /// The tool is listed, but a call needs the owner's word first.
    Ask,
    /// The tool is not listed and a call is refused.
    Refuse(Refusal),
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The server is off or not in the grant: for this client the tool does not exist.
    NotThere,
    /// The grant is for reading only, and the tool does more or does not say what it does.
    ReadOnlyGrant,
    /// The owner has blocked the tool.
    Blocked,
}

impl Verdict {
    /// Whether `tools/list` shows the tool.
    #[must_use]
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Run | Self::Ask)
    }
}

/// The effective right.
#[must_use]
pub fn verdict(facts: Facts) -> Verdict {
    if !facts.server_enabled || !facts.server_granted {
        return Verdict::Refuse(Refusal::NotThere);
    }
    let rule = facts.rule.unwrap_or_else(|| facts.kind.default_rule());
    match (rule, facts.kind.covered_by(facts.access)) {
        (Rule::Block, _) => Verdict::Refuse(Refusal::Blocked),
        (Rule::Allow | Rule::Ask, false) => Verdict::Refuse(Refusal::ReadOnlyGrant),
        (Rule::Allow, true) => Verdict::Run,
        (Rule::Ask, true) => Verdict::Ask,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = ToolKind> {
        prop_oneof![
            Just(ToolKind::Reads),
            Just(ToolKind::Changes),
            Just(ToolKind::Destroys),
            Just(ToolKind::Unknown)
        ]
    }

    fn rules() -> impl Strategy<Value = Option<Rule>> {
        prop_oneof![
            Just(None),
            Just(Some(Rule::Allow)),
            Just(Some(Rule::Ask)),
            Just(Some(Rule::Block))
        ]
    }

    fn facts() -> impl Strategy<Value = Facts> {
        (
            any::<bool>(),
            any::<bool>(),
            prop_oneof![Just(AccessLevel::Read), Just(AccessLevel::ReadWrite)],
            kinds(),
            rules(),
        )
            .prop_map(
                |(server_enabled, server_granted, access, kind, rule)| Facts {
                    server_enabled,
                    server_granted,
                    access,
                    kind,
                    rule,
                },
            )
    }

    /// How much a verdict lets through.
    fn reach(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Refuse(_) => 0,
            Verdict::Ask => 1,
            Verdict::Run => 2,
        }
    }

    proptest! {
        #[test]
        fn nothing_passes_a_server_that_is_off_or_not_granted(facts in facts()) {
            let closed = Facts { server_enabled: false, ..facts };
            prop_assert_eq!(verdict(closed), Verdict::Refuse(Refusal::NotThere));
            let elsewhere = Facts { server_granted: false, ..facts };
            prop_assert_eq!(verdict(elsewhere), Verdict::Refuse(Refusal::NotThere));
        }

        #[test]
        fn a_read_grant_never_reaches_more_than_reading(facts in facts()) {
            let reading = Facts { access: AccessLevel::Read, ..facts };
            if verdict(reading).is_listed() {
                prop_assert_eq!(reading.kind, ToolKind::Reads);
            }
        }

        #[test]
        fn widening_one_fact_never_narrows_the_verdict(facts in facts()) {
            let base = reach(verdict(facts));
            let wider = [
                Facts { server_enabled: true, ..facts },
                Facts { server_granted: true, ..facts },
                Facts { access: AccessLevel::ReadWrite, ..facts },
                Facts { rule: Some(Rule::Allow), ..facts },
            ];
            for facts in wider {
                prop_assert!(reach(verdict(facts)) >= base);
            }
        }

        #[test]
        fn a_blocked_tool_never_runs_and_is_never_listed(facts in facts()) {
            let blocked = Facts { rule: Some(Rule::Block), ..facts };
            prop_assert!(!verdict(blocked).is_listed());
        }

        #[test]
        fn a_tool_runs_without_a_rule_only_if_it_says_it_destroys_nothing(facts in facts()) {
            let bare = Facts { rule: None, ..facts };
            if verdict(bare) == Verdict::Run {
                prop_assert!(matches!(bare.kind, ToolKind::Reads | ToolKind::Changes));
            }
        }
    }

    #[test]
    fn hints_are_read_as_the_schema_defines_them() {
        let kind = |read_only, destructive| {
            ToolKind::from_hints(Hints {
                read_only,
                destructive,
            })
        };
        assert_eq!(kind(None, None), ToolKind::Unknown);
        assert_eq!(kind(Some(true), None), ToolKind::Reads);
        assert_eq!(kind(Some(true), Some(true)), ToolKind::Reads);
        assert_eq!(kind(Some(false), None), ToolKind::Destroys);
        assert_eq!(kind(Some(false), Some(true)), ToolKind::Destroys);
        assert_eq!(kind(Some(false), Some(false)), ToolKind::Changes);
        assert_eq!(kind(None, Some(false)), ToolKind::Changes);
        assert_eq!(kind(None, Some(true)), ToolKind::Destroys);
    }

    #[test]
    fn rules_are_written_and_read_alike() {
        for rule in [Rule::Allow, Rule::Ask, Rule::Block] {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        assert_eq!("Allow".parse::<Rule>(), Err(UnknownRule));
    }
}
