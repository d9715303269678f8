//! Secrets we mint: access and refresh tokens, codes, handles. And their hashes, the only thing
//! that is kept of them.
//!
//! The form is a prefix that names the kind, 256 random bits in base64url, and six characters of
//! checksum. The checksum lets a typing mistake be told without a look into the database, and
//! lets scanners of source code recognise a leaked token. Never change the prefix of a kind.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drawbridge_vault::ports::{Entropy, EntropyError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// 256 bits.
const RANDOM_BYTES: usize = 32;
/// 32 bytes in base64url without padding.
const RANDOM_CHARACTERS: usize = 43;
/// A CRC-32 in base62, padded.
const CHECKSUM_CHARACTERS: usize = 6;
const PREFIX_CHARACTERS: usize = 4;
/// Every token is this long.
pub(crate) const TOKEN_CHARACTERS: usize =
    PREFIX_CHARACTERS + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An access token of a connection.
    Access,
    /// A refresh token.
    Refresh,
    /// An authorization code.
    Code,
    /// An access token made by the user for a script.
    Script,
    /// The static client's secret.
    ClientSecret,
    /// The one-time handle that leads to the local listener.
    Handle,
    /// The one-time proof that leads back from it.
    ReturnProof,
    /// The name of a waiting authorization request.
    WaitingRequest,
    /// What the browser's cookie holds.
    Browser,
}

impl TokenKind {
    /// Every kind; [`crate::redact()`] cuts them all.
    pub(crate) const ALL: [Self; 9] = [
        Self::Access,
        Self::Refresh,
        Self::Code,
        Self::Script,
        Self::ClientSecret,
        Self::Handle,
        Self::ReturnProof,
        Self::WaitingRequest,
        Self::Browser,
    ];

    /// The four characters a token of this kind begins with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "dba_",
            Self::Refresh => "dbr_",
            Self::Code => "dbc_",
            Self::Script => "dbt_",
            Self::ClientSecret => "dbs_",
            Self::Handle => "dbh_",
            Self::ReturnProof => "dbp_",
            Self::WaitingRequest => "dbq_",
            Self::Browser => "dbx_",
        }
    }

    fn of(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
    }
}

/// The SHA-256 of a token. Knowing it gives nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash")
    }
}

/// A token in clear. It exists between its making and the answer that carries it away.
pub(crate) struct Token(SecretString);

impl Token {
    /// Makes a new one.
    pub(crate) fn mint(kind: TokenKind, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut bytes = zeroize::Zeroizing::new([0_u8; RANDOM_BYTES]);
        entropy.fill(bytes.as_mut_slice())?;
        let mut text = String::with_capacity(TOKEN_CHARACTERS);
        text.push_str(kind.prefix());
        URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        push_checksum(&mut text);
        Ok(Self(SecretString::from(text)))
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> TokenHash {
        hash(self.0.expose_secret())
    }

    /// Hands it out, for the one answer it is meant for.
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }

    /// The text, for the one answer it is meant for.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The hash of any text given as a token.
pub(crate) fn hash(text: &str) -> TokenHash {
    TokenHash(Sha256::digest(text.as_bytes()).into())
}

/// The hash of `text` if it has the form and checksum of a token of this kind.
pub(crate) fn parse(kind: TokenKind, text: &str) -> Option<TokenHash> {
    match parse_any(text) {
        Some((found, hash)) if found == kind => Some(hash),
        _ => None,
    }
}

/// The kind and hash of `text` if it has the form and checksum of one of our tokens.
pub(crate) fn parse_any(text: &str) -> Option<(TokenKind, TokenHash)> {
    if text.len() != TOKEN_CHARACTERS || !text.is_ascii() {
        return None;
    }
    let kind = TokenKind::of(text)?;
    let (body, given) = text.split_at(TOKEN_CHARACTERS - CHECKSUM_CHARACTERS);
    if given.as_bytes() != checksum(body).as_slice() {
        return None;
    }
    Some((kind, hash(text)))
}

fn push_checksum(text: &mut String) {
    let digits = checksum(text);
    text.extend(digits.iter().map(|byte| char::from(*byte)));
}

fn checksum(body: &str) -> [u8; CHECKSUM_CHARACTERS] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn every_kind_reads_back_as_itself_and_as_no_other() {
        let entropy = SeededEntropy::new(1);
        for kind in TokenKind::ALL {
            let token = Token::mint(kind, &entropy).unwrap();
            assert_eq!(token.expose().len(), TOKEN_CHARACTERS);
            for other in TokenKind::ALL {
                let found = parse(other, token.expose());
                assert_eq!(found.is_some(), kind == other);
                if let Some(hash) = found {
                    assert_eq!(hash, token.hash());
                }
            }
        }
    }

    #[test]
    fn one_changed_character_is_told_by_the_checksum() {
        let token = Token::mint(TokenKind::Access, &SeededEntropy::new(2)).unwrap();
        for position in PREFIX_CHARACTERS..TOKEN_CHARACTERS {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(
                parse(TokenKind::Access, &changed).is_none(),
                "at {position}"
            );
        }
    }

    #[test]
    fn what_has_not_the_form_is_refused() {
        for text in [
            "",
            "dba_",
            "dba_short",
            &"a".repeat(TOKEN_CHARACTERS),
            &"é".repeat(30),
        ] {
            assert!(parse_any(text).is_none());
        }
    }
}
