//! What time does to grants, codes and tokens: the hourly clean-up.
//!
//! Nothing waits for it to be refused: every check looks at the clock itself. The sweep writes
//! down what has ended, so that it is listed as such, and frees the room.

use drawbridge_vault::{StoreError, Writer};
use jiff::Timestamp;

use crate::grants::{ENDED_KEPT, EndReason, GrantDetails, UNUSED_LIFE, end, end_of, tell_ended};
use crate::{AuthorizationServer, GrantId};

/// Ended grants are ended in pieces of this many, so that no request waits long behind them.
const BATCH: usize = 500;

impl AuthorizationServer {
    /// Ends what is expired, unused or never connected, and forgets what nobody needs any more.
    /// To be called at the start and hourly. Failures are logged; the next sweep tries again.
    pub async fn sweep(&self) {
        let now = self.now();
        match self.sweep_grants(now).await {
            Ok(0) => {}
            Ok(ended) => {
                tracing::info!(ended, "connections have ended by themselves");
            }
            Err(error) => tracing::warn!(%error, "the clean-up of connections failed"),
        }
        let swept = self
            .vault()
            .write(move |writer| {
                writer.delete_codes_expired_before(now)?;
                writer.delete_access_tokens_expired_before(now)?;
                writer.delete_refresh_tokens_expired_before(now)?;
                let kept_since = now.checked_sub(ENDED_KEPT).unwrap_or(Timestamp::MIN);
                writer.delete_grants_ended_before(kept_since)?;
                Ok::<_, StoreError>(())
            })
            .await;
        if let Err(error) = swept {
            tracing::warn!(%error, "the clean-up of codes and tokens failed");
        }
    }

    async fn sweep_grants(&self, now: Timestamp) -> Result<usize, StoreError> {
        let unused_since = now.checked_sub(UNUSED_LIFE).unwrap_or(Timestamp::MIN);
        let over = self.vault().read(|reader| {
            let mut over = reader.grants_expired(now)?;
            over.extend(reader.grants_unused_since(unused_since)?);
            Ok::<_, StoreError>(over)
        })?;
        let mut count = 0;
        for batch in over.chunks(BATCH) {
            let batch = batch.to_vec();
            let ended = self
                .change(
                    move |writer| end_all(writer, batch, now),
                    |server, ended| tell_ended(server, ended),
                )
                .await?;
            count += ended.len();
        }
        Ok(count)
    }
}

/// Ends those of these grants that are still over: each may have been used since it was read.
fn end_all(
    writer: &Writer<'_>,
    ids: Vec<String>,
    now: Timestamp,
) -> Result<Vec<(GrantId, EndReason)>, StoreError> {
    let mut ended = Vec::new();
    for id in ids {
        let reason = match writer.grant(&id) {
            Ok(Some(row)) => {
                let Some(reason) = end_of(&row, now) else {
                    continue;
                };
                let details = GrantDetails::read(&row);
                details.map_or(reason, |details| details.reason_for(reason))
            }
            Ok(None) => continue,
            // It does not open, so nobody can have used it meanwhile; the others go on.
            Err(StoreError::Unsealable { .. } | StoreError::UnknownKey { .. }) => EndReason::Unused,
            Err(error) => return Err(error),
        };
        if end(writer, &id, now, reason)? {
            ended.extend(GrantId::parse(&id).ok().map(|grant| (grant, reason)));
        }
    }
    Ok(ended)
}
