//! Changes of clients, grants and tokens: written, known to the bearer check, and told, all three
//! or none.

use drawbridge_vault::{StoreError, Writer};

use crate::AuthorizationServer;

impl AuthorizationServer {
    /// Does `work` in the database, then forgets every token in memory, then has `tell` say what
    /// came of it. It runs to its end even when whoever asked goes away in the middle: a client
    /// that closes its connection must not leave a revoked token working. Tokens are forgotten
    /// after a failure, too, because a failed commit does not prove that nothing is on disk.
    pub(crate) async fn change<T, E>(
        &self,
        work: impl FnOnce(&Writer<'_>) -> Result<T, E> + Send + 'static,
        tell: impl FnOnce(&Self, &T) + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let server = self.clone();
        let task = tokio::spawn(async move {
            let done = server.vault().write(work).await;
            server.token_cache().invalidate();
            if let Ok(done) = &done {
                tell(&server, done);
            }
            done
        });
        task.await.unwrap_or_else(|ended| {
            let error = if ended.is_panic() {
                StoreError::Panicked
            } else {
                StoreError::Closed
            };
            Err(error.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::time::Duration;

    use futures_util::poll;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::events::Event;
    use crate::testing::{Connected, World};
    use crate::{AccessLevel, ServerSelection};

    /// Asks for something and goes away at once, as a client does that closes its connection.
    async fn begin_and_leave(asked: impl Future) {
        let mut asked = pin!(asked);
        assert!(
            poll!(asked.as_mut()).is_pending(),
            "it has to wait for the disk"
        );
    }

    /// Waits until something is so; nothing else says when a task nobody waits for is done.
    async fn until(holds: impl AsyncFn() -> bool) {
        let waiting = async {
            while !holds().await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting)
            .await
            .unwrap();
    }

    /// A client whose access token the bearer check has in memory.
    async fn connected(world: &World) -> Connected {
        let connected = world.connect().await;
        assert!(world.lets_in(&connected.access).await);
        connected
    }

    async fn until_out(world: &World, connected: &Connected) {
        until(async || !world.lets_in(&connected.access).await).await;
        until(async || {
            let ended = |event: &Event| matches!(event, Event::GrantEnded { grant, .. } if *grant == connected.grant);
            world.events.all().iter().any(ended)
        })
        .await;
    }

    #[tokio::test]
    async fn a_revocation_holds_when_nobody_waits_for_its_answer() {
        let world = World::new().await;
        let by_user = connected(&world).await;
        begin_and_leave(world.server.revoke(&by_user.grant)).await;
        until_out(&world, &by_user).await;

        let by_client = connected(&world).await;
        begin_and_leave(world.revoke_token(&by_client.client, &by_client.refresh)).await;
        until_out(&world, &by_client).await;

        let one_token = connected(&world).await;
        begin_and_leave(world.revoke_token(&one_token.client, &one_token.access)).await;
        until(async || !world.lets_in(&one_token.access).await).await;
    }

    #[tokio::test]
    async fn a_thief_who_hangs_up_does_not_keep_the_tokens() {
        let world = World::new().await;
        let by_code = connected(&world).await;
        begin_and_leave(world.exchange(&by_code.client, &by_code.code)).await;
        until_out(&world, &by_code).await;

        let by_refresh = connected(&world).await;
        let next = world.refresh(&by_refresh.client, &by_refresh.refresh).await;
        let next = next.text_of("refresh_token");
        world.refresh(&by_refresh.client, &next).await;
        assert!(world.lets_in(&by_refresh.access).await);
        begin_and_leave(world.refresh(&by_refresh.client, &by_refresh.refresh)).await;
        until_out(&world, &by_refresh).await;
    }

    #[tokio::test]
    async fn narrowing_holds_when_nobody_waits_for_its_answer() {
        let world = World::new().await;
        let connected = connected(&world).await;
        let none = ServerSelection::new([]);
        begin_and_leave(
            world
                .server
                .narrow(&connected.grant, none, AccessLevel::Read),
        )
        .await;
        let mut headers = http::HeaderMap::new();
        let bearer = format!("Bearer {}", connected.access);
        headers.insert("authorization", bearer.parse().unwrap());
        until(async || {
            let origin = World::loopback();
            let principal = world.server.authenticate(&headers, &origin, "/mcp").await;
            principal.unwrap().servers.is_empty()
        })
        .await;
    }

    /// What was issued to somebody who went away is on disk and told; the refresh token they still
    /// hold works on, so nothing is lost.
    #[tokio::test]
    async fn a_refresh_whose_answer_nobody_took_can_be_repeated() {
        let world = World::new().await;
        let connected = connected(&world).await;
        begin_and_leave(world.refresh(&connected.client, &connected.refresh)).await;
        let refreshed = Event::Refreshed {
            grant: connected.grant.clone(),
        };
        until(async || world.events.all().contains(&refreshed)).await;
        let again = world.refresh(&connected.client, &connected.refresh).await;
        assert!(world.lets_in(&again.text_of("access_token")).await);
    }

    #[tokio::test]
    async fn after_a_failure_the_database_is_asked_again() {
        let world = World::new().await;
        let connected = connected(&world).await;
        let grant = connected.grant.to_string();
        let behind_its_back = world
            .vault
            .write(move |writer| writer.delete_access_tokens_of(&grant))
            .await;
        behind_its_back.unwrap();
        assert!(world.lets_in(&connected.access).await, "from memory");
        let failed: Result<(), _> = world
            .server
            .change(|_| Err(StoreError::Busy), |_, ()| panic!("nothing to tell"))
            .await;
        assert_eq!(failed, Err(StoreError::Busy));
        assert!(!world.lets_in(&connected.access).await);
    }

    #[tokio::test]
    async fn the_static_clients_end_is_known_when_nobody_waits_for_it() {
        let world = World::new().await;
        let made = world.server.create_static_client(None).await.unwrap();
        assert!(world.server.has_static_client());
        begin_and_leave(world.server.remove_static_client()).await;
        until(async || !world.server.has_static_client()).await;
        assert!(made.secret.expose_secret().starts_with("dbs_"));
    }
}
