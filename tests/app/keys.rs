//! Where the key lies: a real Secret Service, the environment, or a file; never silently another.

use crate::harness::{Client, HouseBuilder, SecretService, Signal, random};

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_real_secret_service_keeps_the_key() {
    let home = tempfile::tempdir().unwrap();
    let mut session = SecretService::new(home.path());
    session.start(Some("a password"));
    let builder = HouseBuilder::new().environment("DBUS_SESSION_BUS_ADDRESS", &session.address());
    let mut house = builder.start().await;
    assert_eq!(house.status["key_place"], "keychain");
    assert!(!house.data().join("key").exists());
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(Signal::Term);
    house.restart();
    let tokens = client.refreshed(&tokens.refresh).await;
    house.stop(Signal::Term);

    // Locked is an error that says what to do, never another place.
    session.stop();
    session.start(None);
    let (code, said) = house.start_refused();
    assert_eq!(code, 1, "{said}");
    assert!(said.to_lowercase().contains("unlock"), "{said}");
    assert!(!house.data().join("key").exists());

    // And unlocked again it is as it was.
    session.stop();
    session.start(Some("a password"));
    house.restart();
    assert_eq!(
        house.owner().read(&["status"]).await["key_place"],
        "keychain"
    );
    client.refreshed(&tokens.refresh).await;
    house.stop(Signal::Term);

    // A keyring that has lost the item cannot be replaced by a new key.
    session.stop();
    std::fs::remove_dir_all(home.path().join("share/keyrings")).unwrap();
    session.start(Some("a password"));
    let (code, said) = house.start_refused();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("key"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_bus_without_a_secret_service_is_no_keychain() {
    let home = tempfile::tempdir().unwrap();
    let mut session = SecretService::new(home.path());
    session.start_bus();
    let builder = HouseBuilder::new().environment("DBUS_SESSION_BUS_ADDRESS", &session.address());
    let house = builder.start().await;
    assert_eq!(house.status["key_place"], "file");
}

#[tokio::test]
async fn the_environments_key_opens_what_it_sealed_and_no_other_does() {
    let key = random();
    let builder = HouseBuilder::new().secret_environment("TOKEN_ENCRYPTION_KEY", &key);
    let mut house = builder.start().await;
    assert_eq!(house.status["key_place"], "environment");
    assert!(!house.data().join("key").exists());
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(Signal::Term);

    let other = random();
    let (code, said) = house.start_refused_with(&[("TOKEN_ENCRYPTION_KEY", &other)]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("environment") && said.contains("former key"),
        "{said}"
    );
    let (code, said) = house.start_refused_with(&[("TOKEN_ENCRYPTION_KEY", "")]);
    assert_eq!(code, 1, "{said}");
    house.restart();
    client.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn a_key_stays_where_it_is_recorded_until_it_is_moved() {
    let mut house = HouseBuilder::new().start().await;
    assert_eq!(house.status["key_place"], "file");
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(Signal::Term);

    // A key that turns up elsewhere is no reason to use another than the recorded one.
    let key = random();
    house.canary().secret(&key);
    let with_key = [("TOKEN_ENCRYPTION_KEY", key.as_str())];
    assert!(house.restart_with(&with_key));
    assert_eq!(house.owner().read(&["status"]).await["key_place"], "file");
    let tokens = client.refreshed(&tokens.refresh).await;

    house
        .owner()
        .done(&["secrets", "move", "--to", "environment"])
        .await;
    assert_eq!(
        house.owner().read(&["status"]).await["key_place"],
        "environment"
    );
    assert!(!house.data().join("key").exists());
    house.stop(Signal::Term);
    let (code, said) = house.start_refused();
    assert_eq!(code, 1, "the recorded key is not there: {said}");
    assert!(!house.data().join("key").exists());
    assert!(house.restart_with(&with_key));
    client.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn rotating_the_key_loses_nothing() {
    let mut house = HouseBuilder::new().start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.owner().done(&["secrets", "rotate"]).await;
    let tokens = client.refreshed(&tokens.refresh).await;
    house.stop(Signal::Term);
    house.restart();
    client.refreshed(&tokens.refresh).await;
    assert_eq!(house.owner().connections().await.len(), 1);
}

#[tokio::test]
async fn a_key_that_protects_nothing_is_refused() {
    for weak in ["short", "your_token_encryption_key_here"] {
        let house = HouseBuilder::new().environment("TOKEN_ENCRYPTION_KEY", weak);
        let (code, said) = house.start_refused();
        assert_ne!(code, 0, "{said}");
        assert!(
            said.contains("TOKEN_ENCRYPTION_KEY") && !said.contains("your_token"),
            "{said}"
        );
    }
}
