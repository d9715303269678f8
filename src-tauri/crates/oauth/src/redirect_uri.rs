//! Redirect URIs: which may be registered, which may be used, and when two are the same.
//!
//! Two are the same when they are the same text (OAuth 2.1 section 2.3.1). The one exception is
//! the port of a loopback address, which a program picks when it starts (RFC 8252 section 7.3);
//! it holds for `localhost` too, because Claude Code registers that without a port.

use url::{Host, Url};

/// The longest one that is read, in bytes.
pub(crate) const MAX_LENGTH: usize = 2048;

/// Hosts a browser may be sent back to without a person having said yes: errors and refusals
/// go there by themselves.
const KNOWN_HOSTS: [&str; 5] = [
    "chatgpt.com",
    "claude.ai",
    "claude.com",
    "vscode.dev",
    "insiders.vscode.dev",
];

/// The redirect of every ChatGPT app made with RFC 9207.
pub(crate) const CHATGPT_STABLE: &str = "https://chatgpt.com/connector_platform_oauth_redirect";
/// The redirect of each other ChatGPT app: this, and an id.
const CHATGPT_PER_CALLBACK: &str = "https://chatgpt.com/connector/oauth/";
/// Claude's, on both of its domains.
pub(crate) const CLAUDE: [&str; 2] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
];

/// Schemes that make a browser run or read something instead of going somewhere.
const DANGEROUS_SCHEMES: [&str; 16] = [
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "jar",
    "javascript",
    "mailto",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// What can be done with a redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectUse {
    /// `https`: a browser may be sent there.
    Https,
    /// `http` to this computer: a browser may be sent there.
    Loopback,
    /// A scheme of an application, such as `cursor:`. It is kept in a registration, because one
    /// list holds it beside usable ones, but no browser is sent there: any program may claim it.
    PrivateScheme,
}

/// How much we know of where a redirect leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectTrust {
    /// A host this program knows, over https at its usual port.
    KnownHost,
    /// A program on this computer.
    Loopback,
    /// Somewhere else.
    Other,
}

/// Why text is no redirect URI (`invalid_redirect_uri`, RFC 7591 section 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Longer than 2048 bytes.
    #[error("a redirect URI is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not an absolute URI, or with characters a URI has not.
    #[error("a redirect URI is not an absolute URI")]
    Malformed,
    /// With a `#`.
    #[error("a redirect URI must not have a fragment")]
    Fragment,
    /// With a user name or password.
    #[error("a redirect URI must not have a user name or password")]
    UserInfo,
    /// `http` to another computer.
    #[error("a redirect URI must use https, or http to 127.0.0.1, [::1] or localhost")]
    PlainHttp,
    /// A scheme such as `javascript`.
    #[error("a redirect URI must not use this scheme; use https")]
    DangerousScheme,
}

/// Reads a redirect URI and says what can be done with it.
pub fn parse(text: &str) -> Result<RedirectUse, RedirectUriError> {
    if text.len() > MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    // The parser would quietly take away spaces and line breaks and turn `\` into `/`.
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte))
    {
        return Err(RedirectUriError::Malformed);
    }
    let url = Url::parse(text).map_err(|_| RedirectUriError::Malformed)?;
    if text.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    let web = matches!(url.scheme(), "http" | "https");
    // `https:host` and `https:///host` are read as `https://host`; a later reader may differ.
    if web && !has_plain_authority(text) {
        return Err(RedirectUriError::Malformed);
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err(RedirectUriError::UserInfo);
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(RedirectUse::Https),
        "https" => Err(RedirectUriError::Malformed),
        "http" if is_loopback(&url) => Ok(RedirectUse::Loopback),
        "http" => Err(RedirectUriError::PlainHttp),
        scheme if DANGEROUS_SCHEMES.contains(&scheme) => Err(RedirectUriError::DangerousScheme),
        _ => Ok(RedirectUse::PrivateScheme),
    }
}

/// Whether a request may use `requested` when `registered` is what the client registered.
#[must_use]
pub fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return true;
    }
    match (
        LoopbackUri::parse(registered),
        LoopbackUri::parse(requested),
    ) {
        (Some(registered), Some(requested)) => registered == requested,
        _ => false,
    }
}

/// Where a redirect URI leads, as far as we know the place.
#[must_use]
pub fn classify(uri: &str) -> RedirectTrust {
    match (parse(uri), Url::parse(uri)) {
        (Ok(RedirectUse::Loopback), _) => RedirectTrust::Loopback,
        (Ok(RedirectUse::Https), Ok(url))
            if url.port().is_none()
                && url
                    .host_str()
                    .is_some_and(|host| KNOWN_HOSTS.contains(&host)) =>
        {
            RedirectTrust::KnownHost
        }
        _ => RedirectTrust::Other,
    }
}

