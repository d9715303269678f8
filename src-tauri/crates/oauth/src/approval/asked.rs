//! One authorization request that passed every check, with the ways back to its client.

use url::form_urlencoded;

use super::shown::{Question, ShownClient, ShownRedirect};
use super::visible::{MOST_NAME_CHARS, visible};
use crate::RequestOrigin;
use crate::grants::AuthorizationRequest;
use crate::redirect_uri::{self, RedirectTrust};

/// Most characters shown of a metadata document's host: as many as a DNS name may have, so that it
/// is never cut.
const MOST_HOST_CHARS: usize = 253;

/// A request that passed every check.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What a person is shown of it.
    pub(crate) question: Question,
    /// What a grant and its code are made of.
    pub(crate) authorization: AuthorizationRequest,
    /// Where the browser goes with the answer.
    pub(crate) answer: AnswerAddress,
}

/// Where an answer to the client goes, success or error, and what it always carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnswerAddress {
    /// The client's redirect URI, exactly as asked.
    pub(crate) redirect_uri: String,
    /// The client's own text, given back as it came.
    pub(crate) state: Option<String>,
    /// Who answers (RFC 9207); also the address the browser came to.
    pub(crate) issuer: String,
}

impl AnswerAddress {
    /// The redirect that carries a code (OAuth 2.1 section 4.1.2).
    pub(crate) fn with_code(&self, code: &str) -> String {
        self.with(&[("code", code)])
    }

    /// The redirect that carries an error (OAuth 2.1 section 4.1.2.1).
    pub(crate) fn with_error(&self, error: &str, description: &str) -> String {
        self.with(&[("error", error), ("error_description", &plain(description))])
    }

    /// The redirect URI's own text stays as it is, since the client compares it; what comes after
    /// is added to its query.
    fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.issuer);
        let uri = &self.redirect_uri;
        let joint = match uri.split_once('?') {
            None => "?",
            Some((_, existing)) if existing.is_empty() || existing.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{uri}{joint}{}", query.finish())
    }

    /// Whether a browser may be sent there without a person's yes.
    pub(crate) fn may_redirect(&self) -> bool {
        redirect_uri::classify(&self.redirect_uri) != RedirectTrust::Other
    }

    /// The host it leads to, for a person.
    pub(crate) fn host(&self) -> String {
        redirect_uri::display_host(&self.redirect_uri)
    }
}

/// The characters `error_description` may hold (OAuth 2.1 section 4.1.2.1): the rest becomes `'`.
fn plain(description: &str) -> String {
    let allowed = |character| matches!(character, ' ' | '!' | '#'..='[' | ']'..='~');
    description
        .chars()
        .map(|found| if allowed(found) { found } else { '\'' })
        .collect()
}

impl Asked {
    /// Puts together what a person is shown with what the grant will be made of.
    pub(crate) fn new(
        authorization: AuthorizationRequest,
        state: Option<String>,
        origin: &RequestOrigin,
    ) -> Self {
        let client = &authorization.client;
        let question = Question {
            client: ShownClient {
                kind: client.kind,
                name: client
                    .name
                    .as_deref()
                    .map(|name| visible(name, MOST_NAME_CHARS))
                    .filter(|name| !name.is_empty()),
                domain: client
                    .host
                    .as_deref()
                    .map(|host| visible(host, MOST_HOST_CHARS)),
            },
            redirect: ShownRedirect::new(&authorization.redirect_uri),
            pkce: authorization.challenge.is_some(),
            scope: authorization.scope.to_string(),
            address: origin.base.clone(),
        };
        let answer = AnswerAddress {
            redirect_uri: authorization.redirect_uri.clone(),
            state,
            issuer: origin.issuer().to_owned(),
        };
        Self {
            question,
            authorization,
            answer,
        }
    }

    /// The id of the client that asks.
    pub(crate) fn client_id(&self) -> &str {
        &self.authorization.client.id
    }
}

