//! What the token endpoint answers when it issues nothing: the table of OAuth 2.1 section 3.2.4,
//! in words a person can act on.

use axum::response::{IntoResponse, Response};
use drawbridge_vault::StoreError;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use super::client_auth::ClientAuthError;
use super::error::{ErrorCode, json_error, too_many_requests};
use crate::body::BodyError;
use crate::codes::CodeRefusal;
use crate::form::FormError;
use crate::limits::TooMany;
use crate::resource::InvalidTarget;
use crate::scope::ScopeError;

/// Why no token is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenError {
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
    RefreshElsewhere,
    RefreshExpired,
    RefreshReused,
    GrantEnded,
    Target(InvalidTarget),
    Scope(ScopeError),
    Store(StoreError),
}

/// [`FormError`] without its text, so that the error stays small and plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormErrorKind {
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

/// Status, code and description of an answer.
pub(super) type Told = (StatusCode, ErrorCode, String);

impl TokenError {
    /// The table of OAuth 2.1 section 3.2.4.
    pub(super) fn answer(&self) -> Told {
        match self {
            Self::TooMany(_) => told(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::TemporarilyUnavailable,
                "",
            ),
            Self::Body(error) => body_error(*error),
            Self::Form(FormErrorKind::Repeated(name)) => {
                let text = format!("The parameter {name} is given more than once; give it once");
                bad(ErrorCode::InvalidRequest, &text)
            }
            Self::Form(FormErrorKind::Other) => bad(
                ErrorCode::InvalidRequest,
                "The form is malformed: percent-encode every value, as UTF-8",
            ),
            Self::MissingParameter(name) => bad(
                ErrorCode::InvalidRequest,
                &format!("The parameter {name} is missing"),
            ),
            Self::UnsupportedGrantType => bad(
                ErrorCode::UnsupportedGrantType,
                "This grant type is not offered here; use authorization_code or refresh_token",
            ),
            Self::Client(error) => client_error(error),
            Self::Code(CodeRefusal::OtherResource) | Self::Target(InvalidTarget) => bad(
                ErrorCode::InvalidTarget,
                "The resource is not the one of the authorization request. Send the one from the \
                 protected resource metadata, or leave it out.",
            ),
            Self::Scope(ScopeError::Wider) => bad(
                ErrorCode::InvalidScope,
                "The scope is wider than what was granted. Leave scope out to keep what was \
                 granted.",
            ),
            Self::Scope(ScopeError::Malformed | ScopeError::Unknown) => bad(
                ErrorCode::InvalidScope,
                "The scope is not one of this server. Ask for mcp, or leave scope out.",
            ),
            Self::Store(_) => database_error(),
            invalid => bad(ErrorCode::InvalidGrant, invalid.invalid_grant()),
        }
    }

