//! Connections from many addresses, and how fast their requests are answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;

/// A kept connection from an address of its own.
pub(crate) struct Connection {
    to: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
}

/// An address of 127.0.0.0/8 that nobody has used yet.
pub(crate) fn new_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0x7f01_0001);
    Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Connection {
    /// Connects from that address.
    pub(crate) async fn open(from: Ipv4Addr, to: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { to, sender })
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> anyhow::Result<Response<Bytes>> {
        self.sender.ready().await?;
        let host = self.to.to_string().parse()?;
        request.headers_mut().insert("host", host);
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// `GET` of a path, with one more header.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        header: (&'static str, &str),
    ) -> anyhow::Result<Response<Bytes>> {
        let (name, value) = header;
        self.send(
            Request::get(path)
                .header(name, value)
                .body(Full::default())?,
        )
        .await
    }

    /// `POST` of a form.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        form: &[(&str, &str)],
    ) -> anyhow::Result<Response<Bytes>> {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        self.send(
            Request::post(path)
                .header("content-type", kind)
                .body(body.into())?,
        )
        .await
    }
}

/// Fails unless the answer has that status.
pub(crate) fn expect(answer: Response<Bytes>, status: u16) -> anyhow::Result<Response<Bytes>> {
    if answer.status().as_u16() != status {
        bail!(
            "{} instead of {status}: {}",
            answer.status(),
            String::from_utf8_lossy(answer.body())
        );
    }
    Ok(answer)
}

/// The times of what was done in one measurement.
pub(crate) struct Times {
    each: Vec<Duration>,
    all: Duration,
}

impl Times {
    pub(crate) fn per_second(&self) -> f64 {
        let count = u32::try_from(self.each.len()).unwrap_or(u32::MAX);
        f64::from(count) / self.all.as_secs_f64()
    }

    /// The time in ms below which this share (in percent) of them lies.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let place = (self.each.len() * percent / 100).min(self.each.len().saturating_sub(1));
        self.each
            .get(place)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}

/// Lets `workers` do `work` again and again until the time is over. Each worker makes its own
/// state with `begin` first, which is not counted.
pub(crate) async fn measure<S, Begin, Work>(
    workers: usize,
    length: Duration,
    begin: Begin,
    work: Work,
) -> anyhow::Result<Times>
where
    S: Send + 'static,
    Begin: AsyncFn() -> anyhow::Result<S>,
    Work: for<'a> Fn(
            &'a mut S,
        )
            -> std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>
        + Clone
        + Send
        + 'static,
{
    let mut states = Vec::new();
    for _ in 0..workers {
        states.push(begin().await?);
    }
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut state in states {
        let work = work.clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            while started.elapsed() < length {
                let start = Instant::now();
                work(&mut state).await?;
                times.push(start.elapsed());
            }
            anyhow::Ok(times)
        });
    }
    let mut each = Vec::new();
    while let Some(times) = tasks.join_next().await {
        each.extend(times.context("a worker")??);
    }
    let all = started.elapsed();
    each.sort_unstable();
    Ok(Times { each, all })
}
