//! `/mcp` over Streamable HTTP: rmcp's service behind the layers that real clients need.
//!
//! From the outside in: [`browser_access`] (put outside the bearer check by the app, because a
//! browser's preflight has no token and must be able to read a 401), the bearer check (the app's),
//! then here: who and where from, deadline, body, `Accept`, version headers, rmcp.
//!
//! rmcp's own check of `Host` is off: its list is fixed when the service is made, while the public
//! host comes and goes with the tunnel. The listeners check `Host` and `Origin` against the hosts
//! of the moment; a request that does not carry their verdict, or whose `Host` is not the one they
//! approved, is refused here.

mod answers;
mod body;
mod browser;
mod headers;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::any_service;
use drawbridge_oauth::{LiveGrant, Principal, RequestOrigin};
use http::header::HOST;
use http::{Method, StatusCode};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

pub use self::body::MAX_BODY;
pub use self::browser::browser_access;
use crate::gateway::Gateway;
use crate::handler::{ASKING, Handler};

/// How much longer than a call's own deadline the whole request may take until its answer begins.
const DEADLINE_MARGIN: Duration = Duration::from_secs(3);

/// Marks a request whose client takes JSON and nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonOnly;

impl Gateway {
    /// `/mcp` and `/mcp/`. Expects the extensions [`Principal`] and [`LiveGrant`] (from the bearer
    /// check) and [`RequestOrigin`] (from the listener); without them every request is refused.
    pub fn router(&self) -> Router {
        let handler = Handler {
            gateway: self.clone(),
        };
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(MAX_BODY)
            // Checked by the listeners; see the module's documentation.
            .disable_allowed_hosts();
        let service = StreamableHttpService::new(
            move || Ok(handler.clone()),
            Arc::new(NeverSessionManager::default()),
            config,
        );
        let deadline = self.inner.options.call_deadline + DEADLINE_MARGIN;
        Router::new()
            .route("/mcp", any_service(service.clone()))
            .route("/mcp/", any_service(service))
            .layer(from_fn(prepare))
            .layer(from_fn_with_state(deadline, limit_time))
            .layer(from_fn(refuse_strangers))
    }
}

/// Fails closed where a layer in front is missing.
async fn refuse_strangers(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let principal = extensions
        .get::<Principal>()
        .filter(|_| extensions.get::<LiveGrant>().is_some())
        .filter(|_| {
            extensions
                .get::<RequestOrigin>()
                .is_some_and(|origin| names_same_host(request.headers().get(HOST), &origin.base))
        });
    if let Some(principal) = principal.cloned() {
        ASKING.scope(principal, next.run(request)).await
    } else {
        tracing::error!("a request reached the gateway without its bearer or host check");
        answers::plain(StatusCode::FORBIDDEN, "Forbidden")
    }
}

fn names_same_host(host: Option<&http::HeaderValue>, base: &str) -> bool {
    let approved = base.split_once("://").map_or(base, |(_, host)| host);
    // Without `Host` there is nothing to disagree with: HTTP/2 carries it elsewhere.
    host.is_none_or(|host| host.as_bytes().eq_ignore_ascii_case(approved.as_bytes()))
}

/// Answers in time, whatever happens behind. Calls have their own, shorter deadline, which tells
/// more; this one is for what should never be slow.
async fn limit_time(State(deadline): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => answers::error(
            StatusCode::GATEWAY_TIMEOUT,
            -32603,
            "The request took too long and was given up; try again.",
            None,
        ),
    }
}

/// Reads the body and repairs what clients are known to get wrong.
async fn prepare(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let (bytes, message) = match body::read(body).await {
        Ok(read) => read,
        Err(refusal) => {
            return answers::error(refusal.status, refusal.code, refusal.message, None);
        }
    };
    if headers::accepts_json_only(&parts.headers) {
        parts.extensions.insert(JsonOnly);
    }
    headers::accept_both(&mut parts.headers);
    if let Err(problem) = headers::settle_version(&mut parts.headers, &message) {
        return answers::error(
            StatusCode::BAD_REQUEST,
            -32020,
            &problem,
            message.id.as_ref(),
        );
    }
    next.run(Request::from_parts(parts, axum::body::Body::from(bytes)))
        .await
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_host_is_the_one_the_listener_approved() {
        let host = HeaderValue::from_static;
        assert!(names_same_host(
            Some(&host("a.example")),
            "https://a.example"
        ));
        assert!(names_same_host(
            Some(&host("LOCALHOST:8787")),
            "http://localhost:8787"
        ));
        assert!(!names_same_host(
            Some(&host("localhost:1")),
            "http://localhost:8787"
        ));
        assert!(!names_same_host(
            Some(&host("evil.example")),
            "https://a.example"
        ));
        assert!(names_same_host(None, "https://a.example"));
    }
}
