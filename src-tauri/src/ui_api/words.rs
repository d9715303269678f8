//! The closed words of what crosses to a window or to a script: what a page decides by is an enum
//! on both sides, and the same word in JSON.

use drawbridge_gateway::{Health, Rule};

/// An enum of words: its JSON, its display and its text are one. Pages know it by the name that
/// stands after `as`.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident as $told:literal { $($(#[doc = $text:literal])+ $variant:ident = $word:literal,)+ })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
            #[cfg_attr(test, derive(ts_rs::TS), ts(rename = $told))]
            pub enum $name {
                $($(#[doc = $text])+ #[serde(rename = $word)] $variant,)+
            }

            impl $name {
                /// The word.
                #[must_use]
                pub const fn as_str(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)+
                    }
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    formatter.pad(self.as_str())
                }
            }
        )+
    };
}
pub(super) use words;

words! {
    /// Whether a server runs.
    ServerHealth as "Health" {
        /// Not started: nobody needed it yet, or it is off.
        Idle = "idle",
        /// On its way.
        Starting = "starting",
        /// It runs.
        Running = "running",
        /// The last start failed, or it ended by itself.
        Failed = "failed",
    }

    /// What a tool does, as far as its server says.
    ToolKind as "ToolKind" {
        /// Changes nothing.
        Reads = "reads",
        /// Changes things, but only by adding.
        Changes = "changes",
        /// May delete or overwrite.
        Destroys = "destroys",
        /// The server does not say.
        Unknown = "unknown",
    }

    /// What becomes of a tool's calls.
    ToolRule as "Rule" {
        /// They run.
        Allow = "allow",
        /// Each needs the owner's word.
        Ask = "ask",
        /// It is hidden and refused.
        Block = "block",
    }

    /// How a browser proved where it is.
    BrowserProof as "Proof" {
        /// A browser of this user on this computer.
        Browser = "browser",
        /// A program on this computer; of which user cannot be told.
        Program = "program",
        /// On another device, by the code shown here.
        Code = "code",
    }

    /// How a client is known.
    ClientKind as "ClientKind" {
        /// Its id and secret were typed in by hand.
        Static = "static",
        /// A host publishes its metadata.
        Cimd = "cimd",
        /// It registered itself; nothing about it is verified.
        Dcr = "dcr",
        /// A token made for a script.
        Script = "script",
    }

    /// How a connection stands.
    ConnectionStanding as "ConnectionState" {
        /// Approved; the client has not fetched its tokens yet.
        Pending = "pending",
        /// It may come in.
        Active = "active",
        /// Its address is gone: it has to connect again.
        ConnectAgain = "connect-again",
        /// What is stored of it cannot be read; it lets nobody in and can be revoked.
        Damaged = "damaged",
        /// It has ended.
        Ended = "ended",
    }

    /// What became of a pairing code.
    PairingStanding as "PairingState" {
        /// It can be typed in.
        Open = "open",
        /// A device has used it.
        Used = "used",
        /// Too many wrong tries ended it: somebody is guessing.
        Guessed = "guessed",
        /// Its time is over.
        Expired = "expired",
    }
}

impl From<Health> for ServerHealth {
    fn from(health: Health) -> Self {
        match health {
            Health::Idle => Self::Idle,
            Health::Starting => Self::Starting,
            Health::Running => Self::Running,
            Health::Failed => Self::Failed,
        }
    }
}

impl From<drawbridge_gateway::ToolKind> for ToolKind {
    fn from(kind: drawbridge_gateway::ToolKind) -> Self {
        use drawbridge_gateway::ToolKind as Known;
        match kind {
            Known::Reads => Self::Reads,
            Known::Changes => Self::Changes,
            Known::Destroys => Self::Destroys,
            Known::Unknown => Self::Unknown,
        }
    }
}

impl From<Rule> for ToolRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Allow => Self::Allow,
            Rule::Ask => Self::Ask,
            Rule::Block => Self::Block,
        }
    }
}

impl From<drawbridge_oauth::ClientKind> for ClientKind {
    fn from(kind: drawbridge_oauth::ClientKind) -> Self {
        use drawbridge_oauth::ClientKind as Known;
        match kind {
            Known::Static => Self::Static,
            Known::MetadataDocument => Self::Cimd,
            Known::Registered => Self::Dcr,
            Known::Script => Self::Script,
        }
    }
}

#[cfg(test)]
mod tests {
    use drawbridge_oauth::ClientKind as Known;

    use super::*;

    #[test]
    fn a_word_is_the_same_in_json_and_in_text() {
        for (kind, word) in [
            (Known::Static, "static"),
            (Known::MetadataDocument, "cimd"),
            (Known::Registered, "dcr"),
            (Known::Script, "script"),
        ] {
            let kind = ClientKind::from(kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
            assert_eq!(kind.to_string(), word);
        }
        assert_eq!(format!("{:<8}|", ToolRule::Ask), "ask     |");
    }
}
