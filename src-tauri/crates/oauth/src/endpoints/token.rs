//! `POST /oauth/token`: codes and refresh tokens become access tokens (OAuth 2.1 section 3.2).
//!
//! Each request reads its rows, asks a rule, and writes what the rule says in one transaction; the
//! client hears of it when that is on disk.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use drawbridge_vault::{
    AccessTokenRow, GrantRow, RefreshState, RefreshTokenRow, StoreError, Writer,
};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::client_auth::{AuthenticatedClient, ClientAuthError};
use super::error::{ErrorCode, json_error, too_many_requests};
use crate::body::{self, BodyError};
use crate::clients::ClientKind;
use crate::codes::{self, Attempt, CodeDetails, CodeRefusal, CodeUse, Exchange};
use crate::events::Event;
use crate::form::{Form, FormError, FormLimits, parse_unique};
use crate::grants::{self, EndReason, GrantDetails, UNUSED_LIFE, bounded_expiry, end_of};
use crate::headers::json_headers;
use crate::limits::{Endpoint, TooMany};
use crate::refresh::{self, Refresh};
use crate::resource::{self, InvalidTarget, Resource};
use crate::scope::{Scope, ScopeError};
use crate::tokens::{self, Token, TokenHash, TokenKind};
use crate::{Audience, AuthorizationServer, ClientAddress, GrantId, RequestOrigin};

/// How long an access token lives, if its grant does.
pub const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long a refresh token may stay unused, if its grant lives.
const REFRESH_LIFE: SignedDuration = UNUSED_LIFE;
const FORM: &str = "application/x-www-form-urlencoded";

/// `POST /oauth/token`
pub(super) async fn token(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Extension(address): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match server.tokens_for(&origin, address, &headers, body).await {
        Ok(tokens) => tokens.into_response(),
        Err(refused) => {
            server.report(&refused);
            refused.error.into_response()
        }
    }
}

/// A refusal, and the client it was told to if that is one we know.
struct Refused {
    client: Option<String>,
    error: TokenError,
}

impl<E: Into<TokenError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            client: None,
            error: error.into(),
        }
    }
}

/// Why no token is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenError {
    TooMany(TooMany),
    Body(BodyError),
    Form(FormErrorKind),
    MissingParameter(&'static str),
    UnsupportedGrantType,
    Client(ClientAuthError),
    CodeUnknown,
    Code(CodeRefusal),
    CodeReused,
    RefreshUnknown,
    RefreshOtherClient,
    RefreshExpired,
    RefreshReused,
    GrantEnded,
    Target(InvalidTarget),
    Scope(ScopeError),
    Store(StoreError),
}

/// [`FormError`] without its text, so that the error stays small and plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FormErrorKind {
    Repeated(&'static str),
    Other,
}

impl From<BodyError> for TokenError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<FormError> for TokenError {
    fn from(error: FormError) -> Self {
        Self::Form(match error {
            FormError::Repeated(name) => FormErrorKind::Repeated(name),
            _ => FormErrorKind::Other,
        })
    }
}

impl From<ClientAuthError> for TokenError {
    fn from(error: ClientAuthError) -> Self {
        Self::Client(error)
    }
}

