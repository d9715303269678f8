//! Registration, row by row of RFC 7591 section 3.2, and who makes room for whom.

use http::StatusCode;
use insta::assert_snapshot;
use std::time::Duration;

use drawbridge_vault::{ClientRow, StoreError};
use serde_json::{Value, json};

use super::error::is_description;
use crate::clients::registered::MOST_REGISTERED;
use crate::testing::{REDIRECT, Reply, World};
use crate::{ClientAddress, Settings, limit};

async fn register(world: &World, metadata: &Value) -> Reply {
    world
        .post("/oauth/register", "application/json", &metadata.to_string())
        .await
}

fn refusal(reply: &Reply) -> String {
    let json = reply.json();
    let description = json["error_description"].as_str().unwrap();
    assert!(is_description(description), "{description}");
    format!(
        "{} {}: {description}",
        reply.status.as_u16(),
        json["error"].as_str().unwrap()
    )
}

#[tokio::test]
async fn a_client_registers_and_is_known() {
    let world = World::new().await;
    let reply = register(
        &world,
        &json!({
            "client_name": "Cursor",
            "redirect_uris": [
                "http://localhost:8787/callback",
                "https://www.cursor.com/agents/mcp/oauth/callback",
                "cursor://anysphere.cursor-mcp/oauth/callback",
            ],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
        }),
    )
    .await;
    assert_eq!(reply.status, StatusCode::CREATED);
    assert_eq!(reply.header("cache-control"), "no-store");
    let id = reply.text_of("client_id");
    assert!(id.starts_with("c-"));
    let body = reply.body.replace(&id, "[id]");
    assert_snapshot!(body, @r#"{"client_id":"[id]","client_id_issued_at":1795428000,"redirect_uris":["http://localhost:8787/callback","https://www.cursor.com/agents/mcp/oauth/callback","cursor://anysphere.cursor-mcp/oauth/callback"],"client_name":"Cursor","grant_types":["authorization_code","refresh_token"],"application_type":"native","response_types":["code"],"token_endpoint_auth_method":"none"}"#);

    let client = world.server.resolve_client(&id).await.unwrap();
    assert_eq!(client.name.as_deref(), Some("Cursor"));
    assert!(client.allows_redirect("http://localhost:50000/callback"));
    assert!(!client.allows_redirect("cursor://anysphere.cursor-mcp/oauth/callback"));
}

#[tokio::test]
async fn what_cannot_be_registered() {
    let world = World::new().await;
    let bad = async |uris: Value| {
        let reply = register(&world, &json!({ "redirect_uris": uris })).await;
        refusal(&reply)
    };
    assert_snapshot!(bad(json!(["http://app.example/callback"])).await, @"400 invalid_redirect_uri: a redirect URI must use https, or http to 127.0.0.1, [::1] or localhost");
    assert_snapshot!(bad(json!(["https://app.example/callback#x"])).await, @"400 invalid_redirect_uri: a redirect URI must not have a fragment");
    assert_snapshot!(bad(json!(["https://user@app.example/callback"])).await, @"400 invalid_redirect_uri: a redirect URI must not have a user name or password");
    assert_snapshot!(bad(json!(["javascript:alert(1)"])).await, @"400 invalid_redirect_uri: a redirect URI must not use this scheme; use https");
    assert_snapshot!(bad(json!(["https://fine.example/", "/callback"])).await, @"400 invalid_redirect_uri: a redirect URI is not an absolute URI");
    assert_snapshot!(bad(json!([])).await, @"400 invalid_redirect_uri: redirect_uris is missing or empty; list every address the client goes back to");
    assert_snapshot!(bad(json!(vec![REDIRECT; 21])).await, @"400 invalid_redirect_uri: redirect_uris has more than 20 entries");
    assert_snapshot!(bad(json!("https://app.example/")).await, @"400 invalid_client_metadata: The member redirect_uris is not of the type that RFC 7591 gives it");
    let grant_types = json!({ "redirect_uris": [REDIRECT], "grant_types": ["implicit"] });
    assert_snapshot!(refusal(&register(&world, &grant_types).await), @"400 invalid_client_metadata: grant_types must include authorization_code; nothing else leads to a token here");
    let reply = world.post("/oauth/register", "application/json", "{").await;
    assert_snapshot!(refusal(&reply), @"400 invalid_client_metadata: The body is not a JSON object");
    let reply = world.post("/oauth/register", "text/plain", "{}").await;
    assert_snapshot!(refusal(&reply), @"400 invalid_client_metadata: the content type must be application/json");
    let long = json!({ "redirect_uris": [REDIRECT], "tos_uri": "a".repeat(17 * 1024) });
    assert_snapshot!(refusal(&register(&world, &long).await), @"413 invalid_client_metadata: the body is longer than 16384 bytes");
}

#[tokio::test]
async fn an_address_registers_twenty_in_an_hour() {
    let world = World::new().await;
    let body = json!({ "redirect_uris": [REDIRECT] }).to_string();
    let ask = async |address: &str| {
        let request = http::Request::post("/oauth/register")
            .header("content-type", "application/json")
            .body(body.clone().into())
            .unwrap();
        world
            .send_from(
                ClientAddress(address.parse().unwrap()),
                World::public(),
                request,
            )
            .await
    };
    for number in 0..limit::REGISTER_PER_ADDRESS {
        let reply = ask(&format!("2001:db8:7:7::{number:x}")).await;
        assert_eq!(reply.status, StatusCode::CREATED);
    }
    let reply = ask("2001:db8:7:7:ffff::1").await;
    assert_eq!(reply.header("retry-after"), "181");
    assert_snapshot!(refusal(&reply), @"429 temporarily_unavailable: Too many requests from this address; try again in 181 seconds");
    assert_eq!(ask("2001:db8:7:8::1").await.status, StatusCode::CREATED);
    world.clock.advance(Duration::from_secs(181));
    assert_eq!(
        ask("2001:db8:7:7:ffff::1").await.status,
        StatusCode::CREATED
    );
}

/// Fills the table up to its limit with clients of this age, the last used one first.
async fn fill(world: &World, up_to: u64, approved: bool, age: Duration) {
    let now = drawbridge_vault::ports::Clock::now(world.clock.as_ref());
    let created_at = now.checked_sub(age).unwrap();
    world
        .vault
        .write(move |writer| {
            let have = writer.count_clients("registered")?;
            for number in have..up_to {
                let details = format!(
                    r#"{{"redirect_uris":["{REDIRECT}"],"grant_types":["authorization_code"]}}"#
                );
                writer.put_client(&ClientRow {
                    id: format!("c-filler{number}"),
                    kind: "registered".into(),
                    created_at,
                    last_used_at: created_at,
                    approved,
                    details: details.into_bytes(),
                })?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

async fn is_known(world: &World, id: &str) -> bool {
    world.server.resolve_client(id).await.is_ok()
}

#[tokio::test]
async fn the_stalest_that_nobody_approved_makes_room() {
    let world = World::new().await;
    let approved = world.connect().await.client;
    let old = world.register().await;
    world.clock.advance(Duration::from_secs(1));
    let newer = world.register().await;
    fill(&world, MOST_REGISTERED, true, Duration::ZERO).await;

    // All are younger than 15 minutes, or approved.
    let full = register(&world, &json!({ "redirect_uris": [REDIRECT] })).await;
    assert_eq!(full.header("retry-after"), "900");
    assert_snapshot!(refusal(&full), @"503 temporarily_unavailable: Too many clients registered in the last minutes; try again in 15 minutes");

    world.clock.advance(Duration::from_mins(16));
    let client = world.register().await;
    assert!(is_known(&world, &client).await && is_known(&world, &newer).await);
    assert!(!is_known(&world, &old).await);
    world.register().await;
    assert!(!is_known(&world, &newer).await);
    assert!(is_known(&world, &approved).await);
    let count = world
        .vault
        .read(|reader| reader.count_clients("registered"))
        .unwrap();
    assert_eq!(count, MOST_REGISTERED);
}

#[tokio::test]
async fn a_client_that_is_in_use_makes_room_last() {
    let world = World::new().await;
    let first = world.register().await;
    let second = world.register().await;
    fill(&world, MOST_REGISTERED, true, Duration::ZERO).await;
    world.clock.advance(Duration::from_mins(16));
    assert!(is_known(&world, &first).await, "which is a use");
    world.register().await;
    assert!(is_known(&world, &first).await);
    assert!(!is_known(&world, &second).await);
}

#[tokio::test]
async fn whoever_waits_for_an_answer_is_not_dropped() {
    let world = World::new().await;
    let waiting = world.register().await;
    let idle = world.register().await;
    fill(&world, MOST_REGISTERED, true, Duration::ZERO).await;
    world.clock.advance(Duration::from_mins(16));
    let query = crate::testing::encode(&[
        ("response_type", "code"),
        ("client_id", &waiting),
        ("redirect_uri", REDIRECT),
        ("code_challenge", crate::testing::CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    let page = world.get(&format!("/oauth/authorize?{query}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    world.register().await;
    assert!(is_known(&world, &waiting).await);
    assert!(!is_known(&world, &idle).await);
}

#[tokio::test]
async fn known_clients_only_takes_those_that_go_back_to_a_known_place() {
    let world = World::with(Settings {
        known_clients_only: true,
        ..World::settings()
    })
    .await;
    let reply = register(
        &world,
        &json!({ "redirect_uris": ["https://app.example/cb"] }),
    )
    .await;
    assert_snapshot!(refusal(&reply), @"403 invalid_redirect_uri: Drawbridge is set to let in known clients only, and none of these redirect URIs leads to one. Change that in the settings if you trust this client.");
    let mixed = [
        "https://app.example/cb",
        "https://claude.ai/api/mcp/auth_callback",
    ];
    let reply = register(&world, &json!({ "redirect_uris": mixed })).await;
    let client = world
        .server
        .resolve_client(&reply.text_of("client_id"))
        .await
        .unwrap();
    assert!(client.allows_redirect(mixed[1]));
    assert!(!client.allows_redirect(mixed[0]));
}
