//! Which requests a listener lets in: one pure function per rule.
//!
//! A request names its host exactly once and by a name of the listener's own list (a web page may
//! point its own name at this computer, DNS rebinding). It has at most one `Origin`, and where a
//! browser's page of another origin has no business, only known ones pass. What the listeners do
//! differently is data here ([`Door`]), decided by where the request came in and never by what it
//! says. What more the local listener asks (a navigation, nothing forwarded) its one route in the
//! oauth crate asks, because there is a person to tell.

use std::net::IpAddr;

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use thiserror::Error;

use crate::config::Front;

/// Web applications of MCP clients that may call `/mcp` from their pages, on either listener.
pub const KNOWN_WEB_CLIENTS: [&str; 4] = [
    "https://chatgpt.com",
    "https://chat.openai.com",
    "https://claude.ai",
    "https://claude.com",
];

/// The longest `nonce` that `/health` gives back, in characters.
pub const NONCE_CHARACTERS: usize = 64;

/// Where a request came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Clients on this computer, at this port.
    Loopback {
        /// The port that is bound.
        port: u16,
    },
    /// Through the tunnel or the owner's HTTPS front.
    Tunnel {
        /// `https://host[:port]`, the public origin.
        origin: String,
        /// Every `Host` that names it.
        hosts: Vec<String>,
        /// Whether what it says of the client is believed.
        front: Front,
    },
    /// The browser's proof that it runs on this computer, at this port.
    Local {
        /// The port that is bound.
        port: u16,
    },
}

/// Why a request was not let in. The text goes to the log; the answer says nothing but the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A header that may stand once stands twice.
    #[error("a header that may stand once was repeated")]
    Repeated,
    /// A header's value is not what the header can hold.
    #[error("a header could not be read")]
    Malformed,
    /// No `Host`.
    #[error("the request named no host")]
    NoHost,
    /// The request line names another host than the `Host` header.
    #[error("the request line and the Host header named different hosts")]
    TwoHosts,
    /// The request line is no path.
    #[error("the request line asked for no path")]
    NoPath,
    /// The host is not one of this listener's.
    #[error("the host is not one of this listener's")]
    ForeignHost,
    /// A page of an origin that has no business here.
    #[error("the page that asked has no business here")]
    ForeignOrigin,
}

impl Refusal {
    /// The status of the answer: 400 for what no listener could understand, 403 for what this one
    /// does not let in.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Repeated | Self::Malformed | Self::NoHost | Self::TwoHosts | Self::NoPath => {
                StatusCode::BAD_REQUEST
            }
            Self::ForeignHost | Self::ForeignOrigin => StatusCode::FORBIDDEN,
        }
    }
}

/// A header that may stand at most once, as text.
pub fn at_most_once<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::Repeated);
    }
    first
        .map(|value| value.to_str().map_err(|_| Refusal::Malformed))
        .transpose()
}

/// The one host a request names, in lower case. An absolute request target (RFC 9112 section
/// 3.2.2) must name the same host as the `Host` header; other forms are no requests to us.
pub fn named_host(target: &Uri, headers: &HeaderMap) -> Result<String, Refusal> {
    let host = at_most_once(headers, &HOST)?
        .ok_or(Refusal::NoHost)?
        .to_ascii_lowercase();
    if !target.path().starts_with('/') {
        return Err(Refusal::NoPath);
    }
    match (target.scheme_str(), target.authority()) {
        (None, None) => Ok(host),
        (Some("http" | "https"), Some(authority)) => {
            if authority.as_str().eq_ignore_ascii_case(&host) {
                Ok(host)
            } else {
                Err(Refusal::TwoHosts)
            }
        }
        _ => Err(Refusal::NoPath),
    }
}

/// The hosts this listener answers to, in lower case.
#[must_use]
pub fn allowed_hosts(door: &Door) -> Vec<String> {
    match door {
        Door::Loopback { port } => with_port(&["127.0.0.1", "localhost", "[::1]"], *port),
        Door::Tunnel { hosts, .. } => hosts.clone(),
        Door::Local { port } => with_port(&["127.0.0.1"], *port),
    }
}

/// Clients leave the port out when it is HTTP's own.
fn with_port(names: &[&str], port: u16) -> Vec<String> {
    let mut hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
    if port == 80 {
        hosts.extend(names.iter().map(|&name| name.to_owned()));
    }
    hosts
}

/// The host must be on the list, character for character.
pub fn check_host(host: &str, allowed: &[String]) -> Result<(), Refusal> {
    if allowed.iter().any(|known| known == host) {
        Ok(())
    } else {
        Err(Refusal::ForeignHost)
    }
}

