//! One authorization server with a clock that stands still, and the actors around it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use drawbridge_oauth::parsers::ClientIdUrl;
use drawbridge_oauth::{
    AccessLevel, Approval, Audience, AuthorizationServer, ClientAddress, ClientCountry, Decision,
    Dependencies, Document, DocumentFetcher, Event, EventSink, FetchError, GrantLifetime, PeerUser,
    RequestOrigin, ServerChoice, ServerDirectory, ServerSelection, Settings, Terms,
};
use drawbridge_vault::ports::{Clock, OsEntropy};
use drawbridge_vault::{MemoryKeychain, OpenOptions, Vault};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;
use url::Url;

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// A redirect whose host we know.
pub(crate) const KNOWN: &str = "https://chatgpt.com/connector_platform_oauth_redirect";
/// One whose host we do not.
pub(crate) const UNKNOWN: &str = "https://app.stranger.example/callback";
/// A program on this computer.
pub(crate) const LOOPBACK: &str = "http://127.0.0.1:45454/callback";

pub(crate) const LOCAL_PORT: u16 = 8788;

/// A clock that moves only when told.
pub(crate) struct StillClock(Mutex<Timestamp>);

impl StillClock {
    pub(crate) fn pass(&self, time: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(time).unwrap();
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct NoDocuments;

#[async_trait::async_trait]
impl DocumentFetcher for NoDocuments {
    async fn fetch(&self, _address: &ClientIdUrl) -> Result<Document, FetchError> {
        Err(FetchError::NoAddress)
    }
}

/// The servers of this moment.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<ServerChoice>>);

impl Shelf {
    pub(crate) fn set(&self, names: &[&str]) {
        let server = |name: &&str| ServerChoice {
            name: (*name).to_owned(),
            title: name.to_uppercase(),
            tools: 4,
            changing: 2,
            asking: 1,
        };
        *self.0.lock().unwrap() = names.iter().map(server).collect();
    }
}

impl ServerDirectory for Shelf {
    fn servers(&self) -> Vec<ServerChoice> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Default)]
pub(crate) struct News(Mutex<Vec<Event>>);

impl News {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl EventSink for News {
    fn send(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// The server and all it stands on.
pub(crate) struct Bridge {
    pub(crate) server: AuthorizationServer,
    pub(crate) clock: Arc<StillClock>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) news: Arc<News>,
    pub(crate) settings: watch::Sender<Settings>,
    public: Router,
    local: Router,
    addresses: AtomicU32,
    _directory: tempfile::TempDir,
}

pub(crate) fn public() -> RequestOrigin {
    RequestOrigin {
        audience: Audience::Public("https://bridge.example".into()),
        base: "https://bridge.example".into(),
    }
}

pub(crate) fn loopback() -> RequestOrigin {
    RequestOrigin {
        audience: Audience::Loopback,
        base: "http://127.0.0.1:8787".into(),
    }
}

impl Bridge {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(OpenOptions {
            directory: directory.path().join("data"),
            keychain: Arc::new(MemoryKeychain::new()),
            environment_key: None,
            entropy: Arc::new(OsEntropy),
            keychain_wait: Duration::ZERO,
        })
        .await
        .unwrap();
        let clock = Arc::new(StillClock(Mutex::new(
            "2026-11-23T10:00:00Z".parse().unwrap(),
        )));
        let (shelf, news) = (Arc::new(Shelf::default()), Arc::new(News::default()));
        shelf.set(&["notes", "files"]);
        let settings = watch::Sender::new(Settings {
            local_listener: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, LOCAL_PORT))),
            public_origin: Some("https://bridge.example".into()),
            ..Settings::default()
        });
        let server = AuthorizationServer::new(Dependencies {
            vault,
            clock: Arc::<StillClock>::clone(&clock),
            entropy: Arc::new(OsEntropy),
            documents: Arc::new(NoDocuments),
            servers: Arc::<Shelf>::clone(&shelf),
            settings: settings.subscribe(),
            events: Arc::<News>::clone(&news),
        })
        .await
        .unwrap();
        let (public, local) = (server.public_router(), server.local_router());
        let addresses = AtomicU32::new(0x0a00_0001);
        Self {
            server,
            clock,
            shelf,
            news,
            settings,
            public,
            local,
            addresses,
            _directory: directory,
        }
    }

    /// Registers a client with these redirects; answers its id.
    pub(crate) async fn register(&self, redirects: &[&str]) -> String {
        self.register_named("Test client", redirects).await
    }

    pub(crate) async fn register_named(&self, name: &str, redirects: &[&str]) -> String {
        let metadata = json!({
            "client_name": name,
            "redirect_uris": redirects,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        // Each from an address of its own: registrations are limited per address.
        let mut program = Browser::new(public());
        program.address =
            IpAddr::from(self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let request = program
            .request(Method::POST, "/oauth/register")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(metadata.to_string()))
            .unwrap();
        let answer = self.send(&self.public, request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.json()["client_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, browser: &mut Browser, address: &str) -> Answer {
        self.get_with(browser, address, &[]).await
    }

    pub(crate) async fn get_with(
        &self,
        browser: &mut Browser,
        address: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = address
            .strip_prefix(&browser.origin.base)
            .unwrap_or(address);
        let mut request = browser.request(Method::GET, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self
            .send(&self.public, request.body(Body::empty()).unwrap())
            .await;
        browser.take_cookies(&answer);
        answer
    }

    pub(crate) async fn head(&self, browser: &mut Browser, address: &str) -> Answer {
        let path = address
            .strip_prefix(&browser.origin.base)
            .unwrap_or(address);
        let request = browser
            .request(Method::HEAD, path)
            .body(Body::empty())
            .unwrap();
        self.send(&self.public, request).await
    }

    pub(crate) async fn post_form(
        &self,
        browser: &mut Browser,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = browser
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self
            .send(&self.public, request.body(Body::from(body)).unwrap())
            .await;
        browser.take_cookies(&answer);
        answer
    }

    /// A form with one header set otherwise.
    pub(crate) async fn post_form_typed(
        &self,
        browser: &mut Browser,
        path: &str,
        fields: &[(&str, &str)],
        (name, value): (&str, &str),
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let form = "application/x-www-form-urlencoded";
        let kind = if name == "content-type" { value } else { form };
        let mut request = browser
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, kind);
        if name != "content-type" {
            request = request.header(name, value);
        }
        self.send(&self.public, request.body(Body::from(body)).unwrap())
            .await
    }

    /// A plain visit to the local listener by a browser of this user.
    pub(crate) async fn visit(&self, link: &str) -> Answer {
        self.visit_with(Method::GET, link, &NAVIGATION, PeerUser::Same)
            .await
    }

    pub(crate) async fn visit_with(
        &self,
        method: Method,
        link: &str,
        headers: &[(&str, &str)],
        peer: PeerUser,
    ) -> Answer {
        let path = link.strip_prefix("http://127.0.0.1:8788").unwrap_or(link);
        let mut request = Request::builder().method(method).uri(path).extension(peer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(&self.local, request.body(Body::empty()).unwrap())
            .await
    }

    async fn send(&self, router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// From the page to the question: answers the address of the waiting page.
    pub(crate) async fn queue(&self, browser: &mut Browser, query: &str) -> String {
        let page = self
            .get(browser, &format!("/oauth/authorize?{query}"))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let local = self.visit(&page.link().unwrap()).await;
        let back = self.get(browser, &local.location()).await;
        back.location()
    }

    pub(crate) fn only_approval(&self) -> Approval {
        let approvals = self.server.approvals();
        assert_eq!(approvals.len(), 1);
        approvals.into_iter().next().unwrap()
    }

    pub(crate) async fn approve(&self, approval: &Approval) {
        self.server
            .decide(approval.id(), &approval.shown(), yes(&["notes"]))
            .await
            .unwrap();
    }

    pub(crate) async fn deny(&self, approval: &Approval) {
        self.server
            .decide(approval.id(), &approval.shown(), Decision::Deny)
            .await
            .unwrap();
    }

    /// Exchanges a code as its client would.
    pub(crate) async fn exchange(&self, client: &str, redirect: &str, code: &str) -> Answer {
        let mut program = Browser::new(public());
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.post_form(&mut program, "/oauth/token", &fields, &[])
            .await
    }
}

pub(crate) fn yes(servers: &[&str]) -> Decision {
    Decision::Approve(Terms {
        servers: ServerSelection::new(servers.iter().map(|name| (*name).to_owned())),
        access: AccessLevel::Read,
        lifetime: GrantLifetime::Day,
    })
}

/// What a browser sends with a click on a link of another site.
pub(crate) const NAVIGATION: [(&str, &str); 4] = [
    ("host", "127.0.0.1:8788"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "cross-site"),
];

/// A browser with its cookies, at one of our two addresses.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) origin: RequestOrigin,
    pub(crate) address: IpAddr,
    pub(crate) country: Option<String>,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(origin: RequestOrigin) -> Self {
        let address = IpAddr::from([203, 0, 113, 7]);
        Self {
            origin,
            address,
            country: None,
            cookies: BTreeMap::new(),
        }
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .extension(self.origin.clone())
            .extension(ClientAddress(self.address))
            .extension(ClientCountry(self.country.clone()));
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        request
    }

    fn take_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Where a redirect leads. Fails if it is none.
    pub(crate) fn location(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location").unwrap().to_owned()
    }

    /// A parameter of the address a redirect leads to.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.location()).unwrap();
        let found = url.query_pairs().find(|(found, _)| found == name);
        found.map(|(_, value)| value.into_owned())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The link to the local listener.
    pub(crate) fn link(&self) -> Option<String> {
        let start = self.body.find("http://127.0.0.1:8788/approve/")?;
        let end = start + self.body[start..].find('"')?;
        Some(self.body[start..end].to_owned())
    }

    /// The hidden field of the code form.
    pub(crate) fn form_request(&self) -> Option<String> {
        let start = self.body.find("dbq_")?;
        let end = start + self.body[start..].find('"')?;
        Some(self.body[start..end].to_owned())
    }

    /// The text a person reads: without tags, style and script.
    pub(crate) fn text(&self) -> String {
        let mut body = self.body.clone();
        for tag in ["style", "script"] {
            while let Some(start) = body.find(&format!("<{tag}")) {
                let end = start + body[start..].find(&format!("</{tag}>")).unwrap();
                body.replace_range(start..end + tag.len() + 3, "");
            }
        }
        let mut text = String::new();
        let mut inside = false;
        for character in body.chars() {
            match character {
                '<' => inside = true,
                '>' => {
                    inside = false;
                    text.push(' ');
                }
                _ if !inside => text.push(character),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A well-formed request's query.
pub(crate) fn query(client: &str, redirect: &str, state: &str) -> String {
    query_with(client, redirect, state, &[])
}

/// The same with some parameters set otherwise; an empty value takes one away.
pub(crate) fn query_with(
    client: &str,
    redirect: &str,
    state: &str,
    changes: &[(&str, &str)],
) -> String {
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", redirect),
        ("scope", "mcp"),
        ("state", state),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", "https://bridge.example/mcp"),
    ];
    for (name, value) in changes {
        fields.retain(|(found, _)| found != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
