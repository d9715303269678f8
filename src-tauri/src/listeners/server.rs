//! The HTTP/1.1 server under every listener: bounded connections, bounded waiting, a clean stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONNECTION;
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
            let (head, incoming) = request.into_parts();
            let (timed, left) = body::Timed::new(incoming, limits.body_wait);
            let mut request = Request::from_parts(head, Body::new(timed));
            request.extensions_mut().insert(ends);
            // A router answers every request; its error type has no values.
            let mut answer: Result<Response, Infallible> = router.oneshot(request).await;
            if let Ok(answer) = &mut answer
                && !left.read().await
            {
                answer
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
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

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use http::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    const LIMITS: Limits = Limits {
        connections: 8,
        header_wait: Duration::from_secs(30),
        body_wait: Duration::from_secs(30),
    };

    struct Running {
        address: SocketAddr,
        stop: CancellationToken,
        tasks: TaskTracker,
    }

    async fn start(router: Router, limits: Limits) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(serve(listener, router, limits, stop.clone(), tasks.clone()));
        Running {
            address,
            stop,
            tasks,
        }
    }

    async fn send(running: &Running, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        // The other end may break the connection after its answer.
        let _broken = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn headers_that_do_not_come_are_not_waited_for() {
        let limits = Limits {
            header_wait: Duration::from_millis(20),
            ..LIMITS
        };
        let running = start(Router::new(), limits).await;
        let stream = send(&running, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
        let said = answer(stream).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
        // Nor is a connection kept on which nothing is asked.
        assert_eq!(answer(send(&running, "").await).await, "");
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let read = |body: Body| async move {
            match axum::body::to_bytes(body, 100).await {
                Ok(_) => StatusCode::OK,
                Err(_) => StatusCode::REQUEST_TIMEOUT,
            }
        };
        let limits = Limits {
            body_wait: Duration::from_millis(20),
            ..LIMITS
        };
        let running = start(Router::new().route("/", post(read)), limits).await;
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
        let said = answer(send(&running, head).await).await;
        assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    }

    #[tokio::test]
    async fn too_many_headers_are_refused() {
        let running = start(Router::new(), LIMITS).await;
        let many = "X-Many: 1\r\n".repeat(HEADERS + 1);
        let said = answer(send(&running, &format!("GET / HTTP/1.1\r\n{many}\r\n")).await).await;
        assert!(said.starts_with("HTTP/1.1 431"), "{said}");
        let long = "x".repeat(HEADER_BYTES);
        let said = answer(send(&running, &format!("GET /{long} HTTP/1.1\r\n\r\n")).await).await;
        assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    }

    #[tokio::test]
    async fn stopping_lets_a_request_finish_and_closes_idle_connections() {
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (entered, go_on) = (Arc::clone(&entered), Arc::clone(&go_on));
            move || async move {
                entered.notify_one();
                go_on.notified().await;
                "done"
            }
        };
        let running = start(Router::new().route("/", get(handler)), LIMITS).await;
        let idle = send(&running, "").await;
        let asked = send(&running, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        entered.notified().await;
        running.stop.cancel();
        assert_eq!(answer(idle).await, "");
        go_on.notify_one();
        let said = answer(asked).await;
        assert!(
            said.starts_with("HTTP/1.1 200") && said.ends_with("done"),
            "{said}"
        );
        running.tasks.close();
        running.tasks.wait().await;
        assert!(TcpStream::connect(running.address).await.is_err());
    }
}
