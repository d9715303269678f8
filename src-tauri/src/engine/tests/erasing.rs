//! Erasing everything.

use super::*;

#[tokio::test]
async fn erasing_needs_the_word() {
    let house = House::new();
    let engine = house.open().await;
    for typed in ["", "yes", "erase everything", "eras"] {
        let error = erase_everything(&engine, typed).await.unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
    }
    assert_eq!(engine.state(), State::Open);
    assert!(!is_being_erased(&engine.folders().data));
    engine.stop().await;
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn erased_it_stops_and_the_next_start_is_a_first_start() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    question(&engine).await;
    let folders = house.folders();
    std::fs::create_dir_all(&folders.logs).unwrap();
    std::fs::write(folders.logs.join("drawbridge.log"), "a line\n").unwrap();
    std::fs::write(folders.run.join("left-over"), "").unwrap();
    std::fs::create_dir_all(folders.web().join("cache")).unwrap();
    std::fs::write(folders.web().join("cache/page"), "").unwrap();
    erase_everything(&engine, " Erase\n").await.unwrap();
    engine.stopped().await;
    assert_eq!(engine.state(), State::Closed);
    assert!(!is_reachable(address).await);
    assert_eq!(files(house.folder.path()), ["lock"]);
    assert!(house.keychain.item_names().is_empty());
    assert!(matches!(engine.erase().await, Err(EraseError::Running)));

    let engine = house.start_with(house.config()).await;
    let view = settings(&engine).unwrap();
    assert_eq!(view.ports.loopback, crate::config::LOOPBACK_PORT);
    assert_eq!(house.keychain.item_names().len(), 1);
    engine.stop().await;
}

#[tokio::test]
async fn what_could_not_be_erased_is_said_and_goes_at_the_next_start() {
    let house = House::new();
    let engine = house.open().await;
    let item = house.keychain.item_names().remove(0);
    house.keychain.set_mood(MemoryMood::Locked);
    let error = erase_everything(&engine, "ERASE").await.unwrap_err();
    assert_eq!(error.code, UiErrorCode::Failed);
    assert!(error.message.contains(&item), "{error}");
    assert_eq!(engine.state(), State::Attention);
    assert_eq!(engine.problem(), Some(error));
    assert!(!is_reachable(engine.addresses().loopback).await);
    assert!(matches!(engine.open().await, Err(OpenError::Stopped)));
    engine.stop().await;

    house.keychain.set_mood(MemoryMood::Open);
    let engine = house.start_with(house.config()).await;
    let items = house.keychain.item_names();
    assert_eq!(items.len(), 1);
    assert_ne!(items[0], item);
    engine.stop().await;
}
