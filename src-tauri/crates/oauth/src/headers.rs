//! The headers of our answers: pages, redirects, JSON.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, PRAGMA, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What a page contains: the hashes of its style and script, as `'sha256-…'`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PageContent<'a> {
    /// Hash of the one `<style>` element.
    pub(crate) style: Option<&'a str>,
    /// Hash of the one `<script>` element; it may then talk to its own origin.
    pub(crate) script: Option<&'a str>,
}

/// The headers of every HTML answer and every redirect: nothing is loaded, framed, stored, sniffed
/// or told to the next site. There is no `form-action`: Chromium applies it to the redirects that
/// follow a form, and so blocks the way back to the client.
pub(crate) fn page_headers(content: PageContent<'_>) -> HeaderMap {
    let mut policy = String::from("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    if let Some(hash) = content.style {
        policy.push_str("; style-src ");
        policy.push_str(hash);
    }
    if let Some(hash) = content.script {
        policy.push_str("; script-src ");
        policy.push_str(hash);
        policy.push_str("; connect-src 'self'");
    }
    let mut headers = HeaderMap::new();
    // A hash is base64, so this cannot fail; if it did, the strictest policy stands.
    let policy = HeaderValue::try_from(policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers
}

/// The headers of every JSON answer: it may hold a token (OAuth 2.1 section 3.2.3).
pub(crate) fn json_headers() -> [(HeaderName, HeaderValue); 3] {
    [
        (CACHE_CONTROL, NO_STORE),
        (PRAGMA, HeaderValue::from_static("no-cache")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_run_what_it_was_made_with_and_nothing_else() {
        let content = PageContent {
            style: Some("'sha256-AAAA'"),
            script: Some("'sha256-BBBB'"),
        };
        let headers = page_headers(content);
        insta::assert_snapshot!(
            headers[CONTENT_SECURITY_POLICY].to_str().unwrap(),
            @"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-AAAA'; script-src 'sha256-BBBB'; connect-src 'self'"
        );
        assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        assert_eq!(headers[CROSS_ORIGIN_OPENER_POLICY], "same-origin");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
