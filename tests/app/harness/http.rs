//! A small HTTP/1.1 client that sends exactly what it is told, from the address it is told.
//!
//! It follows no redirect, keeps no cookie and no connection, and lets a test set, double or leave
//! out any header, because those are what the attacks are made of.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpSocket;
use url::Url;

use super::Canary;

/// No answer may take longer than this; far more than any needs on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// What an HTTPS front (cloudflared) does for the public host, and the canary that listens.
#[derive(Clone)]
pub(crate) struct Network {
    /// `https://<host>` and the tunnel listener behind it.
    pub(crate) front: Option<(String, SocketAddr)>,
    pub(crate) canary: Canary,
}

/// An address of its own for every actor, as far as the machine has more than one on loopback.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST;
    }
    let [_, _, high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    // Tests run in processes of their own and at the same time, but each has its own house.
    Ipv4Addr::new(127, 20, high, low)
}

/// Which Host header a request carries.
#[derive(Clone)]
enum HostHeader {
    OfUrl,
    Told(String),
    Absent,
}

/// One request being written.
#[derive(Clone)]
pub(crate) struct Sending {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    body: Vec<u8>,
    from: Option<Ipv4Addr>,
    to: Option<SocketAddr>,
    host: HostHeader,
}

impl Sending {
    pub(crate) fn new(method: Method, url: &str) -> Self {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            from: None,
            to: None,
            host: HostHeader::OfUrl,
        }
    }

    pub(crate) fn get(url: &str) -> Self {
        Self::new(Method::GET, url)
    }

    pub(crate) fn post(url: &str) -> Self {
        Self::new(Method::POST, url)
    }

    /// Adds a header; a second one of the same name is sent as well.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers
            .append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form(fields);
        self.header("content-type", "application/x-www-form-urlencoded")
            .body(body.into_bytes())
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(value.to_string().into_bytes())
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The address the connection comes from.
    pub(crate) fn from(mut self, address: Ipv4Addr) -> Self {
        self.from = Some(address);
        self
    }

    /// Where the connection goes, whatever the URL says.
    pub(crate) fn to(mut self, address: SocketAddr) -> Self {
        self.to = Some(address);
        self
    }

    /// Another Host header than the URL's.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = HostHeader::Told(host.to_owned());
        self
    }

    /// No Host header at all.
    pub(crate) fn without_host(mut self) -> Self {
        self.host = HostHeader::Absent;
        self
    }
}

/// `application/x-www-form-urlencoded` text.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

impl Network {
    /// Sends it and reads the whole answer.
    pub(crate) async fn send(&self, sending: Sending) -> Answer {
        let asked = format!("{} {}", sending.method, sending.url.path());
        let answer = tokio::time::timeout(DEADLINE, self.exchange(sending))
            .await
            .unwrap_or_else(|_| panic!("{asked}: no answer within {DEADLINE:?}"))
            .unwrap_or_else(|error| panic!("{asked}: {error}"));
        self.listen(&asked, &answer);
        answer
    }

    /// Like [`Self::send`], but a connection that breaks is an answer too (`Err`): the test kills.
    pub(crate) async fn try_send(&self, sending: Sending) -> Result<Answer, String> {
        let asked = format!("{} {}", sending.method, sending.url.path());
        let answer = tokio::time::timeout(DEADLINE, self.exchange(sending))
            .await
            .map_err(|_| format!("{asked}: no answer within {DEADLINE:?}"))?
            .map_err(|error| error.to_string())?;
        self.listen(&asked, &answer);
        Ok(answer)
    }

