//! What must hold for any bytes a stranger sends. The fuzz targets throw new input at these checks;
//! the tests of the whole app replay the committed corpus through the same ones.

use drawbridge_oauth::parsers::{
    ClientDocument, ClientIdUrl, FormLimits, RedirectTrust, RedirectUse, classify, matches,
    parse_redirect_uri, parse_unique,
};
use drawbridge_vault::envelope::Envelope;

/// Forms: what is accepted means what every other reader of such forms takes it for, and nothing
/// stands twice.
pub fn form(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(form) = parse_unique(text, FormLimits::OAUTH) else {
        return;
    };
    assert!(text.len() <= FormLimits::OAUTH.bytes);
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(bytes).into_owned().collect();
    for (name, _) in &pairs {
        let read: Vec<&str> = form.all(name).collect();
        let meant: Vec<&str> = pairs
            .iter()
            .filter(|(other, value)| other == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(read, meant);
        assert!(read.len() <= 1 || name == "resource");
        assert_eq!(form.get(name), meant.first().copied());
    }
}

/// Redirect URIs, two of them on two lines: what is used is what a browser would go to, and only
/// the port of a loopback address may differ.
pub fn redirect_uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    for uri in [registered, requested] {
        let browser = url::Url::parse(uri);
        match parse_redirect_uri(uri) {
            Ok(RedirectUse::Https) => {
                let url = browser.expect("an https URI is a URL");
                assert_eq!(
                    (url.scheme(), url.fragment(), url.username()),
                    ("https", None, "")
                );
                assert!(url.password().is_none() && url.host_str().is_some());
            }
            Ok(RedirectUse::Loopback) => {
                let url = browser.expect("a loopback URI is a URL");
                let host = url.host_str().expect("it has a host");
                assert!(
                    ["127.0.0.1", "[::1]", "localhost"].contains(&host),
                    "{host}"
                );
                assert_eq!(
                    (url.scheme(), url.fragment(), url.username()),
                    ("http", None, "")
                );
                assert_eq!(classify(uri), RedirectTrust::Loopback);
            }
            Ok(RedirectUse::PrivateScheme) => {
                let url = browser.expect("a private-use URI is a URL");
                assert!(!["http", "https", "javascript", "data", "file"].contains(&url.scheme()));
                assert_eq!(classify(uri), RedirectTrust::Other);
            }
            Err(_) => assert_ne!(classify(uri), RedirectTrust::KnownHost),
        }
        assert!(matches(uri, uri));
    }
    assert_eq!(
        matches(registered, requested),
        matches(requested, registered)
    );
    if registered != requested && matches(registered, requested) {
        // Then they differ in the port alone, and both are on this computer.
        for uri in [registered, requested] {
            if let Ok(what) = parse_redirect_uri(uri) {
                assert_eq!(what, RedirectUse::Loopback);
            }
        }
        let without_port = |uri: &str| {
            url::Url::parse(uri).ok().map(|mut url| {
                let _ = url.set_port(None);
                url
            })
        };
        assert_eq!(without_port(registered), without_port(requested));
    }
}

/// Client metadata documents, the address on the first line and what was fetched after it: an
/// address is one that can be fetched as it is written, and a document speaks for itself alone.
pub fn client_document(bytes: &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let Ok(address) = std::str::from_utf8(&bytes[..end]) else {
        return;
    };
    let Ok(address) = ClientIdUrl::parse(address) else {
        return;
    };
    let url = url::Url::parse(address.as_str()).expect("an address is a URL");
    assert_eq!(url.as_str(), address.as_str());
    assert_eq!(
        (url.scheme(), url.port(), url.fragment(), url.username()),
        ("https", None, None, "")
    );
    assert_eq!(url.domain(), Some(address.host()));
    let rebuilt = format!("https://{}{}", address.host(), address.path_and_query());
    assert_eq!(rebuilt, address.as_str());

    let body = bytes.get(end + 1..).unwrap_or_default();
    let Ok(document) = ClientDocument::parse(&address, body) else {
        return;
    };
    let said: serde_json::Value = serde_json::from_slice(body).expect("a document is JSON");
    assert_eq!(said["client_id"], address.as_str());
    assert!(said.get("client_secret").is_none());
    assert!(!document.redirect_uris.is_empty() && document.redirect_uris.len() <= 20);
    for uri in &document.redirect_uris {
        assert!(parse_redirect_uri(uri).is_ok(), "{uri}");
    }
}

/// Sealed values: their outer form is taken apart and put together without a byte changed.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(envelope.to_bytes(), bytes);
        assert!(envelope.ciphertext.len() >= 16);
    }
}
