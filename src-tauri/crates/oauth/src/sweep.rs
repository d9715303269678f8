//! What time does to grants, codes and tokens: the hourly clean-up.
//!
//! Nothing waits for it to be refused: every check looks at the clock itself. The sweep writes
//! down what has ended, so that it is listed as such, and frees the room.

use drawbridge_vault::{StoreError, Writer};
use jiff::{SignedDuration, Timestamp};

use crate::approval::state::{COLLECT_AGAIN, COLLECT_LIFE};
use crate::codes::CODE_LIFE;
use crate::events::Event;
use crate::grants::{ENDED_KEPT, EndReason, GrantDetails, UNUSED_LIFE, end};
use crate::{AuthorizationServer, GrantId};

/// How long a grant may wait for its client: until its browser collects the code, a second time
/// if the first answer got lost, and until the code ends.
const CONNECT_LIFE: SignedDuration = SignedDuration::from_secs(
    COLLECT_LIFE.as_secs() + COLLECT_AGAIN.as_secs() + CODE_LIFE.as_secs(),
);
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
                self.token_cache().invalidate();
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
        let before = |life| now.checked_sub(life).unwrap_or(Timestamp::MIN);
        let (unused_since, created_before) = (before(UNUSED_LIFE), before(CONNECT_LIFE));
        let mut over: Vec<(String, EndReason)> = Vec::new();
        self.vault().read(|reader| {
            let reasons = [
                (reader.grants_expired(now)?, EndReason::Expired),
                (reader.grants_unused_since(unused_since)?, EndReason::Unused),
            ];
            for (ids, reason) in reasons {
                over.extend(ids.into_iter().map(|id| (id, reason)));
            }
            // A grant that was never connected was never used after its approval.
            for id in reader.grants_unused_since(created_before)? {
                let Some(row) = reader.grant(&id)? else {
                    continue;
                };
                if !GrantDetails::read(&row)?.connected {
                    over.push((id, EndReason::NeverConnected));
                }
            }
            Ok::<_, StoreError>(())
        })?;
        let mut count = 0;
        for batch in over.chunks(BATCH) {
            let batch = batch.to_vec();
            let ended = self
                .vault()
                .write(move |writer| {
                    let mut ended = Vec::new();
                    for (id, reason) in batch {
                        if still_over(writer, &id, reason, now, unused_since)?
                            && end(writer, &id, now, reason)?
                        {
                            ended.push((id, reason));
                        }
                    }
                    Ok::<_, StoreError>(ended)
                })
                .await?;
            count += ended.len();
            for (id, reason) in ended {
                if let Ok(grant) = GrantId::parse(&id) {
                    self.emit(Event::GrantEnded { grant, reason });
                }
            }
        }
        Ok(count)
    }
}

/// Whether what was read before the write still holds: the grant may have been used since.
fn still_over(
    writer: &Writer<'_>,
    id: &str,
    reason: EndReason,
    now: Timestamp,
    unused_since: Timestamp,
) -> Result<bool, StoreError> {
    let Some(row) = writer.grant(id)? else {
        return Ok(false);
    };
    Ok(match reason {
        EndReason::Expired => row.expires_at.is_some_and(|expiry| expiry <= now),
        EndReason::Unused => row.last_used_at <= unused_since,
        _ => !GrantDetails::read(&row)?.connected,
    })
}
