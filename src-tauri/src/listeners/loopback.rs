//! Clients on this computer: 127.0.0.1 and, where there is IPv6, `[::1]` at the same port, because
//! `localhost` may mean either. What a proxy would add to a request (`Cf-*`, `X-Forwarded-*`)
//! means nothing here.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::host_guard::Door;
use super::{Limits, guarded, server};

const LIMITS: Limits = Limits {
    connections: 512,
    header_wait: Duration::from_secs(75),
    body_wait: Duration::from_secs(30),
};

/// The listener's sockets.
pub struct Loopback {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

/// Binds the port on both addresses; the second is left out where it cannot be had.
///
/// # Errors
/// When another program has the port.
pub async fn bind(port: u16) -> io::Result<Loopback> {
    let v4 = super::bind(port).await?;
    let port = v4.local_addr()?.port();
    let v6 = match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        Ok(listener) => Some(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(
                port,
                "another program has this port of [::1]; clients that ask for localhost may reach it instead"
            );
            None
        }
        Err(_) => None,
    };
    Ok(Loopback { v4, v6 })
}

impl Loopback {
    /// The address that is always there.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.v4.local_addr()
    }
}

/// Serves both sockets until told to stop.
pub fn serve(
    sockets: Loopback,
    routes: Router,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<()> {
    let port = sockets.address()?.port();
    let routes = guarded(Door::Loopback { port }, routes);
    for listener in std::iter::once(sockets.v4).chain(sockets.v6) {
        let (stop, its_tasks) = (stop.clone(), tasks.clone());
        tasks.spawn(server::serve(
            listener,
            routes.clone(),
            LIMITS,
            stop,
            its_tasks,
        ));
    }
    Ok(())
}