    async fn exchange(&self, sending: Sending) -> Result<Answer, Box<dyn std::error::Error>> {
        let origin = sending.url.origin().ascii_serialization();
        let fronted = self.front.as_ref().filter(|(public, _)| *public == origin);
        let mut headers = sending.headers;
        if fronted.is_some() {
            // What cloudflared adds; the peer it names is the actor's own address.
            for (name, value) in [("x-forwarded-proto", "https"), ("cf-ipcountry", "NL")] {
                headers
                    .entry(name)
                    .or_insert(HeaderValue::from_static(value));
            }
            let address = sending.from.unwrap_or_else(own_address).to_string();
            headers
                .entry("cf-connecting-ip")
                .or_insert(HeaderValue::from_str(&address)?);
        }
        let to = match (sending.to, fronted) {
            (Some(address), _) => address,
            (None, Some((_, address))) => *address,
            (None, None) => *sending
                .url
                .socket_addrs(|| None)?
                .iter()
                .find(|address| address.is_ipv4() || sending.url.host_str() == Some("[::1]"))
                .ok_or("no address")?,
        };
        let stream = match (to.ip(), sending.from) {
            (IpAddr::V4(_), Some(from)) if fronted.is_none() => {
                let socket = TcpSocket::new_v4()?;
                socket.set_reuseaddr(true)?;
                socket.bind(SocketAddr::from((from, 0)))?;
                socket.connect(to).await?
            }
            _ => tokio::net::TcpStream::connect(to).await?,
        };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let path = match sending.url.query() {
            Some(query) => format!("{}?{query}", sending.url.path()),
            None => sending.url.path().to_owned(),
        };
        let mut request = hyper::Request::new(Full::new(Bytes::from(sending.body)));
        *request.method_mut() = sending.method;
        *request.uri_mut() = path.parse()?;
        let host = match sending.host {
            HostHeader::OfUrl => Some(host_of(&sending.url)),
            HostHeader::Told(host) => Some(host),
            HostHeader::Absent => None,
        };
        if let Some(host) = host {
            request
                .headers_mut()
                .append("host", HeaderValue::from_str(&host)?);
        }
        for (name, value) in &headers {
            request.headers_mut().append(name, value.clone());
        }
        let answer = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(Answer {
            url: sending.url,
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Tells the canary what passed by.
    fn listen(&self, asked: &str, answer: &Answer) {
        for value in answer.headers.values() {
            self.canary
                .secrets_in(&String::from_utf8_lossy(value.as_bytes()));
        }
        let failed = answer.status.is_client_error() || answer.status.is_server_error();
        if failed {
            // A page that says what went wrong may still carry the links of its own browser; the
            // machine-readable errors are read by programs that log them.
            if !answer.is_page() {
                self.canary.error_answer(asked, &answer.body);
            }
        } else {
            self.canary.secrets_in(&answer.body);
        }
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked for.
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The one header of that name, or nothing.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "two headers {name} in {self:#?}");
        Some(value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "no JSON: {self:#?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    pub(crate) fn is_page(&self) -> bool {
        self.headers.get("content-type").is_some_and(|kind| {
            kind.to_str()
                .is_ok_and(|kind| kind.starts_with("text/html"))
        })
    }

    /// Where it sends the browser; only 302 and 303 are redirects that drop the method.
    pub(crate) fn location(&self) -> Option<Url> {
        if ![StatusCode::FOUND, StatusCode::SEE_OTHER].contains(&self.status) {
            assert!(
                !self.status.is_redirection(),
                "a redirect that keeps the method: {self:#?}"
            );
            return None;
        }
        let target = self
            .header("location")
            .unwrap_or_else(|| panic!("no Location: {self:#?}"));
        Some(self.url.join(target).unwrap())
    }

    /// The status, or a failure that shows the whole answer.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:#?}");
        self
    }

    /// Expects an OAuth error with that code and a description a person can act on.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:#?}");
        let json = self.json();
        assert_eq!(json["error"], code, "{self:#?}");
        let description = json["error_description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(description.len() > 20, "nothing to act on in {self:#?}");
        description
    }
}

/// A text field of a JSON object.
#[track_caller]
pub(crate) fn text(object: &Value, field: &str) -> String {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{field}` in {object:#}"))
        .to_owned()
}
