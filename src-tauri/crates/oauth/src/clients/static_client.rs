//! The static client: an id and a secret that the user types into ChatGPT, as in the original
//! guide.
//!
//! There is at most one. Its secret is the only secret of this crate that is kept in clear, sealed
//! by the vault, because the user must be able to read it again; it is compared by its hash.

use drawbridge_vault::{ClientRow, StoreError, Writer};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq as _};

use super::{ClientInformation, ClientKind, GrantType};
use crate::grants::{self, EndReason, from_json, to_json};
use crate::redirect_uri::{self, RedirectUriError, RedirectUse};
use crate::tokens::{self, Token, TokenKind};
use crate::{AuthorizationServer, GrantId};

/// Its client id.
pub(crate) const CLIENT_ID: &str = "drawbridge";
/// Where the vault keeps its secret.
const SECRET_NAME: &str = "oauth-static-client-secret";
/// The shortest secret that is taken over from elsewhere: 32 characters of `token_urlsafe(32)`
/// would still be 192 bits, and the guide's own has 43.
const SHORTEST_SECRET: usize = 32;
/// The longest one.
const LONGEST_SECRET: usize = 256;
/// The most redirect URIs the user can add.
const MAX_REDIRECTS: usize = 20;

/// The static client as the user sees it.
pub struct StaticClient {
    /// What to type as client id.
    pub id: &'static str,
    /// What to type as client secret.
    pub secret: SecretString,
    /// The redirect URIs the user added; ChatGPT's and Claude's need no adding.
    pub redirects: Vec<String>,
}

/// What is wrong with a client secret from elsewhere. The text stands after the secret's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The text of the guide's example, which is public.
    #[error("is still the placeholder of the guide")]
    Placeholder,
    /// It can be guessed.
    #[error("is too short to be a secret (fewer than {SHORTEST_SECRET} characters)")]
    TooShort,
    /// No form field takes it.
    #[error("is longer than {LONGEST_SECRET} characters")]
    TooLong,
    /// It holds spaces, control characters, or letters outside of ASCII.
    #[error(
        "contains characters that cannot be typed into a client (use letters, digits, - and _)"
    )]
    Characters,
}