impl From<InvalidTarget> for TokenError {
    fn from(error: InvalidTarget) -> Self {
        Self::Target(error)
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl TokenError {
    /// Status, code and description: the table of OAuth 2.1 section 3.2.4.
    fn answer(&self) -> (StatusCode, ErrorCode, String) {
        use CodeRefusal as C;
        use ErrorCode as E;
        let bad = StatusCode::BAD_REQUEST;
        let (status, code, text): (_, _, &str) = match self {
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, E::TemporarilyUnavailable, ""),
            Self::Body(BodyError::ContentType(_)) => (
                bad,
                E::InvalidRequest,
                "The body must be a form: send Content-Type application/x-www-form-urlencoded",
            ),
            Self::Body(BodyError::TooLong) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                E::InvalidRequest,
                "The body is longer than 16 KB; a token request needs far less",
            ),
            Self::Body(BodyError::Broken) => (
                bad,
                E::InvalidRequest,
                "The body did not arrive whole; send it again",
            ),
            Self::Form(FormErrorKind::Repeated(name)) => {
                let text = format!("The parameter {name} is given more than once; give it once");
                return (bad, E::InvalidRequest, text);
            }
            Self::Form(FormErrorKind::Other) => (
                bad,
                E::InvalidRequest,
                "The form is malformed: percent-encode every value, as UTF-8",
            ),
            Self::MissingParameter(name) => {
                let text = format!("The parameter {name} is missing");
                return (bad, E::InvalidRequest, text);
            }
            Self::UnsupportedGrantType => (
                bad,
                E::UnsupportedGrantType,
                "This grant type is not offered here; use authorization_code or refresh_token",
            ),
            Self::Client(error) => return client_error(error),
            Self::CodeUnknown => (
                bad,
                E::InvalidGrant,
                "Invalid authorization code: it is not known here, was used before, or its \
                 connection has ended. Start the authorization again.",
            ),
            Self::Code(C::OtherClient) => (
                bad,
                E::InvalidGrant,
                "Invalid authorization code: it was issued to another client. Use the client_id \
                 of the authorization request.",
            ),
            Self::Code(C::Expired) => (
                bad,
                E::InvalidGrant,
                "Invalid authorization code: it has expired. Codes live a few minutes; start the \
                 authorization again.",
            ),
            Self::Code(C::OtherRedirect) => (
                bad,
                E::InvalidGrant,
                "Redirect URI mismatch: redirect_uri is not the one of the authorization request. \
                 Send exactly that one, or leave it out.",
            ),
            Self::Code(C::VerifierMissing) => (
                bad,
                E::InvalidGrant,
                "code_verifier is missing: the code was asked for with PKCE, so the verifier has \
                 to come with it.",
            ),
            Self::Code(C::VerifierWrong) => (
                bad,
                E::InvalidGrant,
                "code_verifier does not match the code_challenge of the authorization request. \
                 Start the authorization again.",
            ),
            Self::Code(C::VerifierUnasked) => (
                bad,
                E::InvalidGrant,
                "A code_verifier came with a code that was asked for without PKCE. Start the \
                 authorization again with code_challenge.",
            ),
            Self::Code(C::OtherResource) | Self::Target(InvalidTarget) => (
                bad,
                E::InvalidTarget,
                "The resource is not the one of the authorization request. Send the one from the \
                 protected resource metadata, or leave it out.",
            ),
            Self::Code(C::SiblingUsed) => (
                bad,
                E::InvalidGrant,
                "Invalid authorization code: another code of this authorization was exchanged \
                 already. Start the authorization again if that was not you.",
            ),
            Self::CodeReused => (
                bad,
                E::InvalidGrant,
                "Invalid authorization code: it was used before. To be safe, the connection it \
                 made has been ended. Start the authorization again.",
            ),
            Self::RefreshUnknown => (
                bad,
                E::InvalidGrant,
                "The refresh token is not known here, or its connection has ended. Connect again.",
            ),
            Self::RefreshOtherClient => (
                bad,
                E::InvalidGrant,
                "The refresh token was issued to another client. Use the client_id it was issued \
                 to.",
            ),
            Self::RefreshExpired => (
                bad,
                E::InvalidGrant,
                "The refresh token has expired: it was not used for 30 days. Connect again.",
            ),
            Self::RefreshReused => (
                bad,
                E::InvalidGrant,
                "This refresh token was replaced, and its successor is in use: two hold this \
                 connection. To be safe it has been ended. Connect again.",
            ),
            Self::GrantEnded => (
                bad,
                E::InvalidGrant,
                "This connection has ended: it was revoked, has expired, or was not used for 30 \
                 days. Connect again.",
            ),
            Self::Scope(ScopeError::Wider) => (
                bad,
                E::InvalidScope,
                "The scope is wider than what was granted. Leave scope out to keep what was \
                 granted.",
            ),
            Self::Scope(ScopeError::Malformed | ScopeError::Unknown) => (
                bad,
                E::InvalidScope,
                "The scope is not one of this server. Ask for mcp, or leave scope out.",
            ),
            Self::Store(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                E::ServerError,
                "Drawbridge could not reach its database; its log says why. Try again.",
            ),
        };
        (status, code, text.to_owned())
    }
}

