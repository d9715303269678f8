//! The official SDKs, from discovery to being refused (their drivers: `tests/sdk`).

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::harness::{Canary, House, REDIRECT, python, text};

/// An SDK starts, imports a hundred packages and answers within this time on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

/// The reference server that comes with the TypeScript SDK's packages.
fn everything() -> PathBuf {
    let server =
        sdk().join("typescript/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    assert!(
        server.exists(),
        "the official TypeScript packages are missing ({}). Install Node 20 or newer and run \
         `cargo xtask test`, which fetches them with `npm ci` in tests/sdk/typescript",
        server.display()
    );
    server
}

/// One driver and the lines it speaks.
struct Driver {
    _child: Child,
    told: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
    canary: Canary,
}

impl Driver {
    fn start(program: &Path, script: &Path, house: &House, mode: &str) -> Self {
        let mut child = Command::new(program)
            .arg(script)
            .args([&house.connector_url(), mode, REDIRECT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let told = child.stdin.take().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            _child: child,
            told,
            says,
            canary: house.canary().clone(),
        }
    }

    async fn tell(&mut self, line: &Value) {
        self.told
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// The next event, which must be of that name.
    async fn hear(&mut self, event: &str) -> Value {
        let line = tokio::time::timeout(DEADLINE, self.says.next_line())
            .await
            .unwrap_or_else(|_| panic!("no {event} within {DEADLINE:?}"))
            .unwrap()
            .unwrap_or_else(|| panic!("the driver ended instead of saying {event}"));
        self.canary.secrets_in(&line);
        let said: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(said["event"], event, "{said:#}");
        said
    }

    async fn call_echo(&mut self, tool: &str, message: &str) {
        let arguments = json!({"message": message});
        self.tell(&json!({"do": "call", "tool": tool, "arguments": arguments}))
            .await;
    }
}

/// Was such a request made, with that answer?
fn made(said: &Value, method: &str, path: &str, status: u16) -> bool {
    let request = json!([method, path, status]);
    said["requests"].as_array().unwrap().contains(&request)
}

async fn from_discovery_to_refusal(program: &Path, script: &Path, mode: &str, protocol: &str) {
    let house = House::start().await;
    let everything = everything();
    let command = [
        "servers",
        "add",
        "everything",
        "--",
        "node",
        everything.to_str().unwrap(),
        "stdio",
    ];
    house.owner().done(&command).await;

    let mut driver = Driver::start(program, script, &house, mode);
    driver.tell(&json!({"do": "connect"})).await;
    let registered = driver.hear("registered").await;
    assert!(made(
        &registered,
        "GET",
        "/.well-known/oauth-protected-resource/mcp",
        200
    ));
    assert!(
        made(&registered, "POST", "/oauth/register", 201),
        "{registered:#}"
    );

    // The person: the page, the button, the terminal.
    let asked = driver.hear("authorize").await;
    let asked = text(&asked, "url");
    let state = url::Url::parse(&asked).unwrap();
    let state = state
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    house.canary().secret(&state);
    let mut browser = house.browser();
    let (_, link) = house.page(&mut browser, &asked).await;
    let waiting = house.proceed(&mut browser, link.as_str()).await;
    let approval = house.owner().only_approval().await;
    let terms = [
        "--access",
        "read-write",
        "--servers",
        "everything",
        "--expires",
        "1d",
    ];
    house
        .owner()
        .done(&[&["approve", approval.as_str()][..], &terms].concat())
        .await;
    let back = browser.open(waiting.as_str()).await.location().unwrap();
    assert!(back.as_str().starts_with(REDIRECT), "{back}");
    driver.tell(&json!({"callback": back})).await;

    let first = driver.hear("tokens").await;
    assert_eq!(first["expires_in"], 3600);
    let connected = driver.hear("connected").await;
    assert_eq!(connected["protocol"], protocol, "{connected:#}");
    let tools = connected["tools"].as_array().unwrap();
    let echo = tools
        .iter()
        .filter_map(Value::as_str)
        .find(|name| name.ends_with("echo"));
    let echo = echo.unwrap_or_else(|| panic!("{connected:#}")).to_owned();

    driver.call_echo(&echo, "one").await;
    let called = driver.hear("called").await;
    assert_eq!(
        (called["text"].as_str(), &called["error"]),
        (Some("Echo: one"), &json!(false))
    );

    driver.tell(&json!({"do": "expire"})).await;
    driver.hear("expired").await;
    driver.call_echo(&echo, "two").await;
    let second = driver.hear("tokens").await;
    assert!(made(&second, "POST", "/oauth/token", 200), "{second:#}");
    assert_ne!(second["access_token"], first["access_token"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(driver.hear("called").await["text"], "Echo: two");
    assert_eq!(
        house.owner().connections().await.len(),
        1,
        "a refresh is no new connection"
    );

    driver.tell(&json!({"do": "revoke"})).await;
    assert_eq!(driver.hear("revoked").await["status"], 200);
    driver.call_echo(&echo, "three").await;
    let refused = driver.hear("refused").await;
    assert!(made(&refused, "POST", "/mcp", 401), "{refused:#}");
    assert!(house.owner().approvals().await.is_empty());
}

#[tokio::test]
async fn the_python_sdk_in_its_newest_protocol() {
    from_discovery_to_refusal(
        &python(),
        &sdk().join("python/driver.py"),
        "auto",
        "2026-07-28",
    )
    .await;
}

#[tokio::test]
async fn the_python_sdk_with_the_initialize_handshake() {
    from_discovery_to_refusal(
        &python(),
        &sdk().join("python/driver.py"),
        "legacy",
        "2025-11-25",
    )
    .await;
}

#[tokio::test]
async fn the_typescript_sdk() {
    let script = sdk().join("typescript/driver.mjs");
    from_discovery_to_refusal(Path::new("node"), &script, "legacy", "2025-11-25").await;
}
