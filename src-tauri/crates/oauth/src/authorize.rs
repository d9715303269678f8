//! The authorization endpoint and the browser's way through it: `/oauth/authorize`, `/oauth/code`,
//! `/oauth/return/{proof}`, `/oauth/wait/{request}`.
//!
//! What a client asks is checked in the order of OAuth 2.1 section 4.1.2.1: first who it is and
//! where it wants the browser back. Until both are known to be right, every error stays on a page
//! of ours. After that an error goes back to the client, but by itself only to hosts we know and to
//! this computer; to any other a person follows a link.

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::approval::asked::{AnswerAddress, Asked};
use crate::approval::browser::Browser;
use crate::approval::desk::{AskFailed, Page};
use crate::approval::outcome::{CodeRefused, NotNow, Refusal, ReturnRefused, View};
use crate::approval::shown::Proof;
use crate::clients::{ClientError, ClientInformation};
use crate::codes::MintError;
use crate::events::Event;
use crate::form::{Form, FormLimits, parse_unique};
use crate::grants::AuthorizationRequest;
use crate::limits::Endpoint;
use crate::pages::{self, messages};
use crate::pairing::Typed;
use crate::pkce::CodeChallenge;
use crate::scope::Scope;
use crate::tokens::{self, TokenHash, TokenKind, parse};
use crate::{AuthorizationServer, ClientAddress, ClientCountry, RequestOrigin, resource};

/// The form with a code: a waiting id and a few characters.
const CODE_FORM: FormLimits = FormLimits {
    bytes: 1024,
    parameters: 8,
    repeatable: None,
};

/// The routes of the browser's way.
pub(crate) fn routes() -> Router<AuthorizationServer> {
    let only = pages::method_not_allowed;
    Router::new()
        .route("/oauth/authorize", get(authorize).head(only).fallback(only))
        .route("/oauth/code", post(code).fallback(only))
        .route(
            "/oauth/return/{proof}",
            get(come_back).head(only).fallback(only),
        )
        .route("/oauth/wait/{request}", get(wait).head(only).fallback(only))
        .layer(DefaultBodyLimit::max(CODE_FORM.bytes))
}

/// Why an authorization request is not asked.
enum Fault {
    /// Client or redirect are not right: nobody may be sent anywhere.
    Here(Box<messages::Message>),
    /// The client is told, at the address that is known to be its own.
    Told {
        answer: Box<AnswerAddress>,
        error: &'static str,
        description: String,
    },
}

impl Fault {
    fn answer(self, headers: &HeaderMap) -> Response {
        match self {
            Self::Here(message) => pages::message(headers, &message),
            Self::Told {
                answer,
                error,
                description,
            } => {
                let back = answer.with_error(error, &description);
                if answer.may_redirect() {
                    return pages::go(&back);
                }
                let message = messages::cannot_answer(error, description);
                pages::message(
                    headers,
                    &message.leaving("Tell the application?", answer.host(), back),
                )
            }
        }
    }
}

