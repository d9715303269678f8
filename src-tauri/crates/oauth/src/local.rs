//! The local listener's one route: `GET /approve/{handle}`, the proof that the browser runs on this
//! computer.
//!
//! Only this computer reaches the listener, but so does every web page that runs in one of its
//! browsers, every program on it, and whatever somebody forwards to it. So it takes nothing but a
//! plain navigation to exactly its own name; it sets and trusts no cookie (all ports of 127.0.0.1
//! share them) and answers no cross-origin question. What the visit proves counts only together
//! with the cookie at the other end.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{FORWARDED, HOST, ORIGIN, VIA};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use secrecy::ExposeSecret as _;

use crate::AuthorizationServer;
use crate::approval::shown::Proof;
use crate::pages::{self, messages};
use crate::tokens::{TokenKind, parse};

/// Whose program is at the other end of a connection to the local listener, as its kernel tells.
/// The listener puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerUser {
    /// The user who runs Drawbridge.
    Same,
    /// Another user of this computer.
    Other,
    /// The system does not tell.
    Unknown,
}

/// The local listener's routes.
pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route(
        "/approve/{handle}",
        get(approve)
            .head(pages::method_not_allowed)
            .fallback(pages::method_not_allowed),
    )
}

/// Why a visit was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VisitRefused {
    /// Not asked by the listener's own name.
    Host,
    /// It came through a proxy or tunnel.
    Forwarded,
    /// Not a navigation of a whole page.
    NotNavigation,
    /// From a program of another user.
    OtherUser,
}

/// Checks a visit and says what it proves.
pub(crate) fn check(
    uri: &Uri,
    headers: &HeaderMap,
    listener: SocketAddr,
    peer: PeerUser,
) -> Result<Proof, VisitRefused> {
    let own = format!("127.0.0.1:{}", listener.port());
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let named = only(HOST.as_str()).is_some_and(|host| host.as_bytes() == own.as_bytes());
    if !named
        || uri
            .authority()
            .is_some_and(|authority| authority.as_str() != own)
    {
        return Err(VisitRefused::Host);
    }
    if headers.keys().any(|name| is_forwarding(name.as_str())) {
        return Err(VisitRefused::Forwarded);
    }
    // Where a browser says how it fetches, it must be a navigation of a whole page that a person
    // sees. That it comes from another site is as it should be: the link stands on the public page.
    let is_or_absent = |name: &'static str, wanted: &str| {
        !headers.contains_key(name)
            || only(name).is_some_and(|found| found.as_bytes() == wanted.as_bytes())
    };
    let navigation = is_or_absent("sec-fetch-mode", "navigate")
        && is_or_absent("sec-fetch-dest", "document")
        && !["purpose", "sec-purpose", ORIGIN.as_str()]
            .iter()
            .any(|name| headers.contains_key(*name));
    if !navigation {
        return Err(VisitRefused::NotNavigation);
    }
    let by_browser = headers.contains_key("sec-fetch-mode");
    match peer {
        PeerUser::Other => Err(VisitRefused::OtherUser),
        PeerUser::Same if by_browser => Ok(Proof::Browser),
        PeerUser::Same | PeerUser::Unknown => Ok(Proof::Program),
    }
}

fn is_forwarding(name: &str) -> bool {
    name == FORWARDED.as_str()
        || name == VIA.as_str()
        || name == "x-real-ip"
        || name == "true-client-ip"
        || name.starts_with("x-forwarded")
        || name.starts_with("cf-")
}

