//! What the tests share: options, rows, a keychain on disk.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use drawbridge_vault::ports::OsEntropy;
use drawbridge_vault::{
    AccessTokenRow, Availability, ClientRow, CodeRow, GrantRow, Keychain, KeychainError,
    MemoryKeychain, OpenOptions, RefreshState, RefreshTokenRow, ServerRow, StoreError, Vault,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

/// 32 bytes as hex: derived without Argon2id, so quickly.
pub(crate) const ENVIRONMENT_KEY: &str =
    "6d0f7a52c3b8e914a7705f1c2d9be0436d0f7a52c3b8e914a7705f1c2d9be043";

/// A text that must not be found in any file.
pub(crate) const CANARY: &str = "canary-5f1c2d9be043";

pub(crate) fn folder() -> TempDir {
    TempDir::new().unwrap()
}

pub(crate) fn options(directory: &Path, keychain: Arc<dyn Keychain>) -> OpenOptions {
    OpenOptions {
        directory: directory.to_owned(),
        keychain,
        environment_key: None,
        entropy: Arc::new(OsEntropy),
        keychain_wait: Duration::ZERO,
    }
}

/// A vault whose key is in a keychain in memory.
pub(crate) async fn vault(directory: &Path) -> Vault {
    Vault::open(options(directory, Arc::new(MemoryKeychain::new())))
        .await
        .unwrap()
}

/// No keychain, and `TOKEN_ENCRYPTION_KEY` set.
pub(crate) fn environment_options(directory: &Path, key: &str) -> OpenOptions {
    OpenOptions {
        environment_key: Some(SecretString::from(key)),
        ..options(directory, Arc::new(MemoryKeychain::absent()))
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + second).unwrap()
}

pub(crate) fn hash(number: u8) -> [u8; 32] {
    [number; 32]
}

pub(crate) fn client(id: &str) -> ClientRow {
    ClientRow {
        id: id.to_owned(),
        kind: "dcr".to_owned(),
        created_at: at(0),
        last_used_at: at(0),
        approved: false,
        details: format!("{CANARY} of {id}").into_bytes(),
    }
}

pub(crate) fn grant(id: &str) -> GrantRow {
    GrantRow {
        id: id.to_owned(),
        client_id: "client".to_owned(),
        origin: "loopback".to_owned(),
        kind: "connection".to_owned(),
        created_at: at(0),
        last_used_at: at(0),
        expires_at: None,
        ended_at: None,
        end_reason: None,
        details: format!("{CANARY} of {id}").into_bytes(),
    }
}

pub(crate) fn code(number: u8, grant_id: &str) -> CodeRow {
    CodeRow {
        hash: hash(number),
        grant_id: grant_id.to_owned(),
        created_at: at(0),
        expires_at: at(600),
        used_at: None,
        details: CANARY.as_bytes().to_vec(),
    }
}

pub(crate) fn refresh_token(number: u8, grant_id: &str) -> RefreshTokenRow {
    RefreshTokenRow {
        hash: hash(number),
        grant_id: grant_id.to_owned(),
        parent: None,
        state: RefreshState::Active,
        created_at: at(0),
        expires_at: at(600),
    }
}

pub(crate) fn access_token(number: u8, grant_id: &str) -> AccessTokenRow {
    AccessTokenRow {
        hash: hash(number),
        grant_id: grant_id.to_owned(),
        refresh: None,
        resource: "http://127.0.0.1:8787/mcp".to_owned(),
        scope: "read".to_owned(),
        created_at: at(0),
        expires_at: Some(at(3600)),
    }
}

pub(crate) fn server(name: &str) -> ServerRow {
    ServerRow {
        name: name.to_owned(),
        enabled: true,
        created_at: at(0),
        details: format!("{CANARY} of {name}").into_bytes(),
    }
}

/// How many rows of each kind [`fill`] writes.
pub(crate) const FILLED: u8 = 40;

/// Writes rows into every sealed table.
pub(crate) async fn fill(vault: &Vault) {
    vault
        .write(|writer| -> Result<(), StoreError> {
            for number in 0..FILLED {
                let name = format!("row-{number}");
                writer.put_client(&client(&name))?;
                writer.put_grant(&grant(&name))?;
                writer.put_code(&code(number, &name))?;
                writer.put_server(&server(&name))?;
                writer.put_secret(&name, &SecretString::from(format!("{CANARY} {name}")))?;
                writer.append_audit(at(i64::from(number)), CANARY.as_bytes())?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// Reads everything [`fill`] wrote and compares it.
pub(crate) fn assert_filled(vault: &Vault) {
    vault
        .read(|reader| -> Result<(), StoreError> {
            for number in 0..FILLED {
                let name = format!("row-{number}");
                assert_eq!(reader.client(&name)?, Some(client(&name)));
                assert_eq!(reader.grant(&name)?, Some(grant(&name)));
                assert_eq!(reader.code(&hash(number))?, Some(code(number, &name)));
                assert_eq!(reader.server(&name)?, Some(server(&name)));
                let secret = reader.secret(&name)?.unwrap();
                assert_eq!(secret.expose_secret(), format!("{CANARY} {name}"));
            }
            let audit = reader.audit(None, 1000)?;
            assert_eq!(audit.len(), usize::from(FILLED));
            assert!(audit.iter().all(|entry| entry.details == CANARY.as_bytes()));
            Ok(())
        })
        .unwrap();
}

/// Every file below a folder, with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}

pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// A keychain in a folder, so that it outlives a killed process.
pub(crate) struct FolderKeychain(pub(crate) PathBuf);

impl Keychain for FolderKeychain {
    fn availability(&self) -> Result<Availability, KeychainError> {
        Ok(Availability::Available)
    }

    fn get(&self, item: &str) -> Result<Option<SecretString>, KeychainError> {
        match fs::read_to_string(self.0.join(item)) {
            Ok(text) => Ok(Some(SecretString::from(text))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => panic!("{error}"),
        }
    }

    fn set(&self, item: &str, value: &SecretString) -> Result<(), KeychainError> {
        fs::write(self.0.join(item), value.expose_secret()).unwrap();
        Ok(())
    }

    fn delete(&self, item: &str) -> Result<(), KeychainError> {
        match fs::remove_file(self.0.join(item)) {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("{error}"),
            _ => Ok(()),
        }
    }
}
