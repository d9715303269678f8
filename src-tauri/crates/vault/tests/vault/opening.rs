//! Which key a vault opens with, and what it says when it cannot.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drawbridge_vault::{
    Availability, DirectoryError, KeyError, KeyPlace, Keychain, KeychainError, MemoryKeychain,
    MemoryMood, OpenError, StoreError, Vault,
};
use rusqlite::Connection;
use secrecy::SecretString;

use crate::common::{
    ENVIRONMENT_KEY, assert_filled, environment_options, files, fill, folder, options, vault,
};

async fn refused(opening: impl Future<Output = Result<Vault, OpenError>>) -> OpenError {
    match opening.await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_new_vault_takes_the_keychain_and_opens_again_with_it() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    assert_eq!(vault.key_place(), KeyPlace::Keychain);
    assert_eq!(vault.warning(), None);
    fill(&vault).await;
    vault.close().await;
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    assert_filled(&vault);
    assert_eq!(
        keychain.item_names().len(),
        1,
        "one item, so that the keychain asks once"
    );
}

#[tokio::test]
async fn two_folders_have_two_keychain_items() {
    let (first, second) = (folder(), folder());
    let keychain = Arc::new(MemoryKeychain::new());
    let vaults = [
        Vault::open(options(first.path(), keychain.clone()))
            .await
            .unwrap(),
        Vault::open(options(second.path(), keychain.clone()))
            .await
            .unwrap(),
    ];
    assert_eq!(keychain.item_names().len(), 2);
    assert!(
        keychain
            .item_names()
            .iter()
            .all(|name| name.starts_with("master-key-"))
    );
    fill(&vaults[0]).await;
    drop(vaults);
    assert_filled(&Vault::open(options(first.path(), keychain)).await.unwrap());
}

#[tokio::test]
async fn a_locked_keychain_is_an_error_and_never_a_reason_to_go_elsewhere() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    keychain.set_mood(MemoryMood::Locked);
    let locked = || {
        let mut options = options(folder.path(), keychain.clone());
        options.environment_key = Some(SecretString::from(ENVIRONMENT_KEY));
        Vault::open(options)
    };
    // New.
    let error = refused(locked()).await;
    assert!(matches!(
        error,
        OpenError::Key(KeyError::Keychain(KeychainError::Refused))
    ));
    assert!(error.to_string().contains("unlock"), "{error}");
    assert!(!folder.path().join("key").exists());
    // Existing.
    keychain.set_mood(MemoryMood::Open);
    fill(&locked().await.unwrap()).await;
    keychain.set_mood(MemoryMood::Locked);
    let error = refused(locked()).await;
    assert!(matches!(
        error,
        OpenError::Key(KeyError::Keychain(KeychainError::Refused))
    ));
    keychain.set_mood(MemoryMood::Open);
    let vault = locked().await.unwrap();
    assert_eq!(vault.key_place(), KeyPlace::Keychain);
    assert_filled(&vault);
}

#[tokio::test]
async fn a_recorded_keychain_that_is_gone_or_empty_is_an_error() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    drop(
        Vault::open(options(folder.path(), keychain.clone()))
            .await
            .unwrap(),
    );
    keychain.set_mood(MemoryMood::Absent);
    let mut gone = options(folder.path(), keychain);
    gone.environment_key = Some(SecretString::from(ENVIRONMENT_KEY));
    let error = refused(Vault::open(gone)).await;
    assert!(matches!(error, OpenError::Key(KeyError::KeychainAbsent)));
    let empty = options(folder.path(), Arc::new(MemoryKeychain::new()));
    let error = refused(Vault::open(empty)).await;
    assert!(matches!(
        error,
        OpenError::Key(KeyError::KeychainItemMissing { .. })
    ));
    assert!(error.to_string().contains("master-key-"), "{error}");
}

/// A keychain that appears at the third look, and what the first two see.
struct LateKeychain {
    before: Availability,
    looks: AtomicUsize,
    keychain: Arc<MemoryKeychain>,
}

