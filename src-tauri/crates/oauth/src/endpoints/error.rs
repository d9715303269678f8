//! The error codes of the RFCs, and the one shape in which they are told.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::headers::json_headers;
use crate::limits::TooMany;

/// An error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// The request lacks a parameter, repeats one, or is malformed (OAuth 2.1 section 3.2.4).
    InvalidRequest,
    /// The client is unknown, or did not prove who it is (OAuth 2.1 section 3.2.4).
    InvalidClient,
    /// The code or refresh token is not valid for this client (OAuth 2.1 section 3.2.4).
    InvalidGrant,
    /// This server does not know the grant type (OAuth 2.1 section 3.2.4).
    UnsupportedGrantType,
    /// The scope is malformed, unknown, or more than was granted (OAuth 2.1 section 3.2.4).
    InvalidScope,
    /// The resource is not this server's (RFC 8707 section 2).
    InvalidTarget,
    /// A redirect URI cannot be registered (RFC 7591 section 3.2.2).
    InvalidRedirectUri,
    /// Something else in a registration cannot be used (RFC 7591 section 3.2.2).
    InvalidClientMetadata,
    /// The access token is not valid (RFC 6750 section 3.1).
    InvalidToken,
    /// The access token covers too little (RFC 6750 section 3.1).
    InsufficientScope,
    /// Too many requests; try again later (OAuth 2.1 section 4.1.2.1).
    TemporarilyUnavailable,
    /// Something failed here (OAuth 2.1 section 4.1.2.1).
    ServerError,
}

impl ErrorCode {
    /// As the RFC writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'static str,
    error_description: &'a str,
}

/// The answer that tells an error. `description` is plain ASCII without quotes (OAuth 2.1
/// section 3.2.4).
pub(crate) fn json_error(status: StatusCode, code: ErrorCode, description: &str) -> Response {
    debug_assert!(is_description(description), "{description}");
    let body = Body {
        error: code.as_str(),
        error_description: description,
    };
    (status, json_headers(), Json(body)).into_response()
}

/// The answer to too many requests.
pub(crate) fn too_many_requests(too_many: TooMany) -> Response {
    let seconds = too_many.seconds();
    let description =
        format!("Too many requests from this address; try again in {seconds} seconds");
    let mut response = json_error(
        StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TemporarilyUnavailable,
        &description,
    );
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// The characters `error_description` may hold.
pub(crate) fn is_description(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
