//! Rotating the data key and moving the master key.

use std::path::Path;
use std::sync::Arc;

use drawbridge_vault::{
    KeyError, KeyPlace, MemoryKeychain, MemoryMood, MoveKeyError, OpenOptions, StoreError, Vault,
};
use rusqlite::Connection;
use secrecy::SecretString;

use crate::common::{ENVIRONMENT_KEY, FILLED, assert_filled, fill, folder, grant, options, vault};

/// The tables with sealed values, and the column.
const SEALED: [(&str, &str); 6] = [
    ("clients", "details"),
    ("grants", "details"),
    ("codes", "details"),
    ("servers", "details"),
    ("secrets", "value"),
    ("audit", "details"),
];

/// The ids of the data keys stored, and those that rows are sealed with.
fn data_keys(folder: &Path) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let database = Connection::open(folder.join("drawbridge.db")).unwrap();
    let list = |sql: &str| -> Vec<Vec<u8>> {
        let mut statement = database.prepare(sql).unwrap();
        statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    };
    let used = SEALED.map(|(table, column)| format!("SELECT substr({column}, 2, 8) FROM {table}"));
    (
        list("SELECT id FROM data_keys ORDER BY number"),
        list(&used.join(" UNION ")),
    )
}

#[tokio::test]
async fn rotation_seals_everything_anew_and_deletes_the_old_key() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    fill(&vault).await;
    let (before, used) = data_keys(folder.path());
    assert_eq!(before, used);
    let rotation = vault.rotate().await.unwrap();
    assert_eq!(rotation.resealed, u64::from(FILLED) * 6);
    assert_filled(&vault);
    let (after, used) = data_keys(folder.path());
    assert_eq!(after, used);
    assert_eq!(after.len(), 1);
    assert_ne!(before, after);
    assert_eq!(
        vault.rotate().await.unwrap().resealed,
        u64::from(FILLED) * 6
    );
    drop(vault);
    assert_filled(&Vault::open(options(folder.path(), keychain)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_and_writing_go_on_during_rotations() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    fill(&vault).await;
    // More than one batch.
    vault
        .write(|writer| (0..700).try_for_each(|n| writer.put_grant(&grant(&format!("more-{n}")))))
        .await
        .unwrap();
    let rotating = tokio::spawn({
        let vault = vault.clone();
        async move {
            for _ in 0..4 {
                vault.rotate().await.unwrap();
            }
        }
    });
    let mut written = 0_u32;
    while !rotating.is_finished() {
        let id = format!("during-{written}");
        let row = grant(&id);
        vault
            .write(move |writer| writer.put_grant(&row))
            .await
            .unwrap();
        assert_eq!(
            vault.read(|reader| reader.grant(&id)).unwrap(),
            Some(grant(&id))
        );
        assert_filled(&vault);
        written += 1;
    }
    rotating.await.unwrap();
    let all = vault.read(|reader| reader.grants()).unwrap();
    assert_eq!(
        all.len(),
        usize::from(FILLED) + 700 + usize::try_from(written).unwrap()
    );
    let (stored, used) = data_keys(folder.path());
    assert_eq!((stored.len(), stored), (1, used));
}

#[tokio::test]
async fn rotation_stops_at_a_damaged_value_and_keeps_its_key() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    fill(&vault).await;
    vault.close().await;
    let database = Connection::open(folder.path().join("drawbridge.db")).unwrap();
    let damage = "UPDATE servers SET details = CAST(substr(details, 1, 40) || zeroblob(30) AS BLOB) \
                  WHERE name = 'row-3'";
    database.execute(damage, []).unwrap();
    drop(database);
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    assert!(vault.rotate().await.is_err());
    assert_eq!(
        data_keys(folder.path()).0.len(),
        2,
        "the old key is still needed"
    );
    drop(vault);
    // The rest is as good as it was.
    let vault = Vault::open(options(folder.path(), keychain)).await.unwrap();
    assert!(
        vault
            .read(|reader| reader.server("row-4"))
            .unwrap()
            .is_some()
    );
    vault
        .write(|writer| writer.delete_server("row-3"))
        .await
        .unwrap();
    vault.rotate().await.unwrap();
    assert_eq!(data_keys(folder.path()).0.len(), 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_key_moves_from_place_to_place_and_leaves_nothing_behind() {
    let folder = folder();
    let key_file = folder.path().join("key");
    let keychain = Arc::new(MemoryKeychain::new());
    let options = || OpenOptions {
        environment_key: Some(SecretString::from(ENVIRONMENT_KEY)),
        ..options(folder.path(), keychain.clone())
    };
    let mut vault = Vault::open(options()).await.unwrap();
    fill(&vault).await;
    let places = [
        "environment",
        "file",
        "keychain",
        "file",
        "environment",
        "keychain",
    ];
    for place in places.map(|name| name.parse().unwrap()) {
        vault.move_key(place).await.unwrap();
        assert_eq!(vault.key_place(), place);
        assert_eq!(vault.warning().is_some(), place == KeyPlace::File);
        assert_eq!(key_file.exists(), place == KeyPlace::File);
        assert_eq!(
            keychain.item_names().len(),
            usize::from(place == KeyPlace::Keychain)
        );
        let again = vault.move_key(place).await;
        assert!(matches!(again, Err(MoveKeyError::AlreadyThere { .. })));
        assert_filled(&vault);
        drop(vault);
        vault = Vault::open(options()).await.unwrap();
        assert_eq!(vault.key_place(), place);
        assert_filled(&vault);
        vault.rotate().await.unwrap();
    }
}

#[tokio::test]
async fn a_move_to_where_no_key_can_be_changes_nothing() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(folder.path(), keychain.clone()))
        .await
        .unwrap();
    fill(&vault).await;
    let error = vault.move_key(KeyPlace::Environment).await.unwrap_err();
    assert!(matches!(
        error,
        MoveKeyError::Key(KeyError::EnvironmentMissing)
    ));
    #[cfg(target_os = "linux")]
    {
        std::fs::write(folder.path().join("key"), "somebody's").unwrap();
        assert!(vault.move_key(KeyPlace::File).await.is_err());
        assert_eq!(
            std::fs::read(folder.path().join("key")).unwrap(),
            b"somebody's"
        );
    }
    assert_eq!(vault.key_place(), KeyPlace::Keychain);
    drop(vault);
    assert_filled(&Vault::open(options(folder.path(), keychain)).await.unwrap());
}

