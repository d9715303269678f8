//! The browser's proof that it runs on this computer: `GET /approve/{handle}` at 127.0.0.1 and
//! nothing else, for programs of this user only.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use drawbridge_oauth::PeerUser;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::host_guard::Door;
use super::peer_user::{Owner, owner};
use super::server::Ends;
use super::{Limits, guarded, server};

const LIMITS: Limits = Limits {
    connections: 64,
    header_wait: Duration::from_secs(15),
    body_wait: Duration::from_secs(5),
};

/// Serves the local listener until told to stop.
pub fn serve(
    listener: TcpListener,
    routes: Router,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let routes = guarded(Door::Local { port }, routes.layer(from_fn(tell_peer)));
    tasks.spawn(server::serve(
        listener,
        routes,
        LIMITS,
        stop.clone(),
        tasks.clone(),
    ));
    Ok(())
}

/// Says whose program asks; the route decides what that is worth.
async fn tell_peer(mut request: Request, next: Next) -> Response {
    let ends = request.extensions().get::<Ends>().copied();
    let asked = match ends {
        Some(ends) => tokio::task::spawn_blocking(move || owner(ends.peer, ends.own))
            .await
            .ok(),
        None => None,
    };
    let peer = match asked {
        Some(Owner::SameUser) => PeerUser::Same,
        Some(Owner::OtherUser) => PeerUser::Other,
        Some(Owner::Unknown) | None => PeerUser::Unknown,
    };
    request.extensions_mut().insert(peer);
    next.run(request).await
}
