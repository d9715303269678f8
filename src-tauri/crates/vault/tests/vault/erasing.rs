//! Everything is erased: what goes, what is said when something stays, and what the next opening
//! finds.

use std::fs;
use std::sync::Arc;

use drawbridge_vault::{
    KeyError, KeyPlace, KeychainError, MemoryKeychain, MemoryMood, MoveKeyError, OpenError,
    RotateError, StoreError, Vault, empty_folder, is_being_erased,
};

use crate::common::{CANARY, ENVIRONMENT_KEY, environment_options, files, fill, folder, options};

#[tokio::test]
async fn key_database_and_the_named_folders_go() {
    let folder = folder();
    let (data, logs) = (folder.path().join("data"), folder.path().join("logs"));
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(&data, keychain.clone())).await.unwrap();
    fill(&vault).await;
    fs::create_dir_all(logs.join("old")).unwrap();
    fs::write(logs.join("drawbridge.log"), CANARY).unwrap();
    fs::write(logs.join("old/drawbridge.log.1"), CANARY).unwrap();
    assert_eq!(keychain.item_names().len(), 1);
    vault.begin_erasing().await.unwrap();
    assert!(is_being_erased(&data));
    vault.erase(std::slice::from_ref(&logs)).await.unwrap();
    assert!(keychain.item_names().is_empty());
    assert!(!is_being_erased(&data));
    let left: Vec<_> = files(folder.path());
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].0.ends_with("lock") && left[0].1.is_empty());
    assert!(logs.is_dir());
    let read = vault.read::<_, StoreError>(|reader| reader.secret_names());
    assert_eq!(read, Err(StoreError::Closed));
    // The next start is a first start, with a key of its own.
    let next = Vault::open(options(&data, keychain.clone())).await.unwrap();
    assert_eq!(next.key_place(), KeyPlace::Keychain);
    assert_eq!(keychain.item_names().len(), 1);
}

#[tokio::test]
async fn no_key_is_made_or_moved_once_everything_is_to_go() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    let mut with_variable = environment_options(&data, ENVIRONMENT_KEY);
    with_variable.keychain = keychain.clone();
    let vault = Vault::open(with_variable).await.unwrap();
    fill(&vault).await;
    vault.move_key(KeyPlace::Environment).await.unwrap();
    assert!(keychain.item_names().is_empty());
    vault.begin_erasing().await.unwrap();
    // The marker names no item: one that is made now would stay for ever.
    let moved = vault.move_key(KeyPlace::Keychain).await;
    assert!(matches!(
        moved,
        Err(MoveKeyError::Store(StoreError::Erasing))
    ));
    let rotated = vault.rotate().await;
    assert!(matches!(
        rotated,
        Err(RotateError::Store(StoreError::Erasing))
    ));
    assert_eq!(vault.key_place(), KeyPlace::Environment);
    assert!(keychain.item_names().is_empty());
    crate::common::assert_filled(&vault);
    vault.erase(&[]).await.unwrap();
    assert!(keychain.item_names().is_empty());
}

#[tokio::test]
async fn a_keychain_that_refuses_is_named_and_all_the_rest_is_gone() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(&data, keychain.clone())).await.unwrap();
    fill(&vault).await;
    let item = keychain.item_names().remove(0);
    vault.begin_erasing().await.unwrap();
    keychain.set_mood(MemoryMood::Locked);
    let left = vault.erase(&[]).await.unwrap_err().to_string();
    assert!(left.contains(&item) && left.contains("locked"), "{left}");
    assert!(!data.join("drawbridge.db").exists());
    assert!(is_being_erased(&data), "the next start tries again");
    keychain.set_mood(MemoryMood::Open);
    let next = Vault::open(options(&data, keychain.clone())).await.unwrap();
    let items = keychain.item_names();
    assert_eq!(items.len(), 1);
    assert_ne!(items[0], item, "the old key is gone");
    assert!(!is_being_erased(&data));
    drop(next);
}

