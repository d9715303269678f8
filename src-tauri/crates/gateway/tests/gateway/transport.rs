//! `/mcp` as clients of both eras, and clients with known faults, use it.

use axum::body::Body;
use axum::extract::Request;
use drawbridge_gateway::{MAX_BODY, Options};
use drawbridge_oauth::AccessLevel;
use http::StatusCode;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::harness::{Client, House, read};

async fn house() -> (House, Client) {
    let house = House::new().await;
    house.add("files", "well").await;
    let client = house.client(&["files"], AccessLevel::Read);
    (house, client)
}

fn ping() -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" })
}

#[tokio::test]
async fn both_eras_are_served() {
    let (_house, client) = house().await;
    let hello = client
        .ask(
            "initialize",
            json!({
                "protocolVersion": "2025-11-25", "capabilities": {},
                "clientInfo": { "name": "test", "version": "1" },
            }),
        )
        .await;
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(hello["result"]["serverInfo"]["name"], "drawbridge");
    let discovery = client.ask_modern("server/discover", json!({})).await;
    assert_eq!(discovery.status, StatusCode::OK);
    assert!(discovery.kind.starts_with("application/json"));
    let versions = discovery.json()["result"]["supportedVersions"].clone();
    assert!(versions.as_array().unwrap().contains(&json!("2026-07-28")));

    let list = client.ask_modern("tools/list", json!({})).await.json();
    assert_eq!(list["result"]["cacheScope"], "private");
    let old = client.ask("tools/list", json!({})).await;
    assert!(old["result"].get("cacheScope").is_none());

    let called = client
        .ask_modern("tools/call", json!({ "name": "files_pid" }))
        .await;
    assert_eq!(called.json()["result"]["resultType"], "complete");
    let unknown = client
        .ask_modern("logging/setLevel", json!({ "level": "info" }))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_newer_era_can_be_switched_off() {
    let house = House::with(Options {
        cap_at_2025_11_25: true,
        ..Options::default()
    })
    .await;
    let client = house.client(&[], AccessLevel::Read);
    let discovery = client.ask_modern("server/discover", json!({})).await;
    assert_eq!(discovery.status, StatusCode::BAD_REQUEST);
    assert_eq!(discovery.json()["error"]["code"], -32022);
}

#[tokio::test]
async fn what_clients_get_wrong_is_repaired() {
    let (_house, client) = house().await;
    let body = || Body::from(ping().to_string());
    for accept in ["*/*", "application/json", "text/event-stream", "text/html"] {
        let request = Request::post("/mcp")
            .header("host", "127.0.0.1:8787")
            .header("content-type", "application/json")
            .header("accept", accept)
            .body(body())
            .unwrap();
        assert_eq!(
            client.send(request).await.status,
            StatusCode::OK,
            "{accept}"
        );
    }
    let doubled = Client::post()
        .header("mcp-protocol-version", "2025-11-25, 2025-11-25")
        .body(body())
        .unwrap();
    assert_eq!(client.send(doubled).await.status, StatusCode::OK);
    let contradiction = Client::post()
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-protocol-version", "2025-06-18")
        .body(body())
        .unwrap();
    let refused = client.send(contradiction).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["error"]["code"], -32020);
    assert_eq!(refused.json()["id"], 7);
    // The body says the newer era, the header the older one.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "files_pid", "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        } } });
    let mixed = Client::post()
        .header("mcp-protocol-version", "2025-11-25")
        .body(Body::from(call.to_string()))
        .unwrap();
    let answer = client.send(mixed).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    // A slash at the end is no other place.
    let slash = Request::post("/mcp/")
        .header("host", "127.0.0.1:8787")
        .header("content-type", "application/json")
        .body(body())
        .unwrap();
    assert_eq!(client.send(slash).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_message_gets_a_json_rpc_error() {
    let (_house, client) = house().await;
    for (body, code) in [
        ("", -32700),
        ("{}", -32600),
        ("[]", -32600),
        ("nonsense", -32700),
    ] {
        let answer = client
            .send(Client::post().body(Body::from(body)).unwrap())
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"]["code"], code, "{body}");
    }
    let large = Client::post()
        .body(Body::from(vec![b'x'; MAX_BODY + 1]))
        .unwrap();
    assert_eq!(
        client.send(large).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{deep}}}");
    let answer = client
        .send(Client::post().body(Body::from(deep)).unwrap())
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let get = Request::get("/mcp")
        .header("host", "127.0.0.1:8787")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        client.send(get).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_request_without_its_checks_is_refused() {
    let (house, client) = house().await;
    let naked = Client::post().body(Body::from(ping().to_string())).unwrap();
    let response = house.gateway.router().oneshot(naked).await.unwrap();
    assert_eq!(read(response).await.status, StatusCode::FORBIDDEN);
    let elsewhere = Request::post("/mcp")
        .header("host", "evil.example")
        .header("content-type", "application/json")
        .body(Body::from(ping().to_string()))
        .unwrap();
    assert_eq!(client.send(elsewhere).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn arguments_and_metadata_reach_the_server_and_connection_data_does_not() {
    let (_house, client) = house().await;
    let arguments = json!({ "text": "ä", "deep": { "list": [1, 2.5, null] } });
    let answer = client
        .ask(
            "tools/call",
            json!({ "name": "files_arguments", "arguments": arguments }),
        )
        .await;
    let seen: Value =
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(seen, arguments);
    let answer = client
        .ask_modern(
            "tools/call",
            json!({ "name": "files_meta", "_meta": { "openai/locale": "fi" } }),
        )
        .await
        .json();
    let seen: Value =
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(seen, json!({ "openai/locale": "fi" }));
}

#[tokio::test]
async fn progress_reaches_the_client_that_asked_for_it() {
    let (_house, client) = house().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "files_progress", "_meta": { "progressToken": "mine" } } });
    let request = Client::post()
        .header("mcp-protocol-version", "2025-11-25")
        .body(Body::from(call.to_string()))
        .unwrap();
    let answer = client.send(request).await;
    assert!(
        answer.kind.starts_with("text/event-stream"),
        "{}",
        answer.kind
    );
    let messages: Vec<Value> = answer
        .text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect();
    assert_eq!(messages.len(), 3, "{}", answer.text);
    assert_eq!(messages[0]["params"]["progressToken"], "mine");
    assert_eq!(messages[0]["params"]["message"], "on it");
    assert_eq!(messages[1]["params"]["progress"], 2.0);
    assert_eq!(messages[2]["result"]["content"][0]["text"], "done");
    // One that takes JSON alone gets the answer alone.
    let request = Request::post("/mcp")
        .header("host", "127.0.0.1:8787")
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("mcp-protocol-version", "2025-11-25")
        .body(Body::from(call.to_string()))
        .unwrap();
    let answer = client.send(request).await;
    assert!(answer.kind.starts_with("application/json"));
    assert_eq!(answer.json()["result"]["content"][0]["text"], "done");
}
