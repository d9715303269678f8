//! What a grant and the owner's rules let through to a server, and what a server gets to see.

use serde_json::{Value, json};

use crate::harness::{Client, House, HouseBuilder, Sending, Tokens, random};

struct Scene {
    house: House,
    client: Client,
    tokens: Tokens,
}

impl Scene {
    async fn with(house: House, access: &str) -> Self {
        house.add_server("fixture").await;
        let client = Client::register(&house).await;
        let tokens = house
            .connect_as(&client, &["--access", access, "--servers", "all"])
            .await;
        Self {
            house,
            client,
            tokens,
        }
    }

    async fn new(access: &str) -> Self {
        Self::with(House::start().await, access).await
    }

    /// The name under which the gateway lists a tool of the fixture, if it does.
    async fn listed(&self, tool: &str) -> Option<String> {
        let tools = self.client.tools(&self.tokens.access).await;
        tools
            .into_iter()
            .find(|name| name == tool || name.ends_with(&format!("_{tool}")))
    }

    async fn call(&self, tool: &str, arguments: Value) -> (String, bool) {
        let name = self
            .listed(tool)
            .await
            .unwrap_or_else(|| panic!("{tool} is not listed"));
        self.client
            .call(&self.tokens.access, &name, arguments)
            .await
    }
}

#[tokio::test]
async fn a_read_grant_sees_what_only_reads() {
    let scene = Scene::new("read").await;
    assert!(scene.listed("echo").await.is_some());
    for hidden in ["write", "erase", "mystery"] {
        assert_eq!(scene.listed(hidden).await, None);
    }
}

#[tokio::test]
async fn a_server_added_under_an_old_name_is_in_no_connection() {
    let scene = Scene::new("read-write").await;
    let echo = scene.listed("echo").await.unwrap();
    let owner = scene.house.owner();
    owner.done(&["servers", "remove", "fixture"]).await;
    assert_eq!(owner.connections().await[0]["servers"], json!([]));
    scene.house.add_server("fixture").await;
    assert_eq!(scene.listed("echo").await, None);
    let params = json!({"name": echo, "arguments": {"message": "x"}});
    let answer = scene
        .client
        .rpc(Some(&scene.tokens.access), "tools/call", params)
        .await;
    assert!(!answer.body.contains("echo: x"), "{answer:#?}");
    assert!(scene.client.works(&scene.tokens.access).await, "it holds");
    let again = ["--access", "read", "--servers", "fixture"];
    let ticked = scene.house.connect_as(&scene.client, &again).await;
    assert_ne!(scene.client.tools(&ticked.access).await, [""; 0]);
}

#[tokio::test]
async fn a_hidden_tool_cannot_be_called_either() {
    let scene = Scene::new("read").await;
    let echo = scene.listed("echo").await.unwrap();
    let write = echo.replace("echo", "write");
    let params = json!({"name": write, "arguments": {"message": "x"}});
    let answer = scene
        .client
        .rpc(Some(&scene.tokens.access), "tools/call", params)
        .await;
    assert!(!answer.body.contains("write: x"), "{answer:#?}");
}

#[tokio::test]
async fn what_destroys_or_is_unknown_waits_for_the_owners_rule() {
    let scene = Scene::new("read-write").await;
    let message = json!({"message": "x"});
    assert_eq!(
        scene.call("write", message.clone()).await,
        ("write: x".to_owned(), false)
    );
    for tool in ["erase", "mystery"] {
        let (said, failed) = scene.call(tool, message.clone()).await;
        assert!(failed && said.contains("ask"), "names the rule: {said}");
        assert!(
            said.contains("drawbridge servers tools"),
            "says what to do: {said}"
        );
        scene
            .house
            .owner()
            .done(&["servers", "tools", "fixture", tool, "allow"])
            .await;
        let (said, failed) = scene.call(tool, message.clone()).await;
        assert_eq!((said, failed), (format!("{tool}: x"), false));
    }
    let echo = scene.listed("echo").await.unwrap();
    scene
        .house
        .owner()
        .done(&["servers", "tools", "fixture", "echo", "block"])
        .await;
    assert!(
        scene.listed("echo").await.is_none(),
        "a blocked tool is not listed"
    );
    let (said, failed) = scene
        .client
        .call(&scene.tokens.access, &echo, message.clone())
        .await;
    assert!(failed && said.contains("block"), "{said}");
    for (tool, runs) in [("echo", true), ("erase", false)] {
        scene
            .house
            .owner()
            .done(&["servers", "tools", "fixture", tool, "default"])
            .await;
        let (said, failed) = scene.call(tool, message.clone()).await;
        assert_eq!(!failed, runs, "{tool} by its default: {said}");
    }
}

