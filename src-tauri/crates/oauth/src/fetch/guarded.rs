//! The fetcher with its guard.
//!
//! https at port 443 only; public addresses only, and the address that was checked is the one that
//! is spoken to; no redirects, no cookies, no proxy, nothing of the environment; status 200, JSON,
//! at most 5 KB, ten seconds for everything together.
//!
//! The roots of trust are Mozilla's, compiled in: the user is shown a host's name because of this
//! handshake alone, so it should mean the same on every computer, and a root that some program has
//! added to this one should not be able to vouch for chatgpt.com.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::address::is_public;
use super::freshness::fresh_for;
use super::{Dial, Document, DocumentFetcher, FetchError, Resolve, SystemDial, SystemResolve};
use crate::clients::document::{ClientIdUrl, MAX_DOCUMENT};

/// The only port.
pub(super) const PORT: u16 = 443;
/// For name, connection, handshake, headers and body together.
const MOST_TIME: Duration = Duration::from_secs(10);
/// How many of a host's addresses are tried.
const MOST_ADDRESSES: usize = 4;
/// How long one address may take to connect, so that another can be tried.
const CONNECT_TIME: Duration = Duration::from_secs(4);

/// Fetches documents from the public internet and from nowhere else.
pub struct GuardedFetcher {
    resolve: Arc<dyn Resolve>,
    dial: Arc<dyn Dial>,
    tls: TlsConnector,
}

impl GuardedFetcher {
    /// The one the app uses: the system's name resolution and TCP, Mozilla's roots.
    pub fn system() -> Result<Self, FetchError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Self::new(Arc::new(SystemResolve), Arc::new(SystemDial), roots)
    }

    /// One with other ports. The guard is the same.
    pub fn new(
        resolve: Arc<dyn Resolve>,
        dial: Arc<dyn Dial>,
        roots: RootCertStore,
    ) -> Result<Self, FetchError> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| FetchError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            resolve,
            dial,
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    async fn fetch_now(&self, address: &ClientIdUrl) -> Result<Document, FetchError> {
        let stream = self.connect(address.host()).await?;
        let name = ServerName::try_from(address.host().to_owned()).map_err(|_| FetchError::Tls)?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(|_| FetchError::Tls)?;
        exchange(address, stream).await
    }

    /// Connects to an address that was checked. A name that leads to any other is refused whole:
    /// nobody honest mixes public and private addresses.
    async fn connect(&self, host: &str) -> Result<TcpStream, FetchError> {
        let found: Vec<IpAddr> = self
            .resolve
            .resolve(host)
            .await
            .map_err(|_| FetchError::NoAddress)?;
        if found.is_empty() {
            return Err(FetchError::NoAddress);
        }
        if !found.iter().copied().all(is_public) {
            return Err(FetchError::NotPublic);
        }
        for ip in found.into_iter().take(MOST_ADDRESSES) {
            let dialed = self.dial.dial(SocketAddr::new(ip, PORT));
            if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_TIME, dialed).await {
                return Ok(stream);
            }
        }
        Err(FetchError::Connect)
    }
}

#[async_trait]
impl DocumentFetcher for GuardedFetcher {
    async fn fetch(&self, address: &ClientIdUrl) -> Result<Document, FetchError> {
        tokio::time::timeout(MOST_TIME, self.fetch_now(address))
            .await
            .unwrap_or(Err(FetchError::TimedOut))
    }
}

async fn exchange(
    address: &ClientIdUrl,
    stream: TlsStream<TcpStream>,
) -> Result<Document, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| FetchError::Protocol)?;
    let request = Request::get(address.path_and_query())
        .header(HOST, address.host())
        .header(ACCEPT, "application/json")
        .header(
            USER_AGENT,
            concat!("Drawbridge/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Protocol)?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| FetchError::Protocol)?;
        check_head(response.status(), response.headers())?;
        let fresh_for = fresh_for(response.headers());
        let body = Limited::new(response.into_body(), MAX_DOCUMENT)
            .collect()
            .await
            .map_err(|error| {
                let too_long = error.is::<LengthLimitError>();
                if too_long {
                    FetchError::TooLong
                } else {
                    FetchError::Protocol
                }
            })?
            .to_bytes();
        Ok(Document { body, fresh_for })
    };
    // The connection moves the bytes while the answer is awaited, and ends with it.
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
}

fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), FetchError> {
    if status != StatusCode::OK {
        return Err(FetchError::Status(status.as_u16()));
    }
    if !is_json(headers) || headers.contains_key(CONTENT_ENCODING) {
        return Err(FetchError::ContentType);
    }
    Ok(())
}

/// `application/json`, or another `application/…+json` (CIMD section 4).
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}
