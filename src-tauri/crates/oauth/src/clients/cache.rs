//! Metadata documents fetched before, and copies of the best-known ones.
//!
//! A document is kept as long as its headers say, a day at most; errors and invalid documents are
//! not kept at all. Hosts we do not know have a small budget, so that nobody makes this computer
//! knock at doors. A copy stands in when a known host cannot be reached: the client is still the
//! one the copy describes, because its redirect URIs stand in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drawbridge_vault::ports::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use super::document::{ClientDocument, ClientIdUrl};
use super::{ClientError, ClientInformation};
use crate::AuthorizationServer;
use crate::limits::{Budget, KNOWN_DOCUMENTS_PER_MINUTE, UNKNOWN_DOCUMENTS_PER_MINUTE};

/// The longest a document is kept, whatever its headers say.
pub(crate) const MOST_FRESH: SignedDuration = SignedDuration::from_hours(24);
/// How many documents are kept. The one that is stale first makes room.
const MOST_KEPT: usize = 256;
/// How many documents of unknown hosts are fetched at once.
const UNKNOWN_AT_ONCE: usize = 2;
/// How many documents of known hosts are fetched at once.
const KNOWN_AT_ONCE: usize = 4;
const MINUTE: Duration = Duration::from_mins(1);

/// Hosts whose clients we know.
const KNOWN_HOSTS: [&str; 3] = ["chatgpt.com", "claude.ai", "vscode.dev"];

/// Copies of the documents at fixed addresses.
const COPIES: [(&str, &str); 5] = [
    (
        "https://chatgpt.com/oauth/client.json",
        include_str!("copies/chatgpt.json"),
    ),
    (
        "https://chatgpt.com/oauth/codex/client.json",
        include_str!("copies/codex.json"),
    ),
    (
        "https://claude.ai/oauth/mcp-oauth-client-metadata",
        include_str!("copies/claude.json"),
    ),
    (
        "https://claude.ai/oauth/claude-code-client-metadata",
        include_str!("copies/claude-code.json"),
    ),
    (
        "https://vscode.dev/oauth/client-metadata.json",
        include_str!("copies/vscode.json"),
    ),
];
/// The copy for ChatGPT's apps with an id of their own; `{id}` stands for it.
const CHATGPT_PER_CALLBACK: &str = include_str!("copies/chatgpt-callback.json");

/// The documents of this run.
pub(crate) struct DocumentCache {
    kept: Mutex<HashMap<String, Kept>>,
    unknown: Budget,
    known: Budget,
    unknown_at_once: Arc<Semaphore>,
    known_at_once: Arc<Semaphore>,
}

struct Kept {
    client: ClientInformation,
    fresh_until: Timestamp,
}

impl DocumentCache {
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            kept: Mutex::default(),
            unknown: Budget::new(UNKNOWN_DOCUMENTS_PER_MINUTE, MINUTE, clock),
            known: Budget::new(KNOWN_DOCUMENTS_PER_MINUTE, MINUTE, clock),
            unknown_at_once: Arc::new(Semaphore::new(UNKNOWN_AT_ONCE)),
            known_at_once: Arc::new(Semaphore::new(KNOWN_AT_ONCE)),
        }
    }

    fn get(&self, id: &str, now: Timestamp) -> Option<ClientInformation> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(id)
            .filter(|kept| now < kept.fresh_until)
            .map(|kept| kept.client.clone())
    }

    fn put(&self, client: &ClientInformation, fresh_until: Timestamp) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT && !kept.contains_key(&client.id) {
            let first = kept.iter().min_by_key(|(_, kept)| kept.fresh_until);
            if let Some(id) = first.map(|(id, _)| id.clone()) {
                kept.remove(&id);
            }
        }
        kept.insert(
            client.id.clone(),
            Kept {
                client: client.clone(),
                fresh_until,
            },
        );
    }
}

