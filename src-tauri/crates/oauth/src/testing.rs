//! What the tests of this crate share: a clock to turn, seeded randomness, and a whole server over
//! a vault in a temporary folder.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use drawbridge_vault::ports::{Clock, Entropy, EntropyError};
use drawbridge_vault::{MemoryKeychain, OpenOptions, Vault};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::clients::ClientInformation;
use crate::clients::document::ClientIdUrl;
use crate::events::{Event, EventSink};
use crate::fetch::{Document, DocumentFetcher, FetchError};
use crate::grants::AuthorizationRequest;
use crate::pkce::CodeChallenge;
use crate::resource::Resource;
use crate::scope::Scope;
use crate::{
    AccessLevel, Audience, AuthorizationServer, ClientAddress, Dependencies, GrantId,
    GrantLifetime, RequestOrigin, ServerChoice, ServerDirectory, ServerSelection, Settings, Terms,
};

/// A clock that stands until it is turned.
pub(crate) struct FakeClock {
    millis: AtomicI64,
}

impl FakeClock {
    pub(crate) fn new() -> Self {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        Self {
            millis: AtomicI64::new(start.as_millisecond()),
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        // Rounded up: what waits as long as it was told has waited long enough.
        let millis = i64::try_from(by.as_micros().div_ceil(1000)).unwrap();
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.millis.load(Ordering::SeqCst)).unwrap()
    }
}

