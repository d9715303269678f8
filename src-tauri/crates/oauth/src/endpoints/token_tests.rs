//! The token endpoint, row by row of OAuth 2.1 section 3.2.4 and of what the refresh machine and
//! the codes promise.

use axum::body::Body;
use http::{Request, StatusCode};
use insta::assert_snapshot;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use std::time::Duration;

use super::error::is_description;
use crate::codes::{CODE_LIFE, CODE_LIFE_WITHOUT_PKCE};
use crate::refresh::MOST_SIBLINGS;
use crate::testing::{REDIRECT, Reply, VERIFIER, World, encode};
use crate::{ClientAddress, Event, GrantLifetime, Terms, limit};

fn std(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap()
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The parameters of a good exchange.
pub(super) fn good<'a>(client: &'a str, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("client_id", client),
        ("code_verifier", VERIFIER),
    ]
}

pub(super) fn with<'a>(
    parameters: &[(&'a str, &'a str)],
    name: &'a str,
    value: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let mut parameters = without(parameters, name);
    parameters.push((name, value));
    parameters
}

pub(super) fn without<'a>(
    parameters: &[(&'a str, &'a str)],
    name: &str,
) -> Vec<(&'a str, &'a str)> {
    parameters
        .iter()
        .copied()
        .filter(|(found, _)| *found != name)
        .collect()
}

/// Status and body of a refusal, whose description must be one OAuth allows.
pub(super) fn refusal(reply: &Reply) -> String {
    assert!(!reply.status.is_success(), "{}", reply.body);
    let json = reply.json();
    let description = json["error_description"].as_str().unwrap();
    assert!(is_description(description), "{description}");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    format!(
        "{} {}: {description}",
        reply.status.as_u16(),
        json["error"].as_str().unwrap()
    )
}

#[tokio::test]
async fn a_code_becomes_tokens() {
    let world = World::new().await;
    let client = world.register().await;
    let (grant, code) = world.approve(&client, &World::terms()).await;
    let reply = world.exchange(&client, &code).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("content-type"), "application/json");
    let body = reply.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["scope"], "mcp");
    assert!(reply.text_of("access_token").starts_with("dba_"));
    assert!(reply.text_of("refresh_token").starts_with("dbr_"));
    assert!(world.lets_in(&reply.text_of("access_token")).await);
    assert!(!world.lets_in(&reply.text_of("refresh_token")).await);
    assert!(!world.lets_in(&code).await);
    assert!(
        world
            .events
            .all()
            .contains(&Event::Connected { grant, client })
    );
}

