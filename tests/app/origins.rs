//! Which grants hold at which address, when addresses change.

use crate::harness::{Client, House, REDIRECT, Signal};

#[tokio::test]
async fn a_loopback_grant_holds_at_any_port() {
    let mut house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(Signal::Term);
    house.restart_elsewhere(&[]).await;
    let mut moved = client.clone();
    moved.base = house.local_url();
    assert_ne!(moved.base, client.base);
    assert!(moved.works(&tokens.access).await);
    moved.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn a_grant_of_another_public_address_sleeps_until_it_is_back() {
    let mut house = House::start_public("one.example").await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let local = Client::register_at(&house, &house.local_url(), &[REDIRECT]).await;
    let local_tokens = house.connect(&local).await;

    house.stop(Signal::Term);
    house
        .restart_elsewhere(&[("BASE_URL", "https://two.example")])
        .await;
    let mut moved = client.clone();
    moved.base = house.base();
    moved.network = house.network.clone();
    assert_eq!(moved.base, "https://two.example");
    assert!(!moved.works(&tokens.access).await);
    moved
        .refresh(&tokens.refresh)
        .await
        .expect_error(400, "invalid_grant");
    let plain = house.owner().done(&["connections"]).await.stdout;
    assert!(plain.contains("connect again"), "{plain}");
    // The one of this computer does not care.
    let mut still = local.clone();
    still.base = house.local_url();
    assert!(still.works(&local_tokens.access).await);

    house.stop(Signal::Term);
    house
        .restart_elsewhere(&[("BASE_URL", "https://one.example")])
        .await;
    let mut back = client.clone();
    back.network = house.network.clone();
    assert!(back.works(&tokens.access).await);
    back.refreshed(&tokens.refresh).await;
}