/// The same bytes for the same seed: SHA-256 of seed and count.
pub(crate) struct SeededEntropy {
    seed: u64,
    count: Mutex<u64>,
}

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            count: Mutex::new(0),
        }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut count = self.count.lock().unwrap();
        for chunk in bytes.chunks_mut(32) {
            *count += 1;
            let block = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(count.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

/// What the pretended internet answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A body, fresh for so many seconds.
    Document(String, i64),
    Error(FetchError),
}

/// A pretended internet. What was not put there has no address.
#[derive(Default)]
pub(crate) struct FakeDocuments {
    answers: Mutex<HashMap<String, Answer>>,
    fetched: AtomicUsize,
}

impl FakeDocuments {
    pub(crate) fn answer(&self, id: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(id.to_owned(), answer);
    }

    pub(crate) fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl DocumentFetcher for FakeDocuments {
    async fn fetch(&self, address: &ClientIdUrl) -> Result<Document, FetchError> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        match self.answers.lock().unwrap().get(address.as_str()) {
            Some(Answer::Document(body, seconds)) => Ok(Document {
                body: Bytes::from(body.clone()),
                fresh_for: SignedDuration::from_secs(*seconds),
            }),
            Some(Answer::Error(error)) => Err(*error),
            None => Err(FetchError::NoAddress),
        }
    }
}

/// Two servers: `notes` and `files`.
pub(crate) struct TwoServers;

impl ServerDirectory for TwoServers {
    fn servers(&self) -> Vec<ServerChoice> {
        ["notes", "files"]
            .map(|name| ServerChoice {
                name: name.to_owned(),
                title: name.to_uppercase(),
                tools: 3,
                changing: 2,
                asking: 1,
            })
            .to_vec()
    }
}

/// Keeps the news.
#[derive(Default)]
pub(crate) struct KeptEvents(Mutex<Vec<Event>>);

impl KeptEvents {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl EventSink for KeptEvents {
    fn send(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// An answer, read.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn text_of(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Status and body in one line, for snapshots.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.body)
    }
}

/// The verifier and challenge of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:3000/callback";

/// A server, and everything around it.
pub(crate) struct World {
    pub(crate) server: AuthorizationServer,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) documents: Arc<FakeDocuments>,
    pub(crate) events: Arc<KeptEvents>,
    pub(crate) settings: watch::Sender<Settings>,
    pub(crate) vault: Vault,
    sent: AtomicU32,
    directory: tempfile::TempDir,
}

impl World {
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub(crate) fn settings() -> Settings {
        Settings {
            local_listener: Some(([127, 0, 0, 1], 8788).into()),
            public_origin: Some("https://bridge.example".to_owned()),
            ..Settings::default()
        }
    }

    pub(crate) async fn new() -> Self {
        Self::with(Self::settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let vault = Vault::open(OpenOptions {
            directory: directory.path().to_owned(),
            keychain: Arc::new(MemoryKeychain::default()),
            environment_key: None,
            entropy: Arc::clone(&entropy),
            keychain_wait: Duration::ZERO,
        })
        .await
        .unwrap();
        let clock = Arc::new(FakeClock::new());
        let documents = Arc::new(FakeDocuments::default());
        let events = Arc::new(KeptEvents::default());
        let (settings, receiver) = watch::channel(settings);
        let server = AuthorizationServer::new(Dependencies {
            vault: vault.clone(),
            clock: clock.clone(),
            entropy,
            documents: documents.clone(),
            servers: Arc::new(TwoServers),
            settings: receiver,
            events: events.clone(),
        })
        .await
        .unwrap();
        Self {
            server,
            clock,
            documents,
            events,
            settings,
            vault,
            sent: AtomicU32::new(1),
            directory,
        }
    }

    pub(crate) fn loopback() -> RequestOrigin {
        RequestOrigin {
            audience: Audience::Loopback,
            base: "http://127.0.0.1:8787".to_owned(),
        }
    }

    pub(crate) fn public() -> RequestOrigin {
        let base = "https://bridge.example".to_owned();
        RequestOrigin {
            audience: Audience::Public(base.clone()),
            base,
        }
    }

    /// Sends a request to the public router as a listener would, each from another address, so
    /// that only tests of the limits meet them.
    pub(crate) async fn send(&self, origin: RequestOrigin, request: Request<Body>) -> Reply {
        let [_, b, c, d] = self.sent.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        let address = ClientAddress([127, b, c, d].into());
        self.send_from(address, origin, request).await
    }

    pub(crate) async fn send_from(
        &self,
        address: ClientAddress,
        origin: RequestOrigin,
        mut request: Request<Body>,
    ) -> Reply {
        request.extensions_mut().insert(origin);
        request.extensions_mut().insert(address);
        let response = self.server.public_router().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = Request::get(path).body(Body::empty()).unwrap();
        self.send(Self::loopback(), request).await
    }

    pub(crate) async fn post(&self, path: &str, content_type: &str, body: &str) -> Reply {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", content_type)
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.send(Self::loopback(), request).await
    }

    /// Posts a form.
    pub(crate) async fn form(&self, path: &str, parameters: &[(&str, &str)]) -> Reply {
        self.post(
            path,
            "application/x-www-form-urlencoded",
            &encode(parameters),
        )
        .await
    }

    /// Registers a client for [`REDIRECT`]; answers its id.
    pub(crate) async fn register(&self) -> String {
        let body = format!(r#"{{"client_name":"Test","redirect_uris":["{REDIRECT}"]}}"#);
        let reply = self
            .post("/oauth/register", "application/json", &body)
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply.text_of("client_id")
    }

    pub(crate) fn terms() -> Terms {
        Terms {
            servers: ServerSelection::new(["notes".to_owned()]),
            access: AccessLevel::Read,
            lifetime: GrantLifetime::UntilRevoked,
        }
    }

    pub(crate) async fn request(&self, client: &str) -> AuthorizationRequest {
        let client: ClientInformation = self.server.resolve_client(client).await.unwrap();
        AuthorizationRequest {
            client,
            redirect_uri: REDIRECT.to_owned(),
            challenge: CodeChallenge::from_request(Some(CHALLENGE), Some("S256"), true).unwrap(),
            scope: Scope::DEFAULT,
            resource: Resource::of(&Audience::Loopback),
            audience: Audience::Loopback,
        }
    }

    /// What a person's yes leads to: a grant and its code.
    pub(crate) async fn approve(&self, client: &str, terms: &Terms) -> (GrantId, String) {
        let request = self.request(client).await;
        let grant = self.server.issue_grant(&request, terms).await.unwrap();
        let code = self.server.mint_code(&grant, &request).await.unwrap();
        (grant, code.code.expose_secret().to_owned())
    }

    pub(crate) async fn exchange(&self, client: &str, code: &str) -> Reply {
        self.form(
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("client_id", client),
                ("code_verifier", VERIFIER),
            ],
        )
        .await
    }

    pub(crate) async fn refresh(&self, client: &str, token: &str) -> Reply {
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client),
        ];
        self.form("/oauth/token", &parameters).await
    }

    pub(crate) async fn revoke_token(&self, client: &str, token: &str) -> Reply {
        self.form("/oauth/revoke", &[("token", token), ("client_id", client)])
            .await
    }

    /// A connected client: its id, its grant and its first tokens.
    pub(crate) async fn connect(&self) -> Connected {
        let client = self.register().await;
        let (grant, code) = self.approve(&client, &Self::terms()).await;
        let reply = self.exchange(&client, &code).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        let (access, refresh) = (
            reply.text_of("access_token"),
            reply.text_of("refresh_token"),
        );
        Connected {
            client,
            grant,
            code,
            access,
            refresh,
        }
    }

    /// Whether the bearer check lets this token in on loopback.
    pub(crate) async fn lets_in(&self, token: &str) -> bool {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        self.server
            .authenticate(&headers, &Self::loopback(), "/mcp")
            .await
            .is_ok()
    }
}

/// What a client holds after it connected.
pub(crate) struct Connected {
    pub(crate) client: String,
    pub(crate) grant: GrantId,
    pub(crate) code: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) fn encode(parameters: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}
