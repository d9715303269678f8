//! Access tokens for scripts and clients on this computer.

use drawbridge_oauth::{Audience, NewScriptToken};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Revealed, TermsChoice, UiError};
use crate::engine::Engine;

/// A token to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewToken {
    /// What the owner will know it by.
    pub name: String,
    /// What it may do.
    pub terms: TermsChoice,
    /// For the public address instead of this computer.
    pub public: bool,
}

/// A token, shown once.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TokenShown {
    /// The token.
    pub token: Revealed,
    /// Its id, to revoke it by.
    pub id: String,
    /// When it ends; `None` is until revoked.
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub expires_at: Option<Timestamp>,
    /// The servers it may use.
    pub servers: Vec<String>,
}

/// Whether this token could be made as things stand.
pub(crate) fn check_token(engine: &Engine, new: &NewToken) -> Result<(), UiError> {
    let token = resolve(engine, new.clone())?;
    token.check().map_err(UiError::failed)
}

/// What was asked for, with the servers and the address that are there now.
fn resolve(engine: &Engine, new: NewToken) -> Result<NewScriptToken, UiError> {
    let audience = if new.public {
        let public = engine.addresses().public_url().ok_or_else(|| {
            UiError::invalid(
                "there is no public address now; leave out --public, or serve with BASE_URL",
            )
        })?;
        Audience::Public(public)
    } else {
        Audience::Loopback
    };
    let there: Vec<String> = engine
        .gateway()
        .servers()
        .into_iter()
        .map(|server| server.name)
        .collect();
    Ok(NewScriptToken {
        name: new.name,
        terms: new.terms.resolve(&there)?,
        audience,
    })
}

/// Makes a token.
pub async fn create_token(engine: &Engine, new: NewToken) -> Result<TokenShown, UiError> {
    let token = resolve(engine, new)?;
    let servers = token.terms.servers.iter().map(str::to_owned).collect();
    let made = engine
        .oauth()
        .create_token(token)
        .await
        .map_err(UiError::failed)?;
    Ok(TokenShown {
        token: Revealed::new(made.token),
        id: made.id.to_string(),
        expires_at: made.expires_at,
        servers,
    })
}
