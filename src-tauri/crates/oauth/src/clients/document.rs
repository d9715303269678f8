//! Client metadata documents (CIMD): the address that is a client's id, and what stands there.
//! Source: draft-ietf-oauth-client-id-metadata-document, sections 3 to 6.
//!
//! Of lists it takes what both sides know and refuses nothing for knowing more: ChatGPT's document
//! names `private_key_jwt` beside `none`, and grant types this server has not.

use std::fmt;

use serde_json::{Map, Value};
use url::{Host, Url};

use super::{ClientInformation, ClientKind, GrantType};
use crate::redirect_uri::{self, RedirectUriError};

/// The longest address that is taken, in bytes.
const MAX_ADDRESS: usize = 1024;
/// The most bytes of a document (CIMD section 6.6 recommends 5 KB).
pub(crate) const MAX_DOCUMENT: usize = 5 * 1024;
/// The most redirect URIs of a document.
const MAX_REDIRECTS: usize = 20;
/// The longest name that is kept, in characters.
pub(crate) const MAX_NAME: usize = 200;

/// An address that can be a client's id (CIMD section 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientIdUrl {
    text: String,
    host: String,
}

/// Why an address cannot be a client's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Longer than the limit.
    #[error("the client_id is longer than {MAX_ADDRESS} bytes")]
    TooLong,
    /// No https address, or not written as browsers write it.
    #[error("the client_id is not an https address in its usual form")]
    Malformed,
    /// No path.
    #[error("the client_id is an address without a path")]
    NoPath,
    /// A fragment, a user name or a password.
    #[error("the client_id has a fragment or a user name")]
    Extra,
    /// Another port than that of https.
    #[error("the client_id has a port of its own")]
    Port,
    /// A number instead of a name, or a name without a dot.
    #[error("the client_id is not at a public host name")]
    Host,
}

impl ClientIdUrl {
    /// Reads an address. It has to be written exactly as a URL parser writes it back: so there are
    /// no dot segments, no upper case and no hidden characters in it, and the text that is shown,
    /// fetched and compared is one and the same.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > MAX_ADDRESS {
            return Err(AddressError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| AddressError::Malformed)?;
        if url.scheme() != "https" {
            return Err(AddressError::Malformed);
        }
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Extra);
        }
        if url.port().is_some() {
            return Err(AddressError::Port);
        }
        let host = match url.host() {
            Some(Host::Domain(name)) if is_public_name(name) => name.to_owned(),
            _ => return Err(AddressError::Host),
        };
        if matches!(url.path(), "" | "/") {
            return Err(AddressError::NoPath);
        }
        if url.as_str() != text {
            return Err(AddressError::Malformed);
        }
        Ok(Self {
            text: text.to_owned(),
            host,
        })
    }

    /// The whole address: the client's id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host in ASCII: what the client is known by.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What stands in the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        let after_scheme = self.text.get("https://".len() + self.host.len()..);
        after_scheme.filter(|rest| !rest.is_empty()).unwrap_or("/")
    }
}

impl fmt::Display for ClientIdUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A name of at least two labels, none of those that never are public.
fn is_public_name(name: &str) -> bool {
    const PRIVATE: [&str; 9] = [
        "localhost",
        "local",
        "internal",
        "lan",
        "home",
        "corp",
        "onion",
        "home.arpa",
        "invalid",
    ];
    let ends_in = |suffix: &str| {
        name == suffix
            || name
                .strip_suffix(suffix)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    name.contains('.') && !name.ends_with('.') && !PRIVATE.into_iter().any(ends_in)
}

/// Why a document is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More than 5 KB.
    #[error("its metadata document is longer than {MAX_DOCUMENT} bytes")]
    TooLong,
    /// No JSON object.
    #[error("its metadata document is not a JSON object")]
    NotJson,
    /// The document names another client.
    #[error("the client_id in its metadata document is not the address it stands at")]
    OtherClient,
    /// A member that must be there is missing, or is of another type.
    #[error("the member {0} of its metadata document is missing or malformed")]
    Member(&'static str),
    /// A secret, or an authentication that needs one: a public document can hold none.
    #[error("its metadata document has to do with a client secret, which no public document may")]
    Secret,
    /// It cannot be a public client.
    #[error("its metadata document does not allow the authentication method none")]
    NotPublic,
    /// A redirect URI that nobody may have.
    #[error("its metadata document has a bad redirect URI: {0}")]
    Redirect(RedirectUriError),
}

/// What a document says, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDocument {
    /// What the client calls itself.
    pub name: String,
    /// Its redirect URIs.
    pub redirect_uris: Vec<String>,
    grant_types: Vec<GrantType>,
}

