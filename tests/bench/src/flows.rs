//! What is measured.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Plan;
use crate::load::{Connection, Times, expect, measure, new_address};
use crate::server::Server;

/// Requests on their way at the same time.
const WORKERS: usize = 16;
/// Code flows at the same time: more questions than eight may not wait.
const FLOWS: usize = 8;
/// Token requests of one address before the next one is taken: 50 are allowed.
const PER_ADDRESS: u32 = 40;
const REDIRECT: &str = "http://127.0.0.1:33418/callback";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Where the server is.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    clients: SocketAddr,
    local: SocketAddr,
}

/// A client with its tokens and the connection it uses them on.
struct Refresher {
    scene: Scene,
    connection: Connection,
    client: String,
    refresh: String,
    used: u32,
}

/// A client that connects again and again.
struct Connector {
    scene: Scene,
    client: String,
}

impl Scene {
    pub(crate) fn new(server: &Server) -> Self {
        Self {
            clients: server.clients,
            local: server.local,
        }
    }

    /// Measures everything once and prints a line for each.
    pub(crate) async fn measure(self, state: &str, plan: Plan) -> anyhow::Result<()> {
        let length = Duration::from_secs(plan.seconds);
        let baseline = self.gets("/plain", length).await?;
        let print = |what: &str, times: &Times| {
            println!(
                "| {what} | {state} | {:.0} | {:.2} | {:.2} | {:.3} |",
                times.per_second(),
                times.percentile(50),
                times.percentile(99),
                times.per_second() / baseline.per_second(),
            );
        };
        print("plain axum, `hello`", &baseline);
        print("`GET` metadata", &self.gets(METADATA, length).await?);
        print("refresh", &self.refreshes(length).await?);
        print("whole code flow", &self.code_flows(length).await?);
        Ok(())
    }

    async fn gets(self, path: &'static str, length: Duration) -> anyhow::Result<Times> {
        let begin = async || Connection::open(new_address(), self.clients).await;
        measure(WORKERS, length, begin, move |connection| {
            Box::pin(async move {
                expect(connection.get(path, ("accept", "*/*")).await?, 200)?;
                Ok(())
            })
        })
        .await
    }

    async fn refreshes(self, length: Duration) -> anyhow::Result<Times> {
        let begin = async || {
            let client = self.new_client().await?;
            let refresh = self.connect(&client).await?;
            let connection = Connection::open(new_address(), self.clients).await?;
            Ok(Refresher {
                scene: self,
                connection,
                client,
                refresh,
                used: 0,
            })
        };
        measure(WORKERS, length, begin, |refresher| {
            Box::pin(refresher.refresh())
        })
        .await
    }

    async fn code_flows(self, length: Duration) -> anyhow::Result<Times> {
        let begin = async || {
            Ok(Connector {
                scene: self,
                client: self.new_client().await?,
            })
        };
        measure(FLOWS, length, begin, |connector: &mut Connector| {
            Box::pin(async move { connector.scene.connect(&connector.client).await.map(drop) })
        })
        .await
    }

    /// Registers clients, twenty from each address.
    pub(crate) async fn register(self, clients: usize) -> anyhow::Result<()> {
        let mut left = clients;
        while left > 0 {
            let mut connection = Connection::open(new_address(), self.clients).await?;
            for _ in 0..left.min(20) {
                register(&mut connection).await?;
            }
            left = left.saturating_sub(20);
        }
        Ok(())
    }

    async fn new_client(self) -> anyhow::Result<String> {
        register(&mut Connection::open(new_address(), self.clients).await?).await
    }

    /// The whole code flow in a browser of its own: authorize page, local listener, back, waiting
    /// page, code, tokens. Answers the refresh token.
    async fn connect(self, client: &str) -> anyhow::Result<String> {
        let address = new_address();
        let mut public = Connection::open(address, self.clients).await?;
        let mut local = Connection::open(address, self.local).await?;
        let verifier = random()?;
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client),
                ("redirect_uri", REDIRECT),
                ("state", &random()?),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        let ask = format!("/oauth/authorize?{query}");
        let page = expect(public.get(&ask, ("accept", "text/html")).await?, 200)?;
        let cookie = header(&page, "set-cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(page.body()).into_owned();
        let handle = body
            .split("/approve/")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let visit = format!(
            "/approve/{}",
            handle.context("no link to the local listener")?
        );
        let proof = expect(
            local.get(&visit, ("sec-fetch-mode", "navigate")).await?,
            303,
        )?;
        let back = expect(public.get(&path(&proof)?, ("cookie", &cookie)).await?, 303)?;
        let waiting = path(&back)?;
        // As the waiting page's script does: answered when it is decided.
        let wait = Request::get(&waiting)
            .header("cookie", &cookie)
            .header("accept", "application/json");
        expect(public.send(wait.body(Full::default())?).await?, 200)?;
        let sent = expect(public.get(&waiting, ("cookie", &cookie)).await?, 303)?;
        let target = url::Url::parse(&header(&sent, "location")?)?;
        let code = target
            .query_pairs()
            .find(|(name, _)| name == "code")
            .context("no code")?
            .1;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &verifier),
        ];
        refresh_token(&expect(public.post("/oauth/token", &form).await?, 200)?)
    }
}

impl Refresher {
    async fn refresh(&mut self) -> anyhow::Result<()> {
        if self.used == PER_ADDRESS {
            self.connection = Connection::open(new_address(), self.scene.clients).await?;
            self.used = 0;
        }
        self.used += 1;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh.as_str()),
            ("client_id", self.client.as_str()),
        ];
        let answer = expect(self.connection.post("/oauth/token", &form).await?, 200)?;
        self.refresh = refresh_token(&answer)?;
        Ok(())
    }
}

async fn register(connection: &mut Connection) -> anyhow::Result<String> {
    let metadata = json!({
        "client_name": "Bench", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    });
    let request = Request::post("/oauth/register")
        .header("content-type", "application/json")
        .body(Full::from(Bytes::from(metadata.to_string())))?;
    let answer = expect(connection.send(request).await?, 201)?;
    text(&answer, "client_id")
}

fn refresh_token(answer: &Response<Bytes>) -> anyhow::Result<String> {
    text(answer, "refresh_token")
}

fn text(answer: &Response<Bytes>, field: &str) -> anyhow::Result<String> {
    let json: Value = serde_json::from_slice(answer.body())?;
    Ok(json[field]
        .as_str()
        .with_context(|| format!("no {field}"))?
        .to_owned())
}

fn header(answer: &Response<Bytes>, name: &str) -> anyhow::Result<String> {
    let value = answer
        .headers()
        .get(name)
        .with_context(|| format!("no {name}"))?;
    Ok(value.to_str()?.to_owned())
}

/// The path a redirect leads to.
fn path(answer: &Response<Bytes>) -> anyhow::Result<String> {
    Ok(url::Url::parse(&header(answer, "location")?)?
        .path()
        .to_owned())
}

fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