#[tokio::test]
async fn an_old_key_that_cannot_be_deleted_goes_at_the_next_start() {
    let folder = folder();
    let keychain = Arc::new(MemoryKeychain::new());
    let options = || OpenOptions {
        environment_key: Some(SecretString::from(ENVIRONMENT_KEY)),
        ..options(folder.path(), keychain.clone())
    };
    let vault = Vault::open(options()).await.unwrap();
    fill(&vault).await;
    keychain.set_mood(MemoryMood::Locked);
    vault.move_key(KeyPlace::Environment).await.unwrap();
    drop(vault);
    assert_eq!(keychain.item_names().len(), 1);
    // Still locked: no reason not to open.
    drop(Vault::open(options()).await.unwrap());
    keychain.set_mood(MemoryMood::Open);
    assert_filled(&Vault::open(options()).await.unwrap());
    assert_eq!(keychain.item_names().len(), 0);
}

#[tokio::test]
async fn a_rolled_back_write_during_a_move_is_no_harm() {
    let folder = folder();
    let vault = vault(folder.path()).await;
    let failed = vault.write(|writer| {
        writer.put_grant(&grant("a"))?;
        Err::<(), _>(StoreError::Orphan)
    });
    let (failed, rotated) = tokio::join!(failed, vault.rotate());
    assert_eq!(
        (failed, rotated.unwrap().resealed),
        (Err(StoreError::Orphan), 0)
    );
}