#[tokio::test]
async fn malformed_requests() {
    let world = World::new().await;
    let client = world.register().await;
    let (_, code) = world.approve(&client, &World::terms()).await;
    let parameters = good(&client, &code);
    let form = "application/x-www-form-urlencoded";
    let token = "/oauth/token";

    let reply = world.post(token, "application/json", "{}").await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The body must be a form: send Content-Type application/x-www-form-urlencoded");
    let reply = world.post(token, form, &"a".repeat(17 * 1024)).await;
    assert_snapshot!(refusal(&reply), @"413 invalid_request: The body is longer than 16 KB; a token request needs far less");
    let reply = world.post(token, form, "grant_type=%zz").await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The form is malformed: percent-encode every value, as UTF-8");
    let doubled = format!("{}&code=x", encode(&parameters));
    let reply = world.post(token, form, &doubled).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The parameter code is given more than once; give it once");
    let reply = world.form(token, &without(&parameters, "grant_type")).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The parameter grant_type is missing");
    let reply = world
        .form(token, &with(&parameters, "grant_type", "password"))
        .await;
    assert_snapshot!(refusal(&reply), @"400 unsupported_grant_type: This grant type is not offered here; use authorization_code or refresh_token");
    let reply = world.form(token, &without(&parameters, "client_id")).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The parameter client_id is missing");
    let reply = world.form(token, &without(&parameters, "code")).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The parameter code is missing");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", client.as_str()),
    ];
    let reply = world.form(token, &refresh).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_request: The parameter refresh_token is missing");
    // After all that the code still works.
    assert_eq!(world.exchange(&client, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_guides_own_test_gets_its_documented_error() {
    let world = World::new().await;
    let reply = world
        .form(
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", "your_auth_code"),
                ("redirect_uri", "https://example.com/callback"),
                ("client_id", "test"),
            ],
        )
        .await;
    assert_snapshot!(refusal(&reply), @"401 invalid_client: Invalid client: no client with this client_id is known here. Check the client ID shown in Drawbridge, or remove the connector in the client and add it again.");
}

#[tokio::test]
async fn codes_that_do_not_fit_are_refused_and_lose_nothing() {
    let world = World::new().await;
    let client = world.register().await;
    let other = world.register().await;
    let (_, code) = world.approve(&client, &World::terms()).await;
    let parameters = good(&client, &code);
    let token = "/oauth/token";

    let reply = world
        .form(token, &with(&parameters, "code", "nonsense"))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: Invalid authorization code: it is not known here, was used before, or its connection has ended. Start the authorization again.");
    let reply = world
        .form(token, &with(&parameters, "client_id", &other))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: Invalid authorization code: it was issued to another client. Use the client_id of the authorization request.");
    let elsewhere = "http://127.0.0.1:3001/callback";
    let reply = world
        .form(token, &with(&parameters, "redirect_uri", elsewhere))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: Redirect URI mismatch: redirect_uri is not the one of the authorization request. Send exactly that one, or leave it out.");
    let reply = world
        .form(token, &without(&parameters, "code_verifier"))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: code_verifier is missing: the code was asked for with PKCE, so the verifier has to come with it.");
    let wrong = "a".repeat(43);
    let reply = world
        .form(token, &with(&parameters, "code_verifier", &wrong))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: code_verifier does not match the code_challenge of the authorization request. Start the authorization again.");
    let reply = world
        .form(
            token,
            &with(&parameters, "resource", "https://evil.example/mcp"),
        )
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_target: The resource is not the one of the authorization request. Send the one from the protected resource metadata, or leave it out.");
    // The same code at another address of this server.
    let request = Request::post(token)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(encode(&parameters)))
        .unwrap();
    let reply = world.send(World::public(), request).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_target: The resource is not the one of the authorization request. Send the one from the protected resource metadata, or leave it out.");

    let resource = "http://localhost:8787/mcp";
    let reply = world
        .form(token, &with(&parameters, "resource", resource))
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
}

