//! The bearer check: who may call the MCP endpoint, and what an answer to everybody else says.
//!
//! The rows behind a token are read once; after that a bounded table in memory answers, until a
//! grant or token changes anywhere (then the whole table is stale) or an expiry comes. It holds
//! hashes only.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use drawbridge_vault::{AccessTokenRow, GrantRow, StoreError};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::endpoints::error::{ErrorCode, json_error};
use crate::grants::{GrantDetails, UNUSED_LIFE, end_of};
use crate::resource::Resource;
use crate::scope::{self, Scope};
use crate::tokens::{self, TokenHash, TokenKind};
use crate::{AccessLevel, AuthorizationServer, GrantId, RequestOrigin, ServerSelection};

/// How many tokens are remembered. When there are more, the table starts anew.
const MOST_CACHED: usize = 4096;
/// How often the use of a grant is written down.
const TOUCH_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Who calls, and what the user allows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// By which grant.
    pub grant: GrantId,
    /// Which client; `script` for a token the user made.
    pub client: String,
    /// The servers it may use.
    pub servers: ServerSelection,
    /// Whether it may change things.
    pub access: AccessLevel,
    /// When its token ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// Why a request is refused, as RFC 6750 section 3.1 wants it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    reason: Refusal,
    base: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// No token, or another scheme than `Bearer`: no error is named.
    NoToken,
    /// Two tokens, an unreadable header, or a token in the address.
    Malformed(&'static str),
    /// No token of ours, or one that has ended.
    Token(&'static str),
    /// The token does not cover the MCP endpoint.
    Scope,
    /// The database failed.
    Store(StoreError),
}

const TWO_HEADERS: &str = "Send exactly one Authorization header";
const NO_VALUE: &str = "The Authorization header must be: Bearer, one space, the access token";
const IN_ADDRESS: &str =
    "Send the access token in the Authorization header, never in the address, where logs keep it";
const NOT_OURS: &str =
    "This is no access token of this server, or its connection has ended; connect again";
const ENDED: &str = "The access token has expired or was revoked; refresh it or connect again";
const ELSEWHERE: &str =
    "The access token belongs to another address of this server; connect again at this one";
const LESS: &str = "The access token does not cover the scope mcp; ask for it and connect again";

impl Challenge {
    fn new(reason: Refusal, origin: &RequestOrigin) -> Self {
        Self {
            reason,
            base: origin.base.clone(),
        }
    }

    fn header(&self, code: Option<ErrorCode>, description: &str) -> HeaderValue {
        let error = code.map_or_else(String::new, |code| {
            format!(
                "error=\"{}\", error_description=\"{description}\", ",
                code.as_str()
            )
        });
        let text = format!(
            "Bearer {error}resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\", \
             scope=\"{}\"",
            self.base,
            scope::MCP
        );
        // The base comes from an allow-list and the rest is ours, so this cannot fail.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
    }
}

impl IntoResponse for Challenge {
    fn into_response(self) -> Response {
        let (status, code, description) = match self.reason {
            Refusal::NoToken => {
                let header = self.header(None, "");
                let mut response = json_error(
                    StatusCode::UNAUTHORIZED,
                    ErrorCode::InvalidToken,
                    "An access token is needed; connect this client to Drawbridge first",
                );
                response.headers_mut().insert(WWW_AUTHENTICATE, header);
                return response;
            }
            Refusal::Malformed(text) => (StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, text),
            Refusal::Token(text) => (StatusCode::UNAUTHORIZED, ErrorCode::InvalidToken, text),
            Refusal::Scope => (StatusCode::FORBIDDEN, ErrorCode::InsufficientScope, LESS),
            Refusal::Store(error) => {
                tracing::error!(error = %error, "the bearer check could not read the database");
                let text = "Drawbridge could not read its database; its log says why";
                return json_error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    ErrorCode::ServerError,
                    text,
                );
            }
        };
        let header = self.header(Some(code), description);
        let mut response = json_error(status, code, description);
        response.headers_mut().insert(WWW_AUTHENTICATE, header);
        response
    }
}

/// Tokens that were looked up before.
#[derive(Default)]
pub(crate) struct TokenCache {
    /// Goes up with every change of a grant or token; what was read before is stale.
    generation: AtomicU64,
    entries: RwLock<HashMap<TokenHash, Arc<Entry>>>,
}

struct Entry {
    generation: u64,
    known: Known,
    /// When its use was last written down, in unix milliseconds.
    touched_at: AtomicI64,
}

/// What the rows behind a token say.
struct Known {
    principal: Principal,
    resource: Resource,
    scope: Scope,
}

impl TokenCache {
    /// Forgets everything: a grant or token has changed. To be called after the change is on disk
    /// and before anybody is told.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn get(&self, hash: &TokenHash) -> Option<Arc<Entry>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(hash)
            .filter(|entry| entry.generation == self.generation())
            .map(Arc::clone)
    }

    fn put(&self, hash: TokenHash, entry: &Arc<Entry>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST_CACHED {
            entries.clear();
        }
        entries.insert(hash, Arc::clone(entry));
    }
}

