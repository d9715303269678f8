//! Access tokens the user makes for scripts and local clients: shown once, listed and revoked as
//! connections.

use drawbridge_vault::{AccessTokenRow, GrantRow, StoreError, Writer};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::clients::ClientKind;
use crate::events::Event;
use crate::grants::GrantDetails;
use crate::resource::Resource;
use crate::scope::Scope;
use crate::tokens::{Token, TokenKind};
use crate::{Audience, AuthorizationServer, GrantId, Terms};

/// The client id in the grant of such a token.
const CLIENT_ID: &str = "script";
/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// What the token shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewScriptToken {
    /// What the user calls it.
    pub name: String,
    /// What it may do, and for how long.
    pub terms: Terms,
    /// At which address it may be used.
    pub audience: Audience,
}

/// A token in clear: it cannot be shown again.
pub struct ScriptToken {
    /// The token.
    pub token: SecretString,
    /// Its grant, for the list and for `revoke`.
    pub id: GrantId,
    /// When it ends, if not when it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// Why no token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScriptTokenError {
    /// The name is empty, too long, or cannot be shown.
    #[error("give the token a name of 1 to {MAX_NAME} visible characters")]
    Name,
    /// No server was chosen.
    #[error("choose at least one server: a token for none is good for nothing")]
    NoServers,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl NewScriptToken {
    /// Whether a token could be made like this.
    pub fn check(&self) -> Result<(), ScriptTokenError> {
        let length = self.name.trim().chars().count();
        if length == 0 || length > MAX_NAME || self.name.chars().any(char::is_control) {
            return Err(ScriptTokenError::Name);
        }
        if self.terms.servers.is_empty() {
            return Err(ScriptTokenError::NoServers);
        }
        Ok(())
    }
}

impl AuthorizationServer {
    /// Makes an access token for a script. The caller has had a person confirm it.
    pub async fn create_token(&self, new: NewScriptToken) -> Result<ScriptToken, ScriptTokenError> {
        new.check()?;
        let id = GrantId::random(self.entropy()).map_err(StoreError::from)?;
        let token = Token::mint(TokenKind::Script, self.entropy()).map_err(StoreError::from)?;
        let now = self.now();
        let expires_at = new.terms.lifetime.expires_at(now);
        let details = GrantDetails {
            name: Some(new.name.trim().to_owned()),
            client_host: None,
            redirect_host: None,
            servers: new.terms.servers,
            access: new.terms.access,
            lifetime: new.terms.lifetime,
            scope: Scope::DEFAULT.to_string(),
            connected: true,
        };
        let grant = GrantRow {
            id: id.to_string(),
            client_id: CLIENT_ID.to_owned(),
            origin: new.audience.as_str().to_owned(),
            kind: ClientKind::Script.as_str().to_owned(),
            created_at: now,
            last_used_at: now,
            expires_at,
            ended_at: None,
            end_reason: None,
            details: details.write()?,
        };
        let access = AccessTokenRow {
            hash: token.hash().0,
            grant_id: id.to_string(),
            refresh: None,
            resource: Resource::of(&new.audience).as_str().to_owned(),
            scope: Scope::DEFAULT.to_string(),
            created_at: now,
            expires_at,
        };
        let made = id.clone();
        let put = move |writer: &Writer<'_>| {
            writer.put_grant(&grant)?;
            writer.put_access_token(&access)
        };
        self.change(put, move |server, ()| {
            server.emit(Event::Connected {
                grant: made,
                client: CLIENT_ID.to_owned(),
            });
        })
        .await?;
        Ok(ScriptToken {
            token: token.into_secret(),
            id,
            expires_at,
        })
    }
}
