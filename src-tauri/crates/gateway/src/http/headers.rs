//! Repairs of headers that clients are known to get wrong. Pure: headers and message in, headers out.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::body::Message;

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The first version whose requests say in `_meta` and in headers what they are (SEP-2243).
const MODERN: &str = "2026-07-28";
/// Versions before that.
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Whether the client says that it takes JSON but no event stream.
pub(super) fn accepts_json_only(headers: &HeaderMap) -> bool {
    let (mut json, mut stream) = (false, false);
    for value in headers.get_all(ACCEPT) {
        for part in value.to_str().unwrap_or_default().split(',') {
            let kind = part.split(';').next().unwrap_or_default().trim();
            json |= kind.eq_ignore_ascii_case("application/json");
            stream |= kind.eq_ignore_ascii_case("text/event-stream") || kind == "*/*";
        }
    }
    json && !stream
}

/// Says for the client what the transport wants it to say. Clients that send `*/*`, one of the two
/// or nothing are served all the same.
pub(super) fn accept_both(headers: &mut HeaderMap) {
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("application/json, text/event-stream"),
    );
}

/// Makes the version headers say one thing.
///
/// A header that a proxy has doubled is one header. A body that is of the modern era under the
/// header of an older one wins, and the headers of its era are filled in from it.
///
/// # Errors
/// When the headers contradict each other.
pub(super) fn settle_version(headers: &mut HeaderMap, message: &Message) -> Result<(), String> {
    let mut stated: Vec<&str> = headers
        .get_all(&VERSION)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("\u{fffd}").split(','))
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .collect();
    stated.sort_unstable();
    stated.dedup();
    let header = match stated.as_slice() {
        [] => return Ok(()),
        [one] => (*one).to_owned(),
        _ => return Err("The MCP-Protocol-Version headers contradict each other.".to_owned()),
    };
    let in_body = message
        .params
        .as_ref()
        .and_then(|params| params.meta.as_ref())
        .and_then(|meta| meta.version.as_ref())
        .and_then(Value::as_str);
    if in_body == Some(MODERN) && LEGACY.contains(&header.as_str()) {
        headers.insert(VERSION, HeaderValue::from_static(MODERN));
        fill_standard_headers(headers, message);
    } else if let Ok(value) = HeaderValue::from_str(&header) {
        headers.insert(VERSION, value);
    }
    Ok(())
}

/// `Mcp-Method` and `Mcp-Name` as the body has them, where the client has not sent its own.
fn fill_standard_headers(headers: &mut HeaderMap, message: &Message) {
    let mut fill = |name: HeaderName, text: &str| {
        if !headers.contains_key(&name) {
            headers.insert(name, header_value(text));
        }
    };
    let Some(method) = message.method.as_deref() else {
        return;
    };
    fill(METHOD, method);
    let Some(params) = &message.params else {
        return;
    };
    let name = match method {
        "tools/call" | "prompts/get" => params.name.as_ref(),
        "resources/read" => params.uri.as_ref(),
        _ => None,
    };
    if let Some(name) = name.and_then(Value::as_str) {
        fill(NAME, name);
    }
}

/// Text as a header's value: as it is, or in the sentinel of SEP-2243 where it cannot be.
fn header_value(text: &str) -> HeaderValue {
    use base64::Engine as _;

    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text.trim() == text
        && !text.starts_with("=?base64?");
    let encoded;
    let value = if plain {
        text
    } else {
        let code = base64::engine::general_purpose::STANDARD.encode(text);
        encoded = format!("=?base64?{code}?=");
        &encoded
    };
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn message(value: Value) -> Message {
        serde_json::from_value(value).unwrap()
    }

    fn modern_call(name: &str) -> Message {
        message(json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "_meta": { "io.modelcontextprotocol/protocolVersion": MODERN } },
        }))
    }

    #[test]
    fn doubled_headers_are_one() {
        for doubled in [
            headers(&[("mcp-protocol-version", "2025-11-25, 2025-11-25")]),
            headers(&[
                ("mcp-protocol-version", "2025-11-25"),
                ("mcp-protocol-version", "2025-11-25"),
            ]),
        ] {
            let mut doubled = doubled;
            settle_version(&mut doubled, &Message::default()).unwrap();
            let all: Vec<_> = doubled.get_all(&VERSION).iter().collect();
            assert_eq!(all, ["2025-11-25"]);
        }
    }

    #[test]
    fn contradicting_headers_are_refused() {
        let mut headers = headers(&[("mcp-protocol-version", "2025-11-25, 2026-07-28")]);
        assert!(settle_version(&mut headers, &Message::default()).is_err());
    }

    #[test]
    fn a_modern_body_wins_over_an_older_header() {
        let mut headers = headers(&[("mcp-protocol-version", "2025-11-25")]);
        settle_version(&mut headers, &modern_call("files_read")).unwrap();
        assert_eq!(headers[VERSION], MODERN);
        assert_eq!(headers[METHOD], "tools/call");
        assert_eq!(headers[NAME], "files_read");
    }

    #[test]
    fn names_that_no_header_can_hold_are_encoded() {
        let mut headers = headers(&[("mcp-protocol-version", "2025-11-25")]);
        settle_version(&mut headers, &modern_call("päivää")).unwrap();
        assert_eq!(headers[NAME], "=?base64?cMOkaXbDpMOk?=");
    }

    #[test]
    fn any_other_difference_is_left_for_the_protocol_to_refuse() {
        let mut unknown = headers(&[("mcp-protocol-version", "2026-07-28")]);
        let body = message(json!({
            "jsonrpc": "2.0", "id": 1, "method": "server/discover",
            "params": { "_meta": { "io.modelcontextprotocol/protocolVersion": "v999" } },
        }));
        settle_version(&mut unknown, &body).unwrap();
        assert_eq!(unknown[VERSION], MODERN);
        let mut absent = HeaderMap::new();
        settle_version(&mut absent, &modern_call("a")).unwrap();
        assert!(absent.is_empty());
    }

    #[test]
    fn the_accept_header_is_completed() {
        for (accept, json_only) in [
            ("application/json", true),
            ("application/json;q=0.9, text/html", true),
            ("application/json, text/event-stream", false),
            ("text/event-stream", false),
            ("*/*", false),
        ] {
            let mut headers = headers(&[("accept", accept)]);
            assert_eq!(accepts_json_only(&headers), json_only, "{accept}");
            accept_both(&mut headers);
            assert_eq!(headers[ACCEPT], "application/json, text/event-stream");
        }
        assert!(!accepts_json_only(&HeaderMap::new()));
    }
}
