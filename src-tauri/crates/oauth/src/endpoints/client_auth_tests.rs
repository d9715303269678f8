//! How clients prove who they are at the token endpoint (OAuth 2.1 section 3.2.1): the static
//! client's secret, and what guessing it costs.

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode};
use insta::assert_snapshot;
use secrecy::{ExposeSecret as _, SecretString};

use super::token_tests::{good, refusal, with, without};
use crate::limits::{WRONG_SECRETS_IN_ALL, WRONG_SECRETS_PER_ADDRESS};
use crate::testing::{REDIRECT, Reply, World, encode};
use crate::{ClientAddress, RequestOrigin};

#[tokio::test]
async fn the_static_client_proves_its_secret() {
    let world = World::new().await;
    let secret = world
        .server
        .create_static_client(None)
        .await
        .unwrap()
        .secret;
    let secret = secret.expose_secret();
    world.server.add_static_redirect(REDIRECT).await.unwrap();
    let (_, code) = world.approve("drawbridge", &World::terms()).await;
    let parameters = good("drawbridge", &code);
    let token = "/oauth/token";

    assert_snapshot!(refusal(&world.form(token, &parameters).await), @"401 invalid_client: Invalid client: this client_id needs its client secret. Copy the one shown in Drawbridge into the connector.");
    let reply = world
        .form(token, &with(&parameters, "client_secret", "wrong"))
        .await;
    assert_snapshot!(refusal(&reply), @"401 invalid_client: Invalid client: the client secret is not the one set here (OAUTH_CLIENT_SECRET). Copy the one shown in Drawbridge into the connector.");
    let basic = |user: &str, password: &str| {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    };
    let by_basic = async |headers: &[String], parameters: &[(&str, &str)]| {
        let mut request =
            Request::post(token).header("content-type", "application/x-www-form-urlencoded");
        for value in headers {
            request = request.header("authorization", value);
        }
        let request = request.body(Body::from(encode(parameters))).unwrap();
        world.send(World::loopback(), request).await
    };
    let wrong = by_basic(&[basic("drawbridge", "wrong")], &parameters).await;
    assert_eq!(
        wrong.header("www-authenticate"),
        "Basic realm=\"drawbridge\""
    );
    assert_snapshot!(refusal(&wrong), @"401 invalid_client: Invalid client: the client secret is not the one set here (OAUTH_CLIENT_SECRET). Copy the one shown in Drawbridge into the connector.");
    let twice = with(&parameters, "client_secret", secret);
    let reply = by_basic(&[basic("drawbridge", secret)], &twice).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The client authenticates twice; use the form or one Basic header");
    let headers = [basic("drawbridge", secret), basic("drawbridge", secret)];
    assert_snapshot!(refusal(&by_basic(&headers, &parameters).await), @"400 invalid_request: The client authenticates twice; use the form or one Basic header");
    let reply = by_basic(&[basic("other", secret)], &parameters).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The form names another client_id than the Basic header");
    let reply = by_basic(&["Basic !".to_owned()], &parameters).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The Basic header is malformed: it is client_id, a colon and the secret, in base64");

    let reply = by_basic(
        &[basic("drawbridge", secret)],
        &without(&parameters, "client_id"),
    )
    .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let refresh = reply.text_of("refresh_token");
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.as_str()),
        ("client_id", "drawbridge"),
        ("client_secret", secret),
    ];
    assert_eq!(world.form(token, &parameters).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_secret_with_special_characters_works_encoded_or_not() {
    let world = World::new().await;
    let secret = "p+q%2Fr=s/0123456789abcdef0123456789";
    world
        .server
        .create_static_client(Some(SecretString::from(secret)))
        .await
        .unwrap();
    world.server.add_static_redirect(REDIRECT).await.unwrap();
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    for password in [secret, &encoded] {
        let (_, code) = world.approve("drawbridge", &World::terms()).await;
        let basic = STANDARD.encode(format!("drawbridge:{password}"));
        let request = Request::post("/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", format!("Basic {basic}"))
            .body(Body::from(encode(&good("drawbridge", &code))))
            .unwrap();
        let reply = world.send(World::loopback(), request).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    }
}

/// Refreshes with this secret of the static client from this address.
async fn try_secret(world: &World, origin: RequestOrigin, address: [u8; 4], secret: &str) -> Reply {
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "drawbridge"),
        ("client_secret", secret),
    ];
    let request = Request::post("/oauth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(encode(&parameters)))
        .unwrap();
    let address = ClientAddress(address.into());
    world.send_from(address, origin, request).await
}

#[tokio::test]
async fn guessing_the_static_secret_is_limited_and_keeps_nobody_out() {
    let world = World::new().await;
    let made = world.server.create_static_client(None).await.unwrap();
    let right = made.secret.expose_secret();
    let guess = async |address| try_secret(&world, World::public(), address, "wrong").await;
    let ask = async |address| try_secret(&world, World::public(), address, right).await;
    let guesser = [192, 0, 2, 1];
    for _ in 0..WRONG_SECRETS_PER_ADDRESS {
        assert_eq!(guess(guesser).await.status, StatusCode::UNAUTHORIZED);
    }
    let stopped = guess(guesser).await;
    assert_eq!(stopped.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stopped.header("retry-after"), "181");
    // Who shares the address knows the secret, and is no guesser.
    assert_eq!(ask(guesser).await.text_of("error"), "invalid_grant");

    // From many addresses.
    for number in 0..WRONG_SECRETS_IN_ALL - WRONG_SECRETS_PER_ADDRESS {
        let address = [198, 51, 100, u8::try_from(number).unwrap()];
        assert_eq!(guess(address).await.status, StatusCode::UNAUTHORIZED);
    }
    let elsewhere = [203, 0, 113, 1];
    let stopped = guess(elsewhere).await;
    assert_eq!(stopped.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(elsewhere).await.text_of("error"), "invalid_grant");
    let here = try_secret(&world, World::loopback(), [127, 0, 0, 1], "wrong").await;
    assert_eq!(here.status, StatusCode::UNAUTHORIZED);

    world.clock.advance(Duration::from_mins(15));
    assert_eq!(guess(guesser).await.status, StatusCode::UNAUTHORIZED);
}
