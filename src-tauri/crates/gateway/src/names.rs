//! Names: which ones a server may have, and under which name clients see its tools.
//!
//! On `/mcp` a tool is called `<server>_<tool>`. The tools `search` and `fetch` keep their own
//! names where one server alone has them, because deep research looks for exactly these. Names are
//! made of the characters and the length every client takes; where a name must be changed for that,
//! or where two names would meet, a hash of the full name is put at its end, so that it stays the
//! same from one listing to the next.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest server name, in characters.
pub const MAX_SERVER_NAME: usize = 32;
/// Longest tool name that clients take, in characters.
pub const MAX_TOOL_NAME: usize = 64;
/// Hexadecimal digits of the hash at the end of a changed name.
const HASH_DIGITS: usize = 8;
/// Names with a meaning of their own under `/mcp/`.
const RESERVED: [&str; 2] = ["sse", "mcp"];
/// Tools that clients look for by their bare names.
const BARE: [&str; 2] = ["search", "fetch"];

/// The name of a server: `[a-z0-9][a-z0-9_-]{0,31}`, but neither `sse` nor `mcp`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerName(String);

impl ServerName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<ServerName> for String {
    fn from(name: ServerName) -> Self {
        name.0
    }
}

impl TryFrom<String> for ServerName {
    type Error = BadServerName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if RESERVED.contains(&name.as_str()) {
            return Err(BadServerName::Reserved);
        }
        let small = |character: u8| character.is_ascii_lowercase() || character.is_ascii_digit();
        let well_formed = name.len() <= MAX_SERVER_NAME
            && name.bytes().next().is_some_and(small)
            && name
                .bytes()
                .all(|character| small(character) || matches!(character, b'_' | b'-'));
        if well_formed {
            Ok(Self(name))
        } else {
            Err(BadServerName::Malformed)
        }
    }
}

impl FromStr for ServerName {
    type Err = BadServerName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.to_owned().try_into()
    }
}

/// Why a server cannot have this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadServerName {
    /// Characters or length.
    #[error(
        "a server's name has 1 to 32 characters: small letters, digits, `_` and `-`, and begins with a letter or a digit"
    )]
    Malformed,
    /// It means something else.
    #[error("`sse` and `mcp` have a meaning of their own; choose another name")]
    Reserved,
}

/// One tool under its own name, as its server calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin<'a> {
    /// The server.
    pub(crate) server: &'a str,
    /// The tool's name at the server.
    pub(crate) tool: &'a str,
}

/// The names under which clients see `tools`, in the same order.
///
/// Each is 1 to 64 characters of `[A-Za-z0-9_-]`, and no two are the same as long as no tool is
/// given twice.
#[must_use]
pub(crate) fn exposed(tools: &[Origin<'_>]) -> Vec<String> {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    for origin in tools {
        if is_bare(origin.tool) {
            *owners.entry(origin.tool).or_default() += 1;
        }
    }
    let mut names: Vec<String> = tools
        .iter()
        .map(|origin| {
            if owners.get(origin.tool) == Some(&1) {
                origin.tool.to_owned()
            } else {
                prefixed(*origin)
            }
        })
        .collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *seen.entry(name.clone()).or_default() += 1;
    }
    for (name, origin) in names.iter_mut().zip(tools) {
        if seen.get(name.as_str()).is_some_and(|count| *count > 1) {
            *name = hashed(*origin);
        }
    }
    names
}

/// The name with its server in front, whether or not the tool has a bare name too.
#[must_use]
pub(crate) fn prefixed(origin: Origin<'_>) -> String {
    let plain = format!("{}_{}", origin.server, origin.tool);
    let fits =
        plain.len() <= MAX_TOOL_NAME && !origin.tool.is_empty() && plain.bytes().all(is_safe);
    if fits { plain } else { hashed(origin) }
}

/// Whether clients look for a tool of this name without a server in front.
#[must_use]
pub(crate) fn is_bare(name: &str) -> bool {
    BARE.contains(&name)
}

