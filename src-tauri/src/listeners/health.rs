//! `/health`: is this the Drawbridge that was meant? It tells nothing else.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::host_guard::health_nonce;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    instance: &'a str,
    nonce: Option<&'a str>,
}

/// The route, telling this instance's random name.
pub(super) fn router(instance: String) -> Router {
    Router::new()
        .route("/health", get(health))
        .with_state(instance)
}

async fn health(State(instance): State<String>, RawQuery(query): RawQuery) -> Response {
    let nonce = health_nonce(query.as_deref());
    Json(Health {
        status: "ok",
        instance: &instance,
        nonce,
    })
    .into_response()
}
