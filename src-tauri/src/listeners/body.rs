//! A request body that must arrive in time, and what becomes of one that nobody reads.
//!
//! A refusal is often answered before the body has arrived. Were the connection then closed with
//! the body unread, a client that keeps its connections would send its next request into nothing,
//! and the answer itself could be lost on the way. So what is left is read first, within bounds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::time::Sleep;

/// The body did not arrive, or not in time.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    /// The sender took too long.
    #[error("the request's body took too long to arrive")]
    TooSlow,
    /// The connection broke.
    #[error("the request's body did not arrive")]
    Broken(#[source] hyper::Error),
}

/// The most bytes of an unread body that are waited for; the connection of a larger one is closed.
const LEFT_BYTES: usize = 256 * 1024;
/// How long an unread body is waited for.
const LEFT_WAIT: Duration = Duration::from_secs(1);

/// A body with one deadline for the whole of it, so that a sender of a byte now and then cannot
/// hold a connection.
pub(super) struct Timed {
    /// There until it is dropped.
    body: Option<Incoming>,
    deadline: Pin<Box<Sleep>>,
    left: Arc<Mutex<Option<Incoming>>>,
}

impl Timed {
    /// `wait` counts from now. What is dropped unread comes to the second part.
    pub(super) fn new(body: Incoming, wait: Duration) -> (Self, Left) {
        let left = Arc::default();
        let timed = Self {
            body: Some(body),
            deadline: Box::pin(tokio::time::sleep(wait)),
            left: Arc::clone(&left),
        };
        (timed, Left(left))
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

/// What was dropped unread of a body, if anything.
pub(super) struct Left(Arc<Mutex<Option<Incoming>>>);

impl Left {
    /// Reads what is left to its end; whether the connection can be used again.
    pub(super) async fn read(self) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = left else { return true };
        let to_the_end = async {
            let mut bytes = 0_usize;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > LEFT_BYTES {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(LEFT_WAIT, to_the_end).await == Ok(true)
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken))),
            Poll::Pending => self
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(BodyError::TooSlow))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map(HttpBody::size_hint)
            .unwrap_or_default()
    }
}
