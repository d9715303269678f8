//! The client whose id and secret the owner types in by hand, and the values of the original
//! guide that make one.

use drawbridge_oauth::{AuthorizationServer, StaticClient, StaticClientError};
use drawbridge_vault::{KeyError, KeyPlace, MoveKeyError, StoreError, Vault};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{Revealed, UiError, UiErrorCode};
use crate::config::{GuideValues, PublicUrl};
use crate::engine::{Addresses, Engine};

/// The setting that remembers the public address.
pub const PUBLIC_URL_SETTING: &str = "public_url";

/// The client, with all that is typed into its form.
#[derive(Serialize, Deserialize)]
pub struct StaticClientView {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Revealed,
    /// Where it may send people back to, besides ChatGPT's and Claude's addresses.
    pub redirect_uris: Vec<String>,
    /// What its form calls *Authorization URL*.
    pub authorization_url: String,
    /// What its form calls *Token URL*.
    pub token_url: String,
}

impl StaticClientView {
    fn new(client: StaticClient, addresses: &Addresses) -> Self {
        let origin = addresses
            .public_url()
            .unwrap_or_else(|| addresses.local_url());
        Self {
            client_id: client.id.to_owned(),
            client_secret: Revealed::new(client.secret),
            redirect_uris: client.redirects,
            authorization_url: format!("{origin}/oauth/authorize"),
            token_url: format!("{origin}/oauth/token"),
        }
    }
}

/// The client without its secret, for a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct StaticClientInfo {
    /// Its id.
    pub client_id: String,
    /// Where it may send people back to, besides ChatGPT's and Claude's addresses.
    pub redirect_uris: Vec<String>,
    /// What its form calls *Authorization URL*.
    pub authorization_url: String,
    /// What its form calls *Token URL*.
    pub token_url: String,
}

impl From<StaticClientView> for StaticClientInfo {
    fn from(client: StaticClientView) -> Self {
        Self {
            client_id: client.client_id,
            redirect_uris: client.redirect_uris,
            authorization_url: client.authorization_url,
            token_url: client.token_url,
        }
    }
}

/// What to change about the client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StaticClientChange {
    /// Make a new secret, and the client if there is none.
    pub new_secret: bool,
    /// Remove the client; its connections end.
    pub remove: bool,
    /// Let it send people back to this address, too.
    pub add_redirect: Option<String>,
}

impl StaticClientChange {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.new_secret && !self.remove && self.add_redirect.is_none()
    }
}

/// The client, if there is one.
pub async fn static_client(engine: &Engine) -> Result<Option<StaticClientView>, UiError> {
    let client = engine.oauth().static_client().await?;
    Ok(client.map(|client| StaticClientView::new(client, &engine.addresses())))
}

/// Whether the client could be changed like this. `present`: there is one.
pub(crate) fn check_static_change(
    change: &StaticClientChange,
    present: bool,
) -> Result<(), UiError> {
    if let Some(redirect) = &change.add_redirect {
        drawbridge_oauth::check_static_redirect(redirect)?;
        if !present && !change.new_secret {
            return Err(StaticClientError::Missing.into());
        }
    }
    Ok(())
}

/// Changes the client.
pub async fn change_static_client(
    engine: &Engine,
    change: StaticClientChange,
) -> Result<Option<StaticClientView>, UiError> {
    let oauth = engine.oauth();
    if change.remove {
        oauth.remove_static_client().await?;
        return Ok(None);
    }
    if change.new_secret {
        oauth.create_static_client(None).await?;
    }
    if let Some(redirect) = &change.add_redirect {
        oauth.add_static_redirect(redirect).await?;
    }
    static_client(engine).await
}

/// The client without its secret, if there is one.
pub async fn static_client_info(engine: &Engine) -> Result<Option<StaticClientInfo>, UiError> {
    Ok(static_client(engine).await?.map(StaticClientInfo::from))
}

/// Makes the client, or gives it a new secret.
pub async fn create_static_client(engine: &Engine) -> Result<StaticClientInfo, UiError> {
    engine.oauth().create_static_client(None).await?;
    present(engine).await.map(StaticClientInfo::from)
}

/// Removes the client; its connections end.
pub async fn remove_static_client(engine: &Engine) -> Result<(), UiError> {
    Ok(engine.oauth().remove_static_client().await?)
}

/// Lets the client send people back to this address, too.
pub async fn add_static_redirect(engine: &Engine, uri: &str) -> Result<StaticClientInfo, UiError> {
    engine.oauth().add_static_redirect(uri).await?;
    present(engine).await.map(StaticClientInfo::from)
}

/// Takes one of the added addresses away.
pub async fn remove_static_redirect(
    engine: &Engine,
    uri: &str,
) -> Result<StaticClientInfo, UiError> {
    engine.oauth().remove_static_redirect(uri).await?;
    present(engine).await.map(StaticClientInfo::from)
}

