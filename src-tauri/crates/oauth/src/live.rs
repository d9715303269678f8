//! The grant behind a request, to be looked at again later.
//!
//! The bearer check answers for the moment a request came in. A call may wait after that for its
//! server to start, and meanwhile the grant may be revoked, narrowed or over; whoever does
//! something for the request asks again just before.

use std::sync::Arc;

use drawbridge_vault::StoreError;

use crate::grants::{GrantDetails, end_of};
use crate::{AuthorizationServer, Principal};

type Look = dyn Fn() -> Option<Principal> + Send + Sync;

/// Says what a request's grant allows at this moment. The bearer check puts one beside each
/// [`Principal`].
#[derive(Clone)]
pub struct LiveGrant(Arc<Look>);

impl LiveGrant {
    /// One that asks this.
    pub fn new(look: impl Fn() -> Option<Principal> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// Who calls and what is allowed, at this moment; `None` when the grant or its token is over,
    /// or the database does not say.
    #[must_use]
    pub fn now(&self) -> Option<Principal> {
        (self.0)()
    }
}

impl AuthorizationServer {
    /// The grant behind an access token that was just checked.
    pub(crate) fn live_grant(&self, principal: &Principal) -> LiveGrant {
        let (server, principal) = (self.clone(), principal.clone());
        LiveGrant::new(move || match server.still_allowed(&principal) {
            Ok(allowed) => allowed,
            Err(error) => {
                tracing::error!(%error, "a connection could not be looked up again");
                None
            }
        })
    }

    fn still_allowed(&self, principal: &Principal) -> Result<Option<Principal>, StoreError> {
        let now = self.now();
        if principal.expires_at.is_some_and(|expiry| expiry <= now) {
            return Ok(None);
        }
        let grant = self
            .vault()
            .read::<_, StoreError>(|reader| reader.grant(principal.grant.as_str()))?;
        let Some(grant) = grant.filter(|grant| end_of(grant, now).is_none()) else {
            return Ok(None);
        };
        let details = GrantDetails::read(&grant)?;
        Ok(Some(Principal {
            servers: details.servers,
            access: details.access,
            ..principal.clone()
        }))
    }
}