#[tokio::test]
async fn a_keychain_that_is_gone_does_not_keep_the_next_start_from_being_clean() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(&data, keychain.clone())).await.unwrap();
    fill(&vault).await;
    vault.begin_erasing().await.unwrap();
    drop(vault);
    let next = Vault::open(environment_options(&data, ENVIRONMENT_KEY))
        .await
        .unwrap();
    assert_eq!(next.key_place(), KeyPlace::Environment);
    let names = next.read::<_, StoreError>(|reader| reader.secret_names());
    assert_eq!(names, Ok(Vec::new()));
}

#[tokio::test]
async fn a_keychain_that_is_locked_at_the_next_start_is_an_error_until_it_is_not() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(&data, keychain.clone())).await.unwrap();
    fill(&vault).await;
    let item = keychain.item_names().remove(0);
    vault.begin_erasing().await.unwrap();
    drop(vault);
    keychain.set_mood(MemoryMood::Locked);
    for _ in 0..2 {
        let error = Vault::open(options(&data, keychain.clone())).await.err();
        let locked = OpenError::Key(KeyError::Keychain(KeychainError::Refused));
        assert_eq!(error.unwrap().to_string(), locked.to_string());
        assert!(!data.join("drawbridge.db").exists());
    }
    keychain.set_mood(MemoryMood::Open);
    drop(Vault::open(options(&data, keychain.clone())).await.unwrap());
    let items = keychain.item_names();
    assert!(items.len() == 1 && items[0] != item, "{items:?}");
    // Made anew it stays.
    drop(Vault::open(options(&data, keychain.clone())).await.unwrap());
    assert_eq!(keychain.item_names(), items);
}

#[tokio::test]
async fn what_is_left_is_a_path_where_a_file_cannot_be_deleted() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(&data, keychain.clone())).await.unwrap();
    vault.begin_erasing().await.unwrap();
    // A folder with something in it is no file.
    fs::create_dir_all(data.join("key/in-the-way")).unwrap();
    let left = vault.erase(&[]).await.unwrap_err().to_string();
    let path = data.join("key").display().to_string();
    assert!(left.contains(&path), "{left}");
    assert!(keychain.item_names().is_empty());
    assert!(!data.join("drawbridge.db").exists());
}

#[tokio::test]
async fn nothing_is_begun_where_the_marker_cannot_be_written() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    let vault = Vault::open(options(&data, keychain.clone())).await.unwrap();
    fill(&vault).await;
    fs::create_dir(data.join("erasing.new")).unwrap();
    vault.begin_erasing().await.unwrap_err();
    assert!(!is_being_erased(&data));
    assert_eq!(keychain.item_names().len(), 1);
    crate::common::assert_filled(&vault);
}

#[tokio::test]
async fn a_marker_of_other_making_deletes_nothing_of_others() {
    let folder = folder();
    let data = folder.path().join("data");
    let keychain = Arc::new(MemoryKeychain::new());
    drop(Vault::open(options(&data, keychain.clone())).await.unwrap());
    for text in ["", "somebody-elses", "master-key-../../../../x"] {
        fs::write(data.join("erasing"), text).unwrap();
        let before = keychain.item_names();
        drop(Vault::open(options(&data, keychain.clone())).await.unwrap());
        let after = keychain.item_names();
        assert!(before.iter().all(|item| after.contains(item)), "{text}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_empty_and_a_link_is_not_followed() {
    let folder = folder();
    empty_folder(&folder.path().join("none")).unwrap();
    let (outside, inside) = (folder.path().join("outside"), folder.path().join("inside"));
    for path in [&outside, &inside] {
        fs::create_dir(path).unwrap();
        fs::write(path.join("file"), "x").unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
    empty_folder(&inside).unwrap();
    assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
    assert!(outside.join("file").exists());
}