/// The client's part of the table; revocation has the same.
pub(super) fn client_error(error: &ClientAuthError) -> (StatusCode, ErrorCode, String) {
    use ClientAuthError as A;
    let (bad, unauthorized) = (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED);
    let (status, code, text) = match error {
        A::Missing => (
            bad,
            ErrorCode::InvalidRequest,
            "The parameter client_id is missing",
        ),
        A::TwoMethods => (
            bad,
            ErrorCode::InvalidRequest,
            "The client authenticates twice; use the form or one Basic header",
        ),
        A::MalformedBasic => (
            bad,
            ErrorCode::InvalidRequest,
            "The Basic header is malformed: it is client_id, a colon and the secret, in base64",
        ),
        A::TwoClients => (
            bad,
            ErrorCode::InvalidRequest,
            "The form names another client_id than the Basic header",
        ),
        A::Unknown { .. } => (
            unauthorized,
            ErrorCode::InvalidClient,
            "Invalid client: no client with this client_id is known here. Check the client ID \
             shown in Drawbridge, or remove the connector in the client and add it again.",
        ),
        A::SecretMissing => (
            unauthorized,
            ErrorCode::InvalidClient,
            "Invalid client: this client_id needs its client secret. Copy the one shown in \
             Drawbridge into the connector.",
        ),
        A::SecretWrong { .. } => (
            unauthorized,
            ErrorCode::InvalidClient,
            "Invalid client: the client secret is not the one set here (OAUTH_CLIENT_SECRET). \
             Copy the one shown in Drawbridge into the connector.",
        ),
        A::SecretUnasked { .. } => (
            unauthorized,
            ErrorCode::InvalidClient,
            "Invalid client: this client has no secret. Leave the client secret empty, or use \
             the client ID that belongs to it.",
        ),
        A::TooMany(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TemporarilyUnavailable,
            "",
        ),
        A::Store(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::ServerError,
            "Drawbridge could not reach its database; its log says why. Try again.",
        ),
    };
    (status, code, text.to_owned())
}

/// The answer to a client that is not accepted.
pub(super) fn client_error_response(error: &ClientAuthError) -> Response {
    if let ClientAuthError::TooMany(too_many) = error {
        return too_many_requests(*too_many);
    }
    let (status, code, text) = client_error(error);
    let mut response = json_error(status, code, &text);
    let basic = matches!(
        error,
        ClientAuthError::Unknown { basic: true }
            | ClientAuthError::SecretWrong { basic: true }
            | ClientAuthError::SecretUnasked { basic: true }
    );
    if basic {
        let challenge = HeaderValue::from_static("Basic realm=\"drawbridge\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        match self {
            Self::TooMany(too_many) => too_many_requests(too_many),
            Self::Client(error) => client_error_response(&error),
            error => {
                let (status, code, text) = error.answer();
                json_error(status, code, &text)
            }
        }
    }
}

/// What a client gets (OAuth 2.1 section 3.2.3).
struct Tokens {
    access: Token,
    refresh: Token,
    expires_in: i64,
    scope: Scope,
}

#[derive(Serialize)]
struct TokensBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: &'a str,
    scope: String,
}

impl IntoResponse for Tokens {
    fn into_response(self) -> Response {
        let body = TokensBody {
            access_token: self.access.expose(),
            token_type: "Bearer",
            expires_in: self.expires_in,
            refresh_token: self.refresh.expose(),
            scope: self.scope.to_string(),
        };
        (json_headers(), Json(body)).into_response()
    }
}

