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
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::client_auth::AuthenticatedClient;
use super::token_error::TokenError;
use crate::body;
use crate::clients::ClientKind;
use crate::codes::{self, Attempt, CodeDetails, CodeUse, Exchange};
use crate::events::Event;
use crate::form::{Form, FormError, FormLimits, parse_unique};
use crate::grants::{self, EndReason, GrantDetails, UNUSED_LIFE, bounded_expiry, end_of};
use crate::headers::json_headers;
use crate::limits::Endpoint;
use crate::refresh::{self, Refresh};
use crate::resource::{self, InvalidTarget, Resource};
use crate::scope::Scope;
use crate::tokens::{self, Token, TokenHash, TokenKind};
use crate::{Audience, AuthorizationServer, ClientAddress, GrantId, RequestOrigin};

/// How long an access token lives, if its grant does.
pub(crate) const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(1);
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
        let client = self.authenticate_client(origin, address, headers, &form)?;
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
        let client = client.id.clone();
        let outcome = self
            .change(
                move |writer| work(writer, fresh),
                move |server, outcome| server.tell(outcome, client),
            )
            .await?;
        match outcome {
            Outcome::Issued {
                scope, access_ends, ..
            } => {
                let expires_in = access_ends.duration_since(now).as_secs();
                Ok(Tokens {
                    access,
                    refresh,
                    expires_in,
                    scope,
                })
            }
            Outcome::Refused(error) | Outcome::Ended { error, .. } => Err(error),
        }
    }

    /// Tells the log and the timeline what a write did, also when the client is gone.
    fn tell(&self, outcome: &Outcome, client: String) {
        match outcome {
            Outcome::Issued { grant, first, .. } => {
                let grant = grant.clone();
                self.emit(if *first {
                    Event::Connected { grant, client }
                } else {
                    Event::Refreshed { grant }
                });
            }
            Outcome::Ended { grant, reason, .. } => {
                let (grant, reason) = (grant.clone(), *reason);
                tracing::warn!(%grant, reason = reason.as_str(), "a connection was ended");
                self.emit(Event::GrantEnded { grant, reason });
            }
            Outcome::Refused(_) => {}
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
    grant.expires_at = details.own_expiry(&grant);
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
    // Nothing is rotated for a request that asks for what it cannot have. The resource is that of
    // the address the request came to, so it is the token that is in the wrong place: clients
    // connect again at `invalid_grant` only.
    if asked.resource != Resource::of(&Audience::from_stored(&grant.origin)) {
        return refused(TokenError::RefreshElsewhere);
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
