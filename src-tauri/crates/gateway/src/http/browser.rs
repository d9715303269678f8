//! CORS, for MCP clients that run in a browser (the MCP Inspector).
//!
//! Who may ask at all is decided by the listener's check of `Origin`. Nothing here depends on
//! cookies: a request is worth what its bearer token is worth, so any page that has one may read
//! the answer, and credentials in the browser's sense are never allowed.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// What a page may read besides the body.
const EXPOSED: &str = "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version";
/// Headers a page may send, besides those with the prefix of tool parameters.
const ALLOWED: [&str; 9] = [
    "authorization",
    "content-type",
    "accept",
    "last-event-id",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "traceparent",
];
/// Prefix of the headers that carry a tool's parameters (SEP-2243).
const PARAMETER_PREFIX: &str = "mcp-param-";

/// Answers preflights and lets pages read answers. Goes *outside* the bearer check:
/// `browser_access(authorization.require_bearer(gateway.router()))`.
pub fn browser_access(router: Router) -> Router {
    router.layer(from_fn(allow))
}

async fn allow(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(ORIGIN) {
        return next.run(request).await;
    }
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        let allowed = allowed_headers(request.headers());
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, DELETE, OPTIONS"),
        );
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    response
}

/// Of the headers asked for, the ones that mean something here.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let asked: Vec<HeaderName> = headers
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name: &HeaderName| {
            ALLOWED.contains(&name.as_str()) || name.as_str().starts_with(PARAMETER_PREFIX)
        })
        .collect();
    let names: Vec<&str> = asked.iter().map(HeaderName::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::post;
    use tower::ServiceExt as _;

    use super::*;

    fn router() -> Router {
        browser_access(Router::new().route("/mcp", post(|| async { StatusCode::UNAUTHORIZED })))
    }

    #[tokio::test]
    async fn a_preflight_is_answered_before_anything_else() {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri("/mcp")
            .header(ORIGIN, "http://localhost:6274")
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(
                ACCESS_CONTROL_REQUEST_HEADERS,
                "authorization, content-type, mcp-param-region, x-strange",
            )
            .body(Body::empty())
            .unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(
            response.headers()[ACCESS_CONTROL_ALLOW_HEADERS],
            "authorization, content-type, mcp-param-region"
        );
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    }

    #[tokio::test]
    async fn a_page_can_read_the_challenge() {
        let request = Request::post("/mcp")
            .header(ORIGIN, "http://localhost:6274")
            .body(Body::empty())
            .unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS], EXPOSED);
    }

    #[tokio::test]
    async fn other_clients_see_none_of_it() {
        let request = Request::post("/mcp").body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