/// `GET /oauth/authorize`: checks the request, remembers it, and shows the page.
async fn authorize(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Extension(address): Extension<ClientAddress>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = too_many(&server, address, &origin, &headers) {
        return response;
    }
    let query = uri.query().unwrap_or_default();
    let asked = match check(&server, query, &origin).await {
        Ok(asked) => asked,
        Err(fault) => return fault.answer(&headers),
    };
    let question = asked.question.clone();
    let known = Browser::from_headers(&headers, &origin.audience);
    let browser = match known.filter(|browser| server.desk().knows(browser)) {
        Some(browser) => browser,
        None => match Browser::new(server.entropy()) {
            Ok(browser) => browser,
            Err(_) => return pages::message(&headers, &messages::server_error()),
        },
    };
    let fingerprint = tokens::hash(&format!("{}?{query}", origin.base));
    let mut response = match server.desk().ask(asked, &browser, fingerprint) {
        Ok(Page::Wait { request }) => pages::go(&waiting_address(&origin, &request)),
        Ok(Page::Ask { handle, request }) => {
            let link = server.settings().local_listener.map(|listener| {
                format!(
                    "http://127.0.0.1:{}/approve/{}",
                    listener.port(),
                    handle.expose()
                )
            });
            let (link, request) = (link.as_deref(), request.expose());
            pages::authorize(StatusCode::OK, &question, link, request, None)
        }
        Err(AskFailed::NotNow(why)) => return not_now(&server, &headers, why),
        Err(AskFailed::Entropy) => return pages::message(&headers, &messages::server_error()),
    };
    if let Some(cookie) = browser.set_cookie(&origin.audience) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Checks an authorization request, in the order that keeps errors where they belong.
async fn check(
    server: &AuthorizationServer,
    query: &str,
    origin: &RequestOrigin,
) -> Result<Asked, Fault> {
    let form = parse_unique(query, FormLimits::OAUTH).map_err(|error| {
        here(
            "invalid_request",
            "This request cannot be read",
            error.to_string(),
        )
    })?;
    let client = find_client(server, &form).await?;
    let redirect_uri = find_redirect(&form, &client)?;
    let answer = AnswerAddress {
        redirect_uri: redirect_uri.clone(),
        state: form.get("state").map(str::to_owned),
        issuer: origin.issuer().to_owned(),
    };
    let told = |error, description: String| Fault::Told {
        answer: Box::new(answer.clone()),
        error,
        description,
    };
    match form.get("response_type") {
        Some("code") => {}
        None => {
            return Err(told(
                "invalid_request",
                "response_type is missing; send code".into(),
            ));
        }
        Some(_) => {
            let text = "only response_type=code is supported";
            return Err(told("unsupported_response_type", text.into()));
        }
    }
    for (name, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
    ] {
        if form.get(name).is_some() {
            let text = format!("{name} is not supported; send the parameters themselves");
            return Err(told(error, text));
        }
    }
    if form
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(told(
            "invalid_request",
            "only response_mode=query is supported".into(),
        ));
    }
    if !client.may_use_codes() {
        let text = "this client did not register the grant type authorization_code";
        return Err(told("unauthorized_client", text.into()));
    }
    let challenge = CodeChallenge::from_request(
        form.get("code_challenge"),
        form.get("code_challenge_method"),
        client.needs_pkce(&redirect_uri),
    )
    .map_err(|error| told("invalid_request", error.to_string()))?;
    let scope = Scope::for_authorization(form.get("scope"))
        .map_err(|error| told("invalid_scope", error.to_string()))?;
    let resource = resource::check(form.all("resource"), origin)
        .map_err(|error| told("invalid_target", error.to_string()))?;
    let audience = origin.audience.clone();
    let authorization = AuthorizationRequest {
        client,
        redirect_uri,
        challenge,
        scope,
        resource,
        audience,
    };
    Ok(Asked::new(authorization, answer.state, origin))
}

async fn find_client(
    server: &AuthorizationServer,
    form: &Form,
) -> Result<ClientInformation, Fault> {
    let Some(id) = form.get("client_id") else {
        let text = "Invalid client: client_id is missing. Connect again from the application.";
        return Err(here("invalid_request", "Invalid client", text.into()));
    };
    server
        .resolve_client(id)
        .await
        .map_err(|error| match error {
            ClientError::Store(error) => {
                tracing::error!(error = %error, "reading a client failed");
                Fault::Here(Box::new(messages::server_error()))
            }
            ClientError::Busy => Fault::Here(Box::new(messages::too_many(60))),
            error => {
                let reason = error.to_string();
                server.emit(Event::ClientRefused {
                    reason: reason.clone(),
                });
                here("invalid_client", "Invalid client", reason)
            }
        })
}

/// The redirect URI as asked. One that was not registered is never followed, not even to tell.
fn find_redirect(form: &Form, client: &ClientInformation) -> Result<String, Fault> {
    let mismatch = |text: &str| {
        let text = format!("Redirect URI mismatch: {text}");
        here("invalid_request", "Redirect URI mismatch", text)
    };
    match form.get("redirect_uri") {
        Some(uri) if client.allows_redirect(uri) => Ok(uri.to_owned()),
        Some(_) => Err(mismatch(
            "this redirect_uri is not one that the client registered, or not one a browser can be \
             sent to. It must be the same text as at registration; remove the connector in the \
             application and add it again, or add the address in Drawbridge if you typed in the \
             client ID by hand.",
        )),
        None => client.only_redirect().map(str::to_owned).ok_or_else(|| {
            mismatch("redirect_uri is missing, and the client did not register exactly one.")
        }),
    }
}

fn here(code: &'static str, heading: &str, description: String) -> Fault {
    Fault::Here(Box::new(messages::bad_request(code, heading, description)))
}