/// Who may ask from a web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginRule {
    /// Any page: the answer is public, or needs what only the client knows, and no cookie counts.
    Any,
    /// Our own pages. A page without referrer sends `null` with its forms (Fetch, "append a
    /// request Origin header"), and ours have none.
    OwnPages,
    /// Pages of known clients, and on the loopback listener tools of developers on this computer.
    Clients,
}

/// The rule for a path.
#[must_use]
pub fn origin_rule(path: &str) -> OriginRule {
    match path {
        "/oauth/token" | "/oauth/register" | "/oauth/revoke" | "/health" => OriginRule::Any,
        path if path.starts_with("/.well-known/") || path.starts_with("/mcp/.well-known/") => {
            OriginRule::Any
        }
        path if path == "/mcp" || path.starts_with("/mcp/") => OriginRule::Clients,
        _ => OriginRule::OwnPages,
    }
}

/// At most one `Origin`, and one the rule allows.
pub fn check_origin(
    door: &Door,
    host: &str,
    rule: OriginRule,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    let Some(origin) = at_most_once(headers, &ORIGIN)? else {
        return Ok(());
    };
    let allowed = match rule {
        OriginRule::Any => true,
        OriginRule::OwnPages => origin == "null" || is_own(door, host, origin),
        OriginRule::Clients => {
            is_own(door, host, origin)
                || KNOWN_WEB_CLIENTS.contains(&origin)
                || (matches!(door, Door::Loopback { .. }) && is_on_this_computer(origin))
        }
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::ForeignOrigin)
    }
}

fn is_own(door: &Door, host: &str, origin: &str) -> bool {
    match door {
        Door::Tunnel { origin: own, .. } => origin.eq_ignore_ascii_case(own),
        Door::Loopback { .. } | Door::Local { .. } => origin
            .strip_prefix("http://")
            .is_some_and(|rest| rest.eq_ignore_ascii_case(host)),
    }
}

/// `http` or `https` at a loopback name with any port: a developer's tool such as the Inspector.
fn is_on_this_computer(origin: &str) -> bool {
    let Some(rest) = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
    else {
        return false;
    };
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        rest.strip_prefix(name).is_some_and(|port| {
            port.is_empty()
                || port
                    .strip_prefix(':')
                    .is_some_and(|digits| digits.parse::<u16>().is_ok())
        })
    })
}

/// What Cloudflare says about the client; believed on the tunnel listener only, there only from a
/// program on this computer, and not where the owner says that another front is before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The client's address.
    pub address: IpAddr,
    /// The country Cloudflare places it in, as two capital letters.
    pub country: Option<String>,
}

/// Who is asking, at this door, from this peer of the socket.
pub fn visitor(door: &Door, peer: IpAddr, headers: &HeaderMap) -> Result<Visitor, Refusal> {
    let direct = Visitor {
        address: peer,
        country: None,
    };
    let is_told = matches!(
        door,
        Door::Tunnel {
            front: Front::Cloudflare,
            ..
        }
    );
    if !is_told || !peer.is_loopback() {
        return Ok(direct);
    }
    let address = at_most_once(headers, &HeaderName::from_static("cf-connecting-ip"))?;
    let Some(address) = address else {
        return Ok(direct);
    };
    let address = address.parse::<IpAddr>().map_err(|_| Refusal::Malformed)?;
    let country = at_most_once(headers, &HeaderName::from_static("cf-ipcountry"))?
        .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        .map(str::to_owned);
    Ok(Visitor { address, country })
}

/// A request that passed every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The host it named, in lower case.
    pub host: String,
    /// `scheme://host[:port]` of the address it was sent to.
    pub base: String,
    /// Who sent it.
    pub visitor: Visitor,
}

/// All rules of a door, in order.
pub fn admit(door: &Door, peer: IpAddr, request: &Parts) -> Result<Admitted, Refusal> {
    let host = named_host(&request.uri, &request.headers)?;
    check_host(&host, &allowed_hosts(door))?;
    check_origin(
        door,
        &host,
        origin_rule(request.uri.path()),
        &request.headers,
    )?;
    let base = match door {
        Door::Tunnel { origin, .. } => origin.clone(),
        Door::Loopback { .. } | Door::Local { .. } => format!("http://{host}"),
    };
    Ok(Admitted {
        visitor: visitor(door, peer, &request.headers)?,
        host,
        base,
    })
}

