//! The HTTP/1.1 server under every listener: bounded connections, bounded waiting, a clean stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::body;

/// What a listener allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once; more wait unaccepted.
    pub connections: usize,
    /// How long a connection may take to send a request's headers, counted from its opening or
    /// from the answer before: it bounds slow senders and idle connections alike.
    pub header_wait: Duration,
    /// How long a request's body may take to arrive.
    pub body_wait: Duration,
}

/// The most headers a request may have.
const HEADERS: usize = 100;
/// The most bytes of a request's line and headers together; the longest query that any client
/// sends to the authorize page is far below it.
const HEADER_BYTES: usize = 32 * 1024;
/// How long requests in flight may take to finish once the listener stops.
const FINISH: Duration = Duration::from_secs(1);
/// How long to wait when the system has no file handle for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(250);

/// Both ends of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The other end.
    pub(super) peer: SocketAddr,
    /// Our end.
    pub(super) own: SocketAddr,
}

/// Serves until told to stop; then takes no more requests and gives those in flight a second.
///
/// Every request reaches `router` with [`Ends`] among its extensions.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, ends, place)) = accepted else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let connection = connection(stream, ends, router.clone(), limits, stop.clone());
        tasks.spawn(async move {
            connection.await;
            drop(place);
        });
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, Ends, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let own = stream.local_addr().ok()?;
            // Small answers should not wait for larger ones.
            let _slower_without = stream.set_nodelay(true);
            Some((stream, Ends { peer, own }, place))
        }
        Err(error) => {
            tracing::warn!(error = %error, "a connection could not be accepted");
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    ends: Ends,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request: Request =
                request.map(|incoming| Body::new(body::Timed::new(incoming, limits.body_wait)));
            request.extensions_mut().insert(ends);
            // A router answers every request; its error type has no values.
            let answer: Result<_, Infallible> = router.oneshot(request).await;
            answer
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_wait)
        .max_headers(HEADERS)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(HEADER_BYTES * 2)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    tokio::select! {
        // What goes wrong on one connection is the other end's business.
        _ended = served.as_mut() => return,
        () = stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    let _cut_off = tokio::time::timeout(FINISH, served).await;
}
