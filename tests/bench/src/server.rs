//! The authorization server without the rest of the app, and with nobody to ask.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use drawbridge_oauth::{
    AccessLevel, Audience, AuthorizationServer, ClientAddress, Decision, Dependencies,
    GrantLifetime, GuardedFetcher, NewScriptToken, NoEvents, PeerUser, RequestOrigin, ServerChoice,
    ServerDirectory, ServerSelection, Settings, Terms,
};
use drawbridge_vault::ports::{OsEntropy, SystemClock};
use drawbridge_vault::{MemoryKeychain, OpenOptions, Vault};
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Grants made at the same time while filling.
const FILLERS: usize = 256;

/// The server's process, seen from the load.
pub(crate) struct Server {
    child: Child,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
    data: tempfile::TempDir,
    /// The listener for clients, plain axum at `/plain`.
    pub(crate) clients: SocketAddr,
    /// The local listener.
    pub(crate) local: SocketAddr,
}

impl Server {
    /// Starts it on an empty data directory.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = child.stdin.take().context("its input")?;
        let mut says = BufReader::new(child.stdout.take().context("its output")?);
        let mut line = String::new();
        says.read_line(&mut line)?;
        let mut ports = line.split_whitespace().map(str::parse);
        let mut port = || ports.next().context("its ports")?.context("its ports");
        let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (clients, local) = (at(port()?), at(port()?));
        Ok(Self {
            child,
            told,
            says,
            data,
            clients,
            local,
        })
    }

    /// Makes grants; each with a token, each on disk.
    pub(crate) fn fill(&mut self, grants: usize) -> anyhow::Result<()> {
        writeln!(self.told, "{grants}")?;
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        if line.trim() != "filled" {
            bail!("the server said {line:?}");
        }
        Ok(())
    }

    /// Its resident memory in MiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("memory is measured on Linux only")?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .context("VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }

    /// The size of the database in MiB.
    pub(crate) fn disk(&self) -> anyhow::Result<f64> {
        let mut bytes = 0;
        for entry in std::fs::read_dir(self.data.path())? {
            bytes += entry?.metadata()?.len();
        }
        let kib = u32::try_from(bytes / 1024)?;
        Ok(f64::from(kib) / 1024.0)
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.told);
        self.child.wait()?;
        Ok(())
    }
}

/// Two servers, so that grants have something to name.
struct TwoServers;

impl ServerDirectory for TwoServers {
    fn servers(&self) -> Vec<ServerChoice> {
        ["notes", "files"].map(choice).to_vec()
    }
}

fn choice(name: &str) -> ServerChoice {
    let name = name.to_owned();
    ServerChoice {
        title: name.clone(),
        name,
        tools: 12,
        changing: 4,
        asking: 1,
    }
}

fn terms() -> Terms {
    Terms {
        servers: ServerSelection::new(["notes".to_owned(), "files".to_owned()]),
        access: AccessLevel::Read,
        lifetime: GrantLifetime::ThirtyDays,
    }
}

/// The server's process: says its two ports, makes grants when told a number, ends with its input.
pub(crate) async fn serve(arguments: &[String]) -> anyhow::Result<()> {
    let directory = PathBuf::from(arguments.first().context("a data directory")?);
    let vault = Vault::open(OpenOptions {
        directory,
        keychain: Arc::new(MemoryKeychain::new()),
        environment_key: None,
        entropy: Arc::new(OsEntropy),
        keychain_wait: Duration::ZERO,
    })
    .await?;
    let clients = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let local = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (at, local_at) = (clients.local_addr()?, local.local_addr()?);
    let settings = Settings {
        local_listener: Some(local_at),
        ..Settings::default()
    };
    let (_keep, settings) = watch::channel(settings);
    let server = AuthorizationServer::new(Dependencies {
        vault,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        documents: Arc::new(GuardedFetcher::system()?),
        servers: Arc::new(TwoServers),
        settings,
        events: Arc::new(NoEvents),
    })
    .await?;
    tokio::spawn(answer_every_approval(server.clone()));
    tokio::spawn(listen(clients, public_routes(&server, at)));
    tokio::spawn(listen(local, local_routes(&server)));
    println!("{} {}", at.port(), local_at.port());
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        fill(&server, line.trim().parse()?).await?;
        println!("filled");
    }
    Ok(())
}

async fn listen(listener: TcpListener, routes: Router) -> std::io::Result<()> {
    axum::serve(
        listener,
        routes.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}

fn public_routes(server: &AuthorizationServer, at: SocketAddr) -> Router {
    let origin = RequestOrigin {
        audience: Audience::Loopback,
        base: format!("http://{at}"),
    };
    let routes = server
        .public_router()
        .layer(from_fn_with_state(origin, with_origin));
    Router::new()
        .route("/plain", get(|| async { "hello" }))
        .merge(routes)
}

fn local_routes(server: &AuthorizationServer) -> Router {
    server
        .local_router()
        .layer(axum::middleware::from_fn(with_peer))
}

/// What the app's listener for clients tells about a request.
async fn with_origin(
    State(origin): State<RequestOrigin>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let address: IpAddr = peer.ip();
    request.extensions_mut().insert(origin);
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// What the app's local listener tells about a request.
async fn with_peer(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(PeerUser::Same);
    next.run(request).await
}

/// Stands where the app asks a person.
async fn answer_every_approval(server: AuthorizationServer) {
    let mut waiting = server.watch_approvals();
    while waiting.changed().await.is_ok() {
        let questions = waiting.borrow_and_update().clone();
        let mut answers = JoinSet::new();
        for question in questions {
            let server = server.clone();
            answers.spawn(async move {
                let decision = Decision::Approve(terms());
                // Answered by the round before: nothing is left to do.
                let _ = server
                    .decide(question.id(), &question.shown(), decision)
                    .await;
            });
        }
        answers.join_all().await;
    }
}

async fn fill(server: &AuthorizationServer, grants: usize) -> anyhow::Result<()> {
    let mut making = JoinSet::new();
    for number in 0..grants {
        if making.len() >= FILLERS {
            making.join_next().await.context("one of many")???;
        }
        let server = server.clone();
        making.spawn(async move {
            let name = format!("script {number}");
            let new = NewScriptToken {
                name,
                terms: terms(),
                audience: Audience::Loopback,
            };
            server
                .create_token(new)
                .await
                .map(drop)
                .map_err(anyhow::Error::from)
        });
    }
    while let Some(made) = making.join_next().await {
        made??;
    }
    Ok(())
}
