//! The pages a browser sees, and the headers every one of them carries.
//!
//! A page needs no script, loads nothing, shows no data of this computer, and cannot be framed. Its
//! style and script are fixed texts, allowed by their hashes. There is deliberately no `form-action`
//! in the policy: Chromium applies it to the redirects that follow a form, so the person's browser
//! would not get back to the client.
//!
//! - `messages.rs`: the pages that only say something, each with its words

pub(crate) mod messages;

use std::sync::LazyLock;

use askama::Template;
use axum::body::Body;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::approval::shown::{Question, ShownRedirect};
use crate::headers::{PageContent, page_headers};
use messages::{Detail, Leave, Message, Tone};

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("../../templates/page.css");
/// The script of the waiting page.
pub(crate) const SCRIPT: &str = include_str!("../../templates/waiting.js");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| source_hash(STYLE));
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| source_hash(SCRIPT));

/// As a policy names it: `'sha256-…'`.
fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// A host, taken apart for emphasis. The end of a host is what tells who owns it, so it is never
/// cut.
struct Host<'a> {
    before: &'a str,
    emphasised: &'a str,
    after: &'a str,
    plain: &'a str,
}

impl<'a> From<&'a ShownRedirect> for Host<'a> {
    fn from(redirect: &'a ShownRedirect) -> Self {
        let plain = redirect.host.as_str();
        let found = redirect.registrable.as_deref().and_then(|domain| {
            plain
                .rfind(domain)
                .map(|start| (start, start + domain.len()))
        });
        let (start, end) = found.unwrap_or((0, plain.len()));
        Self {
            before: &plain[..start],
            emphasised: &plain[start..end],
            after: &plain[end..],
            plain,
        }
    }
}

#[derive(Template)]
#[template(path = "authorize.html")]
struct AuthorizePage<'a> {
    host: Host<'a>,
    name: Option<&'a str>,
    domain: Option<&'a str>,
    origin_note: &'a str,
    known: bool,
    loopback: bool,
    pkce: bool,
    link: Option<&'a str>,
    request: &'a str,
    notice: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct WaitingPage<'a> {
    host: Host<'a>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    tone: Tone,
    heading: &'a str,
    paragraphs: &'a [String],
    detail: Option<&'a Detail>,
    leave: Option<&'a Leave>,
}

/// The page with the way to this computer and the field for a code. `link` leads to the local
/// listener; `request` is the id the form sends along.
pub(crate) fn authorize(
    status: StatusCode,
    question: &Question,
    link: Option<&str>,
    request: &str,
    notice: Option<&str>,
) -> Response {
    let page = AuthorizePage {
        host: Host::from(&question.redirect),
        name: question.client.name.as_deref(),
        domain: question.client.domain.as_deref(),
        origin_note: messages::origin_note(question.client.kind),
        known: question.redirect.known,
        loopback: question.redirect.loopback,
        pkce: question.pkce,
        link,
        request,
        notice,
    };
    html(status, page.render(), None)
}

/// The page that waits for the person's answer.
pub(crate) fn waiting(question: &Question) -> Response {
    let page = WaitingPage {
        host: Host::from(&question.redirect),
    };
    html(StatusCode::OK, page.render(), Some(&SCRIPT_HASH))
}

/// A page that only says something; as JSON for programs that ask for that.
pub(crate) fn message(headers: &HeaderMap, message: &Message) -> Response {
    let mut response = if wants_json(headers) {
        let answer = JsonError {
            error: message.code(),
            error_description: &message.description(),
        };
        json(message.status, &answer)
    } else {
        let page = MessagePage {
            tone: message.tone,
            heading: &message.heading,
            paragraphs: &message.paragraphs,
            detail: message.detail.as_ref(),
            leave: message.leave.as_ref(),
        };
        html(message.status, page.render(), None)
    };
    if let Some(seconds) = message.retry_after {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[derive(Serialize)]
struct JsonError<'a> {
    error: &'a str,
    error_description: &'a str,
}

/// Sends the browser to another address with a fresh GET (303, never 307: RFC 9700 section 4.12).
pub(crate) fn go(address: &str) -> Response {
    let Ok(mut location) = HeaderValue::try_from(address) else {
        return bare(StatusCode::INTERNAL_SERVER_ERROR);
    };
    // It may carry a code or a proof.
    location.set_sensitive(true);
    let mut response = bare(StatusCode::SEE_OTHER);
    response.headers_mut().insert(LOCATION, location);
    response
}

/// An answer in JSON, with the headers of a page.
pub(crate) fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    let mut response = (status, axum::Json(answer)).into_response();
    response
        .headers_mut()
        .extend(page_headers(PageContent::default()));
    response
}

/// Any method but GET.
pub(crate) async fn method_not_allowed() -> Response {
    let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

/// Whether a program asks for JSON and not for a page: it names JSON and does not name HTML.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let names = |wanted: &str| {
        headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|range| range.split(';').next())
            .any(|range| range.trim().eq_ignore_ascii_case(wanted))
    };
    names("application/json") && !names("text/html")
}

/// `script` is the hash of the page's script, if it has one.
fn html(status: StatusCode, page: askama::Result<String>, script: Option<&str>) -> Response {
    let Ok(page) = page else {
        return bare(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let content = PageContent {
        style: Some(&STYLE_HASH),
        script,
    };
    let mut response = (status, Body::from(page)).into_response();
    response.headers_mut().extend(page_headers(content));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

fn bare(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response
        .headers_mut()
        .extend(page_headers(PageContent::default()));
    response
}
