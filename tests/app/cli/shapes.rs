//! The JSON of the reading commands, and what their plain forms say.

use serde_json::{Value, json};

use crate::harness::{Client, House, HouseBuilder};

#[track_caller]
fn has(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no `{field}` in {object:#}");
    }
}

#[tokio::test]
async fn status_on_loopback() {
    let house = House::start().await;
    let status = &house.status;
    has(
        status,
        &[
            "state",
            "version",
            "local_url",
            "public_url",
            "connector_url",
            "local_port",
            "key_place",
            "pending_approvals",
            "problem",
            "tunnel",
            "armed_only",
            "armed_until",
            "missed_requests",
            "window",
        ],
    );
    assert_eq!(status["problem"], Value::Null);
    assert_eq!(status["tunnel"], "off");
    assert_eq!(status["armed_only"], false);
    assert_eq!(status["armed_until"], Value::Null);
    assert_eq!(status["missed_requests"], 0);
    assert_eq!(status["window"], false);
    assert_eq!(status["state"], "open");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["public_url"], Value::Null);
    assert_eq!(
        status["connector_url"],
        format!("{}/mcp", house.local_url())
    );
    assert_eq!(status["key_place"], "file");
    assert_eq!(status["pending_approvals"], 0);
    let plain = house.owner().done(&["status"]).await.stdout;
    assert!(plain.contains(&house.connector_url()), "{plain}");
    assert!(
        plain.contains("copies the key") || plain.contains("copying"),
        "the warning: {plain}"
    );
    assert_eq!(
        house.owner().done(&["url"]).await.stdout.trim(),
        house.connector_url()
    );
}

#[tokio::test]
async fn status_behind_an_own_front() {
    let house = House::start_public("bridge.example").await;
    let status = &house.status;
    assert_eq!(status["state"], "open");
    assert_eq!(status["public_url"], "https://bridge.example");
    assert_eq!(status["connector_url"], "https://bridge.example/mcp");
    let tunnel = format!("http://{}", house.tunnel());
    assert_eq!(status["tunnel_url"], tunnel, "{status:#}");
    assert_eq!(status["tunnel"], "own");
}

#[tokio::test]
async fn every_reading_command_has_a_plain_form_too() {
    let house = House::start().await;
    house.add_server("fixture").await;
    let client = Client::register(&house).await;
    house.connect(&client).await;
    let mut browser = house.browser();
    house.knock(&mut browser, &client.authorization()).await;
    for command in [
        &["status"][..],
        &["approvals"],
        &["connections"],
        &["servers", "list"],
        &["servers", "tools", "fixture"],
    ] {
        let ran = house.owner().done(command).await;
        assert!(!ran.stdout.trim().is_empty(), "{ran:#?}");
    }
    assert!(
        house
            .owner()
            .done(&["approvals"])
            .await
            .stdout
            .contains("127.0.0.1")
    );
}

#[tokio::test]
async fn pair_token_and_servers() {
    let house = House::start().await;
    house.add_server("fixture").await;
    let owner = house.owner();
    let pair = owner.read(&["pair"]).await;
    has(&pair, &["code", "expires_at"]);
    house.canary().secret(pair["code"].as_str().unwrap());
    let token = owner
        .done(&[
            "token",
            "create",
            "--servers",
            "fixture",
            "--access",
            "read-write",
            "--expires",
            "never",
            "--json",
        ])
        .await
        .json();
    has(&token, &["token", "id"]);
    assert_eq!(token["expires_at"], Value::Null, "never: {token:#}");
    let servers = owner.read(&["servers", "list"]).await;
    assert_eq!(servers.as_array().map(Vec::len), Some(1), "{servers:#}");
    assert_eq!(servers[0]["name"], "fixture", "{servers:#}");
    let connections = owner.connections().await;
    has(
        &connections[0],
        &["id", "client", "servers", "access", "expires_at"],
    );
    assert_eq!(
        connections[0]["servers"],
        json!(["fixture"]),
        "{connections:#?}"
    );
    let rules = owner.read(&["servers", "tools", "fixture"]).await;
    let erase = rules
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["name"] == "erase");
    let erase = erase.unwrap_or_else(|| panic!("{rules:#}"));
    assert_eq!(
        (erase["rule"].as_str(), erase["kind"].as_str()),
        (Some("ask"), Some("destroys"))
    );
}

#[tokio::test]
async fn health_echoes_and_tells_nothing_else() {
    let house = House::start_public("bridge.example").await;
    let mut instances = std::collections::BTreeSet::new();
    for base in [house.base(), house.local_url()] {
        let url = format!("{base}/health?nonce=abc-123");
        let answer = house
            .network
            .send(crate::harness::Sending::get(&url))
            .await
            .expect(200);
        let json = answer.json();
        assert_eq!(json["status"], "ok");
        assert_eq!(json["nonce"], "abc-123");
        instances.insert(json["instance"].to_string());
        let fields: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["instance", "nonce", "status"]);
    }
    assert_eq!(instances.len(), 1);
    let long = format!("{}/health?nonce={}", house.base(), "x".repeat(4096));
    let answer = house
        .network
        .send(crate::harness::Sending::get(&long))
        .await;
    assert!(!answer.body.contains("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
}

#[tokio::test]
async fn nothing_else_is_public() {
    let house = HouseBuilder::new().public("bridge.example").start().await;
    for path in [
        "/",
        "/approve/x",
        "/admin",
        "/oauth",
        "/oauth/",
        "/.env",
        "/.well-known/",
        "/favicon.ico",
        "/oauth/token/",
        "/../health",
        "/mcp/../health/x",
        "/%2e%2e/health",
        "//health",
    ] {
        for base in [house.base(), house.local_url()] {
            let url = format!("{base}{path}");
            let answer = house.network.send(crate::harness::Sending::get(&url)).await;
            let status = answer.status.as_u16();
            if url::Url::parse(&url).unwrap().path() == "/health" {
                continue;
            }
            assert!([400, 404, 405].contains(&status), "{path}: {answer:#?}");
        }
    }
}

#[tokio::test]
async fn a_strangers_name_moves_no_cursor_and_forges_no_log_line() {
    let house = House::start().await;
    let name = "x\u{1b}[2J\u{202e}\r\nforged: approved by the owner";
    let asked = json!({"client_name": name, "redirect_uris": [crate::harness::REDIRECT],
        "token_endpoint_auth_method": "none"});
    let url = format!("{}/oauth/register", house.base());
    let sending = crate::harness::Sending::post(&url).json(&asked);
    let registered = house.network.send(sending).await.expect(201).json();
    let mut client = Client::register(&house).await;
    client.id = crate::harness::text(&registered, "client_id");
    let mut browser = house.browser();
    house.knock(&mut browser, &client.authorization()).await;
    let plain = house.owner().done(&["approvals"]).await.stdout;
    let approval = house.owner().only_approval().await;
    house.owner().done(&["approve", &approval]).await;
    let connections = house.owner().done(&["connections"]).await.stdout;
    let log = house.owner().done(&["log"]).await.stdout;
    for said in [plain, connections, log, house.said()] {
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\r']), "{said:?}");
        assert!(
            !said.lines().any(|line| line.starts_with("forged")),
            "{said}"
        );
    }
}
