//! `POST /oauth/revoke` (RFC 7009), and the owner's own way to end a connection.

use crate::harness::{Client, House};

#[tokio::test]
async fn revoking_the_refresh_token_ends_the_grant() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let answer = client.revoke(&tokens.refresh).await.expect(200);
    assert_eq!(answer.body, "");
    assert!(!client.works(&tokens.access).await);
    client
        .refresh(&tokens.refresh)
        .await
        .expect_error(400, "invalid_grant");
    client.revoke(&tokens.refresh).await.expect(200);
}

#[tokio::test]
async fn revoking_an_access_token_leaves_the_refresh_token() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    client.revoke(&tokens.access).await.expect(200);
    assert!(!client.works(&tokens.access).await);
    let next = client.refreshed(&tokens.refresh).await;
    assert!(client.works(&next.access).await);
}

#[tokio::test]
async fn another_client_revokes_nothing() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let other = Client::register(&house).await;
    for token in [&tokens.refresh, &tokens.access] {
        let answer = other.revoke(token).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{answer:#?}");
    }
    assert!(client.works(&tokens.access).await);
    client.refreshed(&tokens.refresh).await;
}

#[tokio::test]
async fn unknown_tokens_and_hints_are_fine() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    client.revoke("unknown").await.expect(200);
    let tokens = house.connect(&client).await;
    let fields = [
        ("token", tokens.refresh.as_str()),
        ("token_type_hint", "access_token"),
    ];
    client.post("/oauth/revoke", &fields).await.expect(200);
    assert!(!client.works(&tokens.access).await);
    client
        .post("/oauth/revoke", &[])
        .await
        .expect_error(400, "invalid_request");
}

#[tokio::test]
async fn the_owner_ends_a_connection_at_once() {
    let house = House::start().await;
    let client = Client::register(&house).await;
    let tokens = house.connect(&client).await;
    let id = house.owner().connections().await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    house.owner().done(&["revoke", &id]).await;
    assert!(!client.works(&tokens.access).await);
    client
        .refresh(&tokens.refresh)
        .await
        .expect_error(400, "invalid_grant");
    house
        .owner()
        .run(&["revoke", "no-such-connection"])
        .await
        .expect(1);
}