impl ClientDocument {
    /// Reads the document that stands at `address`.
    pub fn parse(address: &ClientIdUrl, body: &[u8]) -> Result<Self, DocumentError> {
        if body.len() > MAX_DOCUMENT {
            return Err(DocumentError::TooLong);
        }
        let Ok(Value::Object(document)) = serde_json::from_slice(body) else {
            return Err(DocumentError::NotJson);
        };
        // A simple comparison of text (CIMD section 4.1).
        if text(&document, "client_id")? != address.as_str() {
            return Err(DocumentError::OtherClient);
        }
        if document
            .keys()
            .any(|name| name.starts_with("client_secret"))
        {
            return Err(DocumentError::Secret);
        }
        check_authentication(&document)?;
        let name = text(&document, "client_name")?.trim();
        if name.is_empty() {
            return Err(DocumentError::Member("client_name"));
        }
        Ok(Self {
            name: name.chars().take(MAX_NAME).collect(),
            redirect_uris: redirect_uris(&document)?,
            grant_types: grant_types(&document)?,
        })
    }

    pub(crate) fn into_information(self, address: &ClientIdUrl) -> ClientInformation {
        ClientInformation {
            id: address.as_str().to_owned(),
            kind: ClientKind::MetadataDocument,
            name: Some(self.name),
            host: Some(address.host().to_owned()),
            redirect_uris: self.redirect_uris,
            grant_types: self.grant_types,
        }
    }
}

fn text<'a>(
    document: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, DocumentError> {
    document
        .get(name)
        .and_then(Value::as_str)
        .ok_or(DocumentError::Member(name))
}

/// A list of text; `None` if the member is not there.
fn list<'a>(
    document: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<Vec<&'a str>>, DocumentError> {
    let Some(value) = document.get(name) else {
        return Ok(None);
    };
    let items = value.as_array().ok_or(DocumentError::Member(name))?;
    let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    items.map(Some).ok_or(DocumentError::Member(name))
}

/// The client has to be able to come without any authentication: nothing else is offered here.
/// Where the list is there, the single method is only a wish (SEP-3149).
fn check_authentication(document: &Map<String, Value>) -> Result<(), DocumentError> {
    if let Some(methods) = list(document, "token_endpoint_auth_methods_supported")? {
        return if methods.contains(&"none") {
            Ok(())
        } else {
            Err(DocumentError::NotPublic)
        };
    }
    match document
        .get("token_endpoint_auth_method")
        .map(Value::as_str)
    {
        // RFC 7591 would read a missing one as client_secret_basic, which cannot be meant.
        None | Some(Some("none")) => Ok(()),
        Some(Some(method)) if method.starts_with("client_secret") => Err(DocumentError::Secret),
        Some(Some(_)) => Err(DocumentError::NotPublic),
        Some(None) => Err(DocumentError::Member("token_endpoint_auth_method")),
    }
}

