//! `POST /oauth/register` (RFC 7591).

use serde_json::{Value, json};

use crate::harness::{Answer, Client, House, Sending};

async fn register(house: &House, metadata: &Value) -> Answer {
    let url = format!("{}/oauth/register", house.base());
    house.network.send(Sending::post(&url).json(metadata)).await
}

#[tokio::test]
async fn everything_registered_is_echoed() {
    let house = House::start().await;
    let asked = json!({
        "client_name": "Editor", "client_uri": "https://editor.example",
        "redirect_uris": ["https://editor.example/back"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "application_type": "native",
        "scope": "mcp", "software_id": "editor", "contacts": ["me@editor.example"],
    });
    let answer = register(&house, &asked).await.expect(201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let json = answer.json();
    for (field, value) in asked.as_object().unwrap() {
        assert_eq!(&json[field], value, "`{field}` in {json:#}");
    }
    let id = json["client_id"].as_str().unwrap();
    assert!(!id.starts_with("https://") && id.len() >= 16, "{id}");
    assert!(json["client_id_issued_at"].as_u64().is_some(), "{json:#}");
    assert!(json.get("registration_client_uri").is_none(), "{json:#}");
}

#[tokio::test]
async fn cursors_mixed_list_is_accepted_and_refused_only_where_it_is_used() {
    let house = House::start().await;
    let redirects = [
        "http://localhost:8787/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ];
    let client = Client::register_at(&house, &house.base(), &redirects).await;
    for usable in &redirects[..2] {
        let mut browser = house.browser();
        house
            .page(
                &mut browser,
                &client.authorization().with("redirect_uri", usable).url(),
            )
            .await;
    }
    let scheme = client.authorization().with("redirect_uri", redirects[2]);
    let answer = house.browser().open(&scheme.url()).await.expect(400);
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn dangerous_redirects_are_refused() {
    let house = House::start().await;
    for bad in [
        "http://evil.example/callback",
        "https://app.example/callback#fragment",
        "https://user:password@app.example/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "no url",
        "",
    ] {
        let asked = json!({"redirect_uris": [bad], "token_endpoint_auth_method": "none"});
        register(&house, &asked)
            .await
            .expect_error(400, "invalid_redirect_uri");
    }
}

#[tokio::test]
async fn bad_metadata_is_refused() {
    let house = House::start().await;
    let redirects = json!(["https://app.example/back"]);
    let many: Vec<_> = (0..21)
        .map(|n| format!("https://app.example/{n}"))
        .collect();
    for bad in [
        json!({"redirect_uris": redirects, "grant_types": ["password"]}),
        json!({"redirect_uris": redirects, "response_types": ["token"]}),
        json!({"redirect_uris": "https://app.example/back"}),
        json!([]),
        json!("text"),
    ] {
        register(&house, &bad)
            .await
            .expect_error(400, "invalid_client_metadata");
    }
    for bad in [
        json!({"client_name": "x"}),
        json!({"redirect_uris": []}),
        json!({"redirect_uris": many}),
    ] {
        let answer = register(&house, &bad).await.expect(400);
        let code = answer.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(
            ["invalid_client_metadata", "invalid_redirect_uri"].contains(&code.as_str()),
            "{answer:#?}"
        );
    }
    let large = json!({"redirect_uris": redirects, "client_name": "x".repeat(20 * 1024)});
    let answer = register(&house, &large).await;
    assert!([400, 413].contains(&answer.status.as_u16()), "{answer:#?}");
    let url = format!("{}/oauth/register", house.base());
    let broken = Sending::post(&url)
        .header("content-type", "application/json")
        .body(b"{".to_vec());
    house
        .network
        .send(broken)
        .await
        .expect_error(400, "invalid_client_metadata");
}
