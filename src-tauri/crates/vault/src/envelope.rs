//! The sealed value's outer form: version, key id, nonce, ciphertext.
//!
//! ```text
//! byte 0      version, 1
//! bytes 1-8   id of the key it is sealed with
//! bytes 9-32  nonce of XChaCha20-Poly1305 (192 bits, random)
//! the rest    ciphertext with its tag (16 bytes) at the end
//! ```
//! This file only takes the form apart and puts it together. It trusts nothing: whatever bytes it is
//! given, it answers with parts that have the right sizes or with an error.

use std::fmt;

/// The version written today.
pub const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
pub(crate) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
/// What sealing adds to a value's size, in bytes.
pub const OVERHEAD: usize = HEADER_BYTES + TAG_BYTES;

/// Names a key; tells nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; KEY_ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The parts of one sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The key it says it is sealed with.
    pub key: KeyId,
    /// The nonce.
    pub nonce: &'a [u8; NONCE_BYTES],
    /// The ciphertext, with its tag.
    pub ciphertext: &'a [u8],
}

/// Why bytes are not a sealed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// There are fewer bytes than the emptiest sealed value has.
    #[error("the sealed value is cut short")]
    Truncated,
    /// It was written by a version of Drawbridge that seals in another way.
    #[error("the sealed value has the unknown version {0}; a newer Drawbridge may know it")]
    UnknownVersion(u8),
}

impl<'a> Envelope<'a> {
    /// Takes a sealed value apart.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let (&version, rest) = bytes.split_first().ok_or(EnvelopeError::Truncated)?;
        if version != VERSION {
            return Err(EnvelopeError::UnknownVersion(version));
        }
        let (key, rest) = rest.split_first_chunk().ok_or(EnvelopeError::Truncated)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(EnvelopeError::Truncated)?;
        if ciphertext.len() < TAG_BYTES {
            return Err(EnvelopeError::Truncated);
        }
        Ok(Self {
            key: KeyId(*key),
            nonce,
            ciphertext,
        })
    }

    /// Puts a sealed value together.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(self.nonce);
        bytes.extend_from_slice(self.ciphertext);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(envelope) = Envelope::parse(&bytes) {
                prop_assert_eq!(envelope.to_bytes(), bytes);
            }
        }

        #[test]
        fn every_cut_of_an_empty_value_is_refused(length in 0..OVERHEAD) {
            let mut bytes = vec![VERSION; OVERHEAD];
            prop_assert!(Envelope::parse(&bytes).is_ok());
            bytes.truncate(length);
            prop_assert_eq!(Envelope::parse(&bytes), Err(EnvelopeError::Truncated));
        }

        #[test]
        fn every_other_version_is_refused(version in any::<u8>().prop_filter("known", |v| *v != VERSION)) {
            let bytes = vec![version; OVERHEAD];
            prop_assert_eq!(Envelope::parse(&bytes), Err(EnvelopeError::UnknownVersion(version)));
        }
    }
}
