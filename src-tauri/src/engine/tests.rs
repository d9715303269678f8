//! The engine from inside: opening, closing, settings, erasing; with a keychain in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use drawbridge_oauth::{AccessLevel, ApprovalOutcome, Event as OAuthEvent, GrantLifetime};
use drawbridge_vault::{MemoryKeychain, MemoryMood, is_being_erased};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

use super::{Addresses, Engine, EraseError, Event, OpenError};
use crate::config::{Config, Folders, Front, GivenPorts, GuideValues, PublicUrl};
use crate::ui_api::{
    NewServer, NewToken, PortsView, SettingsChange, State, TermsChoice, TunnelKind, UiErrorCode,
    add_server, change_settings, create_token, erase_everything, open_bridge, settings, status,
    tools,
};

/// Closing ends what is under way within this time.
const CLOSE: Duration = Duration::from_millis(1100);
/// More than a busy machine takes for what should be quick.
const SLACK: Duration = Duration::from_secs(2);

pub(super) struct House {
    folder: TempDir,
    keychain: Arc<MemoryKeychain>,
}

impl House {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("db-").tempdir().unwrap(),
            keychain: Arc::new(MemoryKeychain::new()),
        }
    }

    fn folders(&self) -> Folders {
        let data = self.folder.path().join("data");
        Folders {
            run: data.join("run"),
            logs: data.join("logs"),
            data,
        }
    }

    fn config(&self) -> Config {
        Config {
            folders: self.folders(),
            ports: GivenPorts::default(),
            tunnel: None,
            front: Front::default(),
            known_clients_only: false,
            guide: GuideValues::default(),
            has_env_file: false,
            window: false,
            children: Vec::new(),
        }
    }

    async fn start_with(&self, config: Config) -> Engine {
        Engine::start_on(config, self.keychain.clone())
            .await
            .unwrap()
    }

    /// Started with free ports in the settings, and closed.
    pub(super) async fn start(&self) -> Engine {
        let engine = self.start_with(self.config()).await;
        change_settings(&engine, ports(0, 0, 0)).await.unwrap();
        engine
    }

    /// The same, and open.
    pub(super) async fn open(&self) -> Engine {
        let engine = self.start().await;
        engine.open().await.unwrap();
        engine
    }
}

fn ports(loopback: u16, local: u16, tunnel: u16) -> SettingsChange {
    let ports = PortsView {
        loopback,
        local,
        tunnel,
    };
    SettingsChange {
        ports: Some(ports),
        ..SettingsChange::default()
    }
}

fn own_front() -> SettingsChange {
    SettingsChange {
        tunnel: Some(TunnelKind::Own),
        public_url: Some("https://bridge.example".to_owned()),
        ..SettingsChange::default()
    }
}

fn places(addresses: &Addresses) -> Vec<SocketAddr> {
    let tunnel = addresses.tunnel.as_ref().map(|(address, _)| *address);
    [addresses.loopback, addresses.local]
        .into_iter()
        .chain(tunnel)
        .collect()
}

async fn is_reachable(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}

/// Sends a request as it is written here; answers all that comes back.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // It may be cut off.
    let _broken = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    exchange(address, &format!("{head}{headers}\r\n")).await
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
}

/// The path of an address, with its query.
fn path(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    let query = url.query().map(|query| format!("?{query}"));
    format!("{}{}", url.path(), query.unwrap_or_default())
}

