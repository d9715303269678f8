//! `POST /oauth/register`: a client registers itself (RFC 7591).

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use drawbridge_vault::{ClientRow, StoreError};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::error::{ErrorCode, json_error, too_many_requests};
use crate::body::{self, BodyError};
use crate::clients::ClientKind;
use crate::clients::registered::{
    MOST_REGISTERED, Metadata, MetadataError, PROTECTED_LIFE, Registration,
};
use crate::events::Event;
use crate::grants::to_json;
use crate::headers::json_headers;
use crate::limits::{Endpoint, TooMany};
use crate::redirect_uri::{self, RedirectTrust};
use crate::{AuthorizationServer, ClientAddress, RegisteredClientId, RequestOrigin};

/// `POST /oauth/register`
pub(super) async fn register(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match server.take_in(&origin, address, &headers, body).await {
        Ok(registration) => {
            (StatusCode::CREATED, json_headers(), Json(registration)).into_response()
        }
        Err(error) => {
            if let RegistrationError::TooMany(_) = error {
                server.emit(Event::RateLimited {
                    endpoint: Endpoint::Register.name(),
                });
            }
            error.into_response()
        }
    }
}

/// Why a client is not registered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RegistrationError {
    TooMany(TooMany),
    Body(BodyError),
    Metadata(MetadataError),
    KnownOnly,
    Full,
    Store(StoreError),
}

impl From<BodyError> for RegistrationError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<MetadataError> for RegistrationError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for RegistrationError {
    /// RFC 7591 section 3.2.2.
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::TooMany(too_many) => too_many_requests(too_many),
            Self::Body(error) => {
                let too_long = error == BodyError::TooLong;
                let status = if too_long {
                    StatusCode::PAYLOAD_TOO_LARGE
                } else {
                    bad
                };
                json_error(status, ErrorCode::InvalidClientMetadata, &error.to_string())
            }
            Self::Metadata(MetadataError::Redirect(error)) => {
                json_error(bad, ErrorCode::InvalidRedirectUri, &error.to_string())
            }
            Self::Metadata(
                error @ (MetadataError::NoRedirect | MetadataError::TooManyRedirects),
            ) => json_error(bad, ErrorCode::InvalidRedirectUri, &error.to_string()),
            Self::Metadata(error) => {
                json_error(bad, ErrorCode::InvalidClientMetadata, &error.to_string())
            }
            Self::KnownOnly => json_error(
                StatusCode::FORBIDDEN,
                ErrorCode::InvalidRedirectUri,
                "Drawbridge is set to let in known clients only, and none of these redirect URIs \
                 leads to one. Change that in the settings if you trust this client.",
            ),
            Self::Full => {
                let mut response = json_error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    ErrorCode::TemporarilyUnavailable,
                    "Too many clients registered in the last minutes; try again in 15 minutes",
                );
                let seconds = PROTECTED_LIFE.as_secs();
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Store(error) => {
                tracing::error!(%error, "the registration endpoint could not reach the database");
                json_error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ErrorCode::ServerError,
                    "Drawbridge could not reach its database; its log says why. Try again.",
                )
            }
        }
    }
}

impl AuthorizationServer {
    async fn take_in(
        &self,
        origin: &RequestOrigin,
        address: ClientAddress,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Registration, RegistrationError> {
        self.limits()
            .check(Endpoint::Register, address, &origin.audience)
            .map_err(RegistrationError::TooMany)?;
        let body = body::read(headers, body, "application/json").await?;
        let metadata = Metadata::parse(&body)?;
        let known = |uri: &String| redirect_uri::classify(uri) != RedirectTrust::Other;
        if self.settings().known_clients_only && !metadata.redirect_uris.iter().any(known) {
            return Err(RegistrationError::KnownOnly);
        }
        let id = RegisteredClientId::random(self.entropy()).map_err(StoreError::from)?;
        let now = self.now();
        let row = ClientRow {
            id: id.to_string(),
            kind: ClientKind::Registered.as_str().to_owned(),
            created_at: now,
            last_used_at: now,
            approved: false,
            details: to_json(&metadata, "clients")?,
        };
        let oldest_protected = now
            .checked_sub(PROTECTED_LIFE)
            .unwrap_or(jiff::Timestamp::MIN);
        // Whoever waits for a person's answer is not dropped while they think.
        let pending = self.clients_in_use();
        self.vault()
            .write(move |writer| {
                let kind = ClientKind::Registered.as_str();
                if writer.count_clients(kind)? >= MOST_REGISTERED {
                    let stalest =
                        writer.stalest_unapproved_client(kind, oldest_protected, &pending)?;
                    let Some(stalest) = stalest else {
                        return Err(RegistrationError::Full);
                    };
                    writer.delete_client(&stalest)?;
                }
                writer.put_client(&row)?;
                Ok(())
            })
            .await?;
        let host = metadata
            .redirect_uris
            .iter()
            .filter_map(|uri| url::Url::parse(uri).ok())
            .find_map(|uri| uri.host_str().map(str::to_owned));
        self.emit(Event::ClientRegistered {
            client: id.to_string(),
            name: metadata.client_name.clone(),
            host,
        });
        Ok(Registration::new(id, now, metadata))
    }
}