/// The `nonce` of a query, if `/health` may give it back: short, and of letters, digits, `-`, `_`.
#[must_use]
pub fn health_nonce(query: Option<&str>) -> Option<&str> {
    query?
        .split('&')
        .find_map(|pair| pair.strip_prefix("nonce="))
        .filter(|nonce| !nonce.is_empty() && nonce.len() <= NONCE_CHARACTERS)
        .filter(|nonce| {
            nonce
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::{Method, Request};

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn loopback() -> Door {
        Door::Loopback { port: 8787 }
    }

    fn local() -> Door {
        Door::Local { port: 8788 }
    }

    fn tunnel() -> Door {
        Door::Tunnel {
            origin: "https://mcp.example.com".to_owned(),
            hosts: vec![
                "mcp.example.com".to_owned(),
                "mcp.example.com:443".to_owned(),
            ],
            front: Front::Cloudflare,
        }
    }

    fn ask(door: &Door, target: &str, headers: &[(&str, &str)]) -> Result<Admitted, Refusal> {
        ask_as(door, HERE, Method::GET, target, headers)
    }

    fn ask_as(
        door: &Door,
        peer: IpAddr,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Admitted, Refusal> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(door, peer, &request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn each_door_knows_its_own_hosts() {
        for host in [
            "127.0.0.1:8787",
            "localhost:8787",
            "LOCALHOST:8787",
            "[::1]:8787",
        ] {
            let admitted = ask(&loopback(), "/mcp", &[("host", host)]).unwrap();
            assert_eq!(
                admitted.base,
                format!("http://{}", host.to_ascii_lowercase())
            );
        }
        for host in ["mcp.example.com", "Mcp.Example.Com:443"] {
            let admitted = ask(&tunnel(), "/mcp", &[("host", host)]).unwrap();
            assert_eq!(admitted.base, "https://mcp.example.com");
        }
        assert!(ask(&local(), "/approve/x", &[("host", "127.0.0.1:8788")]).is_ok());
    }

    #[test]
    fn tricks_with_the_host_are_refused() {
        let doors = [
            (
                loopback(),
                "evil.example:8787 127.0.0.1 127.0.0.1:8788 127.0.0.1:08787 a@127.0.0.1:8787 \
                 127.0.0.1:8787.evil.example localhost.:8787 127.1:8787 2130706433:8787 \
                 [::ffff:127.0.0.1]:8787 mcp.example.com",
            ),
            (
                tunnel(),
                "127.0.0.1:8789 localhost mcp.example.com. mcp.example.com:80 x.mcp.example.com",
            ),
            (
                local(),
                "localhost:8788 [::1]:8788 127.0.0.1:8787 mcp.example.com",
            ),
        ];
        for (door, hosts) in doors {
            for host in hosts.split_whitespace().chain([""]) {
                let asked = ask(&door, "/mcp", &[("host", host)]);
                assert_eq!(asked, Err(Refusal::ForeignHost), "{host:?}");
            }
        }
        assert_eq!(ask(&loopback(), "/mcp", &[]), Err(Refusal::NoHost));
        let twice = [("host", "127.0.0.1:8787"), ("host", "127.0.0.1:8787")];
        assert_eq!(ask(&loopback(), "/mcp", &twice), Err(Refusal::Repeated));
        let forwarded = [
            ("x-forwarded-host", "mcp.example.com"),
            ("host", "evil.example"),
        ];
        assert_eq!(
            ask(&tunnel(), "/mcp", &forwarded),
            Err(Refusal::ForeignHost)
        );
    }

    #[test]
    fn an_absolute_target_must_name_the_same_host() {
        let host = [("host", "127.0.0.1:8787")];
        assert!(ask(&loopback(), "http://127.0.0.1:8787/health", &host).is_ok());
        assert_eq!(
            ask(&loopback(), "http://evil.example/health", &host),
            Err(Refusal::TwoHosts)
        );
        assert_eq!(
            ask(&loopback(), "http://a@127.0.0.1:8787/health", &host),
            Err(Refusal::TwoHosts)
        );
        assert_eq!(
            ask(&loopback(), "ftp://127.0.0.1:8787/health", &host),
            Err(Refusal::NoPath)
        );
        assert_eq!(
            ask_as(&loopback(), HERE, Method::CONNECT, "127.0.0.1:8787", &host),
            Err(Refusal::NoPath)
        );
        assert_eq!(
            ask_as(&loopback(), HERE, Method::OPTIONS, "*", &host),
            Err(Refusal::NoPath)
        );
        assert_eq!(
            ask(
                &loopback(),
                "http://127.0.0.1:8787/x",
                &[("host", "evil.example")]
            ),
            Err(Refusal::TwoHosts)
        );
    }

    #[test]
    fn pages_of_strangers_do_not_reach_the_tools() {
        let at = |door: &Door, host: &str, origin: &str| {
            ask(door, "/mcp", &[("host", host), ("origin", origin)]).map(|_| ())
        };
        for origin in [
            "http://localhost:6274",
            "http://127.0.0.1:1",
            "https://chatgpt.com",
            "http://[::1]",
            "http://localhost:8787",
        ] {
            assert_eq!(
                at(&loopback(), "localhost:8787", origin),
                Ok(()),
                "{origin}"
            );
        }
        for origin in ["https://mcp.example.com", "https://claude.ai"] {
            assert_eq!(at(&tunnel(), "mcp.example.com", origin), Ok(()), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "null",
            "",
            "https://chatgpt.com.evil.example",
            "http://chatgpt.com",
            "https://chatgpt.com:444",
            "http://localhost.evil.example",
            "http://localhost:6274/x",
            "http://localhost:x",
            "http://127.0.0.1@evil.example",
            "file://",
        ] {
            assert_eq!(
                at(&loopback(), "localhost:8787", origin),
                Err(Refusal::ForeignOrigin),
                "{origin}"
            );
        }
        // What counts as a tool on this computer does not count from the world.
        assert_eq!(
            at(&tunnel(), "mcp.example.com", "http://localhost:6274"),
            Err(Refusal::ForeignOrigin)
        );
        assert_eq!(
            ask(
                &loopback(),
                "/mcp",
                &[
                    ("host", "localhost:8787"),
                    ("origin", "https://chatgpt.com"),
                    ("origin", "https://evil.example")
                ]
            ),
            Err(Refusal::Repeated)
        );
    }

    #[test]
    fn consent_pages_take_forms_of_their_own_only_and_metadata_is_public() {
        let at = |path: &str, origin: &str| {
            ask(
                &tunnel(),
                path,
                &[("host", "mcp.example.com"), ("origin", origin)],
            )
            .map(|_| ())
        };
        assert_eq!(at("/oauth/code", "null"), Ok(()));
        assert_eq!(at("/oauth/code", "https://mcp.example.com"), Ok(()));
        assert_eq!(
            at("/oauth/code", "https://evil.example"),
            Err(Refusal::ForeignOrigin)
        );
        assert_eq!(
            at("/oauth/authorize", "https://chatgpt.com"),
            Err(Refusal::ForeignOrigin)
        );
        assert_eq!(at("/oauth/token", "https://evil.example"), Ok(()));
        assert_eq!(
            at(
                "/.well-known/oauth-authorization-server",
                "https://evil.example"
            ),
            Ok(())
        );
    }

    #[test]
    fn only_the_tunnel_believes_what_cloudflare_says() {
        let cloudflare = [("cf-connecting-ip", "203.0.113.9"), ("cf-ipcountry", "DE")];
        let with = |host: &'static str| {
            let mut headers = vec![("host", host)];
            headers.extend_from_slice(&cloudflare);
            headers
        };
        let public = ask(&tunnel(), "/mcp", &with("mcp.example.com")).unwrap();
        assert_eq!(public.visitor.address.to_string(), "203.0.113.9");
        assert_eq!(public.visitor.country.as_deref(), Some("DE"));
        let Door::Tunnel { origin, hosts, .. } = tunnel() else {
            unreachable!()
        };
        let other = Door::Tunnel {
            origin,
            hosts,
            front: Front::Other,
        };
        let unsaid = ask(&other, "/mcp", &with("mcp.example.com")).unwrap();
        assert_eq!(unsaid.visitor.address, HERE);
        assert_eq!(unsaid.visitor.country, None);
        let here = ask(&loopback(), "/mcp", &with("127.0.0.1:8787")).unwrap();
        assert_eq!(
            here.visitor,
            Visitor {
                address: HERE,
                country: None
            }
        );
        let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
        let far = ask_as(
            &tunnel(),
            elsewhere,
            Method::GET,
            "/mcp",
            &with("mcp.example.com"),
        )
        .unwrap();
        assert_eq!(far.visitor.address, elsewhere);
        for bad in ["203.0.113.9, 10.0.0.1", "", "unknown", "203.0.113.9:80"] {
            let headers = [("host", "mcp.example.com"), ("cf-connecting-ip", bad)];
            assert_eq!(
                ask(&tunnel(), "/mcp", &headers),
                Err(Refusal::Malformed),
                "{bad}"
            );
        }
        let twice = [
            ("host", "mcp.example.com"),
            ("cf-connecting-ip", "1.1.1.1"),
            ("cf-connecting-ip", "2.2.2.2"),
        ];
        assert_eq!(ask(&tunnel(), "/mcp", &twice), Err(Refusal::Repeated));
    }

    #[test]
    fn health_gives_back_only_a_short_plain_nonce() {
        assert_eq!(health_nonce(Some("nonce=aZ-_09")), Some("aZ-_09"));
        assert_eq!(health_nonce(Some("a=b&nonce=x")), Some("x"));
        assert_eq!(health_nonce(None), None);
        assert_eq!(health_nonce(Some("nonce=")), None);
        assert_eq!(health_nonce(Some("nonce=%3Cscript%3E")), None);
        assert_eq!(
            health_nonce(Some(&format!("nonce={}", "a".repeat(65)))),
            None
        );
    }
}