#[tokio::test]
async fn a_server_added_later_is_in_no_grant() {
    let scene = Scene::new("read-write").await;
    scene.house.add_server("later").await;
    let tools = scene.client.tools(&scene.tokens.access).await;
    assert!(
        !tools.iter().any(|name| name.contains("later")),
        "{tools:?}"
    );
}

#[tokio::test]
async fn a_server_sees_none_of_our_secrets() {
    let (key, secret) = (random(), random());
    let house = HouseBuilder::new()
        .secret_environment("TOKEN_ENCRYPTION_KEY", &key)
        .secret_environment("OAUTH_CLIENT_SECRET", &secret)
        .environment("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
        .environment("XDG_RUNTIME_DIR", "/nowhere")
        .start()
        .await;
    let scene = Scene::with(house, "read").await;
    let (said, _) = scene.call("environment", json!({})).await;
    let environment: serde_json::Map<String, Value> = serde_json::from_str(&said).unwrap();
    for name in environment.keys() {
        for banned in [
            "DRAWBRIDGE",
            "TOKEN_",
            "OAUTH_",
            "DBUS_",
            "XDG_RUNTIME_DIR",
            "BASE_URL",
        ] {
            assert!(!name.starts_with(banned), "{name} in {environment:#?}");
        }
    }
    for hidden in [&key, &secret, &scene.tokens.access] {
        assert!(!said.contains(hidden.as_str()));
    }
}

#[tokio::test]
async fn what_a_server_prints_is_redacted_before_it_is_logged() {
    let scene = Scene::new("read").await;
    let access = scene.tokens.access.clone();
    scene.house.canary().secret("a-query-nobody-may-log");
    let message =
        format!("seen {access} at https://host.example/x?code=a-query-nobody-may-log end");
    let (said, failed) = scene.call("complain", json!({"message": message})).await;
    assert_eq!((said.as_str(), failed), ("complained", false));
    // The canary reads the logs when the house falls.
}

#[tokio::test]
async fn several_servers_stand_side_by_side() {
    let scene = Scene::new("read").await;
    let second = Client::register(&scene.house).await;
    scene.house.add_server("second").await;
    let tokens = scene
        .house
        .connect_as(&second, &["--access", "read", "--servers", "all"])
        .await;
    let tools = second.tools(&tokens.access).await;
    assert_eq!(
        tools.iter().filter(|name| name.ends_with("echo")).count(),
        2,
        "{tools:?}"
    );
}

#[tokio::test]
async fn chatgpts_empty_probes_get_a_json_rpc_error() {
    let scene = Scene::new("read").await;
    let url = scene.client.resource();
    for body in ["", "{}", "[]"] {
        let sending = Sending::post(&url)
            .bearer(&scene.tokens.access)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .body(body.as_bytes().to_vec());
        let answer = scene.house.network.send(sending).await.expect(400);
        let code = answer.json()["error"]["code"].as_i64().unwrap();
        assert!([-32600, -32700].contains(&code), "{answer:#?}");
    }
}

#[tokio::test]
async fn both_protocol_eras_are_spoken() {
    let scene = Scene::new("read").await;
    let initialize = json!({"protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "harness", "version": "1"}});
    let answer = scene
        .client
        .rpc(Some(&scene.tokens.access), "initialize", initialize)
        .await;
    let answer = answer.expect(200).json();
    assert_eq!(
        answer["result"]["protocolVersion"], "2025-11-25",
        "{answer:#}"
    );
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let request = json!({"jsonrpc": "2.0", "id": "openai-mcp-discover", "method": "server/discover",
        "params": {"_meta": meta}});
    let sending = Sending::post(&scene.client.resource())
        .bearer(&scene.tokens.access)
        .json(&request)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "server/discover");
    let answer = scene.house.network.send(sending).await.expect(200);
    let json = answer.json();
    let versions = json["result"]["supportedVersions"]
        .as_array()
        .unwrap()
        .clone();
    assert!(versions.contains(&json!("2026-07-28")), "{json:#}");
}

#[tokio::test]
async fn a_trailing_slash_is_no_other_place() {
    let scene = Scene::new("read").await;
    let url = format!("{}/", scene.client.resource());
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let sending = Sending::post(&url)
        .bearer(&scene.tokens.access)
        .json(&request)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25");
    scene.house.network.send(sending).await.expect(200);
}
