//! Sealing with XChaCha20-Poly1305, and the keys that seal.
//!
//! A value is bound to its table and its row: moved to another row it does not open.

use std::sync::{Arc, PoisonError, RwLock};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::envelope::{Envelope, KeyId, NONCE_BYTES, VERSION};
use crate::error::StoreError;
use crate::ports::{Entropy, EntropyError};

pub(crate) const KEY_BYTES: usize = 32;

/// The table name data keys are bound to when a master key wraps them.
pub(crate) const DATA_KEYS: &str = "data_keys";

/// A 256-bit key that seals values. The master key is one, every data key is one.
pub(crate) struct SealingKey {
    id: KeyId,
    key: SecretBox<[u8; KEY_BYTES]>,
}

/// The value does not open with this key at this place.
#[derive(Debug)]
pub(crate) struct DoesNotOpen;

impl SealingKey {
    /// A key whose id is derived from it, so that the right key can be told from a wrong one
    /// without opening anything.
    pub(crate) fn new(key: SecretBox<[u8; KEY_BYTES]>) -> Result<Self, DoesNotOpen> {
        let mut id = [0; 8];
        Hkdf::<Sha256>::new(None, key.expose_secret())
            .expand(b"drawbridge key id", &mut id)
            .map_err(|_| DoesNotOpen)?;
        Ok(Self { id: KeyId(id), key })
    }

    /// A new random key.
    pub(crate) fn random(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut filled = Ok(());
        let key = SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| filled = entropy.fill(key));
        filled?;
        Self::new(key).map_err(|_| EntropyError)
    }

    /// The key in these bytes, which are wiped.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Result<Self, DoesNotOpen> {
        let bytes = Zeroizing::new(bytes);
        let mut key = Box::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(DoesNotOpen);
        }
        key.copy_from_slice(&bytes);
        Self::new(SecretBox::new(key))
    }

    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        self.key.expose_secret()
    }

    /// Seals `plain` for this row of this table.
    pub(crate) fn seal(
        &self,
        table: &str,
        row: &[u8],
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, EntropyError> {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce)?;
        let aad = associated_data(self.id, table, row);
        let ciphertext = XChaCha20Poly1305::new(self.key.expose_secret().into())
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            // Fails only for values of 256 GiB and more.
            .map_err(|_| EntropyError)?;
        Ok(Envelope {
            key: self.id,
            nonce: &nonce,
            ciphertext: &ciphertext,
        }
        .to_bytes())
    }

    /// Opens what was sealed with this key for this row of this table.
    pub(crate) fn open(
        &self,
        table: &str,
        row: &[u8],
        envelope: &Envelope<'_>,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        let aad = associated_data(envelope.key, table, row);
        XChaCha20Poly1305::new(self.key.expose_secret().into())
            .decrypt(
                &XNonce::from(*envelope.nonce),
                Payload {
                    msg: envelope.ciphertext,
                    aad: &aad,
                },
            )
            .map_err(|_| DoesNotOpen)
    }
}

/// What a sealed value is bound to: the envelope's version and key id, the table and the row. The
/// lengths keep (`ab`, `c`) apart from (`a`, `bc`).
fn associated_data(key: KeyId, table: &str, row: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(1 + 8 + 16 + table.len() + row.len());
    data.push(VERSION);
    data.extend_from_slice(&key.0);
    for part in [table.as_bytes(), row] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    data
}

/// The data keys in use: the one that seals, and older ones whose rows still wait to be resealed.
pub(crate) struct KeyRing {
    keys: RwLock<Keys>,
}

#[derive(Clone, Default)]
struct Keys {
    active: Option<Arc<SealingKey>>,
    older: Vec<Arc<SealingKey>>,
}

impl KeyRing {
    /// A ring without keys: it seals and opens nothing.
    pub(crate) fn empty() -> Self {
        Self {
            keys: RwLock::new(Keys::default()),
        }
    }

    /// Makes this the key that seals; the one before stays for opening.
    pub(crate) fn activate(&self, key: Arc<SealingKey>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = keys.active.replace(key);
        keys.older.extend(before);
    }