fn told(events: &mut broadcast::Receiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

fn states(events: &mut broadcast::Receiver<Event>) -> Vec<State> {
    let states = told(events).into_iter().filter_map(|event| match event {
        Event::State(state) => Some(state),
        _ => None,
    });
    states.collect()
}

#[tokio::test]
async fn started_it_is_closed_and_nothing_can_be_reached() {
    let house = House::new();
    let engine = house.start().await;
    assert_eq!(engine.state(), State::Closed);
    engine.open().await.unwrap();
    let open = engine.addresses();
    engine.close().await;
    assert_eq!(engine.state(), State::Closed);
    for address in places(&open) {
        assert!(!is_reachable(address).await, "{address}");
    }
    engine.stop().await;
}

#[tokio::test]
async fn it_opens_and_closes_and_opens_again_where_it_was() {
    let house = House::new();
    let engine = house.start().await;
    let mut events = engine.events();
    change_settings(&engine, own_front()).await.unwrap();
    told(&mut events);
    let mut before = None;
    for _ in 0..3 {
        engine.open().await.unwrap();
        engine.open().await.unwrap();
        let addresses = engine.addresses();
        assert_eq!(places(&addresses).len(), 3);
        for address in places(&addresses) {
            assert!(is_reachable(address).await, "{address}");
        }
        let health = get(addresses.loopback, "/health?nonce=n", "").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        assert_eq!(states(&mut events), [State::Opening, State::Open]);
        let told = status(&engine).unwrap();
        assert_eq!((told.state, told.tunnel), (State::Open, TunnelKind::Own));

        engine.close().await;
        engine.close().await;
        assert_eq!(states(&mut events), [State::Closed]);
        for address in places(&addresses) {
            assert!(!is_reachable(address).await, "{address}");
        }
        // Closed, it says where it would be: clients' settings stay right.
        let closed = status(&engine).unwrap();
        assert_eq!(closed.state, State::Closed);
        assert_eq!(closed.connector_url, "https://bridge.example/mcp");
        assert_eq!(closed.connector_url, told.connector_url);
        assert_eq!(closed.local_url, told.local_url);
        assert_eq!(closed.tunnel_url, told.tunnel_url);
        let places = places(&addresses);
        assert_eq!(*before.get_or_insert_with(|| places.clone()), places);
    }
    engine.stop().await;
}

#[tokio::test]
async fn a_port_in_use_needs_the_owner_and_is_mended_in_the_settings() {
    let house = House::new();
    let engine = house.open().await;
    let good = engine.addresses().loopback;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap().port();
    let mut events = engine.events();

    // The change itself is no mistake: it is stored.
    let view = change_settings(&engine, ports(taken, 0, 0)).await.unwrap();
    assert_eq!(view.ports.loopback, taken);
    assert_eq!(engine.state(), State::Attention);
    assert!(!is_reachable(good).await, "the old port is given free");
    let problem = status(&engine).unwrap().problem.unwrap();
    assert_eq!(problem.code, UiErrorCode::Unavailable);
    assert!(
        problem
            .message
            .starts_with(&format!("Port {taken}, for clients on this computer,"))
            && problem.message.contains("Settings"),
        "{problem}"
    );
    assert_eq!(
        states(&mut events),
        [State::Opening, State::Attention],
        "closing to open anew is no state of its own"
    );
    // Asked again it is the same, in the same words.
    assert_eq!(open_bridge(&engine).await.unwrap_err(), problem);

    change_settings(&engine, ports(0, 0, 0)).await.unwrap();
    assert_eq!(engine.state(), State::Open);
    assert_eq!(status(&engine).unwrap().problem, None);
    assert!(is_reachable(engine.addresses().loopback).await);

    // Or by the other program going away.
    change_settings(&engine, ports(taken, 0, 0)).await.unwrap();
    drop(other);
    open_bridge(&engine).await.unwrap();
    assert_eq!(engine.addresses().loopback.port(), taken);
    engine.stop().await;
}

#[tokio::test]
async fn each_port_that_cannot_be_had_is_named() {
    let house = House::new();
    let engine = house.start().await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap().port();
    change_settings(&engine, own_front()).await.unwrap();
    for (asked, flag) in [
        (ports(taken, 0, 0), "--port"),
        (ports(0, taken, 0), "--local-port"),
        (ports(0, 0, taken), "--tunnel-port"),
    ] {
        change_settings(&engine, asked).await.unwrap();
        assert_eq!(engine.state(), State::Closed, "closed it stays closed");
        let error = engine.open().await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, OpenError::Port { port, .. } if port == taken));
        assert!(
            text.ends_with(flag) && text.contains(&taken.to_string()),
            "{text}"
        );
        engine.close().await;
        assert_eq!(engine.problem(), None);
    }
    engine.stop().await;
}

#[tokio::test]
async fn other_ports_are_opened_at_once_and_the_old_ones_closed() {
    let house = House::new();
    let engine = house.open().await;
    let before = engine.addresses();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    change_settings(&engine, ports(port, 0, 0)).await.unwrap();
    let after = engine.addresses();
    assert_eq!(after.loopback.port(), port);
    assert_eq!(after.local, before.local, "any free one: the one it had");
    assert!(is_reachable(after.loopback).await);
    assert!(!is_reachable(before.loopback).await);
    assert_eq!(engine.state(), State::Open);
    engine.stop().await;
}