impl AuthorizationServer {
    /// The client whose id is the address of its metadata document.
    pub(super) async fn document_client(
        &self,
        address: &ClientIdUrl,
        known_only: bool,
    ) -> Result<ClientInformation, ClientError> {
        let known = KNOWN_HOSTS.contains(&address.host());
        if known_only && !known {
            return Err(ClientError::KnownOnly);
        }
        if let Some(client) = self.document_cache().get(address.as_str(), self.now()) {
            return Ok(client);
        }
        match self.fetch_client(address, known).await {
            Ok(client) => Ok(client),
            Err(error) => match copy_of(address) {
                Some(client) => {
                    tracing::info!(host = address.host(), %error, "a shipped copy stands in");
                    Ok(client)
                }
                None => Err(error),
            },
        }
    }

    async fn fetch_client(
        &self,
        address: &ClientIdUrl,
        known: bool,
    ) -> Result<ClientInformation, ClientError> {
        let cache = self.document_cache();
        let (budget, at_once) = if known {
            (&cache.known, &cache.known_at_once)
        } else {
            (&cache.unknown, &cache.unknown_at_once)
        };
        // Not waited for: who waits is a stranger's browser, and it can ask again.
        let _permit = at_once.try_acquire().map_err(|_| ClientError::Busy)?;
        budget.take().map_err(|_| ClientError::Busy)?;
        let document = self
            .ports()
            .documents
            .fetch(address)
            .await
            .map_err(ClientError::Fetch)?;
        let client = ClientDocument::parse(address, &document.body)
            .map_err(ClientError::Document)?
            .into_information(address);
        let fresh_for = document.fresh_for.min(MOST_FRESH);
        if fresh_for.is_positive() {
            let fresh_until = self.now().checked_add(fresh_for).unwrap_or(Timestamp::MAX);
            cache.put(&client, fresh_until);
        }
        Ok(client)
    }
}

/// The copy we ship of this document, if there is one.
fn copy_of(address: &ClientIdUrl) -> Option<ClientInformation> {
    let fixed = COPIES.iter().find(|(id, _)| *id == address.as_str());
    let body = match fixed {
        Some((_, body)) => (*body).to_owned(),
        None => CHATGPT_PER_CALLBACK.replace("{id}", callback_id(address)?),
    };
    let document = ClientDocument::parse(address, body.as_bytes()).ok()?;
    Some(document.into_information(address))
}