/// `GET /oauth/return/{proof}`: the browser comes back from this computer.
async fn come_back(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Path(proof): Path<String>,
    headers: HeaderMap,
) -> Response {
    let browser = Browser::from_headers(&headers, &origin.audience);
    let result = match parse(TokenKind::ReturnProof, &proof) {
        Some(proof) => server.desk().come_back(&proof, browser.as_ref()),
        None => Err(ReturnRefused::Ended),
    };
    let id = match result {
        Ok(id) => id,
        Err(ReturnRefused::Ended) => return pages::message(&headers, &messages::handle_ended()),
        Err(ReturnRefused::WrongBrowser) => {
            return pages::message(&headers, &messages::wrong_browser());
        }
        Err(ReturnRefused::NotNow(why)) => return not_now(&server, &headers, why),
    };
    match browser.map(|browser| browser.page_of(&id)) {
        Some(Ok(request)) => pages::go(&waiting_address(&origin, &request)),
        _ => pages::message(&headers, &messages::server_error()),
    }
}

/// `POST /oauth/code`: the code this computer shows, typed into the page on another device.
async fn code(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Extension(address): Extension<ClientAddress>,
    country: Option<Extension<ClientCountry>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = too_many(&server, address, &origin, &headers) {
        return response;
    }
    if !is_own_form(&headers, &origin) {
        return pages::message(&headers, &messages::foreign_form());
    }
    let form = std::str::from_utf8(&body)
        .ok()
        .and_then(|text| parse_unique(text, CODE_FORM).ok());
    let Some(form) = form else {
        let text = "the form cannot be read; go back, reload the page and type the code again";
        let message =
            messages::bad_request("invalid_request", "This form cannot be read", text.into());
        return pages::message(&headers, &message);
    };
    let Some(browser) = Browser::from_headers(&headers, &origin.audience) else {
        return pages::message(&headers, &messages::wrong_browser());
    };
    let page = form
        .get("request")
        .and_then(|id| parse(TokenKind::WaitingRequest, id));
    let Some(page) = page else {
        return pages::message(&headers, &messages::ended());
    };
    let result = match Typed::parse(form.get("code").unwrap_or_default()) {
        Some(typed) => {
            let country = country.and_then(|Extension(ClientCountry(country))| country);
            let how = Proof::Code {
                address: Some(address.0),
                country,
            };
            server
                .desk()
                .enter_code(&page, Some(&browser), &typed, how)
                .map(Some)
        }
        None => Ok(None),
    };
    let notice = match result {
        Ok(Some(_)) => {
            let request = form.get("request").unwrap_or_default();
            return pages::go(&format!("{}/oauth/wait/{request}", origin.base));
        }
        Ok(None) => {
            "A code has eight letters and digits, such as ABCD-EFGH. Type it as it is shown."
                .to_owned()
        }
        Err(CodeRefused::Wrong { left: 0 }) => {
            "Too many wrong codes on this page. Connect again from the application.".to_owned()
        }
        Err(CodeRefused::Wrong { left }) => format!(
            "This code is not right, or no longer works. {left} more {} on this page.",
            if left == 1 { "try" } else { "tries" },
        ),
        Err(CodeRefused::TooManyPages) => {
            "Too many pages are trying codes. Open a new code on that computer, then try again."
                .to_owned()
        }
        Err(CodeRefused::WrongBrowser) => {
            return pages::message(&headers, &messages::wrong_browser());
        }
        Err(CodeRefused::Ended) => return pages::message(&headers, &messages::ended()),
        Err(CodeRefused::NotNow(why)) => return not_now(&server, &headers, why),
    };
    let Some(asked) = server.desk().asked_on(&page, &browser) else {
        return pages::message(&headers, &messages::ended());
    };
    let request = form.get("request").unwrap_or_default();
    pages::authorize(
        StatusCode::BAD_REQUEST,
        &asked.question,
        None,
        request,
        Some(&notice),
    )
}

/// Whether a form was sent by our own page, as far as the browser tells. The cookie, which no other
/// site can send along with a form, is needed besides.
fn is_own_form(headers: &HeaderMap, origin: &RequestOrigin) -> bool {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| {
            let kind = text.split(';').next().unwrap_or_default();
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    // `null` is what a page under `Referrer-Policy: no-referrer`, such as ours, sends.
    let own_origin = headers
        .get_all(ORIGIN)
        .iter()
        .all(|value| value.as_bytes() == origin.base.as_bytes() || value.as_bytes() == b"null");
    let same_site = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|value| value.as_bytes() == b"same-origin");
    is_form && own_origin && same_site
}

