//! A master key as text: what stands in the keychain item and in the key file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;

use crate::seal::SealingKey;

/// Base64url of the 32 bytes, 43 characters.
pub(crate) fn encode(key: &SealingKey) -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(key.expose()))
}

/// The key that `text` holds; none when it holds something else. Space around it does not matter.
pub(crate) fn decode(text: &str) -> Option<SealingKey> {
    let bytes = URL_SAFE_NO_PAD.decode(text.trim_ascii()).ok()?;
    SealingKey::from_bytes(bytes).ok()
}
