//! The engine from inside, with a keychain in memory. Here stands what the tests share.

mod closing;
mod erasing;
mod opening;
mod settings;

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

/// A question that waits for the owner; answers the path of the browser's page, and its cookie.
pub(super) async fn question(engine: &Engine) -> (String, String) {
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