/// The hashes of the tokens that a write issues.
#[derive(Clone, Copy)]
struct Fresh {
    access: TokenHash,
    refresh: TokenHash,
    now: Timestamp,
}

/// What a write did. `Err` is left to the database: a refusal is a result, because what it ends
/// has to be written.
enum Outcome {
    /// `first` for a code, not for a refresh token.
    Issued {
        grant: GrantId,
        scope: Scope,
        access_ends: Timestamp,
        first: bool,
    },
    Refused(TokenError),
    Ended {
        grant: GrantId,
        reason: EndReason,
        error: TokenError,
    },
}

impl AuthorizationServer {
    async fn tokens_for(
        &self,
        origin: &RequestOrigin,
        address: ClientAddress,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Tokens, Refused> {
        self.limits()
            .check(Endpoint::Token, address, &origin.audience)
            .map_err(TokenError::TooMany)?;
        let body = body::read(headers, body, FORM).await?;
        let form = parse_form(&body)?;
        let grant_type = form
            .get("grant_type")
            .ok_or(TokenError::MissingParameter("grant_type"))?;
        if !matches!(grant_type, "authorization_code" | "refresh_token") {
            return Err(TokenError::UnsupportedGrantType.into());
        }
        let client = self.authenticate_client(headers, &form)?;
        let resource = resource::check(form.all("resource"), origin);
        let result = if grant_type == "refresh_token" {
            self.refresh(&client, &form, resource).await
        } else {
            self.exchange(&client, &form, resource).await
        };
        result.map_err(|error| Refused {
            client: Some(client.id),
            error,
        })
    }

    async fn exchange(
        &self,
        client: &AuthenticatedClient,
        form: &Form,
        resource: Result<Resource, InvalidTarget>,
    ) -> Result<Tokens, TokenError> {
        let code = form
            .get("code")
            .ok_or(TokenError::MissingParameter("code"))?;
        let hash = tokens::parse(TokenKind::Code, code).ok_or(TokenError::CodeUnknown)?;
        let attempt = Attempt {
            client_id: client.id.clone(),
            redirect_uri: form.get("redirect_uri").map(str::to_owned),
            verifier: form.get("code_verifier").map(str::to_owned),
            resource,
        };
        let registered = client.kind == ClientKind::Registered;
        self.issue(client, move |writer, fresh| {
            let outcome = exchange_code(writer, hash, &attempt, fresh)?;
            if registered && matches!(outcome, Outcome::Issued { .. }) {
                writer.touch_client(&attempt.client_id, fresh.now)?;
            }
            Ok(outcome)
        })
        .await
    }

    async fn refresh(
        &self,
        client: &AuthenticatedClient,
        form: &Form,
        resource: Result<Resource, InvalidTarget>,
    ) -> Result<Tokens, TokenError> {
        let token = form
            .get("refresh_token")
            .ok_or(TokenError::MissingParameter("refresh_token"))?;
        let hash = tokens::parse(TokenKind::Refresh, token).ok_or(TokenError::RefreshUnknown)?;
        let resource = resource?;
        let scope = form.get("scope").map(str::to_owned);
        let AuthenticatedClient { id, kind } = client.clone();
        self.issue(client, move |writer, fresh| {
            let asked = RefreshRequest {
                hash,
                client_id: &id,
                resource,
                scope: scope.as_deref(),
            };
            let outcome = refresh_token(writer, &asked, fresh)?;
            if kind == ClientKind::Registered && matches!(outcome, Outcome::Issued { .. }) {
                writer.touch_client(&id, fresh.now)?;
            }
            Ok(outcome)
        })
        .await
    }

    /// Mints tokens, lets `work` decide and write in one transaction, and tells what came of it.
    async fn issue(
        &self,
        client: &AuthenticatedClient,
        work: impl FnOnce(&Writer<'_>, Fresh) -> Result<Outcome, StoreError> + Send + 'static,
    ) -> Result<Tokens, TokenError> {
        let mint = |kind| Token::mint(kind, self.entropy()).map_err(StoreError::from);
        let (access, refresh) = (mint(TokenKind::Access)?, mint(TokenKind::Refresh)?);
        let now = self.now();
        let fresh = Fresh {
            access: access.hash(),
            refresh: refresh.hash(),
            now,
        };
        match self
            .vault()
            .write(move |writer| work(writer, fresh))
            .await?
        {
            Outcome::Issued {
                grant,
                scope,
                access_ends,
                first,
            } => {
                self.emit(if first {
                    Event::Connected {
                        grant,
                        client: client.id.clone(),
                    }
                } else {
                    Event::Refreshed { grant }
                });
                let expires_in = access_ends.duration_since(now).as_secs();
                Ok(Tokens {
                    access,
                    refresh,
                    expires_in,
                    scope,
                })
            }
            Outcome::Refused(error) => Err(error),
            Outcome::Ended {
                grant,
                reason,
                error,
            } => {
                self.token_cache().invalidate();
                tracing::warn!(%grant, reason = reason.as_str(), "a connection was ended");
                self.emit(Event::GrantEnded { grant, reason });
                Err(error)
            }
        }
    }

    /// Tells the log and the timeline about a refusal.
    fn report(&self, refused: &Refused) {
        if let TokenError::Store(error) = refused.error {
            tracing::error!(%error, "the token endpoint could not reach the database");
            return;
        }
        if let TokenError::TooMany(_) = refused.error {
            self.emit(Event::RateLimited {
                endpoint: Endpoint::Token.name(),
            });
            return;
        }
        let (_, code, description) = refused.error.answer();
        tracing::info!(
            error = code.as_str(),
            reason = description,
            "no token was issued"
        );
        self.emit(Event::TokenRefused {
            client: refused.client.clone(),
            error: code.as_str(),
            description,
        });
    }
}

/// Reads a token or revocation request's form.
pub(super) fn parse_form(body: &[u8]) -> Result<Form, FormError> {
    let text = str::from_utf8(body).map_err(|_| FormError::Encoding)?;
    parse_unique(text, FormLimits::OAUTH)
}

fn exchange_code(
    writer: &Writer<'_>,
    hash: TokenHash,
    attempt: &Attempt,
    fresh: Fresh,
) -> Result<Outcome, StoreError> {
    let now = fresh.now;
    let Some(row) = writer.code(&hash.0)? else {
        return Ok(Outcome::Refused(TokenError::CodeUnknown));
    };
    let Some(mut grant) = writer.grant(&row.grant_id)? else {
        return Ok(Outcome::Refused(TokenError::CodeUnknown));
    };
    let code = CodeDetails::read(&row)?;
    let mut details = GrantDetails::read(&grant)?;
    let used = row.used_at.is_some();
    let so_far = CodeUse {
        used,
        sibling_used: details.connected && !used,
    };
    match codes::decide(&code, so_far, row.expires_at, attempt, now) {
        Exchange::Refuse(refusal) => return Ok(Outcome::Refused(TokenError::Code(refusal))),
        Exchange::Reused => {
            return end(
                writer,
                &grant,
                now,
                EndReason::CodeReuse,
                TokenError::CodeReused,
            );
        }
        Exchange::Issue => {}
    }
    if end_of(&grant, now).is_some() {
        return Ok(Outcome::Refused(TokenError::GrantEnded));
    }
    writer.mark_code_used(&hash.0, now)?;
    details.connected = true;
    grant.details = details.write()?;
    grant.last_used_at = now;
    writer.put_grant(&grant)?;
    let scope = details.scope();
    writer.put_refresh_token(&refresh_row(&grant, None, fresh))?;
    let access_ends = put_access_token(writer, &grant, &code.resource, scope, fresh)?;
    Ok(Outcome::Issued {
        grant: grant_id(&grant)?,
        scope,
        access_ends,
        first: true,
    })
}

/// A refresh request, read.
struct RefreshRequest<'a> {
    hash: TokenHash,
    client_id: &'a str,
    resource: Resource,
    scope: Option<&'a str>,
}

fn refresh_token(
    writer: &Writer<'_>,
    asked: &RefreshRequest<'_>,
    fresh: Fresh,
) -> Result<Outcome, StoreError> {
    let now = fresh.now;
    let refused = |error| Ok(Outcome::Refused(error));
    let Some(presented) = writer.refresh_token(&asked.hash.0)? else {
        return refused(TokenError::RefreshUnknown);
    };
    let Some(grant) = writer.grant(&presented.grant_id)? else {
        return refused(TokenError::RefreshUnknown);
    };
    if grant.client_id != asked.client_id {
        return refused(TokenError::RefreshOtherClient);
    }
    if end_of(&grant, now).is_some() {
        return refused(TokenError::GrantEnded);
    }
    let family = writer.refresh_tokens_of(&grant.id)?;
    let changes = match refresh::decide(&family, &presented, now) {
        Refresh::Reused => {
            let error = TokenError::RefreshReused;
            return end(writer, &grant, now, EndReason::RefreshTokenReuse, error);
        }
        Refresh::Expired => return refused(TokenError::RefreshExpired),
        Refresh::Issue(changes) => changes,
    };
    // Nothing is rotated for a request that asks for what it cannot have.
    if asked.resource != Resource::of(&Audience::from_stored(&grant.origin)) {
        return refused(TokenError::Target(InvalidTarget));
    }
    let scope = match Scope::for_refresh(asked.scope, GrantDetails::read(&grant)?.scope()) {
        Ok(scope) => scope,
        Err(error) => return refused(TokenError::Scope(error)),
    };
    let successor = refresh_row(&grant, Some(asked.hash), fresh);
    refresh::apply(writer, &asked.hash.0, &changes, &successor)?;
    writer.touch_grant(&grant.id, now)?;
    let access_ends = put_access_token(writer, &grant, asked.resource.as_str(), scope, fresh)?;
    Ok(Outcome::Issued {
        grant: grant_id(&grant)?,
        scope,
        access_ends,
        first: false,
    })
}

fn end(
    writer: &Writer<'_>,
    grant: &GrantRow,
    now: Timestamp,
    reason: EndReason,
    error: TokenError,
) -> Result<Outcome, StoreError> {
    grants::end(writer, &grant.id, now, reason)?;
    Ok(Outcome::Ended {
        grant: grant_id(grant)?,
        reason,
        error,
    })
}

fn grant_id(grant: &GrantRow) -> Result<GrantId, StoreError> {
    GrantId::parse(&grant.id).map_err(|_| StoreError::Damaged)
}

fn refresh_row(grant: &GrantRow, parent: Option<TokenHash>, fresh: Fresh) -> RefreshTokenRow {
    RefreshTokenRow {
        hash: fresh.refresh.0,
        grant_id: grant.id.clone(),
        parent: parent.map(|hash| hash.0),
        state: RefreshState::Active,
        created_at: fresh.now,
        expires_at: bounded_expiry(grant, REFRESH_LIFE, fresh.now),
    }
}

fn put_access_token(
    writer: &Writer<'_>,
    grant: &GrantRow,
    resource: &str,
    scope: Scope,
    fresh: Fresh,
) -> Result<Timestamp, StoreError> {
    let ends = bounded_expiry(grant, ACCESS_LIFE, fresh.now);
    writer.put_access_token(&AccessTokenRow {
        hash: fresh.access.0,
        grant_id: grant.id.clone(),
        refresh: Some(fresh.refresh.0),
        resource: resource.to_owned(),
        scope: scope.to_string(),
        created_at: fresh.now,
        expires_at: Some(ends),
    })?;
    Ok(ends)
}
