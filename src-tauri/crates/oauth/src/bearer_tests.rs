//! The bearer check, row by row of RFC 6750 section 3.1, and what its memory must never do.

use std::time::Duration;

use axum::body::Body;
use axum::routing::any;
use axum::{Extension, Router};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use insta::assert_snapshot;
use secrecy::ExposeSecret as _;
use tower::ServiceExt as _;

use crate::testing::World;
use crate::{
    AccessLevel, Audience, GrantLifetime, NewScriptToken, Principal, RequestOrigin,
    ScriptTokenError, ServerSelection, Terms,
};

async fn call(
    world: &World,
    origin: RequestOrigin,
    path: &str,
    authorization: &[&str],
) -> (StatusCode, String, String) {
    let echo = async |principal: Extension<Principal>, headers: HeaderMap| {
        assert!(
            !headers.contains_key(AUTHORIZATION),
            "the token goes no further"
        );
        let Principal {
            client,
            servers,
            access,
            ..
        } = &principal.0;
        let servers: Vec<&str> = servers.iter().collect();
        let client = if client.starts_with("c-") {
            "[client]"
        } else {
            client
        };
        format!("{client} {servers:?} {access}")
    };
    let router = Router::new().route("/mcp", any(echo));
    let mut request = Request::post(path);
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(origin);
    let response = world
        .server
        .require_bearer(router)
        .oneshot(request)
        .await
        .unwrap();
    let status = response.status();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, challenge, String::from_utf8(body.to_vec()).unwrap())
}

