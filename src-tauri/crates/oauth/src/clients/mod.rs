//! The clients we know, and how we come to know them.
//!
//! - `document.rs`: a client metadata document (CIMD), read
//! - `cache.rs`: documents fetched before, and the copies we ship
//! - `registered.rs`: clients that register themselves (RFC 7591)
//! - `static_client.rs`: the static client, with the secret the user types into ChatGPT

pub(crate) mod cache;
pub(crate) mod document;
pub(crate) mod registered;
pub(crate) mod static_client;

use drawbridge_vault::StoreError;
use serde::{Deserialize, Serialize};

use self::document::{ClientIdUrl, DocumentError};
use crate::AuthorizationServer;
use crate::fetch::FetchError;
use crate::redirect_uri::{self, RedirectTrust, RedirectUse};

/// How a client became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientKind {
    /// The static client: its id and secret were typed in by the user.
    Static,
    /// Its id is the address of its metadata document (CIMD); the host is verified by TLS.
    MetadataDocument,
    /// It registered itself (RFC 7591); nothing about it is verified.
    Registered,
    /// A token the user made for a script; there is no client.
    Script,
}

impl ClientKind {
    /// As it is stored in rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::MetadataDocument => "metadata-document",
            Self::Registered => "registered",
            Self::Script => "script",
        }
    }

    /// Reads what [`ClientKind::as_str`] wrote.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        [
            Self::Static,
            Self::MetadataDocument,
            Self::Registered,
            Self::Script,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// A grant type both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantType {
    /// `authorization_code`.
    AuthorizationCode,
    /// `refresh_token`.
    RefreshToken,
}

impl GrantType {
    /// Takes what we know out of a list; what we do not know is no error.
    pub(crate) fn intersection<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut known = Vec::new();
        for name in names {
            let found = match name {
                "authorization_code" => Self::AuthorizationCode,
                "refresh_token" => Self::RefreshToken,
                _ => continue,
            };
            if !known.contains(&found) {
                known.push(found);
            }
        }
        known
    }
}

/// What we know of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientInformation {
    /// Its client id.
    pub(crate) id: String,
    /// How we know it.
    pub(crate) kind: ClientKind,
    /// What it calls itself: never verified, made safe to show by who shows it.
    pub(crate) name: Option<String>,
    /// The host that publishes its metadata document, in ASCII (CIMD only).
    pub(crate) host: Option<String>,
    /// The redirect URIs it registered.
    pub(crate) redirect_uris: Vec<String>,
    /// What it may do; without [`GrantType::AuthorizationCode`] it may not ask.
    pub(crate) grant_types: Vec<GrantType>,
}

impl ClientInformation {
    /// Whether it has no secret and is known by PKCE alone.
    pub(crate) fn is_public(&self) -> bool {
        self.kind != ClientKind::Static
    }

    /// Whether it may ask for authorization codes (else `unauthorized_client`).
    pub(crate) fn may_use_codes(&self) -> bool {
        self.grant_types.contains(&GrantType::AuthorizationCode)
    }

    /// Whether a browser may be sent to this URI with an answer for this client: it is registered,
    /// and of a kind a browser can be sent to.
    pub(crate) fn allows_redirect(&self, requested: &str) -> bool {
        let usable = matches!(
            redirect_uri::parse(requested),
            Ok(RedirectUse::Https | RedirectUse::Loopback)
        );
        let known_connector =
            self.kind == ClientKind::Static && redirect_uri::is_known_connector(requested);
        usable
            && (known_connector
                || self
                    .redirect_uris
                    .iter()
                    .any(|registered| redirect_uri::matches(registered, requested)))
    }

    /// The redirect URI of a request that names none: the only one there is.
    pub(crate) fn only_redirect(&self) -> Option<&str> {
        match self.redirect_uris.as_slice() {
            [only] if self.allows_redirect(only) => Some(only),
            _ => None,
        }
    }

    /// Whether a request with this redirect must come with PKCE. The static client, as in the
    /// original guide, may come without; then the redirect must be an exact https one.
    pub(crate) fn needs_pkce(&self, redirect_uri: &str) -> bool {
        self.is_public() || redirect_uri::parse(redirect_uri) != Ok(RedirectUse::Https)
    }
}

/// Why a client cannot be used. The text is for the person in front of the browser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClientError {
    /// No client has this id.
    #[error(
        "Invalid client: no client with this client_id is known here. Remove the connector in the \
         client and add it again, or check the client ID shown in Drawbridge."
    )]
    Unknown,
    /// The id is an address that cannot be one of a metadata document.
    #[error("Invalid client: {0}.")]
    Address(document::AddressError),
    /// The document is not valid.
    #[error("Invalid client: {0}. The client's makers have to correct their document.")]
    Document(DocumentError),
    /// The document could not be fetched.
    #[error("Invalid client: its metadata document could not be read: {0}. Try again later.")]
    Fetch(FetchError),
    /// Known clients only.
    #[error(
        "Invalid client: Drawbridge is set to let in known clients only, and this is none. Change \
         that in the settings if you trust it."
    )]
    KnownOnly,
    /// Too many documents of unknown hosts were asked for.
    #[error("Too many unknown clients asked just now. Try again in a minute.")]
    Busy,
    /// The database failed.
    #[error("Drawbridge could not read its database: {0}.")]
    Store(#[from] StoreError),
}

impl AuthorizationServer {
    /// Finds a client by its id; fetches its metadata document if the id is an address.
    pub(crate) async fn resolve_client(
        &self,
        client_id: &str,
    ) -> Result<ClientInformation, ClientError> {
        let known_only = self.settings().known_clients_only;
        if client_id == static_client::CLIENT_ID {
            return self
                .static_client_information()?
                .ok_or(ClientError::Unknown);
        }
        if client_id.starts_with("https://") {
            let url = ClientIdUrl::parse(client_id).map_err(ClientError::Address)?;
            return self.document_client(&url, known_only).await;
        }
        let mut client = self
            .registered_client(client_id)?
            .ok_or(ClientError::Unknown)?;
        self.note_use(client_id).await?;
        if known_only {
            client
                .redirect_uris
                .retain(|uri| redirect_uri::classify(uri) != RedirectTrust::Other);
            if client.redirect_uris.is_empty() {
                return Err(ClientError::KnownOnly);
            }
        }
        Ok(client)
    }
}
