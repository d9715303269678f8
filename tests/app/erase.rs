//! Everything was to be erased, and the power went: the next start is a first start.

use crate::harness::{Client, House};

#[tokio::test]
async fn an_erasing_that_was_cut_short_is_finished_at_the_next_start() {
    let mut house = House::start().await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let data = house.data();
    house.kill();
    // What is left of it after the key went.
    std::fs::write(data.join("erasing"), "").unwrap();
    std::fs::remove_file(data.join("key")).unwrap();
    std::fs::write(data.join("logs/drawbridge.log.1"), "{}\n").unwrap();
    house.restart();
    assert!(!data.join("erasing").exists());
    assert!(!data.join("logs/drawbridge.log.1").exists());
    assert!(data.join("key").exists(), "a new one");
    let owner = house.owner();
    assert!(owner.connections().await.is_empty());
    let servers = owner.read(&["servers", "list"]).await;
    assert_eq!(servers.as_array().map(Vec::len), Some(0), "{servers:#}");
    assert!(!client.works(&tokens.access).await);
    let log = owner.done(&["log"]).await.stdout;
    assert!(!log.contains("a client is connected"), "{log}");
    // And it lasts.
    house.kill();
    house.restart();
    assert!(house.owner().connections().await.is_empty());
}