#[tokio::test]
async fn what_does_not_move_the_ports_takes_effect_at_once_and_ends_no_stream() {
    let house = House::new();
    let engine = house.open().await;
    let mut stream = TcpStream::connect(engine.addresses().loopback)
        .await
        .unwrap();
    let mut events = engine.events();
    let strict = SettingsChange {
        armed_only: Some(true),
        known_clients_only: Some(true),
        open_at_start: Some(false),
        ..SettingsChange::default()
    };
    change_settings(&engine, strict).await.unwrap();
    let seen = engine.inner.oauth_settings.borrow().clone();
    assert!(seen.armed_only && seen.known_clients_only);
    assert_eq!(seen.local_listener, Some(engine.addresses().local));
    assert!(status(&engine).unwrap().armed_only);
    let told = told(&mut events);
    assert!(matches!(told[..], [Event::Settings]), "{told:?}");
    let host = engine.addresses().loopback;
    let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    engine.stop().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_changes_nothing() {
    let house = House::new();
    let engine = house.open().await;
    let before = settings(&engine).unwrap();
    for wrong in [
        SettingsChange {
            armed_only: Some(true),
            ..ports(9000, 9000, 0)
        },
        SettingsChange {
            public_url: Some("bridge.example".to_owned()),
            open_at_start: Some(false),
            ..SettingsChange::default()
        },
    ] {
        let error = change_settings(&engine, wrong).await.unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
        assert_eq!(settings(&engine).unwrap(), before);
        assert_eq!(engine.state(), State::Open);
    }
    engine.stop().await;
}

#[tokio::test]
async fn settings_outlive_a_restart_and_flags_win_over_them() {
    let house = House::new();
    let engine = house.start().await;
    let asked = SettingsChange {
        open_at_start: Some(false),
        show_window_at_start: Some(false),
        armed_only: Some(true),
        known_clients_only: Some(true),
        ..own_front()
    };
    let before = change_settings(&engine, asked).await.unwrap();
    assert!(before.fixed.is_empty());
    engine.stop().await;

    let engine = house.start_with(house.config()).await;
    assert_eq!(settings(&engine).unwrap(), before);
    engine.open().await.unwrap();
    let seen = engine.inner.oauth_settings.borrow().clone();
    assert!(seen.armed_only && seen.known_clients_only);
    assert_eq!(
        seen.public_origin.as_deref(),
        Some("https://bridge.example")
    );
    engine.stop().await;

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let given = Config {
        ports: GivenPorts {
            loopback: Some(port),
            ..GivenPorts::default()
        },
        guide: GuideValues {
            base_url: Some(PublicUrl::parse("https://environment.example").unwrap()),
            ..GuideValues::default()
        },
        ..house.config()
    };
    let engine = house.start_with(given).await;
    let view = settings(&engine).unwrap();
    assert_eq!(view.fixed, ["ports.loopback", "tunnel", "public_url"]);
    assert_eq!(
        view.public_url.as_deref(),
        Some("https://environment.example")
    );
    engine.open().await.unwrap();
    assert_eq!(engine.addresses().loopback.port(), port);
    engine.stop().await;
}

#[tokio::test]
async fn closing_cuts_off_what_does_not_end_by_itself() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    // Headers that never end, a body that never comes, a connection on which nothing is asked.
    let begun = [
        format!("GET /health HTTP/1.1\r\nHost: {address}\r\n"),
        format!(
            "POST /oauth/register HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: 100\r\n\r\n{{"
        ),
        String::new(),
    ];
    let mut streams = Vec::new();
    for text in begun {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    // Answered, so all before it were accepted.
    get(address, "/health", "").await;
    let started = Instant::now();
    engine.close().await;
    assert!(started.elapsed() < CLOSE + SLACK, "{:?}", started.elapsed());
    for mut stream in streams {
        let mut rest = Vec::new();
        let _broken = stream.read_to_end(&mut rest).await;
    }
    engine.open().await.unwrap();
    assert_eq!(engine.addresses().loopback, address);
    engine.stop().await;
}

/// The Python of the tests and the server they put behind the gateway.
fn fixture_server() -> NewServer {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let python = if cfg!(windows) {
        ".venv/Scripts/python.exe"
    } else {
        ".venv/bin/python"
    };
    let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
    NewServer {
        name: "fixture".to_owned(),
        command: text(tests.join(python)),
        args: vec![text(tests.join("app/fixtures/server.py"))],
        env: BTreeMap::new(),
        directory: None,
    }
}

fn mcp(address: SocketAddr, token: &str, body: &serde_json::Value) -> String {
    let body = body.to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: 2025-11-25\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(unix)]
#[tokio::test]
async fn a_call_in_flight_ends_in_time_and_its_token_works_when_it_is_open_again() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    add_server(&engine, fixture_server()).await.unwrap();
    // Answers when the server has started.
    tools(&engine, "fixture").await.unwrap();
    let terms = TermsChoice {
        servers: None,
        access: AccessLevel::Read,
        lifetime: GrantLifetime::Hour,
    };
    let asked = NewToken {
        name: "test".to_owned(),
        terms,
        public: false,
    };
    let token = create_token(&engine, asked)
        .await
        .unwrap()
        .token
        .into_secret();
    let token = token.expose_secret();
    let list = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let listed = exchange(address, &mcp(address, token, &list)).await;
    let (_, json) = listed.split_once("\r\n\r\n").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let names = json["result"]["tools"].as_array().unwrap().iter();
    let name = names
        .filter_map(|tool| tool["name"].as_str())
        .find(|name| name.ends_with("run"))
        .unwrap();
    // The program says through a pipe that it runs; then it stays.
    let pipe = house.folder.path().join("begun");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let script = format!("echo > '{}'; exec sleep 300", pipe.display());
    let call = serde_json::json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params":
        {"name": name, "arguments":
            {"command": ["/bin/sh", "-c", script], "environment": {}, "way": "child"}}});
    let mut flying = TcpStream::connect(address).await.unwrap();
    flying
        .write_all(mcp(address, token, &call).as_bytes())
        .await
        .unwrap();
    tokio::fs::read(&pipe).await.unwrap();
    let started = Instant::now();
    engine.close().await;
    assert!(started.elapsed() < CLOSE + SLACK, "{:?}", started.elapsed());
    let mut answer = Vec::new();
    let _broken = flying.read_to_end(&mut answer).await;

    engine.open().await.unwrap();
    let again = exchange(address, &mcp(address, token, &list)).await;
    assert!(again.starts_with("HTTP/1.1 200"), "{again}");
    engine.stop().await;
}