/// `GET /approve/{handle}`: uses the handle up and sends the browser back to where it came from.
async fn approve(
    State(server): State<AuthorizationServer>,
    Path(handle): Path<String>,
    request: Request,
) -> Response {
    let headers = request.headers();
    let Some(listener) = server.settings().local_listener else {
        return pages::message(headers, &messages::handle_ended());
    };
    let peer = request
        .extensions()
        .get()
        .copied()
        .unwrap_or(PeerUser::Unknown);
    let how = match check(request.uri(), headers, listener, peer) {
        Ok(how) => how,
        Err(why) => return pages::message(headers, &messages::visit_refused(why)),
    };
    let used = match parse(TokenKind::Handle, &handle) {
        Some(handle) => server.desk().use_handle(&handle, how),
        None => Ok(None),
    };
    match used {
        Ok(Some(back)) => pages::go(back.expose_secret()),
        Ok(None) => pages::message(headers, &messages::handle_ended()),
        Err(_) => pages::message(headers, &messages::server_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const LISTENER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8788);

    fn visit(headers: &[(&str, &str)], peer: PeerUser) -> Result<Proof, VisitRefused> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::try_from(*name).unwrap(),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect();
        check(&Uri::from_static("/approve/x"), &headers, LISTENER, peer)
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8788");
    const NAVIGATE: [(&str, &str); 3] = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-site", "cross-site"),
    ];

    #[test]
    fn a_navigation_of_this_users_browser_is_taken() {
        let [mode, dest, site] = NAVIGATE;
        assert_eq!(
            visit(&[HOST, mode, dest, site], PeerUser::Same),
            Ok(Proof::Browser)
        );
    }

    #[test]
    fn what_may_be_any_program_is_called_so() {
        let [mode, dest, site] = NAVIGATE;
        assert_eq!(visit(&[HOST], PeerUser::Same), Ok(Proof::Program));
        assert_eq!(
            visit(&[HOST, mode, dest, site], PeerUser::Unknown),
            Ok(Proof::Program)
        );
    }

    #[test]
    fn another_user_is_refused() {
        assert_eq!(
            visit(&[HOST], PeerUser::Other),
            Err(VisitRefused::OtherUser)
        );
    }

    #[test]
    fn only_its_own_name_exactly_once() {
        for host in [
            "localhost:8788",
            "127.0.0.1",
            "127.0.0.1:8787",
            "127.0.0.1:08788",
            "127.1:8788",
            "[::1]:8788",
            "127.0.0.1:8788 ",
            "evil.example:8788",
            "127.0.0.1:8788.evil.example",
            "0x7f.0.0.1:8788",
        ] {
            let result = visit(&[("host", host)], PeerUser::Same);
            assert_eq!(result, Err(VisitRefused::Host), "{host}");
        }
        assert_eq!(visit(&[], PeerUser::Same), Err(VisitRefused::Host));
        assert_eq!(
            visit(&[HOST, HOST], PeerUser::Same),
            Err(VisitRefused::Host)
        );
        assert_eq!(
            visit(&[HOST, ("host", "evil.example")], PeerUser::Same),
            Err(VisitRefused::Host)
        );
        let absolute = Uri::from_static("http://evil.example/approve/x");
        let headers = [(
            axum::http::header::HOST,
            HeaderValue::from_static("127.0.0.1:8788"),
        )];
        let result = check(
            &absolute,
            &headers.into_iter().collect(),
            LISTENER,
            PeerUser::Same,
        );
        assert_eq!(result, Err(VisitRefused::Host));
    }

    #[test]
    fn what_was_forwarded_is_refused() {
        for name in [
            "forwarded",
            "via",
            "x-forwarded-for",
            "X-Forwarded-Host",
            "x-forwarded-proto",
            "x-real-ip",
            "cf-connecting-ip",
            "Cf-Ray",
            "cf-visitor",
            "cf-ipcountry",
            "true-client-ip",
        ] {
            let result = visit(&[HOST, (name, "127.0.0.1")], PeerUser::Same);
            assert_eq!(result, Err(VisitRefused::Forwarded), "{name}");
        }
    }

    #[test]
    fn a_script_an_image_and_a_frame_are_no_navigation() {
        for header in [
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-mode", "same-origin"),
            ("sec-fetch-mode", "websocket"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "image"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-dest", "object"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
        ] {
            let result = visit(&[HOST, header], PeerUser::Same);
            assert_eq!(result, Err(VisitRefused::NotNavigation), "{header:?}");
        }
        let twice = [
            HOST,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-mode", "navigate"),
        ];
        assert_eq!(
            visit(&twice, PeerUser::Same),
            Err(VisitRefused::NotNavigation)
        );
    }

    proptest! {
        #[test]
        fn no_other_host_is_taken(host in "[ -~]{0,30}") {
            prop_assume!(host != "127.0.0.1:8788");
            prop_assert_eq!(visit(&[("host", &host)], PeerUser::Same), Err(VisitRefused::Host));
        }
    }
}
