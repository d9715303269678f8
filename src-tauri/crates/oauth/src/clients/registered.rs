//! Clients that register themselves (RFC 7591): what they may say, and what they get back.

use drawbridge_vault::{ClientRow, StoreError};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClientInformation, ClientKind, GrantType};
use crate::grants::from_json;
use crate::redirect_uri::{self, RedirectUriError};
use crate::{AuthorizationServer, RegisteredClientId};

/// The most registered clients that are kept. When there are more, the one that was not used for
/// the longest time goes, among those no person ever approved.
pub(crate) const MOST_REGISTERED: u64 = 20_000;
/// A client younger than this is never dropped to make room.
pub(crate) const PROTECTED_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// The most redirect URIs of a client.
const MAX_REDIRECTS: usize = 20;
/// The longest name, in characters.
const MAX_NAME: usize = super::document::MAX_NAME;

/// Members that are kept and given back as they came, if they are text.
const TEXT_MEMBERS: [&str; 10] = [
    "application_type",
    "client_uri",
    "jwks_uri",
    "logo_uri",
    "policy_uri",
    "scope",
    "software_id",
    "software_statement",
    "software_version",
    "tos_uri",
];

/// Why metadata cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    /// No JSON object.
    #[error("The body is not a JSON object")]
    NotJson,
    /// A member of another type.
    #[error("The member {0} is not of the type that RFC 7591 gives it")]
    Member(&'static str),
    /// The name is too long.
    #[error("client_name is longer than {MAX_NAME} characters")]
    NameTooLong,
    /// No redirect URI.
    #[error("redirect_uris is missing or empty; list every address the client goes back to")]
    NoRedirect,
    /// Too many.
    #[error("redirect_uris has more than {MAX_REDIRECTS} entries")]
    TooManyRedirects,
    /// One that cannot be registered.
    #[error("redirect_uris: {0}")]
    Redirect(RedirectUriError),
    /// The client cannot use codes.
    #[error("grant_types must include authorization_code; nothing else leads to a token here")]
    NoCodes,
    /// The client cannot take codes.
    #[error("response_types must include code; nothing else is offered here")]
    NoCodeResponse,
}

/// What is kept of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    /// Every one that is not dangerous; some may be of no use here (`cursor:`), and are refused
    /// when a request comes with them.
    pub(crate) redirect_uris: Vec<String>,
    /// What the client calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_name: Option<String>,
    grant_types: Vec<GrantType>,
    /// The rest that is given back as it came.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Metadata {
    /// Reads a registration request.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, MetadataError> {
        let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
            return Err(MetadataError::NotJson);
        };
        let client_name = match request.get("client_name") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if name.chars().count() > MAX_NAME => {
                return Err(MetadataError::NameTooLong);
            }
            Some(Value::String(name)) => Some(name.clone()),
            Some(_) => return Err(MetadataError::Member("client_name")),
        };
        Ok(Self {
            redirect_uris: redirect_uris(&request)?,
            client_name,
            grant_types: grant_types(&request)?,
            others: others(&request)?,
        })
    }
}

fn list<'a>(
    request: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<Vec<&'a str>>, MetadataError> {
    match request.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            items.map(Some).ok_or(MetadataError::Member(name))
        }
        Some(_) => Err(MetadataError::Member(name)),
    }
}

fn redirect_uris(request: &Map<String, Value>) -> Result<Vec<String>, MetadataError> {
    let uris = list(request, "redirect_uris")?.unwrap_or_default();
    if uris.is_empty() {
        return Err(MetadataError::NoRedirect);
    }
    if uris.len() > MAX_REDIRECTS {
        return Err(MetadataError::TooManyRedirects);
    }
    for uri in &uris {
        redirect_uri::parse(uri).map_err(MetadataError::Redirect)?;
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn grant_types(request: &Map<String, Value>) -> Result<Vec<GrantType>, MetadataError> {
    let both = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    let grant_types = match list(request, "grant_types")? {
        // Every client gets a refresh token, so it may as well know.
        None => both.to_vec(),
        Some(names) => GrantType::intersection(names),
    };
    if !grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(MetadataError::NoCodes);
    }
    let response_types = list(request, "response_types")?;
    if response_types.is_some_and(|types| !types.contains(&"code")) {
        return Err(MetadataError::NoCodeResponse);
    }
    Ok(grant_types)
}

/// The members that mean nothing here but are the client's own; unknown ones are left out.
fn others(request: &Map<String, Value>) -> Result<Map<String, Value>, MetadataError> {
    let mut others = Map::new();
    for name in TEXT_MEMBERS {
        match request.get(name) {
            None | Some(Value::Null) => {}
            Some(value @ Value::String(_)) => {
                others.insert(name.to_owned(), value.clone());
            }
            Some(_) => return Err(MetadataError::Member(name)),
        }
    }
    if let Some(contacts) = list(request, "contacts")? {
        others.insert("contacts".to_owned(), contacts.into());
    }
    if let Some(jwks) = request.get("jwks").filter(|jwks| !jwks.is_null()) {
        if !jwks.is_object() {
            return Err(MetadataError::Member("jwks"));
        }
        others.insert("jwks".to_owned(), jwks.clone());
    }
    Ok(others)
}

/// The answer to a registration (RFC 7591 section 3.2.1): everything that was registered. There is
/// no secret: every client that registers itself is a public one, whatever it asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Registration {
    client_id: RegisteredClientId,
    client_id_issued_at: i64,
    #[serde(flatten)]
    metadata: Metadata,
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
}