impl Keychain for LateKeychain {
    fn availability(&self) -> Result<Availability, KeychainError> {
        match self.looks.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Ok(self.before),
            _ => Ok(Availability::Available),
        }
    }
    fn get(&self, item: &str) -> Result<Option<SecretString>, KeychainError> {
        self.keychain.get(item)
    }
    fn set(&self, item: &str, value: &SecretString) -> Result<(), KeychainError> {
        self.keychain.set(item, value)
    }
    fn delete(&self, item: &str) -> Result<(), KeychainError> {
        self.keychain.delete(item)
    }
}

#[tokio::test]
async fn a_recorded_keychain_is_waited_for() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    drop(
        Vault::open(options(folder.path(), keychain.clone()))
            .await
            .unwrap(),
    );
    let late = Arc::new(LateKeychain {
        before: Availability::Absent,
        looks: AtomicUsize::new(0),
        keychain,
    });
    let mut options = options(folder.path(), late.clone());
    options.keychain_wait = Duration::from_mins(1);
    assert_eq!(
        Vault::open(options).await.unwrap().key_place(),
        KeyPlace::Keychain
    );
    assert_eq!(late.looks.load(Ordering::SeqCst), 3);
}

/// Opens a new vault at login: the keychain is there at the third look. Answers where the key went
/// and after how many looks.
#[cfg(target_os = "linux")]
async fn at_login(
    before: Availability,
    keychain_wait: Duration,
    environment_key: Option<&str>,
) -> (KeyPlace, usize) {
    let folder = folder();
    let late = Arc::new(LateKeychain {
        before,
        looks: AtomicUsize::new(0),
        keychain: Arc::new(MemoryKeychain::new()),
    });
    let mut options = options(folder.path(), late.clone());
    options.keychain_wait = keychain_wait;
    options.environment_key = environment_key.map(SecretString::from);
    let place = Vault::open(options).await.unwrap().key_place();
    assert_eq!(folder.path().join("key").exists(), place == KeyPlace::File);
    // Looking for a place and looking whether it is free are two looks.
    (place, late.looks.load(Ordering::SeqCst))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_new_vault_waits_a_little_for_the_keychain_of_a_session_that_begins() {
    let (long, none) = (Duration::from_mins(1), Duration::ZERO);
    let (awaited, absent) = (Availability::Awaited, Availability::Absent);
    let key = Some(ENVIRONMENT_KEY);
    assert_eq!(at_login(awaited, long, None).await, (KeyPlace::Keychain, 4));
    // Not without a session, not longer than asked, and not when the key is given.
    assert_eq!(at_login(absent, long, None).await, (KeyPlace::File, 1));
    assert_eq!(at_login(awaited, none, None).await, (KeyPlace::File, 1));
    let given = at_login(awaited, long, key).await;
    assert_eq!(given, (KeyPlace::Environment, 1));
}

#[tokio::test]
async fn without_a_keychain_the_environment_gives_the_key() {
    let folder = folder();
    let vault = Vault::open(environment_options(folder.path(), ENVIRONMENT_KEY))
        .await
        .unwrap();
    assert_eq!(
        (vault.key_place(), vault.warning()),
        (KeyPlace::Environment, None)
    );
    assert!(!folder.path().join("key").exists());
    fill(&vault).await;
    drop(vault);
    let mut missing = environment_options(folder.path(), ENVIRONMENT_KEY);
    missing.environment_key = None;
    let error = refused(Vault::open(missing)).await;
    assert!(matches!(
        error,
        OpenError::Key(KeyError::EnvironmentMissing)
    ));
    // A keychain that appears later is not the recorded place.
    let mut later = environment_options(folder.path(), ENVIRONMENT_KEY);
    later.keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(later).await.unwrap();
    assert_eq!(vault.key_place(), KeyPlace::Environment);
    assert_filled(&vault);
}

#[tokio::test]
async fn a_passphrase_opens_what_it_sealed() {
    let folder = folder();
    let passphrase = "correct horse battery staple, and then some";
    fill(
        &Vault::open(environment_options(folder.path(), passphrase))
            .await
            .unwrap(),
    )
    .await;
    assert_filled(
        &Vault::open(environment_options(folder.path(), passphrase))
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_wrong_key_says_so_and_changes_nothing() {
    let folder = folder();
    let vault = Vault::open(environment_options(folder.path(), ENVIRONMENT_KEY))
        .await
        .unwrap();
    fill(&vault).await;
    vault.close().await;
    let before = files(folder.path());
    let wrong = ENVIRONMENT_KEY.replace('6', "7");
    let error = refused(Vault::open(environment_options(folder.path(), &wrong))).await;
    assert!(matches!(
        error,
        OpenError::Key(KeyError::Wrong {
            place: KeyPlace::Environment
        })
    ));
    assert!(error.to_string().contains("not the one"), "{error}");
    let database = |files: &[(std::path::PathBuf, Vec<u8>)]| {
        files
            .iter()
            .find(|(path, _)| path.ends_with("drawbridge.db"))
            .map(|(_, bytes)| bytes.clone())
    };
    assert_eq!(database(&before), database(&files(folder.path())));
    let short = refused(Vault::open(environment_options(folder.path(), "short"))).await;
    assert!(matches!(
        short,
        OpenError::Key(KeyError::EnvironmentTooShort { characters: 5 })
    ));
    assert_filled(
        &Vault::open(environment_options(folder.path(), ENVIRONMENT_KEY))
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_short_key_makes_no_vault() {
    let folder = folder();
    let error = refused(Vault::open(environment_options(folder.path(), "hunter2"))).await;
    assert!(matches!(
        error,
        OpenError::Key(KeyError::EnvironmentTooShort { .. })
    ));
    assert!(!error.to_string().contains("hunter2"));
    // Nothing is in the way of a better one.
    Vault::open(environment_options(folder.path(), ENVIRONMENT_KEY))
        .await
        .unwrap();
}

#[tokio::test]
async fn one_folder_is_open_once() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let first = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    let error = refused(Vault::open(options(folder.path(), keychain.clone()))).await;
    assert!(matches!(
        error,
        OpenError::Directory(DirectoryError::InUse { .. })
    ));
    drop(first);
    Vault::open(options(folder.path(), keychain)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("drawbridge.db");
    let garbage = "not a database, but long enough to look like one. ".repeat(200);
    fs::write(&path, &garbage).unwrap();
    let error = refused(Vault::open(options(
        folder.path(),
        Arc::new(MemoryKeychain::new()),
    )))
    .await;
    assert!(
        matches!(error, OpenError::Store(StoreError::Damaged)),
        "{error:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), garbage);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let folder = folder();
    vault(folder.path()).await.close().await;
    let database = Connection::open(folder.path().join("drawbridge.db")).unwrap();
    database.pragma_update(None, "user_version", 9_000).unwrap();
    drop(database);
    let error = refused(Vault::open(options(
        folder.path(),
        Arc::new(MemoryKeychain::new()),
    )))
    .await;
    assert!(matches!(error, OpenError::Newer));
}

#[tokio::test]
async fn a_row_sealed_for_another_place_does_not_open() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    fill(&vault).await;
    vault.close().await;
    let database = Connection::open(folder.path().join("drawbridge.db")).unwrap();
    let moves = "UPDATE clients SET details = (SELECT details FROM clients WHERE id = 'row-1') \
                 WHERE id = 'row-0'; \
                 UPDATE grants SET details = (SELECT details FROM clients WHERE id = 'row-2') \
                 WHERE id = 'row-2'; \
                 UPDATE servers SET details = x'00' WHERE name = 'row-3'; \
                 UPDATE secrets SET value = CAST(x'01' || zeroblob(8) || substr(value, 10) AS BLOB) WHERE name = 'row-4';";
    database.execute_batch(moves).unwrap();
    drop(database);
    let vault = Vault::open(options(folder.path(), keychain)).await.unwrap();
    let unsealable = |table| Some(StoreError::Unsealable { table });
    assert_eq!(
        vault.read(|reader| reader.client("row-0")).err(),
        unsealable("clients")
    );
    assert!(
        vault
            .read(|reader| reader.client("row-1"))
            .unwrap()
            .is_some()
    );
    assert_eq!(
        vault.read(|reader| reader.grant("row-2")).err(),
        unsealable("grants")
    );
    assert_eq!(
        vault.read(|reader| reader.server("row-3")).err(),
        unsealable("servers")
    );
    let unknown = vault.read(|reader| reader.secret("row-4").map(|_| ()));
    assert_eq!(unknown, Err(StoreError::UnknownKey { table: "secrets" }));
}
