//! The authorization server: its parts, its ports, its routes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use drawbridge_vault::ports::{Clock, Entropy};
use drawbridge_vault::{StoreError, Vault};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::approval::desk::Desk;
use crate::bearer::TokenCache;
use crate::clients::cache::DocumentCache;
use crate::clients::static_client;
use crate::events::{Event, EventSink};
use crate::fetch::DocumentFetcher;
use crate::limits::Limits;
use crate::settings::{ServerDirectory, Settings};
use crate::{authorize, endpoints, local};

/// What the authorization server needs of others.
#[derive(Clone)]
pub struct Dependencies {
    /// Where grants, tokens and clients are kept.
    pub vault: Vault,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Fetches client metadata documents; [`crate::GuardedFetcher`] outside of tests.
    pub documents: Arc<dyn DocumentFetcher>,
    /// Knows the servers a grant can cover.
    pub servers: Arc<dyn ServerDirectory>,
    /// The settings of this moment.
    pub settings: watch::Receiver<Settings>,
    /// Takes the news.
    pub events: Arc<dyn EventSink>,
}

/// The authorization server. Clones share one state.
#[derive(Clone)]
pub struct AuthorizationServer {
    inner: Arc<Inner>,
}

struct Inner {
    ports: Dependencies,
    limits: Limits,
    documents: DocumentCache,
    tokens: TokenCache,
    has_static_client: AtomicBool,
    desk: Desk,
}

impl AuthorizationServer {
    /// Starts it: looks what is stored, and removes what has expired.
    pub async fn new(ports: Dependencies) -> Result<Self, StoreError> {
        let has_static_client = ports
            .vault
            .read(|reader| reader.client(static_client::CLIENT_ID))?
            .is_some();
        let inner = Inner {
            limits: Limits::new(&ports.clock),
            documents: DocumentCache::new(&ports.clock),
            tokens: TokenCache::default(),
            has_static_client: AtomicBool::new(has_static_client),
            desk: Desk::new(&ports),
            ports,
        };
        let server = Self {
            inner: Arc::new(inner),
        };
        server.sweep().await;
        Ok(server)
    }

    /// The routes every listener for clients serves: `/.well-known/*` and `/oauth/*`. Expects the
    /// extensions of [`crate::RequestOrigin`], [`crate::ClientAddress`] and, where known,
    /// [`crate::ClientCountry`]; without the first two a request is answered with 500.
    pub fn public_router(&self) -> Router {
        endpoints::routes()
            .merge(authorize::routes())
            .with_state(self.clone())
    }

    /// The one route of the local listener: `GET /approve/{handle}`.
    pub fn local_router(&self) -> Router {
        local::routes().with_state(self.clone())
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.inner.ports.vault
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.ports.clock.now()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.inner.ports.entropy.as_ref()
    }

    pub(crate) fn settings(&self) -> Settings {
        self.inner.ports.settings.borrow().clone()
    }

    pub(crate) fn ports(&self) -> &Dependencies {
        &self.inner.ports
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.inner.desk
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn document_cache(&self) -> &DocumentCache {
        &self.inner.documents
    }

    pub(crate) fn token_cache(&self) -> &TokenCache {
        &self.inner.tokens
    }

    pub(crate) fn has_static_client(&self) -> bool {
        self.inner.has_static_client.load(Ordering::Relaxed)
    }

    pub(crate) fn set_has_static_client(&self, exists: bool) {
        self.inner
            .has_static_client
            .store(exists, Ordering::Relaxed);
    }

    pub(crate) fn emit(&self, event: Event) {
        self.inner.ports.events.send(event);
    }
}