/// Why the static client was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StaticClientError {
    /// A given secret would not protect anything.
    #[error(
        "the client secret {0}; let Drawbridge make one, or run: python3 -c \"import secrets; \
         print(secrets.token_urlsafe(32))\""
    )]
    Secret(#[from] SecretProblem),
    /// There is none.
    #[error("there is no static client yet; make it first")]
    Missing,
    /// A redirect URI that cannot be used.
    #[error("this redirect URI cannot be added: {0}")]
    Redirect(#[from] RedirectUriError),
    /// A redirect URI of an application's own scheme.
    #[error("this redirect URI cannot be added: it must use https, or http to this computer")]
    RedirectScheme,
    /// Too many.
    #[error("there are {MAX_REDIRECTS} redirect URIs already; remove one first")]
    TooManyRedirects,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The sealed part of its row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Details {
    redirects: Vec<String>,
}

impl AuthorizationServer {
    /// The static client with its secret, if there is one.
    #[expect(
        clippy::unused_async,
        reason = "its callers need not know which of these write"
    )]
    pub async fn static_client(&self) -> Result<Option<StaticClient>, StoreError> {
        let vault = self.vault().clone();
        vault.read(|reader| {
            let Some(row) = reader.client(CLIENT_ID)? else {
                return Ok(None);
            };
            let Some(secret) = reader.secret(SECRET_NAME)? else {
                return Ok(None);
            };
            let Details { redirects } = from_json(&row.details, "clients")?;
            Ok(Some(StaticClient {
                id: CLIENT_ID,
                secret,
                redirects,
            }))
        })
    }

    /// Makes the static client, or gives it another secret: `secret`, or a new random one. What
    /// the old secret was used for holds on; new tokens need the new one.
    pub async fn create_static_client(
        &self,
        secret: Option<SecretString>,
    ) -> Result<StaticClient, StaticClientError> {
        let secret = match secret {
            Some(secret) => {
                check_client_secret(secret.expose_secret())?;
                secret
            }
            None => Token::mint(TokenKind::ClientSecret, self.entropy())
                .map_err(StoreError::from)?
                .into_secret(),
        };
        let (now, kept) = (self.now(), secret.clone());
        let put = move |writer: &Writer<'_>| {
            let row = writer.client(CLIENT_ID)?;
            let details = match &row {
                Some(row) => from_json(&row.details, "clients")?,
                None => Details::default(),
            };
            writer.put_client(&client_row(row.as_ref(), &details, now)?)?;
            writer.put_secret(SECRET_NAME, &kept)?;
            Ok::<_, StoreError>(details.redirects)
        };
        let redirects = self
            .change(put, |server, _| server.set_has_static_client(true))
            .await?;
        Ok(StaticClient {
            id: CLIENT_ID,
            secret,
            redirects,
        })
    }

    /// Removes the static client and ends all its connections: their tokens are worth nothing when
    /// this returns, also when the client itself was gone already.
    pub async fn remove_static_client(&self) -> Result<(), StaticClientError> {
        let now = self.now();
        let remove = move |writer: &Writer<'_>| {
            writer.delete_secret(SECRET_NAME)?;
            let existed = writer.delete_client(CLIENT_ID)?;
            let reason = EndReason::RevokedByUser;
            let mut ended = Vec::new();
            for id in writer.live_grant_ids_of_client(CLIENT_ID)? {
                grants::end(writer, &id, now, reason)?;
                ended.extend(GrantId::parse(&id).ok().map(|grant| (grant, reason)));
            }
            Ok::<_, StoreError>((existed, ended))
        };
        let (existed, ended) = self
            .change(remove, |server, (_, ended)| {
                server.set_has_static_client(false);
                grants::tell_ended(server, ended);
            })
            .await?;
        if existed || !ended.is_empty() {
            Ok(())
        } else {
            Err(StaticClientError::Missing)
        }
    }

    /// Lets the static client go back to one more address.
    pub async fn add_static_redirect(&self, uri: &str) -> Result<(), StaticClientError> {
        check_static_redirect(uri)?;
        let uri = uri.to_owned();
        self.change_redirects(move |redirects| {
            if redirects.contains(&uri) {
                return Ok(());
            }
            if redirects.len() >= MAX_REDIRECTS {
                return Err(StaticClientError::TooManyRedirects);
            }
            redirects.push(uri);
            Ok(())
        })
        .await
    }

    /// Takes one of the added addresses away.
    pub async fn remove_static_redirect(&self, uri: &str) -> Result<(), StaticClientError> {
        let uri = uri.to_owned();
        self.change_redirects(move |redirects| {
            redirects.retain(|found| *found != uri);
            Ok(())
        })
        .await
    }

    async fn change_redirects(
        &self,
        change: impl FnOnce(&mut Vec<String>) -> Result<(), StaticClientError> + Send + 'static,
    ) -> Result<(), StaticClientError> {
        let now = self.now();
        self.vault()
            .write(move |writer| {
                let row = writer
                    .client(CLIENT_ID)?
                    .ok_or(StaticClientError::Missing)?;
                let mut details: Details = from_json(&row.details, "clients")?;
                change(&mut details.redirects)?;
                writer.put_client(&client_row(Some(&row), &details, now)?)?;
                Ok(())
            })
            .await
    }

    pub(crate) fn static_client_information(
        &self,
    ) -> Result<Option<ClientInformation>, StoreError> {
        let Some(row) = self.vault().read(|reader| reader.client(CLIENT_ID))? else {
            return Ok(None);
        };
        let Details { redirects } = from_json(&row.details, "clients")?;
        Ok(Some(ClientInformation {
            id: row.id,
            kind: ClientKind::Static,
            name: None,
            host: None,
            redirect_uris: redirects,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        }))
    }

    /// Whether one of these is the secret. Takes the same time for every wrong one.
    pub(crate) fn is_static_secret(&self, given: &[SecretString]) -> Result<bool, StoreError> {
        let Some(secret) = self.vault().read(|reader| reader.secret(SECRET_NAME))? else {
            return Ok(false);
        };
        let expected = tokens::hash(secret.expose_secret());
        let found = given.iter().fold(Choice::from(0), |found, given| {
            found | tokens::hash(given.expose_secret()).0.ct_eq(&expected.0)
        });
        Ok(found.into())
    }
}

fn client_row(
    earlier: Option<&ClientRow>,
    details: &Details,
    now: Timestamp,
) -> Result<ClientRow, StoreError> {
    Ok(ClientRow {
        id: CLIENT_ID.to_owned(),
        kind: ClientKind::Static.as_str().to_owned(),
        created_at: earlier.map_or(now, |row| row.created_at),
        last_used_at: now,
        approved: true,
        details: to_json(details, "clients")?,
    })
}

/// Whether the static client could be given this redirect address.
pub fn check_static_redirect(uri: &str) -> Result<(), StaticClientError> {
    if redirect_uri::parse(uri)? == RedirectUse::PrivateScheme {
        return Err(StaticClientError::RedirectScheme);
    }
    Ok(())
}

