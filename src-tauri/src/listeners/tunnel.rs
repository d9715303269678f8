//! The public address: what the owner's own HTTPS front (or cloudflared) forwards to, at
//! 127.0.0.1. Requests name the public host and nothing else; who the client is, is believed from
//! `Cf-Connecting-Ip` here and nowhere else, and only where the owner says that Cloudflare is in
//! front ([`Front`]).

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::host_guard::Door;
use super::{Limits, guarded, server};
use crate::config::{Front, PublicUrl};

const LIMITS: Limits = Limits {
    connections: 1024,
    // Longer than the front keeps an idle connection for its next request (cloudflared: 90 s), so
    // that no request meets a connection that is just being closed.
    header_wait: Duration::from_mins(2),
    body_wait: Duration::from_secs(30),
};

/// Serves the public address until told to stop.
pub fn serve(
    listener: TcpListener,
    public: &PublicUrl,
    front: Front,
    routes: Router,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    let door = Door::Tunnel {
        origin: public.origin().to_owned(),
        hosts: public.hosts(),
        front,
    };
    let routes = guarded(door, routes);
    tasks.spawn(server::serve(
        listener,
        routes,
        LIMITS,
        stop.clone(),
        tasks.clone(),
    ));
}