/// Whether this is one of the two redirects ChatGPT uses, or one of Claude's: what the static
/// client may use besides what the user added.
#[must_use]
pub(crate) fn is_known_connector(uri: &str) -> bool {
    if uri == CHATGPT_STABLE || CLAUDE.contains(&uri) {
        return true;
    }
    uri.strip_prefix(CHATGPT_PER_CALLBACK).is_some_and(|id| {
        (1..=128).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    })
}

/// The host of a redirect URI for a person, with its port if that is unusual.
#[must_use]
pub(crate) fn display_host(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(url) => match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => format!("{}:", url.scheme()),
        },
        Err(_) => String::new(),
    }
}

/// `http` to this computer, without its port.
#[derive(PartialEq, Eq)]
struct LoopbackUri<'a> {
    host: &'a str,
    rest: &'a str,
}

impl<'a> LoopbackUri<'a> {
    /// Takes the text apart by hand: a URL parser would bring together what is not the same text.
    fn parse(uri: &'a str) -> Option<Self> {
        let after = uri.strip_prefix("http://")?;
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let host = ["127.0.0.1", "[::1]", "localhost"]
            .into_iter()
            .find(|host| authority.starts_with(host))?;
        let (host, port) = authority.split_at(host.len());
        let port_is_fine = port.is_empty()
            || port.strip_prefix(':').is_some_and(|digits| {
                !digits.is_empty()
                    && digits.bytes().all(|byte| byte.is_ascii_digit())
                    && digits.parse::<u16>().is_ok_and(|port| port != 0)
            });
        (port_is_fine && !rest.contains('#')).then_some(Self { host, rest })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether exactly two slashes stand between scheme and authority, and a host after them.
fn has_plain_authority(text: &str) -> bool {
    text.split_once(':')
        .and_then(|(_, rest)| rest.strip_prefix("//"))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '@', ':']))
}