/// The id in `https://chatgpt.com/oauth/{id}/client.json`.
fn callback_id(address: &ClientIdUrl) -> Option<&str> {
    let id = address
        .as_str()
        .strip_prefix("https://chatgpt.com/oauth/")?
        .strip_suffix("/client.json")?;
    let plain = id
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    ((1..=128).contains(&id.len()) && plain).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Answer, World};
    use crate::{FetchError, Settings};

    const UNKNOWN: &str = "https://client.example/client.json";

    fn body(id: &str) -> String {
        format!(
            r#"{{"client_id":"{id}","client_name":"N","redirect_uris":["https://a.example/cb"]}}"#
        )
    }

    fn copy(id: &str) -> ClientInformation {
        copy_of(&ClientIdUrl::parse(id).unwrap()).unwrap()
    }

    #[test]
    fn every_copy_is_valid_and_leads_where_its_client_does() {
        for (id, _) in COPIES {
            assert!(copy(id).may_use_codes(), "{id}");
        }
        for (id, uri) in [
            (
                COPIES[0].0,
                "https://chatgpt.com/connector_platform_oauth_redirect",
            ),
            (COPIES[1].0, "http://127.0.0.1:4000/callback"),
            (COPIES[2].0, "https://claude.ai/api/mcp/auth_callback"),
            (COPIES[3].0, "http://localhost:4000/callback"),
            (COPIES[4].0, "http://127.0.0.1:33418/"),
            (COPIES[4].0, "https://vscode.dev/redirect"),
            (
                "https://chatgpt.com/oauth/a_1/client.json",
                "https://chatgpt.com/connector/oauth/a_1",
            ),
        ] {
            assert!(copy(id).allows_redirect(uri), "{id}");
        }
        for id in [
            "https://chatgpt.com/oauth/a/b/client.json",
            "https://chatgpt.com/other.json",
        ] {
            assert!(copy_of(&ClientIdUrl::parse(id).unwrap()).is_none(), "{id}");
        }
    }

    #[tokio::test]
    async fn a_document_is_kept_as_long_as_it_is_fresh() {
        let world = World::new().await;
        world
            .documents
            .answer(UNKNOWN, Answer::Document(body(UNKNOWN), 600));
        for _ in 0..3 {
            world.server.resolve_client(UNKNOWN).await.unwrap();
        }
        assert_eq!(world.documents.fetched(), 1);
        world.clock.advance(Duration::from_mins(10));
        world.server.resolve_client(UNKNOWN).await.unwrap();
        assert_eq!(world.documents.fetched(), 2);
    }

    #[tokio::test]
    async fn a_day_is_the_longest() {
        let world = World::new().await;
        world
            .documents
            .answer(UNKNOWN, Answer::Document(body(UNKNOWN), 1_000_000_000));
        world.server.resolve_client(UNKNOWN).await.unwrap();
        world.clock.advance(Duration::from_hours(24));
        world.server.resolve_client(UNKNOWN).await.unwrap();
        assert_eq!(world.documents.fetched(), 2);
    }

    #[tokio::test]
    async fn errors_and_invalid_documents_are_not_kept() {
        let world = World::new().await;
        world
            .documents
            .answer(UNKNOWN, Answer::Error(FetchError::Status(500)));
        assert_eq!(
            world.server.resolve_client(UNKNOWN).await,
            Err(ClientError::Fetch(FetchError::Status(500)))
        );
        world
            .documents
            .answer(UNKNOWN, Answer::Document("{}".into(), 600));
        world.server.resolve_client(UNKNOWN).await.unwrap_err();
        world
            .documents
            .answer(UNKNOWN, Answer::Document(body(UNKNOWN), 600));
        world.server.resolve_client(UNKNOWN).await.unwrap();
    }

    #[tokio::test]
    async fn a_copy_stands_in_for_a_known_client_only() {
        let world = World::new().await;
        let chatgpt = world.server.resolve_client(COPIES[0].0).await.unwrap();
        assert_eq!(chatgpt.name.as_deref(), Some("ChatGPT"));
        world
            .server
            .resolve_client("https://chatgpt.com/nothing")
            .await
            .unwrap_err();
    }

    #[tokio::test]
    async fn unknown_hosts_have_a_small_budget() {
        let world = World::new().await;
        let mut refused = 0;
        for number in 0..10 {
            let id = format!("https://client{number}.example/client.json");
            world.documents.answer(&id, Answer::Document(body(&id), 0));
            refused += u32::from(world.server.resolve_client(&id).await == Err(ClientError::Busy));
        }
        assert_eq!(refused, 10 - UNKNOWN_DOCUMENTS_PER_MINUTE);
        world.server.resolve_client(COPIES[0].0).await.unwrap();
        world.clock.advance(Duration::from_mins(1));
        world
            .server
            .resolve_client("https://client9.example/client.json")
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn known_clients_only_fetches_nothing_of_others() {
        let world = World::with(Settings {
            known_clients_only: true,
            ..World::settings()
        })
        .await;
        world
            .documents
            .answer(UNKNOWN, Answer::Document(body(UNKNOWN), 600));
        assert_eq!(
            world.server.resolve_client(UNKNOWN).await,
            Err(ClientError::KnownOnly)
        );
        assert_eq!(world.documents.fetched(), 0);
        world.server.resolve_client(COPIES[0].0).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_client_id_is_unknown() {
        let world = World::new().await;
        for id in [
            "test",
            "",
            "drawbridge",
            "c-nobody",
            "../x",
            "http://client.example/x",
        ] {
            assert_eq!(
                world.server.resolve_client(id).await,
                Err(ClientError::Unknown),
                "{id}"
            );
        }
        assert!(matches!(
            world.server.resolve_client("https://127.0.0.1/x").await,
            Err(ClientError::Address(_))
        ));
    }
}
