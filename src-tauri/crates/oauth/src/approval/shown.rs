//! What a person is shown before they decide, and the hash that ties a decision to it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clients::ClientKind;
use crate::{ApprovalId, ServerChoice};

/// SHA-256 over everything a person is shown about one approval. A decision carries it, so that
/// nobody decides about something other than what they saw.
#[derive(Clone, Copy)]
pub struct ShownHash([u8; 32]);

impl ShownHash {
    /// The Debug text of the content lists every field, strings quoted and escaped, so two contents
    /// with one text are equal; and unlike other serialisations, writing it cannot fail.
    fn of(content: &Content) -> Self {
        Self::of_text(&format!("drawbridge approval 1: {content:?}"))
    }

    /// The hash of a text that holds all that is shown about a question of another kind. The text
    /// begins with that kind's name, so that no two kinds share a hash.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl PartialEq for ShownHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ShownHash {}

impl fmt::Display for ShownHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for ShownHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ShownHash({self})")
    }
}

/// The text is no hash of what was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the hash of what was shown: it has 64 hexadecimal digits")]
pub struct NotAShownHash;

impl FromStr for ShownHash {
    type Err = NotAShownHash;

    fn from_str(text: &str) -> Result<Self, NotAShownHash> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NotAShownHash);
        }
        let mut hash = [0; 32];
        for (place, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NotAShownHash);
            *place =
                u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).map_err(|_| NotAShownHash)?;
        }
        Ok(Self(hash))
    }
}

/// How the browser showed that the person at this computer started the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A browser of this computer's user came by the local listener.
    Browser,
    /// Something on this computer came by the local listener; whether it was a browser of the same
    /// user cannot be told.
    Program,
    /// The code shown on this computer was typed into a browser on another device.
    Code {
        /// Where that browser is, as far as known.
        address: Option<IpAddr>,
        /// Its country as two letters, as the tunnel told it.
        country: Option<String>,
    },
}

/// What the client says of itself. None of it but the domain is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownClient {
    /// How we know the client.
    pub kind: ClientKind,
    /// The name it chose, bounded, with hidden characters spelled out. Show it as a quotation.
    pub name: Option<String>,
    /// The host that publishes the client's metadata document (CIMD only), in ASCII.
    pub domain: Option<String>,
}

/// Where the browser goes back to after the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRedirect {
    /// Host in ASCII (punycode), with the port unless it is the scheme's own. Never cut it at its
    /// right end.
    pub host: String,
    /// The part of the host that somebody registered (`chatgpt.com` of `a.chatgpt.com`); to be
    /// emphasised. `None` for addresses and single names.
    pub registrable: Option<String>,
    /// One of the hosts we know by name (`chatgpt.com`, `claude.ai` …).
    pub known: bool,
    /// Goes to a program on the computer where the browser runs.
    pub loopback: bool,
}

/// Everything an authorization request says that a person is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub client: ShownClient,
    /// Where it goes back to: the verified part, to be shown first.
    pub redirect: ShownRedirect,
    /// Whether the client protects its code with PKCE. Only the static client may come without, and
    /// then the person is told.
    pub pkce: bool,
    /// What it will get of the scope it asked for.
    pub scope: String,
    /// The address it came to, as scheme and host: the loopback address or the public one.
    pub address: String,
}

/// The kind of approval, for lists that hold several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalKind {
    /// A client asks to connect.
    Connection,
}

impl ApprovalKind {
    /// `connection`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    id: ApprovalId,
    kind: ApprovalKind,
    question: Question,
    proof: Proof,
    servers: Vec<ServerChoice>,
    requested_at: Timestamp,
    expires_at: Timestamp,
}

/// One question that waits for a person, with all they are shown about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    content: Content,
    shown: ShownHash,
}

impl Approval {
    pub(crate) fn new(
        id: ApprovalId,
        question: Question,
        proof: Proof,
        servers: Vec<ServerChoice>,
        requested_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let content = Content {
            id,
            kind: ApprovalKind::Connection,
            question,
            proof,
            servers,
            requested_at,
            expires_at,
        };
        Self {
            shown: ShownHash::of(&content),
            content,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ApprovalId {
        &self.content.id
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ApprovalKind {
        self.content.kind
    }

    /// Who asks for what.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.content.question
    }

    /// How the browser proved to be at this computer, or in the hands of who sees its screen.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.content.proof
    }

    /// The servers the person can choose from; those added later are not among them.
    #[must_use]
    pub fn servers(&self) -> &[ServerChoice] {
        &self.content.servers
    }

    /// When the client's request came in.
    #[must_use]
    pub fn requested_at(&self) -> Timestamp {
        self.content.requested_at
    }

    /// When the question is withdrawn.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.content.expires_at
    }

    /// The hash a decision about this approval must carry.
    #[must_use]
    pub fn shown(&self) -> ShownHash {
        self.shown
    }
}
