//! A gateway over a vault in a temporary folder, asked as a client would ask it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use drawbridge_gateway::{
    CallRecord, ChildEnvironment, Dependencies, Event, EventSink, Gateway, NewServer, Options,
};
use drawbridge_oauth::{
    AccessLevel, Audience, GrantId, LiveGrant, Principal, RequestOrigin, ServerSelection,
};
use drawbridge_vault::ports::{OsEntropy, SystemClock};
use drawbridge_vault::{MemoryKeychain, OpenOptions, StoreError, Vault};
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const CHILD: &str = env!("CARGO_BIN_EXE_drawbridge-gateway-test-child");

pub(crate) type Launcher = (PathBuf, Vec<OsString>);

/// Keeps the news.
#[derive(Default)]
struct News(Mutex<Vec<Event>>);

impl EventSink for News {
    fn send(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

pub(crate) struct House {
    pub(crate) gateway: Gateway,
    pub(crate) vault: Vault,
    news: Arc<News>,
    keychain: Arc<MemoryKeychain>,
    folder: tempfile::TempDir,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::built(options, None).await
    }

    /// With a program that is put before each child.
    pub(crate) async fn launching(launcher: Launcher) -> Self {
        Self::built(Options::default(), Some(launcher)).await
    }

    async fn built(options: Options, launcher: Option<Launcher>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keychain = Arc::new(MemoryKeychain::new());
        let vault = open(&folder, &keychain).await;
        let news = Arc::new(News::default());
        let gateway = start(&vault, &news, options, launcher);
        Self {
            gateway,
            vault,
            news,
            keychain,
            folder,
        }
    }

    /// The same data after a restart.
    pub(crate) async fn restarted(self) -> Self {
        let Self {
            gateway,
            vault,
            news,
            keychain,
            folder,
        } = self;
        gateway.shutdown().await;
        drop(gateway);
        vault.close().await;
        drop(vault);
        let vault = open(&folder, &keychain).await;
        let gateway = start(&vault, &news, Options::default(), None);
        Self {
            gateway,
            vault,
            news,
            keychain,
            folder,
        }
    }

    /// Adds the test child in one of its modes.
    pub(crate) async fn add(&self, name: &str, mode: &str) {
        self.gateway.add_server(server(name, mode)).await.unwrap();
    }

    /// The news so far.
    pub(crate) fn told(&self) -> Vec<Event> {
        self.news.0.lock().unwrap().clone()
    }

    /// A client whose grant covers these servers.
    pub(crate) fn client(&self, servers: &[&str], access: AccessLevel) -> Client {
        let principal = Principal {
            grant: GrantId::parse("grant-1").unwrap(),
            client: "test client".to_owned(),
            servers: ServerSelection::new(servers.iter().map(|name| (*name).to_owned())),
            access,
            expires_at: None,
        };
        Client {
            gateway: self.gateway.clone(),
            live: Arc::new(Mutex::new(Some(principal.clone()))),
            principal,
        }
    }

    /// What was recorded of calls, oldest first, once the last of them is there.
    pub(crate) async fn audit(&self, count: usize) -> Vec<CallRecord> {
        // The writer commits within 100 ms; a write after that waits for it.
        self.vault.write::<_, StoreError>(|_| Ok(())).await.unwrap();
        let rows = self
            .vault
            .read::<_, StoreError>(|reader| reader.audit(None, 100))
            .unwrap();
        let mut records: Vec<CallRecord> = rows
            .iter()
            .map(|row| serde_json::from_slice(&row.details).unwrap())
            .collect();
        records.reverse();
        assert_eq!(records.len(), count, "{records:?}");
        let told = self.news.0.lock().unwrap();
        let called = told
            .iter()
            .filter(|event| matches!(event, Event::Called(_)))
            .count();
        assert_eq!(called, count);
        records
    }
}

async fn open(folder: &tempfile::TempDir, keychain: &Arc<MemoryKeychain>) -> Vault {
    let options = OpenOptions {
        directory: folder.path().join("data"),
        keychain: keychain.clone(),
        environment_key: None,
        entropy: Arc::new(OsEntropy),
        keychain_wait: Duration::ZERO,
    };
    Vault::open(options).await.unwrap()
}

fn start(vault: &Vault, news: &Arc<News>, options: Options, launcher: Option<Launcher>) -> Gateway {
    Gateway::start(Dependencies {
        vault: vault.clone(),
        clock: Arc::new(SystemClock),
        environment: ChildEnvironment {
            variables: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("LANG".into(), "C".into()),
            ],
            launcher,
        },
        events: news.clone(),
        options,
    })
    .unwrap()
}

pub(crate) fn server(name: &str, mode: &str) -> NewServer {
    NewServer {
        name: name.to_owned(),
        command: CHILD.to_owned(),
        args: vec![mode.to_owned()],
        env: BTreeMap::new(),
        directory: None,
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    gateway: Gateway,
    principal: Principal,
    live: Arc<Mutex<Option<Principal>>>,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) kind: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Client {
    /// Changes what its grant allows while its requests are on their way.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Option<Principal>)) {
        change(&mut self.live.lock().unwrap());
    }

    /// The router with what the listener and the bearer check put in front.
    pub(crate) fn router(&self) -> axum::Router {
        let principal = self.principal.clone();
        let live = Arc::clone(&self.live);
        let live = LiveGrant::new(move || live.lock().unwrap().clone());
        self.gateway
            .router()
            .layer(from_fn(move |mut request: Request, next: Next| {
                let (principal, live) = (principal.clone(), live.clone());
                async move {
                    request.extensions_mut().insert(principal);
                    request.extensions_mut().insert(live);
                    request.extensions_mut().insert(RequestOrigin {
                        audience: Audience::Loopback,
                        base: "http://127.0.0.1:8787".to_owned(),
                    });
                    next.run(request).await
                }
            }))
    }

    /// A POST of the older era with what every client sends.
    pub(crate) fn post() -> http::request::Builder {
        Request::post("/mcp")
            .header("host", "127.0.0.1:8787")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    pub(crate) async fn send(&self, request: http::Request<Body>) -> Answer {
        read(self.router().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = Self::post()
            .header("mcp-protocol-version", "2025-11-25")
            .body(Body::from(message.to_string()))
            .unwrap();
        let answer = self.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    /// The same in the newer era.
    pub(crate) async fn ask_modern(&self, method: &str, mut params: Value) -> Answer {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = Self::post()
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if !name.is_empty() {
            request = request.header("mcp-name", name);
        }
        self.send(request.body(Body::from(message.to_string())).unwrap())
            .await
    }

    /// The names of the listed tools.
    pub(crate) async fn names(&self) -> Vec<String> {
        let list = self.ask("tools/list", json!({})).await;
        list["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn call(&self, name: &str) -> Value {
        self.ask("tools/call", json!({ "name": name, "arguments": {} }))
            .await
    }

    /// The text of a call that works.
    pub(crate) async fn text(&self, name: &str) -> String {
        let answer = self.call(name).await;
        assert_ne!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The text of a call that is refused or fails as a tool.
    pub(crate) async fn failure(&self, name: &str) -> String {
        let answer = self.call(name).await;
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(crate) async fn read(response: Response) -> Answer {
    let status = response.status();
    let kind = response
        .headers()
        .get("content-type")
        .map_or_else(String::new, |kind| kind.to_str().unwrap().to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Answer {
        status,
        kind,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// Waits until `there` says so; gives up after ten seconds.
pub(crate) async fn until(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if there() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came: {what}");
}

/// Whether a process is there and is not a zombie.
#[cfg(target_os = "linux")]
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}