/// A question that waits for the owner; answers the path of the browser's page, and its cookie.
async fn question(engine: &Engine) -> (String, String) {
    let Addresses {
        loopback, local, ..
    } = engine.addresses();
    let body = r#"{"client_name":"T","redirect_uris":["http://127.0.0.1:9/cb"],"token_endpoint_auth_method":"none"}"#;
    let registered = exchange(
        loopback,
        &format!(
            "POST /oauth/register HTTP/1.1\r\nHost: {loopback}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
    .await;
    let (_, json) = registered.split_once("\r\n\r\n").unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let client = json["client_id"].as_str().unwrap();
    let asked = format!(
        "/oauth/authorize?response_type=code&client_id={client}&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb\
         &state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &resource=http%3A%2F%2F{loopback}%2Fmcp"
    );
    let page = get(loopback, &asked, "").await;
    let cookie = header(&page, "set-cookie").split(';').next().unwrap();
    let cookie = format!("Cookie: {cookie}\r\n");
    let (_, link) = page.split_once("/approve/").unwrap();
    let handle = link.split('"').next().unwrap();
    let navigation = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    let proven = get(local, &format!("/approve/{handle}"), navigation).await;
    let back = get(loopback, &path(header(&proven, "location")), &cookie).await;
    (path(header(&back, "location")), cookie)
}

#[tokio::test]
async fn closing_withdraws_a_question_and_nobody_is_said_to_have_denied_it() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    let (page, cookie) = question(&engine).await;
    assert_eq!(engine.oauth().approvals().len(), 1);
    let mut events = engine.events();
    // A browser waits for the answer.
    let script = format!("{cookie}Accept: application/json\r\n");
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\n{script}\r\n");
    waiting.write_all(request.as_bytes()).await.unwrap();
    get(address, "/health", "").await;
    let started = Instant::now();
    engine.close().await;
    assert!(started.elapsed() < CLOSE + SLACK, "{:?}", started.elapsed());
    let mut heard = String::new();
    waiting.read_to_string(&mut heard).await.unwrap();
    assert!(heard.ends_with(r#"{"state":"decided"}"#), "{heard}");
    assert!(engine.oauth().approvals().is_empty());
    let ended = told(&mut events).into_iter().find_map(|event| match event {
        Event::OAuth(OAuthEvent::ApprovalEnded { outcome, .. }) => Some(outcome),
        _ => None,
    });
    assert_eq!(ended, Some(ApprovalOutcome::Abandoned));

    engine.open().await.unwrap();
    let refused = get(address, &page, &cookie).await;
    let location = header(&refused, "location");
    assert!(
        location.contains("error=temporarily_unavailable") && !location.contains("denied"),
        "{location}"
    );
    // Opened again it takes questions again.
    question(&engine).await;
    assert_eq!(engine.oauth().approvals().len(), 1);
    engine.stop().await;
}

#[tokio::test]
async fn whoever_closes_while_it_opens_wins() {
    let house = House::new();
    let engine = house.start().await;
    for _ in 0..20 {
        let opening = tokio::spawn({
            let engine = engine.clone();
            async move { engine.open().await }
        });
        tokio::task::yield_now().await;
        engine.close().await;
        match opening.await.unwrap() {
            Ok(()) | Err(OpenError::Interrupted) => {}
            Err(other) => panic!("{other}"),
        }
        // Whichever came first, the last word was to close.
        engine.close().await;
        assert_eq!(engine.state(), State::Closed);
        assert!(!is_reachable(engine.addresses().loopback).await);
    }
    engine.open().await.unwrap();
    engine.stop().await;
}

#[tokio::test]
async fn many_who_open_at_once_open_once() {
    let house = House::new();
    let engine = house.start().await;
    let mut events = engine.events();
    let opening: Vec<_> = (0..8)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.open().await })
        })
        .collect();
    for one in opening {
        one.await.unwrap().unwrap();
    }
    assert_eq!(states(&mut events), [State::Opening, State::Open]);
    engine.stop().await;
}

