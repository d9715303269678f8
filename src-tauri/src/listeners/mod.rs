//! The four ways in: clients on this computer, the public address, the browser's proof that it is
//! on this computer, and the command line.
//!
//! Each listener is bound to this computer's own addresses. What a request may do is decided by
//! the listener it came in at ([`host_guard::Door`]), never by what it says of itself.

mod body;
pub mod control;
#[cfg(windows)]
pub mod control_pipe;
pub mod headers;
mod health;
pub mod host_guard;
mod local;
mod loopback;
mod peer_user;
mod server;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use drawbridge_oauth::{Audience, ClientAddress, ClientCountry, RequestOrigin};
use http::StatusCode;

use host_guard::{Admitted, Door, Refusal};
use server::Ends;

use crate::logging::Throttle;

pub use local::serve as serve_local;
pub use loopback::{Loopback, bind as bind_loopback, serve as serve_loopback};
pub use server::Limits;
pub use tunnel::serve as serve_tunnel;

/// The routes that clients reach, on this computer and through the tunnel alike. `mcp` has the
/// bearer check in front of it already.
pub fn client_routes(oauth: Router, mcp: Router, instance: String) -> Router {
    oauth
        .merge(drawbridge_gateway::browser_access(mcp))
        .merge(health::router(instance))
}

/// Puts a door's guard before routes, and what every answer carries behind them.
fn guarded(door: Door, routes: Router) -> Router {
    routes
        .fallback(nothing_here)
        .layer(from_fn(record))
        .layer(from_fn_with_state(
            Arc::new(Guard {
                door,
                refusals: Throttle::default(),
            }),
            guard,
        ))
        .layer(from_fn(headers::protect))
}

async fn nothing_here() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// A door, and how often it tells the log whom it turned away.
struct Guard {
    door: Door,
    refusals: Throttle,
}

async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let Some(ends) = request.extensions().get::<Ends>().copied() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (mut parts, body) = request.into_parts();
    match host_guard::admit(&guard.door, ends.peer.ip().to_canonical(), &parts) {
        Ok(admitted) => {
            tell_crates(&guard.door, admitted, &mut parts);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refuse(&guard, refusal),
    }
}

/// What the crates' routers know of a request's way in.
fn tell_crates(door: &Door, admitted: Admitted, parts: &mut http::request::Parts) {
    let audience = match door {
        Door::Tunnel { origin, .. } => Audience::Public(origin.clone()),
        Door::Loopback { .. } | Door::Local { .. } => Audience::Loopback,
    };
    // From here on the target is a path: an absolute one named the host just checked.
    if let Some(path) = parts.uri.path_and_query().cloned()
        && let Ok(uri) = http::Uri::builder().path_and_query(path).build()
    {
        parts.uri = uri;
    }
    // One spelling of the host for everybody behind the guard.
    let (_, host) = admitted.base.split_once("://").unwrap_or_default();
    if let Ok(host) = http::HeaderValue::from_str(host) {
        parts.headers.insert(http::header::HOST, host);
    }
    parts.extensions.insert(RequestOrigin {
        audience,
        base: admitted.base,
    });
    parts
        .extensions
        .insert(ClientAddress(admitted.visitor.address));
    parts
        .extensions
        .insert(ClientCountry(admitted.visitor.country));
}

fn refuse(guard: &Guard, refusal: Refusal) -> Response {
    if let Some(others) = guard.refusals.let_through(Instant::now()) {
        tracing::info!(
            listener = name(&guard.door),
            http.status = refusal.status().as_u16(),
            reason = %refusal,
            others,
            "a request was not let in"
        );
    }
    refusal.status().into_response()
}

const fn name(door: &Door) -> &'static str {
    match door {
        Door::Loopback { .. } => "loopback",
        Door::Tunnel { .. } => "tunnel",
        Door::Local { .. } => "local",
    }
}

/// Writes down what was asked and answered: the route's pattern, never what stood in it.
async fn record(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let started = tokio::time::Instant::now();
    let answer = next.run(request).await;
    let status = answer.status().as_u16();
    let milliseconds = started.elapsed().as_millis();
    if answer.status().is_server_error() {
        tracing::warn!(http.method = %method, http.route = route, http.status = status, milliseconds, "a request failed");
    } else {
        tracing::debug!(http.method = %method, http.route = route, http.status = status, milliseconds, "a request was answered");
    }
    answer
}

/// Binds a port of this computer's own address.
///
/// # Errors
/// When another program has the port.
pub async fn bind(port: u16) -> std::io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::bind(SocketAddr::from((crate::config::LOOPBACK, port))).await
}