    /// Lets go of the older keys but for the latest of them: a reader that began before the last
    /// row was resealed may still need that one.
    pub(crate) fn forget_older(&self) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let keep = keys.older.len().saturating_sub(1);
        keys.older.drain(..keep);
    }

    /// The key that seals.
    pub(crate) fn active(&self) -> Option<Arc<SealingKey>> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .active
            .clone()
    }

    fn find(&self, id: KeyId) -> Option<Arc<SealingKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.active
            .iter()
            .chain(&keys.older)
            .find(|key| key.id() == id)
            .cloned()
    }

    pub(crate) fn seal(
        &self,
        table: &'static str,
        row: &[u8],
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, StoreError> {
        let key = self.active().ok_or(StoreError::UnknownKey { table })?;
        Ok(key.seal(table, row, plain, entropy)?)
    }

    pub(crate) fn open(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let envelope = Envelope::parse(sealed).map_err(|_| StoreError::Unsealable { table })?;
        let key = self
            .find(envelope.key)
            .ok_or(StoreError::UnknownKey { table })?;
        key.open(table, row, &envelope)
            .map_err(|_| StoreError::Unsealable { table })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ports::OsEntropy;

    fn key() -> SealingKey {
        SealingKey::random(&OsEntropy).unwrap()
    }

    fn opened(key: &SealingKey, table: &str, row: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        key.open(table, row, &Envelope::parse(sealed).ok()?).ok()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_at_its_place_only(
            plain in prop::collection::vec(any::<u8>(), 0..300),
            row in prop::collection::vec(any::<u8>(), 0..40),
            other_row in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let key = key();
            let sealed = key.seal("grants", &row, &plain, &OsEntropy).unwrap();
            prop_assert_eq!(opened(&key, "grants", &row, &sealed), Some(plain));
            prop_assert_eq!(opened(&key, "clients", &row, &sealed), None);
            if row != other_row {
                prop_assert_eq!(opened(&key, "grants", &other_row, &sealed), None);
            }
        }

        #[test]
        fn no_altered_byte_goes_unseen(
            plain in prop::collection::vec(any::<u8>(), 0..40),
            flip in 1..=255_u8,
        ) {
            let key = key();
            let sealed = key.seal("grants", b"row", &plain, &OsEntropy).unwrap();
            for place in 0..sealed.len() {
                let mut altered = sealed.clone();
                altered[place] ^= flip;
                prop_assert_eq!(opened(&key, "grants", b"row", &altered), None, "byte {}", place);
            }
            for length in 0..sealed.len() {
                prop_assert_eq!(opened(&key, "grants", b"row", &sealed[..length]), None);
            }
        }
    }

    #[test]
    fn table_and_row_do_not_run_together() {
        let key = key();
        let sealed = key.seal("ab", b"c", b"value", &OsEntropy).unwrap();
        assert!(opened(&key, "a", b"bc", &sealed).is_none());
    }

    #[test]
    fn the_same_value_is_never_sealed_to_the_same_bytes() {
        let key = key();
        let seal = || key.seal("grants", b"row", b"value", &OsEntropy).unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn another_key_is_told_apart_and_opens_nothing() {
        let (key, other) = (key(), key());
        assert_ne!(key.id(), other.id());
        let sealed = key.seal("grants", b"row", b"value", &OsEntropy).unwrap();
        assert!(opened(&other, "grants", b"row", &sealed).is_none());
        let ring = KeyRing::empty();
        ring.activate(Arc::new(other));
        assert_eq!(
            ring.open("grants", b"row", &sealed),
            Err(StoreError::UnknownKey { table: "grants" })
        );
    }

    #[test]
    fn a_ring_opens_with_older_keys_until_they_are_forgotten() {
        let keys = [(); 3].map(|()| Arc::new(key()));
        let sealed = keys
            .each_ref()
            .map(|key| key.seal("t", b"r", b"v", &OsEntropy).unwrap());
        let ring = KeyRing::empty();
        assert!(ring.seal("t", b"r", b"v", &OsEntropy).is_err());
        for key in keys {
            ring.activate(key);
        }
        assert!(
            sealed
                .iter()
                .all(|sealed| ring.open("t", b"r", sealed).is_ok())
        );
        ring.forget_older();
        assert!(ring.open("t", b"r", &sealed[0]).is_err());
        assert!(
            ring.open("t", b"r", &sealed[1]).is_ok(),
            "a reader may still need it"
        );
        assert!(ring.open("t", b"r", &sealed[2]).is_ok());
    }
}
