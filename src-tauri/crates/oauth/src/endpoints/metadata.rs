//! The documents by which clients find everything else: RFC 9728, RFC 8414, and the latter at
//! OpenID's address too, because some clients look there only.
//!
//! They stand at the root and with the resource's path, and are made for the address they were
//! asked at, so that `issuer` and `resource` are always what the client expects.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;

use crate::headers::json_headers;
use crate::{AuthorizationServer, RequestOrigin, pkce, resource, scope};

/// RFC 9728 section 2.
#[derive(Serialize)]
struct ProtectedResource {
    resource: String,
    authorization_servers: [String; 1],
    // `offline_access` is no scope of the resource (MCP 2026-07-28).
    scopes_supported: [&'static str; 1],
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

/// RFC 8414 section 2, with the members of RFC 9207, RFC 9728 and CIMD.
#[derive(Serialize)]
struct Server {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    registration_endpoint: String,
    revocation_endpoint: String,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: &'static [&'static str],
    revocation_endpoint_auth_methods_supported: &'static [&'static str],
    scopes_supported: [&'static str; 2],
    client_id_metadata_document_supported: bool,
    authorization_response_iss_parameter_supported: bool,
    protected_resources: [String; 1],
}

/// Claude uses its metadata document only where `none` is among these.
const PUBLIC_ONLY: [&str; 1] = ["none"];
const WITH_SECRET: [&str; 3] = ["none", "client_secret_post", "client_secret_basic"];

/// `GET /.well-known/oauth-protected-resource[/mcp]`
pub(super) async fn protected_resource(Extension(origin): Extension<RequestOrigin>) -> Response {
    let document = ProtectedResource {
        resource: resource::canonical(&origin),
        authorization_servers: [origin.base],
        scopes_supported: [scope::MCP],
        bearer_methods_supported: ["header"],
        resource_name: "Drawbridge",
    };
    (json_headers(), Json(document)).into_response()
}

/// `GET /.well-known/oauth-authorization-server[/mcp]`, and the same at OpenID's addresses.
pub(super) async fn authorization_server(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
) -> Response {
    let base = &origin.base;
    let methods: &'static [&'static str] = if server.has_static_client() {
        &WITH_SECRET
    } else {
        &PUBLIC_ONLY
    };
    let document = Server {
        issuer: base.clone(),
        authorization_endpoint: format!("{base}/oauth/authorize"),
        token_endpoint: format!("{base}/oauth/token"),
        registration_endpoint: format!("{base}/oauth/register"),
        revocation_endpoint: format!("{base}/oauth/revoke"),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token"],
        code_challenge_methods_supported: [pkce::METHOD],
        token_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_methods_supported: methods,
        scopes_supported: [scope::MCP, scope::OFFLINE_ACCESS],
        client_id_metadata_document_supported: true,
        authorization_response_iss_parameter_supported: true,
        protected_resources: [resource::canonical(&origin)],
    };
    (json_headers(), Json(document)).into_response()
}
