//! Reads the body of a request: of the right kind, of a bounded size, in a bounded time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// The most bytes of a body.
pub(crate) const MOST_BYTES: usize = 16 * 1024;
/// How long a client may take to send it.
const MOST_TIME: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Another content type than the one that is read here.
    #[error("the content type must be {0}")]
    ContentType(&'static str),
    /// More than [`MOST_BYTES`].
    #[error("the body is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// It did not come whole, or not in time.
    #[error("the body did not arrive whole within 10 seconds")]
    Broken,
}

/// Reads a body whose content type is `expected`, whatever its parameters.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    expected: &'static str,
) -> Result<Bytes, BodyError> {
    if !has_type(headers, expected) {
        return Err(BodyError::ContentType(expected));
    }
    let whole = Limited::new(body, MOST_BYTES).collect();
    match tokio::time::timeout(MOST_TIME, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong),
        Ok(Err(_)) | Err(_) => Err(BodyError::Broken),
    }
}

fn has_type(headers: &HeaderMap, expected: &str) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    value.to_str().is_ok_and(|value| {
        let essence = value.split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    async fn read_as(content_types: &[&str], body: Body) -> Result<Bytes, BodyError> {
        let mut headers = HeaderMap::new();
        for content_type in content_types {
            headers.append(CONTENT_TYPE, content_type.parse().unwrap());
        }
        read(&headers, body, FORM).await
    }

    #[tokio::test]
    async fn the_type_counts_and_its_parameters_do_not() {
        for content_type in [FORM, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
            assert_eq!(
                read_as(&[content_type], Body::from("a=b")).await,
                Ok("a=b".into())
            );
        }
        for content_types in [&[][..], &["application/json"], &[FORM, FORM], &["form"]] {
            let read = read_as(content_types, Body::from("a=b")).await;
            assert_eq!(read, Err(BodyError::ContentType(FORM)));
        }
    }

    #[tokio::test]
    async fn a_long_body_is_refused_even_when_it_comes_in_pieces() {
        let fits = Body::from(vec![b'a'; MOST_BYTES]);
        assert_eq!(
            read_as(&[FORM], fits).await.map(|body| body.len()),
            Ok(MOST_BYTES)
        );
        let pieces = (0..17).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 1024]));
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(read_as(&[FORM], body).await, Err(BodyError::TooLong));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        assert_eq!(
            read_as(&[FORM], Body::from_stream(never)).await,
            Err(BodyError::Broken)
        );
    }
}
