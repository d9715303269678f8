//! Named secrets, sealed, and plain settings.

use rusqlite::params;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{Reader, Writer};
use crate::error::StoreError;

pub(super) const TABLE: &str = "secrets";

impl Reader<'_> {
    /// The secret with this name.
    pub fn secret(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let sealed: Option<Vec<u8>> =
            self.one("SELECT value FROM secrets WHERE name = ?1", [name], |row| {
                row.get(0)
            })?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let plain = Zeroizing::new(self.open(TABLE, name.as_bytes(), &sealed)?);
        let text = str::from_utf8(&plain).map_err(|_| StoreError::Unsealable { table: TABLE })?;
        Ok(Some(SecretString::from(text)))
    }

    /// The names of all secrets, in order.
    pub fn secret_names(&self) -> Result<Vec<String>, StoreError> {
        self.all("SELECT name FROM secrets ORDER BY name", [], |row| {
            row.get(0)
        })
    }

    /// A setting: plain text that is neither secret nor personal.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM settings WHERE key = ?1", [key], |row| {
            row.get(0)
        })
    }
}

impl Writer<'_> {
    /// Keeps this secret under this name, in place of the one there was.
    pub fn put_secret(&self, name: &str, value: &SecretString) -> Result<(), StoreError> {
        let sealed = self.seal(TABLE, name.as_bytes(), value.expose_secret().as_bytes())?;
        self.run(
            "INSERT INTO secrets (name, value) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET value = ?2",
            params![name, sealed],
        )?;
        Ok(())
    }

    /// Forgets this secret. Answers whether it existed.
    pub fn delete_secret(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM secrets WHERE name = ?1", [name])? > 0)
    }

    /// Keeps this setting in plain text: nothing secret, nothing personal.
    pub fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO settings (key, value) VALUES (?1, ?2) \
             ON CONFLICT (key) DO UPDATE SET value = ?2",
            [key, value],
        )?;
        Ok(())
    }

    /// Forgets this setting. Answers whether it existed.
    pub fn delete_setting(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM settings WHERE key = ?1", [key])? > 0)
    }
}
