//! The body of a POST: its size, and whether it is a JSON-RPC message at all.
//!
//! Some clients look whether somebody is there with an empty body, `{}` or `[]` and take anything
//! but a JSON-RPC error for a broken server.

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::Value;

/// Largest request body, in bytes.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// What the layers need to know of a message.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) id: Option<Value>,
    #[serde(default)]
    pub(super) method: Option<String>,
    #[serde(default)]
    pub(super) params: Option<Params>,
    #[serde(default)]
    jsonrpc: Option<String>,
    #[serde(default)]
    result: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Params {
    #[serde(default, rename = "_meta")]
    pub(super) meta: Option<Meta>,
    #[serde(default)]
    pub(super) name: Option<Value>,
    #[serde(default)]
    pub(super) uri: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Meta {
    #[serde(default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) version: Option<Value>,
}

/// Why a body is not taken: the answer's status, the JSON-RPC code, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: i32,
    pub(super) message: &'static str,
}

/// Reads a body of at most [`MAX_BODY`] bytes that holds one message.
pub(super) async fn read(body: Body) -> Result<(Bytes, Message), Refusal> {
    let bytes = match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: -32600,
                message: "The request is larger than 4 MiB. Send less at once.",
            });
        }
        Err(_) => {
            return Err(bad(
                -32700,
                "The request's body did not arrive whole; send it again.",
            ));
        }
    };
    let message = look_at(&bytes)?;
    Ok((bytes, message))
}

fn look_at(bytes: &[u8]) -> Result<Message, Refusal> {
    if bytes.trim_ascii().is_empty() {
        return Err(bad(
            -32700,
            "The body is empty; a JSON-RPC message belongs there.",
        ));
    }
    match bytes.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(b'[') if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() => {
            return Err(bad(
                -32600,
                "Batches are not part of this protocol; send one message.",
            ));
        }
        _ => return Err(not_json_or(bytes, "The body must be a JSON-RPC message.")),
    }
    let message: Message = serde_json::from_slice(bytes)
        .map_err(|_| not_json_or(bytes, "The body is not a JSON-RPC message."))?;
    let is_message =
        message.method.is_some() || message.result.is_some() || message.error.is_some();
    if message.jsonrpc.as_deref() != Some("2.0") || !is_message {
        return Err(bad(-32600, "The body is not a JSON-RPC 2.0 message."));
    }
    Ok(message)
}

fn not_json_or(bytes: &[u8], otherwise: &'static str) -> Refusal {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() {
        bad(-32700, "The body is not JSON.")
    } else {
        bad(-32600, otherwise)
    }
}

fn bad(code: i32, message: &'static str) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        code,
        message,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(body: &[u8]) -> Option<i32> {
        let refusal = look_at(body).err()?;
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
        Some(refusal.code)
    }

    #[test]
    fn what_is_no_message_gets_a_json_rpc_error() {
        for body in [&b""[..], b"  \n", b"{", b"nonsense", b"\xff", b"[1", b"{}x"] {
            assert_eq!(
                code(body),
                Some(-32700),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
        for body in [
            &b"{}"[..],
            b"[]",
            b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
            b"1",
            b"\"text\"",
            b"null",
            b"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
            b"{\"jsonrpc\":\"2.0\",\"id\":1}",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}",
        ] {
            assert_eq!(
                code(body),
                Some(-32600),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn messages_pass() {
        for body in [
            &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"[..],
            b" {\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
            b"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}",
        ] {
            assert_eq!(code(body), None);
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let refusal = read(Body::from(vec![b' '; MAX_BODY + 1]))
            .await
            .unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_look(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = look_at(&body);
        }
    }
}
