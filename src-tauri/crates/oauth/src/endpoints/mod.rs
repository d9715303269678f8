//! The endpoints that clients talk to by themselves: no page, no cookie, JSON only.

mod client_auth;
#[cfg(test)]
mod client_auth_tests;
pub(crate) mod error;
mod metadata;
#[cfg(test)]
mod metadata_tests;
mod register;
#[cfg(test)]
mod register_tests;
mod revoke;
#[cfg(test)]
mod revoke_tests;
mod token;
mod token_error;
#[cfg(test)]
mod token_tests;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::{AuthorizationServer, cors};

/// Their routes.
pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route(
            "/.well-known/oauth-protected-resource",
            get(metadata::protected_resource),
        )
        .route(
            "/.well-known/oauth-protected-resource/mcp",
            get(metadata::protected_resource),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            get(metadata::authorization_server),
        )
        .route(
            "/.well-known/oauth-authorization-server/mcp",
            get(metadata::authorization_server),
        )
        .route(
            "/.well-known/openid-configuration",
            get(metadata::authorization_server),
        )
        .route(
            "/.well-known/openid-configuration/mcp",
            get(metadata::authorization_server),
        )
        .route(
            "/mcp/.well-known/openid-configuration",
            get(metadata::authorization_server),
        )
        .route("/oauth/token", post(token::token))
        .route("/oauth/register", post(register::register))
        .route("/oauth/revoke", post(revoke::revoke))
        .route_layer(from_fn(cors::for_everybody))
}