/// The client's secret, because the owner asks to see or to copy it.
pub async fn reveal_static_client_secret(engine: &Engine) -> Result<Revealed, UiError> {
    Ok(present(engine).await?.client_secret)
}

/// The client, which must be there.
async fn present(engine: &Engine) -> Result<StaticClientView, UiError> {
    let missing = || UiError::from(StaticClientError::Missing);
    static_client(engine).await?.ok_or_else(missing)
}

/// Makes this the client's secret, if it is not already.
pub async fn use_client_secret(
    oauth: &AuthorizationServer,
    secret: SecretString,
) -> Result<(), UiError> {
    let present = oauth.static_client().await?;
    // Both secrets are the owner's own; nobody outside can ask this question.
    if present.is_some_and(|client| client.secret.expose_secret() == secret.expose_secret()) {
        return Ok(());
    }
    oauth.create_static_client(Some(secret)).await?;
    Ok(())
}

/// The values of a `.env` file.
#[derive(Serialize, Deserialize)]
pub struct ImportedValues {
    base_url: Option<String>,
    client_secret: Option<Revealed>,
}

impl ImportedValues {
    /// The public address, if there is one among them.
    #[must_use]
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// Whether the client's secret is among them.
    #[must_use]
    pub fn has_client_secret(&self) -> bool {
        self.client_secret.is_some()
    }
}

impl From<&GuideValues> for ImportedValues {
    fn from(values: &GuideValues) -> Self {
        Self {
            base_url: values.base_url.as_ref().map(|url| url.origin().to_owned()),
            client_secret: values.client_secret.clone().map(Revealed::new),
        }
    }
}

/// What was taken over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Imported {
    /// Whether the public address is remembered.
    pub base_url: bool,
    /// Whether the client's secret is sealed.
    pub client_secret: bool,
    /// Where the key is now: `keychain`, `environment` or `file`.
    pub key_place: String,
    /// Why the key stays in the environment although there is a keychain, in whole sentences.
    pub key_problem: Option<String>,
}

/// Whether these values could be taken over.
pub(crate) fn check_imported(values: &ImportedValues) -> Result<(), UiError> {
    match &values.base_url {
        Some(text) => PublicUrl::parse(text).map(|_| ()).map_err(UiError::invalid),
        None => Ok(()),
    }
}

/// Takes over the values of a `.env` file.
pub async fn import(engine: &Engine, values: ImportedValues) -> Result<Imported, UiError> {
    import_into(engine.vault(), engine.oauth(), values).await
}

/// The same without a running engine.
pub async fn import_into(
    vault: &Vault,
    oauth: &AuthorizationServer,
    values: ImportedValues,
) -> Result<Imported, UiError> {
    let base_url = match values.base_url {
        Some(text) => {
            let url = PublicUrl::parse(&text).map_err(UiError::invalid)?;
            vault
                .write::<_, StoreError>(move |writer| {
                    writer.put_setting(PUBLIC_URL_SETTING, url.origin())
                })
                .await?;
            true
        }
        None => false,
    };
    let client_secret = match values.client_secret {
        Some(secret) => {
            use_client_secret(oauth, secret.into_secret()).await?;
            true
        }
        None => false,
    };
    // With a keychain the key need not stay in a file that is read by everything.
    let key_problem = if vault.key_place() == KeyPlace::Environment {
        key_problem(vault.move_key(KeyPlace::Keychain).await)
    } else {
        None
    };
    Ok(Imported {
        base_url,
        client_secret,
        key_place: vault.key_place().to_string(),
        key_problem,
    })
}

/// What the owner should know when the key did not move. That there is no keychain is no news.
fn key_problem(moved: Result<(), MoveKeyError>) -> Option<String> {
    match moved {
        Ok(()) | Err(MoveKeyError::Key(KeyError::KeychainAbsent)) => None,
        Err(error) => {
            tracing::warn!(%error, "the key stays in the environment");
            Some(error.to_string())
        }
    }
}

impl From<StaticClientError> for UiError {
    fn from(error: StaticClientError) -> Self {
        let code = match &error {
            StaticClientError::Store(_) => UiErrorCode::Failed,
            StaticClientError::Missing => UiErrorCode::NotFound,
            _ => UiErrorCode::Invalid,
        };
        Self::new(code, error)
    }
}

#[cfg(test)]
mod tests {
    use drawbridge_vault::KeychainError;

    use super::*;

    #[test]
    fn only_a_missing_keychain_is_no_news() {
        assert_eq!(key_problem(Ok(())), None);
        let absent = MoveKeyError::Key(KeyError::KeychainAbsent);
        assert_eq!(key_problem(Err(absent)), None);
        let locked = MoveKeyError::Key(KeyError::Keychain(KeychainError::Refused));
        let text = key_problem(Err(locked)).unwrap();
        assert!(text.contains("locked") && text.contains("unlock"), "{text}");
        let full = MoveKeyError::Store(StoreError::DiskFull);
        assert!(key_problem(Err(full)).unwrap().contains("disk is full"));
    }
}
