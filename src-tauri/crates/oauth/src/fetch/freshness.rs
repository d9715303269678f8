//! How long a document may be kept, by its headers (RFC 9111).

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES};
use jiff::{SignedDuration, Timestamp};

/// How long a document is kept whose headers do not say.
const UNSTATED: SignedDuration = SignedDuration::from_mins(5);

/// The time these headers give; zero for not at all. What cannot be read counts as zero.
pub(super) fn fresh_for(headers: &HeaderMap) -> SignedDuration {
    let mut stated = None;
    for value in headers.get_all(CACHE_CONTROL) {
        let Ok(value) = value.to_str() else {
            return SignedDuration::ZERO;
        };
        for directive in value.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return SignedDuration::ZERO,
                "max-age" => {
                    let given = seconds(argument.trim().trim_matches('"'));
                    // The shortest of several (RFC 9111 section 4.2.1).
                    stated =
                        Some(stated.map_or(given, |earlier: SignedDuration| earlier.min(given)));
                }
                _ => {}
            }
        }
    }
    let life = stated.or_else(|| until_expiry(headers)).unwrap_or(UNSTATED);
    let age = headers.get(AGE).map_or(SignedDuration::ZERO, |age| {
        // An age that cannot be read may be any.
        age.to_str()
            .map_or(SignedDuration::MAX, |age| match age.trim().parse() {
                Ok(age) => SignedDuration::from_secs(age),
                Err(_) => SignedDuration::MAX,
            })
    });
    life.saturating_sub(age).max(SignedDuration::ZERO)
}

fn seconds(text: &str) -> SignedDuration {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return SignedDuration::ZERO;
    }
    // More digits than fit is for ever, which somebody else cuts short.
    SignedDuration::from_secs(text.parse().unwrap_or(i64::MAX))
}

fn until_expiry(headers: &HeaderMap) -> Option<SignedDuration> {
    let expires = headers.get(EXPIRES)?;
    let moment = |value: &http::HeaderValue| -> Option<Timestamp> {
        jiff::fmt::rfc2822::parse(value.to_str().ok()?)
            .ok()
            .map(|moment| moment.timestamp())
    };
    let (Some(expires), Some(date)) = (moment(expires), headers.get(DATE).and_then(moment)) else {
        return Some(SignedDuration::ZERO);
    };
    Some(expires.duration_since(date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds_of(headers: &[(http::HeaderName, &str)]) -> i64 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        fresh_for(&map).as_secs()
    }

    #[test]
    fn the_headers_decide() {
        const DAY: &str = "Sun, 22 Nov 2026 10:00:00 GMT";
        for (headers, expected) in [
            (&[][..], 300),
            (&[(CACHE_CONTROL, "max-age=60")], 60),
            (&[(CACHE_CONTROL, "public, Max-Age=\"60\", immutable")], 60),
            (&[(CACHE_CONTROL, "max-age=60, max-age=30")], 30),
            (
                &[(CACHE_CONTROL, "max-age=60"), (CACHE_CONTROL, "no-store")],
                0,
            ),
            (&[(CACHE_CONTROL, "no-cache, max-age=60")], 0),
            (&[(CACHE_CONTROL, "max-age=-1")], 0),
            (&[(CACHE_CONTROL, "max-age=x")], 0),
            (&[(CACHE_CONTROL, "max-age")], 0),
            (&[(CACHE_CONTROL, "max-age=99999999999999999999")], i64::MAX),
            (&[(CACHE_CONTROL, "max-age=60"), (AGE, "45")], 15),
            (&[(CACHE_CONTROL, "max-age=60"), (AGE, "90")], 0),
            (&[(CACHE_CONTROL, "max-age=60"), (AGE, "old")], 0),
            (
                &[(EXPIRES, "Sun, 22 Nov 2026 10:01:00 GMT"), (DATE, DAY)],
                60,
            ),
            (
                &[(EXPIRES, "Sun, 22 Nov 2026 09:00:00 GMT"), (DATE, DAY)],
                0,
            ),
            (&[(EXPIRES, "0"), (DATE, DAY)], 0),
            (&[(EXPIRES, "Sun, 22 Nov 2026 10:01:00 GMT")], 0),
            (&[(CACHE_CONTROL, "max-age=5"), (EXPIRES, "0")], 5),
        ] {
            assert_eq!(seconds_of(headers), expected, "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_never_negative(value in "[ -~]{0,40}", age in "[ -~]{0,10}") {
            prop_assert!(seconds_of(&[(CACHE_CONTROL, &value), (AGE, &age)]) >= 0);
        }
    }
}