/// Status and challenge.
async fn challenge(world: &World, origin: RequestOrigin, authorization: &[&str]) -> String {
    let (status, challenge, body) = call(world, origin, "/mcp", authorization).await;
    assert!(body.contains("error_description"), "{body}");
    format!("{} {challenge}", status.as_u16())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn a_good_token_names_its_principal() {
    let world = World::new().await;
    let connected = world.connect().await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {}", connected.access);
        let (status, _, body) = call(&world, World::loopback(), "/mcp", &[&header]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, r#"[client] ["notes"] read"#);
    }
}

#[tokio::test]
async fn every_refusal_says_where_to_go() {
    let world = World::new().await;
    let connected = world.connect().await;
    let good = bearer(&connected.access);
    let refused = async |headers: &[&str]| challenge(&world, World::loopback(), headers).await;
    assert_snapshot!(refused(&[]).await, @r#"401 Bearer resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    assert_snapshot!(refused(&["Basic abc"]).await, @r#"401 Bearer resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    assert_snapshot!(refused(&["Bearer"]).await, @r#"400 Bearer error="invalid_request", error_description="The Authorization header must be: Bearer, one space, the access token", resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    assert_snapshot!(refused(&["Bearer a b"]).await, @r#"400 Bearer error="invalid_request", error_description="The Authorization header must be: Bearer, one space, the access token", resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    assert_snapshot!(refused(&[good.as_str(), good.as_str()]).await, @r#"400 Bearer error="invalid_request", error_description="Send exactly one Authorization header", resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    assert_snapshot!(refused(&["Bearer nonsense"]).await, @r#"401 Bearer error="invalid_token", error_description="This is no access token of this server, or its connection has ended; connect again", resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    let mut other_form = connected.access.clone();
    other_form.replace_range(10..11, if &other_form[10..11] == "a" { "b" } else { "a" });
    assert!(refused(&[&bearer(&other_form)]).await.starts_with("401"));
    for token in [&connected.refresh, &connected.code] {
        assert!(refused(&[&bearer(token)]).await.starts_with("401"));
    }
    assert_snapshot!(challenge(&world, World::public(), &[&good]).await, @r#"401 Bearer error="invalid_token", error_description="The access token belongs to another address of this server; connect again at this one", resource_metadata="https://bridge.example/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
    world.clock.advance(Duration::from_hours(1));
    assert_snapshot!(refused(&[&good]).await, @r#"401 Bearer error="invalid_token", error_description="The access token has expired or was revoked; refresh it or connect again", resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_even_when_it_is_good() {
    let world = World::new().await;
    let connected = world.connect().await;
    let good = bearer(&connected.access);
    for path in ["/mcp?access_token=x", "/mcp?a=b&access%5Ftoken=x"] {
        let (status, challenge, _) = call(&world, World::loopback(), path, &[&good]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(challenge.contains("invalid_request"));
    }
    let (status, ..) = call(&world, World::loopback(), "/mcp?kb_name=x", &[&good]).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_without_the_scope_gets_403() {
    let world = World::new().await;
    let client = world.register().await;
    let mut request = world.request(&client).await;
    request.scope = crate::scope::Scope::for_authorization(Some("offline_access")).unwrap();
    let grant = world
        .server
        .issue_grant(&request, &World::terms())
        .await
        .unwrap();
    let code = world.server.mint_code(&grant, &request).await.unwrap();
    let tokens = world.exchange(&client, code.code.expose_secret()).await;
    assert_eq!(tokens.text_of("scope"), "mcp offline_access");
    let narrowed = world
        .form(
            "/oauth/token",
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", &tokens.text_of("refresh_token")),
                ("client_id", &client),
                ("scope", "offline_access"),
            ],
        )
        .await;
    assert_eq!(narrowed.text_of("scope"), "offline_access");
    let header = bearer(&narrowed.text_of("access_token"));
    assert_snapshot!(challenge(&world, World::loopback(), &[&header]).await, @r#"403 Bearer error="insufficient_scope", error_description="The access token does not cover the scope mcp; ask for it and connect again", resource_metadata="http://127.0.0.1:8787/.well-known/oauth-protected-resource/mcp", scope="mcp""#);
}

#[tokio::test]
async fn what_is_remembered_ends_with_the_grant() {
    let world = World::new().await;
    let connected = world.connect().await;
    assert!(world.lets_in(&connected.access).await);
    world.server.revoke(&connected.grant).await.unwrap();
    assert!(!world.lets_in(&connected.access).await);
}

#[tokio::test]
async fn what_is_narrowed_holds_at_the_next_call() {
    let world = World::new().await;
    let client = world.register().await;
    let both = ServerSelection::new(["notes".to_owned(), "files".to_owned()]);
    let terms = Terms {
        servers: both,
        access: AccessLevel::ReadWrite,
        ..World::terms()
    };
    let (grant, code) = world.approve(&client, &terms).await;
    let header = bearer(&world.exchange(&client, &code).await.text_of("access_token"));
    let principal = async || call(&world, World::loopback(), "/mcp", &[&header]).await.2;
    assert_eq!(
        principal().await,
        r#"[client] ["files", "notes"] read-write"#
    );
    let notes = ServerSelection::new(["notes".to_owned()]);
    world
        .server
        .narrow(&grant, notes, AccessLevel::Read)
        .await
        .unwrap();
    assert_eq!(principal().await, r#"[client] ["notes"] read"#);
}

#[tokio::test]
async fn the_use_of_a_connection_is_written_down_once_a_minute() {
    let world = World::new().await;
    let connected = world.connect().await;
    let last_used = async || {
        // What is written soon is written before what comes after it.
        world
            .vault
            .write(|_| Ok::<_, drawbridge_vault::StoreError>(()))
            .await
            .unwrap();
        world.server.connections().unwrap()[0].last_used_at
    };
    let start = last_used().await;
    world.clock.advance(Duration::from_secs(59));
    assert!(world.lets_in(&connected.access).await);
    assert_eq!(last_used().await, start);
    world.clock.advance(Duration::from_secs(1));
    assert!(world.lets_in(&connected.access).await);
    let noted = last_used().await;
    assert_eq!(noted.duration_since(start).as_secs(), 60);
    world.clock.advance(Duration::from_secs(30));
    assert!(world.lets_in(&connected.access).await);
    assert_eq!(last_used().await, noted);
}

#[tokio::test]
async fn a_script_token_works_where_it_was_made_for_until_it_ends() {
    let world = World::new().await;
    let new = NewScriptToken {
        name: "backup".to_owned(),
        terms: Terms {
            lifetime: GrantLifetime::Hour,
            ..World::terms()
        },
        audience: Audience::Loopback,
    };
    let made = world.server.create_token(new.clone()).await.unwrap();
    let header = bearer(made.token.expose_secret());
    assert!(made.token.expose_secret().starts_with("dbt_"));
    let (_, _, body) = call(&world, World::loopback(), "/mcp", &[&header]).await;
    assert_eq!(body, r#"script ["notes"] read"#);
    let (status, ..) = call(&world, World::public(), "/mcp", &[&header]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    world.clock.advance(Duration::from_hours(1));
    assert!(!world.lets_in(made.token.expose_secret()).await);

    let made = world.server.create_token(new.clone()).await.unwrap();
    world.server.revoke(&made.id).await.unwrap();
    assert!(!world.lets_in(made.token.expose_secret()).await);

    for name in ["", "  ", "a\nb", &"a".repeat(101)] {
        let bad = NewScriptToken {
            name: name.to_owned(),
            ..new.clone()
        };
        let refused = world.server.create_token(bad).await.err();
        assert_eq!(refused, Some(ScriptTokenError::Name));
    }
    let none = Terms {
        servers: ServerSelection::default(),
        ..World::terms()
    };
    let refused = world
        .server
        .create_token(NewScriptToken { terms: none, ..new })
        .await
        .err();
    assert_eq!(refused, Some(ScriptTokenError::NoServers));
}
