//! A request body that must arrive in time.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
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

/// A body with one deadline for the whole of it, so that a sender of a byte now and then cannot
/// hold a connection.
pub(super) struct Timed {
    body: Incoming,
    deadline: Pin<Box<Sleep>>,
}

impl Timed {
    /// `wait` counts from now.
    pub(super) fn new(body: Incoming, wait: Duration) -> Self {
        Self {
            body,
            deadline: Box::pin(tokio::time::sleep(wait)),
        }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken))),
            Poll::Pending => self
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(BodyError::TooSlow))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