    /// The descriptions of `invalid_grant`. The first words of those about codes and redirects are
    /// the names by which the original guide knows them.
    fn invalid_grant(&self) -> &'static str {
        match self {
            Self::Code(CodeRefusal::OtherClient) => {
                "Invalid authorization code: it was issued to another client. Use the client_id \
                 of the authorization request."
            }
            Self::Code(CodeRefusal::Expired) => {
                "Invalid authorization code: it has expired. Codes live a few minutes; start the \
                 authorization again."
            }
            Self::Code(CodeRefusal::OtherRedirect) => {
                "Redirect URI mismatch: redirect_uri is not the one of the authorization request. \
                 Send exactly that one, or leave it out."
            }
            Self::Code(CodeRefusal::VerifierMissing) => {
                "code_verifier is missing: the code was asked for with PKCE, so the verifier has \
                 to come with it."
            }
            Self::Code(CodeRefusal::VerifierWrong) => {
                "code_verifier does not match the code_challenge of the authorization request. \
                 Start the authorization again."
            }
            Self::Code(CodeRefusal::VerifierUnasked) => {
                "A code_verifier came with a code that was asked for without PKCE. Start the \
                 authorization again with code_challenge."
            }
            Self::Code(CodeRefusal::SiblingUsed) => {
                "Invalid authorization code: another code of this authorization was exchanged \
                 already. Start the authorization again if that was not you."
            }
            Self::CodeReused => {
                "Invalid authorization code: it was used before. To be safe, the connection it \
                 made has been ended. Start the authorization again."
            }
            Self::RefreshUnknown => {
                "The refresh token is not known here, or its connection has ended. Connect again."
            }
            Self::RefreshOtherClient => {
                "The refresh token was issued to another client. Use the client_id it was issued \
                 to."
            }
            Self::RefreshElsewhere => {
                "The refresh token belongs to another address of this server. Connect again at \
                 this one."
            }
            Self::RefreshExpired => {
                "The refresh token has expired: it was not used for 30 days. Connect again."
            }
            Self::RefreshReused => {
                "This refresh token was replaced, and its successor is in use: two hold this \
                 connection. To be safe it has been ended. Connect again."
            }
            Self::GrantEnded => {
                "This connection has ended: it was revoked, has expired, or was not used for 30 \
                 days. Connect again."
            }
            _ => {
                "Invalid authorization code: it is not known here, was used before, or its \
                 connection has ended. Start the authorization again."
            }
        }
    }
}

fn told(status: StatusCode, code: ErrorCode, text: &str) -> Told {
    (status, code, text.to_owned())
}

fn bad(code: ErrorCode, text: &str) -> Told {
    told(StatusCode::BAD_REQUEST, code, text)
}

fn database_error() -> Told {
    told(
        StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::ServerError,
        "Drawbridge could not reach its database; its log says why. Try again.",
    )
}

fn body_error(error: BodyError) -> Told {
    match error {
        BodyError::ContentType(_) => bad(
            ErrorCode::InvalidRequest,
            "The body must be a form: send Content-Type application/x-www-form-urlencoded",
        ),
        BodyError::TooLong => told(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::InvalidRequest,
            "The body is longer than 16 KB; a token request needs far less",
        ),
        BodyError::Broken => bad(
            ErrorCode::InvalidRequest,
            "The body did not arrive whole; send it again",
        ),
    }
}

/// The client's part of the table; revocation has the same.
fn client_error(error: &ClientAuthError) -> Told {
    use ClientAuthError as A;
    let invalid = |text| told(StatusCode::UNAUTHORIZED, ErrorCode::InvalidClient, text);
    match error {
        A::Missing => bad(
            ErrorCode::InvalidRequest,
            "The parameter client_id is missing",
        ),
        A::TwoMethods => bad(
            ErrorCode::InvalidRequest,
            "The client authenticates twice; use the form or one Basic header",
        ),
        A::MalformedBasic => bad(
            ErrorCode::InvalidRequest,
            "The Basic header is malformed: it is client_id, a colon and the secret, in base64",
        ),
        A::TwoClients => bad(
            ErrorCode::InvalidRequest,
            "The form names another client_id than the Basic header",
        ),
        A::Unknown { .. } => invalid(
            "Invalid client: no client with this client_id is known here. Check the client ID \
             shown in Drawbridge, or remove the connector in the client and add it again.",
        ),
        A::SecretMissing => invalid(
            "Invalid client: this client_id needs its client secret. Copy the one shown in \
             Drawbridge into the connector.",
        ),
        A::SecretWrong { .. } => invalid(
            "Invalid client: the client secret is not the one set here (OAUTH_CLIENT_SECRET). \
             Copy the one shown in Drawbridge into the connector.",
        ),
        A::SecretUnasked { .. } => invalid(
            "Invalid client: this client has no secret. Leave the client secret empty, or use \
             the client ID that belongs to it.",
        ),
        A::TooMany(_) => told(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TemporarilyUnavailable,
            "",
        ),
        A::Store(_) => database_error(),
    }
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
