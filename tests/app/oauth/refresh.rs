//! `POST /oauth/token` with a refresh token: rotation that no lost answer breaks.

use crate::harness::{Client, House, Tokens};

#[tokio::test]
async fn a_lost_answer_logs_nobody_out() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let first = house.connect(&client).await;
    let lost = client.refreshed(&first.refresh).await;
    assert_ne!(lost.refresh, first.refresh);
    let again = client.refreshed(&first.refresh).await;
    assert_ne!(again.refresh, lost.refresh);
    assert!(client.works(&again.access).await);
}

#[tokio::test]
async fn once_a_successor_is_used_its_parent_and_siblings_are_dead() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let first = house.connect(&client).await;
    let lost = client.refreshed(&first.refresh).await;
    let kept = client.refreshed(&first.refresh).await;
    let next = client.refreshed(&kept.refresh).await;
    assert!(client.works(&next.access).await);
    // The thief or a very late client comes with the parent: the family ends.
    client
        .refresh(&first.refresh)
        .await
        .expect_error(400, "invalid_grant");
    client
        .refresh(&next.refresh)
        .await
        .expect_error(400, "invalid_grant");
    client
        .refresh(&lost.refresh)
        .await
        .expect_error(400, "invalid_grant");
    assert!(!client.works(&next.access).await);
}

#[tokio::test]
async fn a_dead_sibling_ends_the_family_too() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let first = house.connect(&client).await;
    let lost = client.refreshed(&first.refresh).await;
    let kept = client.refreshed(&first.refresh).await;
    let next = client.refreshed(&kept.refresh).await;
    client
        .refresh(&lost.refresh)
        .await
        .expect_error(400, "invalid_grant");
    assert!(!client.works(&next.access).await);
}

#[tokio::test]
async fn many_refreshes_at_once_never_fail_the_honest_client() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let mut tokens = house.connect(&client).await;
    for _ in 0..3 {
        let mut attempts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, token) = (client.clone().moved(), tokens.refresh.clone());
            attempts.spawn(async move { client.refreshed(&token).await });
        }
        let family: Vec<Tokens> = attempts.join_all().await;
        for one in &family {
            assert!(client.works(&one.access).await);
        }
        tokens = family.into_iter().next_back().unwrap();
    }
    assert_eq!(house.owner().connections().await.len(), 1);
}

#[tokio::test]
async fn what_a_refresh_token_cannot_do() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let other = Client::register(&house).await;
    other
        .refresh(&tokens.refresh)
        .await
        .expect_error(400, "invalid_grant");
    client
        .refresh("dbr_unknown")
        .await
        .expect_error(400, "invalid_grant");
    client
        .refresh(&tokens.access)
        .await
        .expect_error(400, "invalid_grant");
    let base = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
    ];
    let wider = [&base[..], &[("scope", "mcp offline_access")]].concat();
    client
        .post("/oauth/token", &wider)
        .await
        .expect_error(400, "invalid_scope");
    let elsewhere = [&base[..], &[("resource", "https://elsewhere.example/mcp")]].concat();
    client
        .post("/oauth/token", &elsewhere)
        .await
        .expect_error(400, "invalid_target");
    let mut unknown = client.clone();
    "nobody".clone_into(&mut unknown.id);
    unknown
        .refresh(&tokens.refresh)
        .await
        .expect_error(401, "invalid_client");
    // None of that has cost it anything.
    client.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn grants_outlive_a_restart() {
    let mut house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    house.stop(crate::harness::Signal::Int);
    house.restart();
    assert!(client.works(&tokens.access).await);
    client.refreshed(&tokens.refresh).await;
}