fn redirect_uris(document: &Map<String, Value>) -> Result<Vec<String>, DocumentError> {
    const NAME: &str = "redirect_uris";
    let uris = list(document, NAME)?.ok_or(DocumentError::Member(NAME))?;
    if uris.is_empty() || uris.len() > MAX_REDIRECTS {
        return Err(DocumentError::Member(NAME));
    }
    for uri in &uris {
        redirect_uri::parse(uri).map_err(DocumentError::Redirect)?;
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn grant_types(document: &Map<String, Value>) -> Result<Vec<GrantType>, DocumentError> {
    let names = list(document, "grant_types")?;
    let mut grant_types =
        GrantType::intersection(names.unwrap_or_else(|| vec!["authorization_code"]));
    let response_types = list(document, "response_types")?;
    if response_types.is_some_and(|types| !types.contains(&"code")) {
        grant_types.clear();
    }
    Ok(grant_types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ADDRESS: &str = "https://client.example/oauth/client.json";

    fn address() -> ClientIdUrl {
        ClientIdUrl::parse(ADDRESS).unwrap()
    }

    fn parse(document: &Value) -> Result<ClientDocument, DocumentError> {
        ClientDocument::parse(&address(), document.to_string().as_bytes())
    }

    fn document() -> Value {
        json!({
            "client_id": ADDRESS,
            "client_name": "Example",
            "redirect_uris": ["https://client.example/callback"],
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut document = document();
        document[name] = value;
        document
    }

    #[test]
    fn an_address_is_taken_as_it_is_written_or_not_at_all() {
        use AddressError as E;
        for text in [
            ADDRESS,
            "https://chatgpt.com/oauth/client.json",
            "https://claude.ai/oauth/mcp-oauth-client-metadata",
            "https://a.example/x?y=1",
        ] {
            let address = ClientIdUrl::parse(text).unwrap();
            assert_eq!(
                format!("https://{}{}", address.host(), address.path_and_query()),
                text
            );
        }
        for (text, expected) in [
            ("http://client.example/x", E::Malformed),
            ("https://client.example", E::NoPath),
            ("https://client.example/", E::NoPath),
            ("https://client.example/a/../b", E::Malformed),
            ("https://client.example/a/./b", E::Malformed),
            ("https://client.example/%2e%2e/b", E::Malformed),
            ("https://client.example/x#y", E::Extra),
            ("https://u@client.example/x", E::Extra),
            ("https://u:p@client.example/x", E::Extra),
            ("https://client.example:8443/x", E::Port),
            ("https://client.example:443/x", E::Malformed),
            ("https://CLIENT.example/x", E::Malformed),
            ("https://client.example/ x", E::Malformed),
            ("https://client.example\\x", E::NoPath),
            ("https://127.0.0.1/x", E::Host),
            ("https://2130706433/x", E::Host),
            ("https://0x7f.1/x", E::Host),
            ("https://[::1]/x", E::Host),
            ("https://localhost/x", E::Host),
            ("https://router/x", E::Host),
            ("https://printer.local/x", E::Host),
            ("https://metadata.google.internal/x", E::Host),
            ("https://client.example./x", E::Host),
        ] {
            let parsed = ClientIdUrl::parse(text);
            assert!(parsed.is_err(), "{text}");
            if !text.contains('\\') {
                assert_eq!(parsed, Err(expected), "{text}");
            }
        }
        let long = format!("https://client.example/{}", "a".repeat(MAX_ADDRESS));
        assert_eq!(ClientIdUrl::parse(&long), Err(E::TooLong));
    }

    #[test]
    fn the_live_document_of_chatgpt_is_taken() {
        let address = ClientIdUrl::parse("https://chatgpt.com/oauth/abc/client.json").unwrap();
        let document = json!({
            "client_id": address.as_str(),
            "client_uri": "https://chatgpt.com",
            "client_name": "ChatGPT",
            "logo_uri": "https://chatgpt.com/logo.png",
            "redirect_uris": ["https://chatgpt.com/connector/oauth/abc"],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg": "RS256",
            "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
            "grant_types": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:jwt-bearer",
            ],
            "response_types": ["code", "id_token"],
        });
        let client = ClientDocument::parse(&address, document.to_string().as_bytes()).unwrap();
        let client = client.into_information(&address);
        assert_eq!(client.name.as_deref(), Some("ChatGPT"));
        assert_eq!(client.host.as_deref(), Some("chatgpt.com"));
        assert!(client.is_public() && client.may_use_codes());
        assert!(client.allows_redirect("https://chatgpt.com/connector/oauth/abc"));
        assert!(!client.allows_redirect("https://chatgpt.com/connector/oauth/abcd"));
    }

    #[test]
    fn the_least_document_is_taken() {
        let client = parse(&document()).unwrap();
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        use DocumentError as E;
        for (name, value, expected) in [
            (
                "client_id",
                json!("https://client.example/other"),
                E::OtherClient,
            ),
            (
                "client_id",
                json!("HTTPS://client.example/oauth/client.json"),
                E::OtherClient,
            ),
            ("client_id", json!(7), E::Member("client_id")),
            ("client_name", json!(" "), E::Member("client_name")),
            ("client_name", json!(null), E::Member("client_name")),
            ("redirect_uris", json!([]), E::Member("redirect_uris")),
            (
                "redirect_uris",
                json!("https://a.example/"),
                E::Member("redirect_uris"),
            ),
            ("redirect_uris", json!([7]), E::Member("redirect_uris")),
            (
                "redirect_uris",
                json!(["javascript:alert(1)"]),
                E::Redirect(RedirectUriError::DangerousScheme),
            ),
            (
                "grant_types",
                json!("authorization_code"),
                E::Member("grant_types"),
            ),
            ("client_secret", json!("x"), E::Secret),
            ("client_secret_expires_at", json!(0), E::Secret),
            (
                "token_endpoint_auth_method",
                json!("client_secret_post"),
                E::Secret,
            ),
            (
                "token_endpoint_auth_method",
                json!("private_key_jwt"),
                E::NotPublic,
            ),
            (
                "token_endpoint_auth_methods_supported",
                json!(["private_key_jwt"]),
                E::NotPublic,
            ),
        ] {
            assert_eq!(parse(&with(name, value)), Err(expected), "{name}");
        }
        for body in ["", "[]", "null", "{", "\u{feff}{}"] {
            assert_eq!(
                ClientDocument::parse(&address(), body.as_bytes()),
                Err(E::NotJson),
                "{body}"
            );
        }
        let long = vec![b' '; MAX_DOCUMENT + 1];
        assert_eq!(ClientDocument::parse(&address(), &long), Err(E::TooLong));
    }

    #[test]
    fn a_client_that_may_not_use_codes_is_known_but_may_not_ask() {
        for (name, value) in [
            ("grant_types", json!(["client_credentials"])),
            ("response_types", json!(["token"])),
        ] {
            let client = parse(&with(name, value))
                .unwrap()
                .into_information(&address());
            assert!(!client.may_use_codes(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ClientDocument::parse(&address(), &body);
        }

        #[test]
        fn no_address_makes_it_panic(text in "https://\\PC*") {
            if let Ok(address) = ClientIdUrl::parse(&text) {
                prop_assert!(address.path_and_query().starts_with('/'));
            }
        }
    }
}
