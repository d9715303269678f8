//! The master key derived from `TOKEN_ENCRYPTION_KEY`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KeyError;
use crate::seal::{KEY_BYTES, SealingKey};

/// Random bytes stored with the database, so that two databases with one `TOKEN_ENCRYPTION_KEY`
/// have different master keys.
pub(crate) type Salt = [u8; 16];

/// What the text must decode to, in bytes, or be long, in characters.
const ENOUGH: usize = 32;
/// More than anybody's key, in bytes.
const LENGTH_LIMIT: usize = 4096;

// RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
const ARGON2_MEMORY_KIB: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 4;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// Derives the master key. A text that decodes (hex, base64, base64url, with or without padding) to
/// 32 bytes or more is taken for random and goes through HKDF-SHA256 (RFC 5869); any other of 32
/// characters or more is taken for a passphrase and goes through Argon2id (RFC 9106), which takes a
/// good part of a second. Space around the text does not count.
pub(crate) fn derive(text: &SecretString, salt: &Salt) -> Result<SealingKey, KeyError> {
    let text = text.expose_secret().trim_ascii();
    if text.len() > LENGTH_LIMIT {
        return Err(KeyError::EnvironmentTooLong {
            limit: LENGTH_LIMIT,
        });
    }
    let mut key = Box::new([0; KEY_BYTES]);
    if let Some(bytes) = random_bytes(text) {
        Hkdf::<Sha256>::new(Some(salt), &bytes)
            .expand(b"drawbridge master key", key.as_mut_slice())
            .map_err(|_| KeyError::Derivation)?;
    } else if text.chars().count() >= ENOUGH {
        let params = Params::new(
            ARGON2_MEMORY_KIB,
            ARGON2_PASSES,
            ARGON2_LANES,
            Some(KEY_BYTES),
        )
        .map_err(|_| KeyError::Derivation)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(text.as_bytes(), salt, key.as_mut_slice())
            .map_err(|_| KeyError::Derivation)?;
    } else {
        return Err(KeyError::EnvironmentTooShort {
            characters: text.chars().count(),
        });
    }
    SealingKey::new(SecretBox::new(key)).map_err(|_| KeyError::Derivation)
}

/// What the text decodes to, when that is enough.
fn random_bytes(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    hex(text)
        .or_else(|| BASE64.decode(text).ok())
        .or_else(|| BASE64_URL.decode(text).ok())
        .map(Zeroizing::new)
        .filter(|bytes| bytes.len() >= ENOUGH)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = [7; 16];

    fn id(text: &str) -> String {
        derive(&SecretString::from(text), &SALT)
            .unwrap()
            .id()
            .to_string()
    }

    #[test]
    fn the_same_bytes_in_any_encoding_are_the_same_key() {
        let hex = format!("{}0102", "00ff10fbefbe".repeat(5));
        let base64 = format!("{}AQI=", "AP8Q++++".repeat(5));
        let base64_url = format!("{}AQI", "AP8Q----".repeat(5));
        assert_eq!(id(&hex), id(&base64));
        assert_eq!(id(&hex), id(&base64_url));
        assert_eq!(id(&hex), id(&hex.to_uppercase()));
        assert_eq!(id(&hex), id(&format!(" {hex}\n")));
    }

    #[test]
    fn a_passphrase_is_salted_and_differs_from_random_bytes() {
        let passphrase = "correct horse battery staple, and then some";
        let other_salt = derive(&SecretString::from(passphrase), &[8; 16])
            .unwrap()
            .id()
            .to_string();
        assert_eq!(id(passphrase), id(passphrase));
        assert_ne!(id(passphrase), other_salt);
        // 32 hex digits are 16 bytes, too few to be random bytes, but enough for a passphrase.
        assert_ne!(id(&"a1".repeat(16)), id(&"a1".repeat(32)));
    }

    #[test]
    fn known_answers_do_not_change_between_versions() {
        // A change here would lock every existing database.
        assert_eq!(id(&"0f".repeat(32)), "45c928b61759e9ee");
        assert_eq!(
            id("correct horse battery staple, and then some"),
            "c54287777b391d5e"
        );
    }

    #[test]
    fn short_and_endless_texts_are_refused() {
        for short in ["", "secret", &"x".repeat(31), &" ".repeat(64)] {
            let refused = derive(&SecretString::from(short), &SALT);
            assert!(
                matches!(refused, Err(KeyError::EnvironmentTooShort { .. })),
                "{short:?}"
            );
        }
        let endless = SecretString::from("x".repeat(LENGTH_LIMIT + 1));
        assert!(matches!(
            derive(&endless, &SALT),
            Err(KeyError::EnvironmentTooLong { .. })
        ));
    }
}
