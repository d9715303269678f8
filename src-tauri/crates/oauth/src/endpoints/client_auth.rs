//! Who is the client of a token or revocation request (OAuth 2.1 section 2.4).
//!
//! Public clients give their id. The static client proves its secret, in the form or by HTTP
//! Basic, never both. No document is fetched here: what a client may have was settled when the
//! person approved, and a refresh must not fail because some website is down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use drawbridge_vault::StoreError;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::clients::ClientKind;
use crate::clients::document::ClientIdUrl;
use crate::clients::static_client;
use crate::form::{self, Form};
use crate::limits::TooMany;
use crate::{AuthorizationServer, ClientAddress, RequestOrigin};

/// A client that is who it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthenticatedClient {
    pub(super) id: String,
    pub(super) kind: ClientKind,
}

/// Why the client of a request is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuthError {
    /// No client id at all.
    Missing,
    /// A secret both in the form and in the header, or two headers.
    TwoMethods,
    /// The Basic header cannot be read.
    MalformedBasic,
    /// The form names another client than the header.
    TwoClients,
    /// No such client.
    Unknown { basic: bool },
    /// The static client without its secret.
    SecretMissing,
    /// The static client with another secret.
    SecretWrong { basic: bool },
    /// A public client with a secret: it was given none.
    SecretUnasked { basic: bool },
    /// A wrong secret, after too many others just now.
    TooMany(TooMany),
    /// The database failed.
    Store(StoreError),
}

impl From<StoreError> for ClientAuthError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a request says about its client.
struct Credentials {
    id: String,
    /// The secret as it was given, and as it reads when form-encoded first, which RFC 6749
    /// section 2.3.1 wants of Basic and not every client does.
    secrets: Vec<SecretString>,
    basic: bool,
}

impl AuthorizationServer {
    /// Finds out who asks. `origin` and `address` say where a wrong secret is counted.
    pub(super) fn authenticate_client(
        &self,
        origin: &RequestOrigin,
        address: ClientAddress,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<AuthenticatedClient, ClientAuthError> {
        let credentials = credentials(headers, form)?;
        let (id, basic) = (credentials.id, credentials.basic);
        if id == static_client::CLIENT_ID {
            self.check_secret(&credentials.secrets, basic, |server| {
                server.limits().wrong_secret(address, &origin.audience)
            })?;
            return Ok(AuthenticatedClient {
                id,
                kind: ClientKind::Static,
            });
        }
        let kind = if id.starts_with("https://") {
            ClientIdUrl::parse(&id).map_err(|_| ClientAuthError::Unknown { basic })?;
            ClientKind::MetadataDocument
        } else {
            self.registered_client(&id)?
                .ok_or(ClientAuthError::Unknown { basic })?;
            ClientKind::Registered
        };
        if !credentials.secrets.is_empty() {
            return Err(ClientAuthError::SecretUnasked { basic });
        }
        Ok(AuthenticatedClient { id, kind })
    }

    /// Only wrong secrets are counted, and only they meet the limit: whoever guesses must not be
    /// able to keep the client out, all the less as many may share one address. To guess on behind
    /// the limit is no way in either: a secret has 32 characters at least, and the limits of the
    /// endpoint hold for every try.
    fn check_secret(
        &self,
        given: &[SecretString],
        basic: bool,
        count_wrong: impl FnOnce(&Self) -> Result<(), TooMany>,
    ) -> Result<(), ClientAuthError> {
        if !self.has_static_client() {
            return Err(ClientAuthError::Unknown { basic });
        }
        if given.is_empty() {
            return Err(ClientAuthError::SecretMissing);
        }
        if self.is_static_secret(given)? {
            return Ok(());
        }
        count_wrong(self).map_err(ClientAuthError::TooMany)?;
        Err(ClientAuthError::SecretWrong { basic })
    }
}

fn credentials(headers: &HeaderMap, form: &Form) -> Result<Credentials, ClientAuthError> {
    let (form_id, form_secret) = (form.get("client_id"), form.get("client_secret"));
    let Some(basic) = basic_credentials(headers)? else {
        return Ok(Credentials {
            id: form_id.ok_or(ClientAuthError::Missing)?.to_owned(),
            secrets: form_secret.map(SecretString::from).into_iter().collect(),
            basic: false,
        });
    };
    if form_secret.is_some() {
        return Err(ClientAuthError::TwoMethods);
    }
    let (id, password) = basic
        .split_once(':')
        .ok_or(ClientAuthError::MalformedBasic)?;
    let id = form::decode(id).map_err(|_| ClientAuthError::MalformedBasic)?;
    if id.is_empty() {
        return Err(ClientAuthError::MalformedBasic);
    }
    if form_id.is_some_and(|form_id| form_id != id) {
        return Err(ClientAuthError::TwoClients);
    }
    let mut secrets = Vec::new();
    if !password.is_empty() {
        secrets.extend(form::decode(password).ok().map(SecretString::from));
        secrets.push(SecretString::from(password));
    }
    Ok(Credentials {
        id,
        secrets,
        basic: true,
    })
}

/// What a Basic header holds: name, colon, password. Other schemes are not ours to read.
fn basic_credentials(headers: &HeaderMap) -> Result<Option<Zeroizing<String>>, ClientAuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ClientAuthError::TwoMethods);
    }
    let value = value
        .to_str()
        .map_err(|_| ClientAuthError::MalformedBasic)?;
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let bytes = STANDARD
        .decode(encoded.trim())
        .map_err(|_| ClientAuthError::MalformedBasic)?;
    let text = String::from_utf8(bytes).map_err(|_| ClientAuthError::MalformedBasic)?;
    Ok(Some(Zeroizing::new(text)))
}
