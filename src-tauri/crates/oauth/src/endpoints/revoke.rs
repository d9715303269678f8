//! `POST /oauth/revoke` (RFC 7009): a client gives a token back.
//!
//! A refresh token ends the whole connection, an access token only itself. A token nobody knows,
//! or of another client, is answered like any other: with 200, and nothing changes.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use drawbridge_vault::{StoreError, Writer};
use http::{HeaderMap, StatusCode};

use super::client_auth::ClientAuthError;
use super::error::{ErrorCode, json_error, too_many_requests};
use super::token::parse_form;
use super::token_error::client_error_response;
use crate::body::{self, BodyError};
use crate::events::Event;
use crate::form::FormError;
use crate::grants::{self, EndReason};
use crate::headers::json_headers;
use crate::limits::{Endpoint, TooMany};
use crate::tokens::{self, TokenHash, TokenKind};
use crate::{AuthorizationServer, ClientAddress, GrantId, RequestOrigin};

const FORM: &str = "application/x-www-form-urlencoded";

/// `POST /oauth/revoke`
pub(super) async fn revoke(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match server.give_back(&origin, address, &headers, body).await {
        Ok(()) => (StatusCode::OK, json_headers()).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Why nothing was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RevocationError {
    TooMany(TooMany),
    Body(BodyError),
    Form(FormError),
    MissingToken,
    Client(ClientAuthError),
    Store(StoreError),
}

impl From<BodyError> for RevocationError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<FormError> for RevocationError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl From<ClientAuthError> for RevocationError {
    fn from(error: ClientAuthError) -> Self {
        Self::Client(error)
    }
}

impl From<StoreError> for RevocationError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl IntoResponse for RevocationError {
    /// RFC 7009 section 2.2.1.
    fn into_response(self) -> Response {
        let bad = StatusCode::BAD_REQUEST;
        let (status, text) = match self {
            Self::TooMany(too_many) => return too_many_requests(too_many),
            Self::Client(error) => return client_error_response(&error),
            Self::Store(error) => {
                tracing::error!(%error, "the revocation endpoint could not reach the database");
                return json_error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ErrorCode::ServerError,
                    "Drawbridge could not reach its database; its log says why. Try again.",
                );
            }
            Self::Body(error @ BodyError::TooLong) => {
                (StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            Self::Body(error) => (bad, error.to_string()),
            Self::Form(error) => (bad, error.to_string()),
            Self::MissingToken => (bad, "The parameter token is missing".to_owned()),
        };
        json_error(status, ErrorCode::InvalidRequest, &text)
    }
}

impl AuthorizationServer {
    async fn give_back(
        &self,
        origin: &RequestOrigin,
        address: ClientAddress,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), RevocationError> {
        self.limits()
            .check(Endpoint::Token, address, &origin.audience)
            .map_err(RevocationError::TooMany)?;
        let body = body::read(headers, body, FORM).await?;
        let form = parse_form(&body)?;
        let client = self.authenticate_client(origin, address, headers, &form)?;
        // A hint is no more than that: our tokens say themselves what they are.
        let token = form.get("token").ok_or(RevocationError::MissingToken)?;
        match tokens::parse_any(token) {
            Some((TokenKind::Refresh, hash)) => self.give_back_refresh(hash, client.id).await?,
            Some((TokenKind::Access, hash)) => self.give_back_access(hash, client.id).await?,
            _ => {}
        }
        Ok(())
    }

    async fn give_back_refresh(&self, hash: TokenHash, client: String) -> Result<(), StoreError> {
        let now = self.now();
        let reason = EndReason::RevokedByClient;
        let end = move |writer: &Writer<'_>| {
            let Some(token) = writer.refresh_token(&hash.0)? else {
                return Ok(None);
            };
            let Some(grant) = writer.grant(&token.grant_id)? else {
                return Ok(None);
            };
            if grant.client_id != client {
                return Ok(None);
            }
            grants::end(writer, &grant.id, now, reason)?;
            Ok::<_, StoreError>(GrantId::parse(&grant.id).ok())
        };
        self.change(end, move |server, ended| {
            if let Some(grant) = ended.clone() {
                server.emit(Event::GrantEnded { grant, reason });
            }
        })
        .await?;
        Ok(())
    }

    async fn give_back_access(&self, hash: TokenHash, client: String) -> Result<(), StoreError> {
        let delete = move |writer: &Writer<'_>| {
            let Some(token) = writer.access_token(&hash.0)? else {
                return Ok(());
            };
            let Some(grant) = writer.grant(&token.grant_id)? else {
                return Ok(());
            };
            if grant.client_id == client {
                writer.delete_access_token(&hash.0)?;
            }
            Ok(())
        };
        self.change(delete, |_, ()| {}).await
    }
}