impl Entry {
    /// Whether the use at `now` is to be written down; then it counts as written.
    fn is_due(&self, now: Timestamp) -> bool {
        let (now, last) = (
            now.as_millisecond(),
            self.touched_at.load(Ordering::Relaxed),
        );
        let due =
            now.saturating_sub(last) >= i64::try_from(TOUCH_EVERY.as_millis()).unwrap_or(i64::MAX);
        due && self
            .touched_at
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn was_used_since(&self, now: Timestamp, life: SignedDuration) -> bool {
        let last = self.touched_at.load(Ordering::Relaxed);
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        now.as_millisecond().saturating_sub(last) < life
    }
}

impl AuthorizationServer {
    /// Puts the bearer check in front of a router. What passes has an `Extension` of
    /// [`Principal`] and one of [`crate::LiveGrant`]; everything else is answered with a
    /// [`Challenge`].
    pub fn require_bearer(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), check))
    }

    /// Checks the access token of one request. `path` is the request's path as asked, with its
    /// query: a token there is refused.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        origin: &RequestOrigin,
        path: &str,
    ) -> Result<Principal, Challenge> {
        let refuse = |reason| Challenge::new(reason, origin);
        let token = bearer_token(headers, path).map_err(refuse)?;
        let (kind, hash) =
            tokens::parse_any(token).ok_or_else(|| refuse(Refusal::Token(NOT_OURS)))?;
        if !matches!(kind, TokenKind::Access | TokenKind::Script) {
            return Err(refuse(Refusal::Token(NOT_OURS)));
        }
        let now = self.now();
        let entry = match self.token_cache().get(&hash) {
            Some(entry) if entry.was_used_since(now, UNUSED_LIFE) => entry,
            _ => self.look_up(hash, now).map_err(refuse)?,
        };
        let known = &entry.known;
        if known
            .principal
            .expires_at
            .is_some_and(|expiry| expiry <= now)
        {
            return Err(refuse(Refusal::Token(ENDED)));
        }
        if known.resource != Resource::of(&origin.audience) {
            return Err(refuse(Refusal::Token(ELSEWHERE)));
        }
        if !known.scope.allows_mcp() {
            return Err(refuse(Refusal::Scope));
        }
        if entry.is_due(now) {
            self.touch(&known.principal.grant, now).await;
        }
        Ok(known.principal.clone())
    }

    fn look_up(&self, hash: TokenHash, now: Timestamp) -> Result<Arc<Entry>, Refusal> {
        let generation = self.token_cache().generation();
        let rows = self.vault().read(|reader| {
            let Some(token) = reader.access_token(&hash.0)? else {
                return Ok(None);
            };
            let grant = reader.grant(&token.grant_id)?;
            Ok::<_, StoreError>(grant.map(|grant| (token, grant)))
        });
        let (token, grant) = rows
            .map_err(Refusal::Store)?
            .ok_or(Refusal::Token(NOT_OURS))?;
        if end_of(&grant, now).is_some() {
            return Err(Refusal::Token(ENDED));
        }
        let entry = Arc::new(Entry {
            generation,
            touched_at: AtomicI64::new(grant.last_used_at.as_millisecond()),
            known: known(token, &grant).map_err(Refusal::Store)?,
        });
        self.token_cache().put(hash, &entry);
        Ok(entry)
    }

    async fn touch(&self, grant: &GrantId, now: Timestamp) {
        let id = grant.to_string();
        let written = self
            .vault()
            .write_soon(move |writer| writer.touch_grant(&id, now).map(drop))
            .await;
        if let Err(error) = written {
            tracing::warn!(%grant, %error, "the use of a connection could not be written down");
        }
    }
}

async fn check(
    State(server): State<AuthorizationServer>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.extensions().get::<RequestOrigin>() else {
        let text = "This listener does not tell its address; please report this";
        return json_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::ServerError,
            text,
        );
    };
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    match server.authenticate(request.headers(), origin, path).await {
        Ok(principal) => {
            // The token goes no further (invariant 6).
            request.headers_mut().remove(AUTHORIZATION);
            let live = server.live_grant(&principal);
            request.extensions_mut().insert(principal);
            request.extensions_mut().insert(live);
            next.run(request).await
        }
        Err(challenge) => challenge.into_response(),
    }
}

fn known(token: AccessTokenRow, grant: &GrantRow) -> Result<Known, StoreError> {
    let details = GrantDetails::read(grant)?;
    let expires_at = [token.expires_at, grant.expires_at]
        .into_iter()
        .flatten()
        .min();
    let grant_id = GrantId::parse(&grant.id).map_err(|_| StoreError::Damaged)?;
    Ok(Known {
        principal: Principal {
            grant: grant_id,
            client: grant.client_id.clone(),
            servers: details.servers,
            access: details.access,
            expires_at,
        },
        resource: Resource::from_stored(token.resource),
        scope: Scope::from_stored(&token.scope),
    })
}

fn bearer_token<'a>(headers: &'a HeaderMap, path: &str) -> Result<&'a str, Refusal> {
    if has_token_in_query(path) {
        return Err(Refusal::Malformed(IN_ADDRESS));
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Err(Refusal::NoToken);
    };
    if values.next().is_some() {
        return Err(Refusal::Malformed(TWO_HEADERS));
    }
    let value = value.to_str().map_err(|_| Refusal::Malformed(NO_VALUE))?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains([' ', ',']) {
        return Err(Refusal::Malformed(NO_VALUE));
    }
    Ok(token)
}

fn has_token_in_query(path: &str) -> bool {
    let Some((_, query)) = path.split_once('?') else {
        return false;
    };
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        crate::form::decode(name).is_ok_and(|name| name == "access_token")
    })
}