#[tokio::test]
async fn the_redirect_may_be_left_out() {
    let world = World::new().await;
    let client = world.register().await;
    let (_, code) = world.approve(&client, &World::terms()).await;
    let parameters = without(&good(&client, &code), "redirect_uri");
    assert_eq!(
        world.form("/oauth/token", &parameters).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_code_expires() {
    let world = World::new().await;
    let client = world.register().await;
    let (_, code) = world.approve(&client, &World::terms()).await;
    world.clock.advance(std(CODE_LIFE));
    assert_snapshot!(refusal(&world.exchange(&client, &code).await), @"400 invalid_grant: Invalid authorization code: it has expired. Codes live a few minutes; start the authorization again.");
    let (_, code) = world.approve(&client, &World::terms()).await;
    world
        .clock
        .advance(std(CODE_LIFE - SignedDuration::from_secs(1)));
    assert_eq!(world.exchange(&client, &code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_second_valid_use_of_a_code_takes_everything_back() {
    let world = World::new().await;
    let connected = world.connect().await;
    let (client, code) = (connected.client.as_str(), connected.code.as_str());
    // What does not match is no second use.
    let wrong = with(
        &good(client, code),
        "redirect_uri",
        "http://127.0.0.1:1/callback",
    );
    assert_eq!(
        world.form("/oauth/token", &wrong).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(world.lets_in(&connected.access).await);

    assert_snapshot!(refusal(&world.exchange(client, code).await), @"400 invalid_grant: Invalid authorization code: it was used before. To be safe, the connection it made has been ended. Start the authorization again.");
    assert!(!world.lets_in(&connected.access).await);
    assert_eq!(
        world
            .refresh(client, &connected.refresh)
            .await
            .text_of("error"),
        "invalid_grant"
    );
    assert_snapshot!(refusal(&world.exchange(client, code).await), @"400 invalid_grant: Invalid authorization code: it is not known here, was used before, or its connection has ended. Start the authorization again.");
}

#[tokio::test]
async fn of_two_codes_for_one_browser_one_is_exchanged() {
    let world = World::new().await;
    let client = world.register().await;
    let request = world.request(&client).await;
    let grant = world
        .server
        .issue_grant(&request, &World::terms())
        .await
        .unwrap();
    let first = world.server.mint_code(&grant, &request).await.unwrap();
    let second = world.server.mint_code(&grant, &request).await.unwrap();
    let tokens = world.exchange(&client, second.code.expose_secret()).await;
    assert_eq!(tokens.status, StatusCode::OK);
    let reply = world.exchange(&client, first.code.expose_secret()).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: Invalid authorization code: another code of this authorization was exchanged already. Start the authorization again if that was not you.");
    assert!(
        world.lets_in(&tokens.text_of("access_token")).await,
        "that was no theft"
    );
    assert!(world.server.mint_code(&grant, &request).await.is_err());
}

#[tokio::test]
async fn twenty_exchanges_at_once_give_one() {
    let world = World::new().await;
    let client = world.register().await;
    let (_, code) = world.approve(&client, &World::terms()).await;
    let attempts = (0..20).map(|_| world.exchange(&client, &code));
    let replies = futures_util::future::join_all(attempts).await;
    let issued = replies
        .iter()
        .filter(|reply| reply.status == StatusCode::OK)
        .count();
    assert_eq!(issued, 1);
    let access = replies
        .iter()
        .find(|reply| reply.status == StatusCode::OK)
        .unwrap();
    assert!(
        !world.lets_in(&access.text_of("access_token")).await,
        "the second use took it back"
    );
}

#[tokio::test]
async fn a_refresh_token_is_rotated() {
    let world = World::new().await;
    let connected = world.connect().await;
    world.clock.advance(HOUR);
    assert!(
        !world.lets_in(&connected.access).await,
        "access tokens live an hour"
    );
    let reply = world.refresh(&connected.client, &connected.refresh).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_ne!(reply.text_of("refresh_token"), connected.refresh);
    assert!(world.lets_in(&reply.text_of("access_token")).await);
    let grant = connected.grant;
    assert!(world.events.all().contains(&Event::Refreshed { grant }));
}

#[tokio::test]
async fn a_lost_answer_logs_nobody_out_and_a_thief_is_noticed() {
    let world = World::new().await;
    let connected = world.connect().await;
    let client = connected.client.as_str();
    let lost = world.refresh(client, &connected.refresh).await;
    let received = world.refresh(client, &connected.refresh).await;
    assert_eq!(
        (lost.status, received.status),
        (StatusCode::OK, StatusCode::OK)
    );
    let next = world
        .refresh(client, &received.text_of("refresh_token"))
        .await;
    assert_eq!(next.status, StatusCode::OK);
    assert!(world.lets_in(&next.text_of("access_token")).await);

    let thief = world.refresh(client, &connected.refresh).await;
    assert_snapshot!(refusal(&thief), @"400 invalid_grant: This refresh token was replaced, and its successor is in use: two hold this connection. To be safe it has been ended. Connect again.");
    for token in [&lost, &received, &next] {
        assert!(!world.lets_in(&token.text_of("access_token")).await);
    }
    let reply = world.refresh(client, &next.text_of("refresh_token")).await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: The refresh token is not known here, or its connection has ended. Connect again.");
}

#[tokio::test]
async fn refreshes_at_once_are_no_error() {
    let world = World::new().await;
    let connected = world.connect().await;
    let attempts = (0..8).map(|_| world.refresh(&connected.client, &connected.refresh));
    let replies = futures_util::future::join_all(attempts).await;
    assert!(replies.iter().all(|reply| reply.status == StatusCode::OK));
    let kept = replies[5].text_of("refresh_token");
    assert_eq!(
        world.refresh(&connected.client, &kept).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn refresh_tokens_that_do_not_fit_are_refused_and_rotate_nothing() {
    let world = World::new().await;
    let connected = world.connect().await;
    let other = world.register().await;
    let (client, refresh) = (connected.client.as_str(), connected.refresh.as_str());
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", client),
    ];
    let token = "/oauth/token";

    assert_snapshot!(refusal(&world.refresh(client, "nonsense").await), @"400 invalid_grant: The refresh token is not known here, or its connection has ended. Connect again.");
    assert_snapshot!(refusal(&world.refresh(client, &connected.access).await), @"400 invalid_grant: The refresh token is not known here, or its connection has ended. Connect again.");
    assert_snapshot!(refusal(&world.refresh(&other, refresh).await), @"400 invalid_grant: The refresh token was issued to another client. Use the client_id it was issued to.");
    let reply = world
        .form(token, &with(&parameters, "scope", "mcp offline_access"))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_scope: The scope is wider than what was granted. Leave scope out to keep what was granted.");
    let reply = world
        .form(token, &with(&parameters, "scope", "admin"))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_scope: The scope is not one of this server. Ask for mcp, or leave scope out.");
    let reply = world
        .form(
            token,
            &with(&parameters, "resource", "https://evil.example/mcp"),
        )
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_target: The resource is not the one of the authorization request. Send the one from the protected resource metadata, or leave it out.");
    let rows = world
        .vault
        .read(|reader| reader.refresh_tokens_of(connected.grant.as_str()));
    assert_eq!(rows.unwrap().len(), 1, "nothing was issued");
    assert_eq!(world.refresh(client, refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_outlives_its_grant() {
    let world = World::new().await;
    let client = world.register().await;
    let terms = Terms {
        lifetime: GrantLifetime::Day,
        ..World::terms()
    };
    let (_, code) = world.approve(&client, &terms).await;
    let reply = world.exchange(&client, &code).await;
    let refresh = reply.text_of("refresh_token");
    world.clock.advance(47 * HOUR / 2);
    let reply = world.refresh(&client, &refresh).await;
    assert_eq!(reply.json()["expires_in"], 1800, "half an hour is left");
    let access = reply.text_of("access_token");
    assert!(world.lets_in(&access).await);
    world.clock.advance(HOUR / 2);
    assert!(!world.lets_in(&access).await);
    let reply = world
        .refresh(&client, &reply.text_of("refresh_token"))
        .await;
    assert_snapshot!(refusal(&reply), @"400 invalid_grant: This connection has ended: it was revoked, has expired, or was not used for 30 days. Connect again.");
}

#[tokio::test]
async fn a_connection_nobody_uses_ends_after_thirty_days() {
    let world = World::new().await;
    let connected = world.connect().await;
    world.clock.advance(29 * DAY);
    let reply = world.refresh(&connected.client, &connected.refresh).await;
    assert_eq!(reply.status, StatusCode::OK);
    world.clock.advance(30 * DAY);
    let reply = world
        .refresh(&connected.client, &reply.text_of("refresh_token"))
        .await;
    assert_eq!(reply.text_of("error"), "invalid_grant");
}

/// Refreshes and answers the new access and refresh token.
async fn refreshed(world: &World, client: &str, token: &str) -> (String, String) {
    let reply = world.refresh(client, token).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let text = |name| reply.text_of(name);
    (text("access_token"), text("refresh_token"))
}

#[tokio::test]
async fn the_access_tokens_of_dead_siblings_die_with_them() {
    let world = World::new().await;
    let first = world.connect().await;
    let (lost, _) = refreshed(&world, &first.client, &first.refresh).await;
    let (kept, refresh) = refreshed(&world, &first.client, &first.refresh).await;
    for token in [&first.access, &lost, &kept] {
        assert!(world.lets_in(token).await, "nothing is settled yet");
    }
    let (next, _) = refreshed(&world, &first.client, &refresh).await;
    assert!(!world.lets_in(&lost).await);
    for token in [&first.access, &kept, &next] {
        assert!(world.lets_in(token).await, "the client may still use it");
    }
}

#[tokio::test]
async fn a_client_may_keep_any_of_many_answers() {
    let world = World::new().await;
    let first = world.connect().await;
    let (access, kept) = refreshed(&world, &first.client, &first.refresh).await;
    for _ in 1..MOST_SIBLINGS {
        refreshed(&world, &first.client, &first.refresh).await;
    }
    assert!(world.lets_in(&access).await);
    refreshed(&world, &first.client, &kept).await;
}

#[tokio::test]
async fn a_successor_that_makes_room_takes_its_access_token_along() {
    let world = World::new().await;
    let first = world.connect().await;
    let (access, oldest) = refreshed(&world, &first.client, &first.refresh).await;
    world.clock.advance(Duration::from_secs(1));
    for _ in 0..MOST_SIBLINGS {
        refreshed(&world, &first.client, &first.refresh).await;
    }
    assert!(!world.lets_in(&access).await);
    let reply = world.refresh(&first.client, &oldest).await;
    assert_eq!(reply.text_of("error"), "invalid_grant");
}

#[tokio::test]
async fn a_public_client_has_no_secret() {
    let world = World::new().await;
    let client = world.register().await;
    let (_, code) = world.approve(&client, &World::terms()).await;
    let parameters = good(&client, &code);
    let reply = world
        .form("/oauth/token", &with(&parameters, "client_secret", "x"))
        .await;
    assert_snapshot!(refusal(&reply), @"401 invalid_client: Invalid client: this client has no secret. Leave the client secret empty, or use the client ID that belongs to it.");
    let empty = with(&parameters, "client_secret", "");
    assert_eq!(
        world.form("/oauth/token", &empty).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn without_a_challenge_a_code_lives_a_minute_and_a_verifier_is_refused() {
    let world = World::new().await;
    let secret = world
        .server
        .create_static_client(None)
        .await
        .unwrap()
        .secret;
    let mut request = world.request("drawbridge").await;
    request.challenge = None;
    let mint = async || {
        let grant = world
            .server
            .issue_grant(&request, &World::terms())
            .await
            .unwrap();
        let code = world.server.mint_code(&grant, &request).await.unwrap();
        code.code.expose_secret().to_owned()
    };
    let ask = async |code: &str, verifier: &str| {
        let parameters = with(&good("drawbridge", code), "code_verifier", verifier);
        let parameters = with(&parameters, "client_secret", secret.expose_secret());
        world.form("/oauth/token", &parameters).await
    };
    let code = mint().await;
    assert_snapshot!(refusal(&ask(&code, VERIFIER).await), @"400 invalid_grant: A code_verifier came with a code that was asked for without PKCE. Start the authorization again with code_challenge.");
    assert_eq!(ask(&code, "").await.status, StatusCode::OK);
    let code = mint().await;
    world.clock.advance(std(CODE_LIFE_WITHOUT_PKCE));
    assert_eq!(ask(&code, "").await.text_of("error"), "invalid_grant");
}

#[tokio::test]
async fn the_limit_of_an_address_says_when_to_come_back() {
    let world = World::new().await;
    let ask = async |number: u8| {
        let request = Request::post("/oauth/token").body(Body::empty()).unwrap();
        let address = ClientAddress([192, 0, 2, number].into());
        world.send_from(address, World::public(), request).await
    };
    for _ in 0..limit::TOKEN_PER_ADDRESS {
        assert_eq!(ask(1).await.status, StatusCode::BAD_REQUEST);
    }
    let reply = ask(1).await;
    assert_eq!(reply.header("retry-after"), "19");
    assert_snapshot!(refusal(&reply), @"429 temporarily_unavailable: Too many requests from this address; try again in 19 seconds");
    assert_eq!(ask(2).await.status, StatusCode::BAD_REQUEST);
    assert!(
        world
            .events
            .all()
            .contains(&Event::RateLimited { endpoint: "token" })
    );
}

#[tokio::test]
async fn a_cimd_client_refreshes_while_its_website_is_down() {
    let world = World::new().await;
    let id = "https://chatgpt.com/oauth/codex/client.json";
    let (_, code) = world.approve(id, &World::terms()).await;
    let fetched = world.documents.fetched();
    let reply = world.exchange(id, &code).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let reply = world.refresh(id, &reply.text_of("refresh_token")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(
        world.documents.fetched(),
        fetched,
        "nothing was fetched for it"
    );
}

#[tokio::test]
async fn no_token_stands_in_the_database() {
    let world = World::new().await;
    let connected = world.connect().await;
    let secret = world
        .server
        .create_static_client(None)
        .await
        .unwrap()
        .secret;
    world.vault.close().await;
    let mut files = 0;
    for entry in std::fs::read_dir(world.directory()).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        files += 1;
        let bytes = std::fs::read(&path).unwrap();
        let secrets = [
            &connected.access,
            &connected.refresh,
            &connected.code,
            secret.expose_secret(),
        ];
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    assert!(files > 0);
}