fn authority(text: &str) -> &str {
    let after = text.split_once("://").map_or("", |(_, rest)| rest);
    after.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_redirects_of_real_clients() {
        for (uri, expected) in [
            (CHATGPT_STABLE, RedirectUse::Https),
            (
                "https://chatgpt.com/connector/oauth/abc_DEF-123",
                RedirectUse::Https,
            ),
            (
                "https://claude.ai/api/mcp/auth_callback",
                RedirectUse::Https,
            ),
            ("http://localhost:8787/callback", RedirectUse::Loopback),
            (
                "https://www.cursor.com/agents/mcp/oauth/callback",
                RedirectUse::Https,
            ),
            (
                "cursor://anysphere.cursor-mcp/oauth/callback",
                RedirectUse::PrivateScheme,
            ),
            ("http://127.0.0.1:33418/", RedirectUse::Loopback),
            ("http://127.0.0.1/", RedirectUse::Loopback),
            ("http://[::1]:9000/callback", RedirectUse::Loopback),
            ("https://vscode.dev/redirect", RedirectUse::Https),
            ("com.example.app:/callback", RedirectUse::PrivateScheme),
            (
                "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-1",
                RedirectUse::Https,
            ),
        ] {
            assert_eq!(parse(uri), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn what_may_not_be_registered() {
        use RedirectUriError as E;
        for (uri, expected) in [
            ("http://example.com/callback", E::PlainHttp),
            ("http://127.0.0.2/callback", E::PlainHttp),
            ("http://localhost.example.com/", E::PlainHttp),
            ("https://example.com/callback#part", E::Fragment),
            ("https://example.com/callback#", E::Fragment),
            ("https://user@example.com/", E::UserInfo),
            ("https://@example.com/", E::Malformed),
            ("https://:@example.com/", E::Malformed),
            ("https://user:pass@example.com/", E::UserInfo),
            ("javascript:alert(1)", E::DangerousScheme),
            ("JavaScript:alert(1)", E::DangerousScheme),
            ("data:text/html,hello", E::DangerousScheme),
            ("file:///etc/passwd", E::DangerousScheme),
            ("/callback", E::Malformed),
            ("", E::Malformed),
            ("https://", E::Malformed),
            ("https:///example.com/", E::Malformed),
            ("https:example.com/", E::Malformed),
            ("https://exa mple.com/", E::Malformed),
            ("https://example.com\\@evil.example/", E::Malformed),
            ("https://example.com/\n", E::Malformed),
            ("https://ex\u{e4}mple.com/", E::Malformed),
        ] {
            assert_eq!(parse(uri), Err(expected), "{uri}");
        }
        assert_eq!(
            parse(&format!("https://a.example/{}", "a".repeat(MAX_LENGTH))),
            Err(E::TooLong)
        );
    }

    #[test]
    fn only_the_port_of_a_loopback_address_is_free() {
        assert!(matches(
            "http://localhost/callback",
            "http://localhost:5000/callback"
        ));
        assert!(matches(
            "http://127.0.0.1:1/callback",
            "http://127.0.0.1:65535/callback"
        ));
        assert!(matches(
            "http://[::1]/callback",
            "http://[::1]:5000/callback"
        ));
        assert!(matches("http://127.0.0.1:33418/", "http://127.0.0.1:5/"));
        for (registered, requested) in [
            ("http://localhost/callback", "http://127.0.0.1/callback"),
            (
                "http://localhost/callback",
                "https://localhost:5000/callback",
            ),
            (
                "http://localhost/callback",
                "http://localhost:5000/callback/",
            ),
            (
                "http://localhost/callback",
                "http://localhost:5000/callback?x=1",
            ),
            (
                "http://localhost/callback",
                "http://localhost:5000/other/../callback",
            ),
            ("http://localhost/callback", "http://localhost:0/callback"),
            (
                "http://localhost/callback",
                "http://localhost:99999/callback",
            ),
            ("http://localhost/callback", "http://localhost:/callback"),
            (
                "http://localhost/callback",
                "http://localhost:1@evil.example/callback",
            ),
            (
                "http://localhost/callback",
                "http://localhost.evil.example/callback",
            ),
            ("http://localhost/callback", "http://LOCALHOST:1/callback"),
            ("http://localhost/callback", "http://localhost:1/callback#x"),
            (
                "https://a.example/callback",
                "https://a.example:8443/callback",
            ),
            (
                "https://a.example/callback",
                "https://a.example/callback?x=1",
            ),
            ("https://a.example/callback", "https://A.example/callback"),
        ] {
            assert!(
                !matches(registered, requested),
                "{registered} and {requested}"
            );
        }
    }

    #[test]
    fn known_places() {
        assert_eq!(classify(CHATGPT_STABLE), RedirectTrust::KnownHost);
        assert_eq!(
            classify("http://127.0.0.1:3000/callback"),
            RedirectTrust::Loopback
        );
        for uri in [
            "https://chatgpt.com:8443/x",
            "https://chatgpt.com.evil.example/x",
            "https://evil.example/chatgpt.com",
            "https://chatgpt.com@evil.example/x",
            "cursor://chatgpt.com/x",
            "not a uri",
        ] {
            assert_eq!(classify(uri), RedirectTrust::Other, "{uri}");
        }
    }

    #[test]
    fn chatgpt_has_two_shapes() {
        assert!(is_known_connector(CHATGPT_STABLE));
        assert!(is_known_connector(
            "https://chatgpt.com/connector/oauth/Abc-9_z"
        ));
        assert!(is_known_connector(CLAUDE[1]));
        for uri in [
            "https://chatgpt.com/connector/oauth/",
            "https://chatgpt.com/connector/oauth/a/b",
            "https://chatgpt.com/connector/oauth/a?b",
            "https://chatgpt.com/connector/oauth/..",
            "https://chatgpt.com/other",
            "http://chatgpt.com/connector_platform_oauth_redirect",
        ] {
            assert!(!is_known_connector(uri), "{uri}");
        }
    }

    prop_compose! {
        fn loopback_uri()(
            host in prop::sample::select(vec!["127.0.0.1", "[::1]", "localhost"]),
            port in prop::option::of(1_u16..),
            rest in "(/[a-z0-9]{0,8}){0,3}(\\?[a-z]=[a-z0-9]{0,4})?",
        ) -> (String, Option<u16>, String) {
            (host.to_owned(), port, rest)
        }
    }

    fn write((host, port, rest): &(String, Option<u16>, String)) -> String {
        match port {
            Some(port) => format!("http://{host}:{port}{rest}"),
            None => format!("http://{host}{rest}"),
        }
    }

    proptest! {
        #[test]
        fn loopback_addresses_match_exactly_when_host_and_rest_do(
            one in loopback_uri(), other in loopback_uri(),
        ) {
            let same = one.0 == other.0 && one.2 == other.2;
            prop_assert_eq!(matches(&write(&one), &write(&other)), same);
        }

        #[test]
        fn another_port_of_the_same_loopback_address_matches(
            uri in loopback_uri(), port in prop::option::of(1_u16..),
        ) {
            let other = (uri.0.clone(), port, uri.2.clone());
            prop_assert!(matches(&write(&uri), &write(&other)));
            prop_assert!(matches(&write(&other), &write(&uri)));
        }

        #[test]
        fn anything_else_matches_only_itself(
            one in "https://[a-z]{1,8}\\.example(:[1-9][0-9]{0,3})?/[a-z]{0,8}",
            other in "https?://[a-z]{1,8}\\.example(:[1-9][0-9]{0,3})?/[a-z]{0,8}",
        ) {
            prop_assert_eq!(matches(&one, &other), one == other);
        }

        #[test]
        fn whatever_matches_a_usable_one_is_usable(one in loopback_uri(), other in "\\PC{0,60}") {
            if matches(&write(&one), &other) {
                prop_assert_eq!(parse(&other), Ok(RedirectUse::Loopback));
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC*", other in "\\PC*") {
            let _ = (parse(&text), classify(&text), matches(&text, &other), display_host(&text));
        }
    }
}