/// What a waiting page's script is told.
#[derive(Serialize)]
struct Progress {
    state: &'static str,
}

/// `GET /oauth/wait/{request}`: the browser waits here, and leaves from here.
async fn wait(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<RequestOrigin>,
    Path(request): Path<String>,
    headers: HeaderMap,
) -> Response {
    let browser = Browser::from_headers(&headers, &origin.audience);
    let Some(page) = parse(TokenKind::WaitingRequest, &request) else {
        return pages::message(&headers, &messages::ended());
    };
    let script = pages::wants_json(&headers);
    let view = if script {
        server.desk().next_view(&page, browser.as_ref()).await
    } else {
        server.desk().view(&page, browser.as_ref())
    };
    match view {
        View::Ended => pages::message(&headers, &messages::ended()),
        View::WrongBrowser => pages::message(&headers, &messages::wrong_browser()),
        View::NotProven => pages::message(&headers, &messages::not_proven()),
        View::Waiting(_) if script => pages::json(StatusCode::OK, &Progress { state: "waiting" }),
        View::Waiting(asked) => pages::waiting(&asked.question),
        _ if script => pages::json(StatusCode::OK, &Progress { state: "decided" }),
        View::Approved => collect(&server, page, browser.as_ref(), &headers).await,
        View::Refused(asked, why) => {
            server.desk().told_refusal(&page);
            refuse(&asked.answer, why, &headers)
        }
        View::Over => pages::message(&headers, &messages::over()),
    }
}

/// Mints a code and sends the browser to the client with it.
async fn collect(
    server: &AuthorizationServer,
    page: TokenHash,
    browser: Option<&Browser>,
    headers: &HeaderMap,
) -> Response {
    let Some(collect) = server.desk().begin_collect(&page, browser) else {
        return pages::message(headers, &messages::over());
    };
    let answer = collect.asked.answer.clone();
    let again = collect.again;
    // A task of its own: the browser may go away, the request may not stay halfway.
    let server = server.clone();
    let mint = tokio::spawn(async move {
        let authorization = &collect.asked.authorization;
        let minted = server.mint_code(&collect.grant, authorization).await;
        server.desk().end_collect(&collect.id, minted.is_ok());
        minted
    });
    match mint.await {
        Ok(Ok(minted)) => pages::go(&answer.with_code(minted.code.expose_secret())),
        Ok(Err(MintError::Over)) if again => pages::message(headers, &messages::over()),
        Ok(Err(MintError::Over)) => pages::message(headers, &messages::connection_gone()),
        Ok(Err(MintError::Store(error))) => {
            tracing::error!(error = %error, "writing an authorization code failed");
            pages::message(headers, &messages::server_error())
        }
        Err(_) => pages::message(headers, &messages::server_error()),
    }
}

/// Tells the client that there is no grant: by itself only where we know the host.
fn refuse(answer: &AnswerAddress, why: Refusal, headers: &HeaderMap) -> Response {
    let (error, description) = why.told();
    let back = answer.with_error(error, description);
    if answer.may_redirect() {
        return pages::go(&back);
    }
    let message = match why {
        Refusal::Denied => messages::denied(),
        Refusal::TimedOut => messages::timed_out(),
        Refusal::Closed => messages::closed(),
    };
    pages::message(
        headers,
        &message.leaving("Tell the application?", answer.host(), back),
    )
}

fn not_now(server: &AuthorizationServer, headers: &HeaderMap, why: NotNow) -> Response {
    let message = match why {
        NotNow::Unarmed => messages::unarmed(),
        NotNow::Busy => messages::busy(),
        NotNow::Closing => messages::closing(),
        NotNow::Quiet(until) => {
            let left = until.duration_since(server.now()).as_secs();
            messages::quiet(u64::try_from(left).unwrap_or_default())
        }
    };
    pages::message(headers, &message)
}

/// The answer to one request too many.
fn too_many(
    server: &AuthorizationServer,
    address: ClientAddress,
    origin: &RequestOrigin,
    headers: &HeaderMap,
) -> Option<Response> {
    let over = server
        .limits()
        .check(Endpoint::Authorize, address, &origin.audience)
        .err()?;
    server.emit(Event::RateLimited {
        endpoint: Endpoint::Authorize.name(),
    });
    Some(pages::message(headers, &messages::too_many(over.seconds())))
}

fn waiting_address(origin: &RequestOrigin, request: &tokens::Token) -> String {
    format!("{}/oauth/wait/{}", origin.base, request.expose())
}
