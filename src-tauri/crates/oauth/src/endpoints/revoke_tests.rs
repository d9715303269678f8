//! Revocation, row by row of RFC 7009 section 2.

use http::StatusCode;
use insta::assert_snapshot;
use secrecy::ExposeSecret as _;

use crate::testing::World;
use crate::{EndReason, Event};

#[tokio::test]
async fn a_refresh_token_takes_the_connection_with_it() {
    let world = World::new().await;
    let connected = world.connect().await;
    let reply = world
        .revoke_token(&connected.client, &connected.refresh)
        .await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(!world.lets_in(&connected.access).await);
    let refused = world.refresh(&connected.client, &connected.refresh).await;
    assert_eq!(refused.text_of("error"), "invalid_grant");
    let (grant, reason) = (connected.grant, EndReason::RevokedByClient);
    assert!(
        world
            .events
            .all()
            .contains(&Event::GrantEnded { grant, reason })
    );
}

#[tokio::test]
async fn an_access_token_takes_itself() {
    let world = World::new().await;
    let connected = world.connect().await;
    assert!(world.lets_in(&connected.access).await);
    let reply = world
        .revoke_token(&connected.client, &connected.access)
        .await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!world.lets_in(&connected.access).await);
    let refreshed = world.refresh(&connected.client, &connected.refresh).await;
    assert_eq!(refreshed.status, StatusCode::OK);
}

#[tokio::test]
async fn unknown_tokens_and_those_of_others_are_answered_alike_and_stay() {
    let world = World::new().await;
    let connected = world.connect().await;
    let other = world.register().await;
    for token in [
        "nonsense",
        &connected.access,
        &connected.refresh,
        &connected.code,
    ] {
        let reply = world.revoke_token(&other, token).await;
        assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, ""));
    }
    assert!(world.lets_in(&connected.access).await);
    assert_eq!(
        world
            .refresh(&connected.client, &connected.refresh)
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_wrong_hint_is_no_error() {
    let world = World::new().await;
    let connected = world.connect().await;
    for hint in ["access_token", "something_else"] {
        let parameters = [
            ("token", connected.refresh.as_str()),
            ("token_type_hint", hint),
            ("client_id", connected.client.as_str()),
        ];
        assert_eq!(
            world.form("/oauth/revoke", &parameters).await.status,
            StatusCode::OK
        );
    }
    assert!(!world.lets_in(&connected.access).await);
}

#[tokio::test]
async fn the_static_client_needs_its_secret_here_too() {
    let world = World::new().await;
    let secret = world
        .server
        .create_static_client(None)
        .await
        .unwrap()
        .secret;
    let reply = world.revoke_token("drawbridge", "x").await;
    assert_eq!(reply.text_of("error"), "invalid_client");
    let parameters = [
        ("token", "x"),
        ("client_id", "drawbridge"),
        ("client_secret", secret.expose_secret()),
    ];
    assert_eq!(
        world.form("/oauth/revoke", &parameters).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn malformed_requests() {
    let world = World::new().await;
    let client = world.register().await;
    let reply = world.form("/oauth/revoke", &[("client_id", &client)]).await;
    assert_snapshot!(reply.line(), @r#"400 {"error":"invalid_request","error_description":"The parameter token is missing"}"#);
    let reply = world.form("/oauth/revoke", &[("token", "x")]).await;
    assert_snapshot!(reply.line(), @r#"400 {"error":"invalid_request","error_description":"The parameter client_id is missing"}"#);
    let reply = world
        .form("/oauth/revoke", &[("token", "x"), ("client_id", "nobody")])
        .await;
    assert_snapshot!(reply.line(), @r#"401 {"error":"invalid_client","error_description":"Invalid client: no client with this client_id is known here. Check the client ID shown in Drawbridge, or remove the connector in the client and add it again."}"#);
    let reply = world.post("/oauth/revoke", "application/json", "{}").await;
    assert_snapshot!(reply.line(), @r#"400 {"error":"invalid_request","error_description":"the content type must be application/x-www-form-urlencoded"}"#);
    let form = "application/x-www-form-urlencoded";
    let reply = world.post("/oauth/revoke", form, "token=a&token=b").await;
    assert_snapshot!(reply.line(), @r#"400 {"error":"invalid_request","error_description":"the parameter token is given more than once; give it once"}"#);
}