impl ShownRedirect {
    /// What a person is shown of a redirect URI.
    pub(crate) fn new(uri: &str) -> Self {
        let host = redirect_uri::display_host(uri);
        let trust = redirect_uri::classify(uri);
        Self {
            registrable: registrable(&host),
            known: trust == RedirectTrust::KnownHost,
            loopback: trust == RedirectTrust::Loopback,
            host,
        }
    }
}

/// The part of a shown host that somebody registered; none of an address, nor of a name that nobody
/// can register.
pub(crate) fn registrable(host: &str) -> Option<String> {
    let name = host.split(':').next().unwrap_or_default();
    let is_address = host.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
    psl::domain_str(name)
        .filter(|_| !is_address)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    fn address(redirect_uri: &str) -> AnswerAddress {
        AnswerAddress {
            redirect_uri: redirect_uri.to_owned(),
            state: Some("a b&c=d".to_owned()),
            issuer: "https://bridge.example".to_owned(),
        }
    }

    #[test]
    fn an_answer_carries_code_state_and_issuer() {
        assert_eq!(
            address("https://chatgpt.com/callback").with_code("dbc_x"),
            "https://chatgpt.com/callback?code=dbc_x&state=a+b%26c%3Dd&iss=https%3A%2F%2Fbridge.example"
        );
    }

    #[test]
    fn an_existing_query_is_kept() {
        for (uri, start) in [
            (
                "https://a.example/c?x=%7e",
                "https://a.example/c?x=%7e&code=1&",
            ),
            ("https://a.example/c?", "https://a.example/c?code=1&"),
            ("https://a.example/c?x&", "https://a.example/c?x&code=1&"),
            ("http://127.0.0.1:9/", "http://127.0.0.1:9/?code=1&"),
        ] {
            let answer = address(uri).with_code("1");
            assert!(answer.starts_with(start), "{answer}");
        }
    }

    #[test]
    fn a_description_holds_only_what_the_rfc_allows() {
        let answer = address("https://a.example/").with_error("access_denied", "“no”\n\\ é\"");
        let url = Url::parse(&answer).unwrap();
        let description = url
            .query_pairs()
            .find(|(name, _)| name == "error_description")
            .unwrap();
        assert_eq!(description.1, "'no''' ''");
    }

    #[test]
    fn hosts_are_taken_apart_by_the_public_suffix_list() {
        for (uri, host, registrable) in [
            ("https://chatgpt.com/x", "chatgpt.com", Some("chatgpt.com")),
            (
                "https://a.b.example.co.uk/x",
                "a.b.example.co.uk",
                Some("example.co.uk"),
            ),
            (
                "https://chatgpt.com.evil.example/x",
                "chatgpt.com.evil.example",
                Some("evil.example"),
            ),
            (
                "https://example.com:8443/x",
                "example.com:8443",
                Some("example.com"),
            ),
            (
                "https://xn--e1awd7f.com/",
                "xn--e1awd7f.com",
                Some("xn--e1awd7f.com"),
            ),
            ("http://127.0.0.1:99/x", "127.0.0.1:99", None),
            ("https://93.184.216.34/x", "93.184.216.34", None),
            ("http://[::1]:99/x", "[::1]:99", None),
            ("http://localhost:3000/", "localhost:3000", None),
        ] {
            let shown = ShownRedirect::new(uri);
            assert_eq!(
                (shown.host.as_str(), shown.registrable.as_deref()),
                (host, registrable)
            );
        }
        assert!(ShownRedirect::new("https://chatgpt.com/x").known);
        assert!(ShownRedirect::new("http://localhost:3000/").loopback);
    }

    proptest! {
        #[test]
        fn what_a_client_sent_comes_back_as_it_was(state in "\\PC{0,40}|.{0,40}") {
            let mut address = address("https://a.example/c?x=y");
            address.state = Some(state.clone());
            let url = Url::parse(&address.with_code("dbc_x")).unwrap();
            let found: Vec<_> = url.query_pairs().filter(|(name, _)| name == "state").collect();
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].1.as_ref(), state);
            prop_assert_eq!(url.host_str(), Some("a.example"));
        }
    }
}