/// Whether a tool with this name can be this server's.
#[must_use]
pub(crate) fn may_belong(name: &str, server: &str) -> bool {
    name.strip_prefix(server)
        .is_some_and(|rest| rest.starts_with('_'))
}

fn is_safe(character: u8) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, b'_' | b'-')
}

/// As much of the name as fits, with a hash of all of it at the end.
fn hashed(origin: Origin<'_>) -> String {
    use std::fmt::Write as _;

    let mut hash = Sha256::new();
    hash.update(origin.server.as_bytes());
    hash.update([0]);
    hash.update(origin.tool.as_bytes());
    let mut name: String = format!("{}_{}", origin.server, origin.tool)
        .chars()
        .map(|character| {
            if character.is_ascii() && is_safe(character as u8) {
                character
            } else {
                '_'
            }
        })
        .take(MAX_TOOL_NAME - HASH_DIGITS - 1)
        .collect();
    name.push('_');
    for byte in hash.finalize().iter().take(HASH_DIGITS / 2) {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn origins<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<Origin<'a>> {
        pairs
            .iter()
            .map(|(server, tool)| Origin { server, tool })
            .collect()
    }

    #[test]
    fn server_names() {
        for good in ["a", "0", "notion", "my-files_2", &"a".repeat(32)] {
            assert!(good.parse::<ServerName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "_a",
            "A",
            "a b",
            "a.b",
            "ä",
            "a/b",
            &"a".repeat(33),
        ] {
            assert_eq!(
                bad.parse::<ServerName>(),
                Err(BadServerName::Malformed),
                "{bad}"
            );
        }
        for reserved in ["sse", "mcp"] {
            assert_eq!(reserved.parse::<ServerName>(), Err(BadServerName::Reserved));
        }
    }

    #[test]
    fn tools_carry_their_servers_name() {
        assert_eq!(
            exposed(&origins(&[("files", "read"), ("time", "now")])),
            ["files_read", "time_now"]
        );
    }

    #[test]
    fn search_and_fetch_are_bare_while_one_server_alone_has_them() {
        assert_eq!(
            exposed(&origins(&[("a", "search"), ("a", "fetch"), ("b", "fetch")])),
            ["search", "a_fetch", "b_fetch"]
        );
    }

    #[test]
    fn names_that_would_meet_are_told_apart() {
        let names = exposed(&origins(&[("a", "b_c"), ("a_b", "c")]));
        assert_ne!(names[0], names[1]);
        assert!(names[0].starts_with("a_b_c_"));
        // The order in which servers come changes nothing.
        let turned = exposed(&origins(&[("a_b", "c"), ("a", "b_c")]));
        assert_eq!(names[0], turned[1]);
        assert_eq!(names[1], turned[0]);
    }

    #[test]
    fn long_and_odd_names_are_cut_to_what_clients_take() {
        let long = "x".repeat(200);
        for tool in [long.as_str(), "with space", "päivää", "a.b/c", ""] {
            let name = prefixed(Origin { server: "s", tool });
            assert!(name.len() <= MAX_TOOL_NAME);
            assert!(name.bytes().all(is_safe), "{name}");
            assert_eq!(name, prefixed(Origin { server: "s", tool }));
        }
    }

    proptest! {
        #[test]
        fn names_fit_clients_and_are_distinct(
            tools in prop::collection::hash_set(("[a-c_]{1,3}", "[a-c_. é]{0,70}"), 0..20)
        ) {
            let tools: Vec<(String, String)> = tools.into_iter().collect();
            let origins: Vec<Origin<'_>> =
                tools.iter().map(|(server, tool)| Origin { server, tool }).collect();
            let names = exposed(&origins);
            prop_assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
            for name in &names {
                prop_assert!((1..=MAX_TOOL_NAME).contains(&name.len()));
                prop_assert!(name.bytes().all(is_safe));
            }
        }
    }
}
