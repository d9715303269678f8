//! The guard, tried against a TLS server of our own: the tests bring names, wires and roots; the
//! guard is the one that runs in the app.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

use super::{Dial, Document, DocumentFetcher, FetchError, GuardedFetcher, Resolve};
use crate::clients::document::{ClientIdUrl, MAX_DOCUMENT};

const HOST: &str = "client.example";
const PUBLIC: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(1, 1, 1, 1))];
const BODY: &str = r#"{"client_id":"https://client.example/client.json"}"#;

type Answer = http::Response<Full<bytes::Bytes>>;
type Seen = Arc<Mutex<Vec<http::Request<()>>>>;

/// A name that leads where the test says.
struct Names(Vec<IpAddr>);

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        assert!(host.ends_with(".example"));
        if self.0.is_empty() {
            Err(io::ErrorKind::NotFound.into())
        } else {
            Ok(self.0.clone())
        }
    }
}

/// Wires that all end at the test's server, and remember what was dialed.
struct Wires {
    server: SocketAddr,
    dialed: Mutex<Vec<SocketAddr>>,
    broken: usize,
}

#[async_trait]
impl Dial for Wires {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let count = {
            let mut dialed = self.dialed.lock().unwrap();
            dialed.push(address);
            dialed.len()
        };
        if count <= self.broken {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        TcpStream::connect(self.server).await
    }
}

struct World {
    fetcher: GuardedFetcher,
    wires: Arc<Wires>,
    seen: Seen,
}

struct Plan {
    addresses: Vec<IpAddr>,
    certificate_for: &'static str,
    trusted: bool,
    broken: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            addresses: PUBLIC.to_vec(),
            certificate_for: HOST,
            trusted: true,
            broken: 0,
        }
    }
}

impl World {
    async fn new(plan: Plan, answer: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([plan.certificate_for.to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        if plan.trusted {
            roots.add(cert.der().clone()).unwrap();
        }
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let seen = Seen::default();
        tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            seen.clone(),
            answer,
        ));
        let wires = Arc::new(Wires {
            server,
            dialed: Mutex::default(),
            broken: plan.broken,
        });
        let names = Arc::new(Names(plan.addresses));
        let fetcher = GuardedFetcher::new(names, wires.clone(), roots).unwrap();
        Self {
            fetcher,
            wires,
            seen,
        }
    }

    async fn fetch(&self) -> Result<Document, FetchError> {
        let address = ClientIdUrl::parse("https://client.example/client.json?v=1").unwrap();
        self.fetcher.fetch(&address).await
    }