/// Whether a secret from elsewhere may be taken over as the static client's.
pub fn check_client_secret(secret: &str) -> Result<(), SecretProblem> {
    if secret.starts_with("your_") && secret.ends_with("_here") {
        Err(SecretProblem::Placeholder)
    } else if secret.len() < SHORTEST_SECRET {
        Err(SecretProblem::TooShort)
    } else if secret.len() > LONGEST_SECRET {
        Err(SecretProblem::TooLong)
    } else if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(SecretProblem::Characters)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Event;
    use crate::testing::{REDIRECT, VERIFIER, World};

    const GIVEN: &str = "0123456789abcdef0123456789ABCDEF";

    fn is_secret(world: &World, text: &str) -> bool {
        world
            .server
            .is_static_secret(&[SecretString::from(text)])
            .unwrap()
    }

    #[test]
    fn weak_secrets_and_the_placeholder_are_refused() {
        assert_eq!(check_client_secret(GIVEN), Ok(()));
        let long = "a".repeat(257);
        let spaced = format!("{GIVEN} ");
        for (secret, problem) in [
            ("", SecretProblem::TooShort),
            (&GIVEN[1..], SecretProblem::TooShort),
            (&long, SecretProblem::TooLong),
            (&spaced, SecretProblem::Characters),
            ("your_oauth_client_secret_here", SecretProblem::Placeholder),
        ] {
            assert_eq!(check_client_secret(secret), Err(problem), "{secret}");
        }
    }

    #[tokio::test]
    async fn it_is_made_shown_again_changed_and_removed() {
        let world = World::new().await;
        assert!(world.server.static_client().await.unwrap().is_none());
        assert!(!is_secret(&world, ""));

        let made = world.server.create_static_client(None).await.unwrap();
        assert_eq!(made.id, "drawbridge");
        assert!(made.secret.expose_secret().starts_with("dbs_"));
        let shown = world.server.static_client().await.unwrap().unwrap();
        assert_eq!(shown.secret.expose_secret(), made.secret.expose_secret());
        assert!(is_secret(&world, made.secret.expose_secret()));
        assert!(!is_secret(&world, "wrong"));

        let given = SecretString::from(GIVEN);
        world
            .server
            .create_static_client(Some(given))
            .await
            .unwrap();
        assert!(is_secret(&world, GIVEN));
        assert!(!is_secret(&world, made.secret.expose_secret()));

        world.server.remove_static_client().await.unwrap();
        assert!(!is_secret(&world, GIVEN));
        assert_eq!(
            world.server.remove_static_client().await,
            Err(StaticClientError::Missing)
        );
    }

    #[tokio::test]
    async fn its_connections_end_with_it_and_nobody_elses() {
        let world = World::new().await;
        let other = world.connect().await;
        let made = world.server.create_static_client(None).await.unwrap();
        world.server.add_static_redirect(REDIRECT).await.unwrap();
        let mut tokens = Vec::new();
        let mut grants = Vec::new();
        for _ in 0..2 {
            let (grant, code) = world.approve(CLIENT_ID, &World::terms()).await;
            let parameters = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", REDIRECT),
                ("client_id", CLIENT_ID),
                ("client_secret", made.secret.expose_secret()),
                ("code_verifier", VERIFIER),
            ];
            let reply = world.form("/oauth/token", &parameters).await;
            tokens.push(reply.text_of("access_token"));
            grants.push(grant);
        }
        for token in &tokens {
            assert!(world.lets_in(token).await);
        }

        // A new secret takes nothing from those who have tokens.
        world.server.create_static_client(None).await.unwrap();
        for token in &tokens {
            assert!(world.lets_in(token).await);
        }

        world.server.remove_static_client().await.unwrap();
        for (token, grant) in tokens.iter().zip(grants) {
            assert!(!world.lets_in(token).await);
            let reason = EndReason::RevokedByUser;
            let ended = Event::GrantEnded { grant, reason };
            assert!(world.events.all().contains(&ended));
        }
        assert!(world.lets_in(&other.access).await);
    }

    #[tokio::test]
    async fn its_redirects_are_the_known_ones_and_those_added() {
        let world = World::new().await;
        let uri = "https://app.example/callback";
        assert_eq!(
            world.server.add_static_redirect(uri).await,
            Err(StaticClientError::Missing)
        );
        world.server.create_static_client(None).await.unwrap();
        for bad in ["http://app.example/", "app:/x", "nonsense"] {
            world.server.add_static_redirect(bad).await.unwrap_err();
        }
        world.server.add_static_redirect(uri).await.unwrap();
        world.server.add_static_redirect(uri).await.unwrap();
        world
            .server
            .add_static_redirect("http://localhost/cb")
            .await
            .unwrap();

        let client = world.server.resolve_client("drawbridge").await.unwrap();
        assert!(client.allows_redirect(uri));
        assert!(client.allows_redirect("https://chatgpt.com/connector_platform_oauth_redirect"));
        assert!(client.allows_redirect("https://chatgpt.com/connector/oauth/a-1_B"));
        assert!(client.allows_redirect("https://claude.ai/api/mcp/auth_callback"));
        assert!(!client.allows_redirect("https://evil.example/callback"));
        assert!(
            !client.needs_pkce(uri),
            "an exact https redirect may come without"
        );
        assert!(client.needs_pkce("http://localhost:5000/cb"));

        world.server.remove_static_redirect(uri).await.unwrap();
        let client = world.server.resolve_client("drawbridge").await.unwrap();
        assert!(!client.allows_redirect(uri));
    }
}