impl Registration {
    pub(crate) fn new(id: RegisteredClientId, now: Timestamp, metadata: Metadata) -> Self {
        Self {
            client_id: id,
            client_id_issued_at: now.as_second(),
            metadata,
            response_types: ["code"],
            token_endpoint_auth_method: "none",
        }
    }
}

impl AuthorizationServer {
    /// The registered client with this id.
    pub(crate) fn registered_client(
        &self,
        id: &str,
    ) -> Result<Option<ClientInformation>, StoreError> {
        if RegisteredClientId::parse(id).is_err() {
            return Ok(None);
        }
        let row = self.vault().read(|reader| reader.client(id))?;
        row.filter(|row| row.kind == ClientKind::Registered.as_str())
            .map(information)
            .transpose()
    }
}

impl AuthorizationServer {
    /// Says that a registered client is in use, so that others make room before it.
    pub(super) async fn note_use(&self, id: &str) -> Result<(), StoreError> {
        let (id, now) = (id.to_owned(), self.now());
        self.vault()
            .write_soon(move |writer| writer.touch_client(&id, now).map(drop))
            .await
    }
}

fn information(row: ClientRow) -> Result<ClientInformation, StoreError> {
    let metadata: Metadata = from_json(&row.details, "clients")?;
    Ok(ClientInformation {
        id: row.id,
        kind: ClientKind::Registered,
        name: metadata.client_name,
        host: None,
        redirect_uris: metadata.redirect_uris,
        grant_types: metadata.grant_types,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parse(request: &Value) -> Result<Metadata, MetadataError> {
        Metadata::parse(request.to_string().as_bytes())
    }

    fn answer(request: &Value) -> Value {
        let id = RegisteredClientId::parse("c-1").unwrap();
        let now = Timestamp::from_second(7).unwrap();
        serde_json::to_value(Registration::new(id, now, parse(request).unwrap())).unwrap()
    }

    #[test]
    fn cursors_mixed_list_is_registered_whole() {
        let uris = json!([
            "http://localhost:8787/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/bot/mcp/oauth/callback",
        ]);
        let answer = answer(&json!({ "client_name": "Cursor", "redirect_uris": uris.clone() }));
        assert_eq!(answer["redirect_uris"], uris);
        let client = information(ClientRow {
            id: "c-1".into(),
            kind: "registered".into(),
            created_at: Timestamp::UNIX_EPOCH,
            last_used_at: Timestamp::UNIX_EPOCH,
            approved: false,
            details: serde_json::to_vec(&parse(&json!({ "redirect_uris": uris })).unwrap())
                .unwrap(),
        })
        .unwrap();
        assert!(client.allows_redirect("http://localhost:5000/callback"));
        assert!(!client.allows_redirect("cursor://anysphere.cursor-mcp/oauth/callback"));
    }

    #[test]
    fn everything_that_was_registered_is_told_back() {
        let answer = answer(&json!({
            "redirect_uris": ["https://a.example/callback"],
            "client_name": "A",
            "client_uri": "https://a.example",
            "logo_uri": "https://a.example/logo.png",
            "contacts": ["a@a.example"],
            "scope": "mcp other",
            "application_type": "web",
            "grant_types": ["authorization_code", "refresh_token", "implicit"],
            "response_types": ["code", "token"],
            "token_endpoint_auth_method": "client_secret_basic",
            "software_id": "a",
            "jwks": { "keys": [] },
            "unheard_of": true,
        }));
        insta::assert_json_snapshot!(answer, @r#"
        {
          "application_type": "web",
          "client_id": "c-1",
          "client_id_issued_at": 7,
          "client_name": "A",
          "client_uri": "https://a.example",
          "contacts": [
            "a@a.example"
          ],
          "grant_types": [
            "authorization_code",
            "refresh_token"
          ],
          "jwks": {
            "keys": []
          },
          "logo_uri": "https://a.example/logo.png",
          "redirect_uris": [
            "https://a.example/callback"
          ],
          "response_types": [
            "code"
          ],
          "scope": "mcp other",
          "software_id": "a",
          "token_endpoint_auth_method": "none"
        }
        "#);
    }

    #[test]
    fn what_cannot_be_registered_is_named() {
        use MetadataError as E;
        let uri = "https://a.example/callback";
        for (request, expected) in [
            (json!([]), E::NotJson),
            (json!({}), E::NoRedirect),
            (json!({ "redirect_uris": [] }), E::NoRedirect),
            (json!({ "redirect_uris": uri }), E::Member("redirect_uris")),
            (
                json!({ "redirect_uris": vec![uri; 21] }),
                E::TooManyRedirects,
            ),
            (
                json!({ "redirect_uris": [uri, "http://a.example/"] }),
                E::Redirect(RedirectUriError::PlainHttp),
            ),
            (
                json!({ "redirect_uris": [uri], "client_name": "a".repeat(201) }),
                E::NameTooLong,
            ),
            (
                json!({ "redirect_uris": [uri], "client_name": 1 }),
                E::Member("client_name"),
            ),
            (
                json!({ "redirect_uris": [uri], "logo_uri": 1 }),
                E::Member("logo_uri"),
            ),
            (
                json!({ "redirect_uris": [uri], "jwks": [] }),
                E::Member("jwks"),
            ),
            (
                json!({ "redirect_uris": [uri], "grant_types": ["password"] }),
                E::NoCodes,
            ),
            (
                json!({ "redirect_uris": [uri], "grant_types": [1] }),
                E::Member("grant_types"),
            ),
            (
                json!({ "redirect_uris": [uri], "response_types": ["token"] }),
                E::NoCodeResponse,
            ),
        ] {
            assert_eq!(parse(&request), Err(expected), "{request}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Metadata::parse(&body);
        }
    }
}