    fn dialed(&self) -> Vec<SocketAddr> {
        self.wires.dialed.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    seen: Seen,
    answer: impl Fn() -> Answer + Send + Sync + 'static,
) {
    let answer = Arc::new(answer);
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(stream) = tls.accept(stream).await else {
            continue;
        };
        let (seen, answer) = (seen.clone(), answer.clone());
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            seen.lock().unwrap().push(request.map(drop));
            let answer = answer();
            async move { Ok::<_, std::convert::Infallible>(answer) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn json() -> http::response::Builder {
    http::Response::builder().header("content-type", "application/json")
}

fn good() -> Answer {
    json()
        .header("cache-control", "max-age=600")
        .header("set-cookie", "a=b")
        .body(BODY.into())
        .unwrap()
}

#[tokio::test]
async fn a_document_is_fetched_from_the_address_that_was_checked() {
    let world = World::new(Plan::default(), good).await;
    for _ in 0..2 {
        let document = world.fetch().await.unwrap();
        assert_eq!(document.body, BODY);
        assert_eq!(document.fresh_for, SignedDuration::from_mins(10));
    }
    assert_eq!(world.dialed(), [SocketAddr::new(PUBLIC[0], 443); 2]);
    let seen = world.seen.lock().unwrap();
    for request in seen.iter() {
        assert_eq!(request.uri(), "/client.json?v=1");
        assert_eq!(request.headers()["host"], HOST);
        assert_eq!(request.headers()["accept"], "application/json");
        let mut names: Vec<&str> = request
            .headers()
            .keys()
            .map(http::HeaderName::as_str)
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["accept", "host", "user-agent"],
            "no cookie comes back"
        );
    }
}

#[tokio::test]
async fn no_address_that_is_not_public_is_dialed() {
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "::ffff:1.1.1.1",
    ] {
        let mixed = vec![PUBLIC[0], address.parse().unwrap()];
        for addresses in [vec![address.parse().unwrap()], mixed] {
            let world = World::new(
                Plan {
                    addresses,
                    ..Plan::default()
                },
                good,
            )
            .await;
            assert_eq!(world.fetch().await, Err(FetchError::NotPublic), "{address}");
            assert_eq!(world.dialed(), []);
        }
    }
}

#[tokio::test]
async fn the_first_address_that_answers_is_taken() {
    let addresses: Vec<IpAddr> = ["1.1.1.1", "2606:4700::1", "1.0.0.1"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    let world = World::new(
        Plan {
            addresses: addresses.clone(),
            broken: 1,
            ..Plan::default()
        },
        good,
    )
    .await;
    world.fetch().await.unwrap();
    assert_eq!(
        world.dialed(),
        [
            SocketAddr::new(addresses[0], 443),
            SocketAddr::new(addresses[1], 443)
        ]
    );
    let world = World::new(
        Plan {
            addresses,
            broken: 9,
            ..Plan::default()
        },
        good,
    )
    .await;
    assert_eq!(world.fetch().await, Err(FetchError::Connect));
    let none = World::new(
        Plan {
            addresses: Vec::new(),
            ..Plan::default()
        },
        good,
    )
    .await;
    assert_eq!(none.fetch().await, Err(FetchError::NoAddress));
}

#[tokio::test]
async fn the_host_has_to_prove_its_name() {
    let plan = Plan {
        certificate_for: "other.example",
        ..Plan::default()
    };
    assert_eq!(
        World::new(plan, good).await.fetch().await,
        Err(FetchError::Tls)
    );
    let plan = Plan {
        trusted: false,
        ..Plan::default()
    };
    assert_eq!(
        World::new(plan, good).await.fetch().await,
        Err(FetchError::Tls)
    );
}

#[tokio::test]
async fn only_200_counts_and_redirects_are_not_followed() {
    for status in [201, 204, 301, 302, 307, 401, 404, 500] {
        let answer = move || {
            json()
                .status(status)
                .header("location", "https://other.example/x")
                .body(if status == 204 {
                    "".into()
                } else {
                    BODY.into()
                })
                .unwrap()
        };
        let world = World::new(Plan::default(), answer).await;
        assert_eq!(world.fetch().await, Err(FetchError::Status(status)));
        assert_eq!(world.dialed().len(), 1);
    }
}

#[tokio::test]
async fn only_json_counts() {
    for (content_type, fine) in [
        ("application/json; charset=utf-8", true),
        ("application/oauth-client+json", true),
        ("text/html", false),
        ("text/json", false),
        ("application/jsonp", false),
    ] {
        let answer = move || {
            http::Response::builder()
                .header("content-type", content_type)
                .body(BODY.into())
                .unwrap()
        };
        let fetched = World::new(Plan::default(), answer).await.fetch().await;
        assert_eq!(fetched.is_ok(), fine, "{content_type}");
    }
    let none = || http::Response::new(BODY.into());
    assert_eq!(
        World::new(Plan::default(), none).await.fetch().await,
        Err(FetchError::ContentType)
    );
    let packed = || {
        json()
            .header("content-encoding", "gzip")
            .body(BODY.into())
            .unwrap()
    };
    let fetched = World::new(Plan::default(), packed).await.fetch().await;
    assert_eq!(fetched, Err(FetchError::ContentType));
}

#[tokio::test]
async fn a_long_document_is_refused() {
    for (length, expected) in [
        (MAX_DOCUMENT, Ok(MAX_DOCUMENT)),
        (MAX_DOCUMENT + 1, Err(FetchError::TooLong)),
    ] {
        let answer = move || json().body(vec![b' '; length].into()).unwrap();
        let fetched = World::new(Plan::default(), answer).await.fetch().await;
        assert_eq!(fetched.map(|document| document.body.len()), expected);
    }
}

/// Wires to a host that takes the connection and says nothing.
struct Silence(TcpListener);

#[async_trait]
impl Dial for Silence {
    async fn dial(&self, _address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(self.0.local_addr()?).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_given_up_after_ten_seconds() {
    let silence = Silence(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let names = Arc::new(Names(PUBLIC.to_vec()));
    let fetcher = GuardedFetcher::new(names, Arc::new(silence), RootCertStore::empty()).unwrap();
    let address = ClientIdUrl::parse("https://client.example/client.json").unwrap();
    let start = tokio::time::Instant::now();
    assert_eq!(fetcher.fetch(&address).await, Err(FetchError::TimedOut));
    assert!(start.elapsed() <= Duration::from_secs(11));
}

#[test]
fn the_apps_own_fetcher_has_roots() {
    assert!(GuardedFetcher::system().is_ok());
    assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 50);
}