#[tokio::test]
async fn an_opening_that_waits_while_it_stops_opens_nothing() {
    let house = House::new();
    let engine = house.start().await;
    let turn = engine.inner.bridge.hold_turn().await;
    let opening = tokio::spawn({
        let engine = engine.clone();
        async move { engine.open().await }
    });
    tokio::task::yield_now().await;
    let stopping = tokio::spawn({
        let engine = engine.clone();
        async move { engine.stop().await }
    });
    engine.stopped().await;
    drop(turn);
    assert!(matches!(opening.await.unwrap(), Err(OpenError::Stopped)));
    stopping.await.unwrap();
    assert_eq!(engine.state(), State::Closed);
    assert!(matches!(engine.open().await, Err(OpenError::Stopped)));
}

#[tokio::test]
async fn stopping_frees_the_ports() {
    let house = House::new();
    let engine = house.open().await;
    let open = engine.addresses();
    let started = Instant::now();
    engine.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2) + SLACK);
    for address in places(&open) {
        assert!(!is_reachable(address).await);
    }
}

#[tokio::test]
async fn erasing_needs_the_word() {
    let house = House::new();
    let engine = house.open().await;
    for typed in ["", "yes", "erase everything", "eras"] {
        let error = erase_everything(&engine, typed).await.unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
    }
    assert_eq!(engine.state(), State::Open);
    assert!(!is_being_erased(&engine.folders().data));
    engine.stop().await;
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn erased_it_stops_and_the_next_start_is_a_first_start() {
    let house = House::new();
    let engine = house.open().await;
    let address = engine.addresses().loopback;
    question(&engine).await;
    let folders = house.folders();
    std::fs::create_dir_all(&folders.logs).unwrap();
    std::fs::write(folders.logs.join("drawbridge.log"), "a line\n").unwrap();
    std::fs::write(folders.run.join("left-over"), "").unwrap();
    std::fs::create_dir_all(folders.web().join("cache")).unwrap();
    std::fs::write(folders.web().join("cache/page"), "").unwrap();
    erase_everything(&engine, " Erase\n").await.unwrap();
    engine.stopped().await;
    assert_eq!(engine.state(), State::Closed);
    assert!(!is_reachable(address).await);
    assert_eq!(files(house.folder.path()), ["lock"]);
    assert!(house.keychain.item_names().is_empty());
    assert!(matches!(engine.erase().await, Err(EraseError::Running)));

    let engine = house.start_with(house.config()).await;
    let view = settings(&engine).unwrap();
    assert_eq!(view.ports.loopback, crate::config::LOOPBACK_PORT);
    assert_eq!(house.keychain.item_names().len(), 1);
    engine.stop().await;
}

#[tokio::test]
async fn what_could_not_be_erased_is_said_and_goes_at_the_next_start() {
    let house = House::new();
    let engine = house.open().await;
    let item = house.keychain.item_names().remove(0);
    house.keychain.set_mood(MemoryMood::Locked);
    let error = erase_everything(&engine, "ERASE").await.unwrap_err();
    assert_eq!(error.code, UiErrorCode::Failed);
    assert!(error.message.contains(&item), "{error}");
    assert_eq!(engine.state(), State::Attention);
    assert_eq!(engine.problem(), Some(error));
    assert!(!is_reachable(engine.addresses().loopback).await);
    assert!(matches!(engine.open().await, Err(OpenError::Stopped)));
    engine.stop().await;

    house.keychain.set_mood(MemoryMood::Open);
    let engine = house.start_with(house.config()).await;
    let items = house.keychain.item_names();
    assert_eq!(items.len(), 1);
    assert_ne!(items[0], item);
    engine.stop().await;
}
