//! Takes our secrets out of text that was written by others: lines of children, errors of
//! libraries.

use std::borrow::Cow;

use crate::tokens::TokenKind;

/// What stands where something was cut.
const MARK: char = '…';

/// Cuts every URL at its `?` and every token of ours after its prefix. What has nothing to cut
/// comes back as it is, without a copy.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    // Queries first: what a cut token leaves behind no longer looks like a URL.
    match cut(text, first_query) {
        Cow::Borrowed(text) => cut(text, first_token),
        Cow::Owned(text) => Cow::Owned(cut(&text, first_token).into_owned()),
    }
}

/// A piece to cut: where it begins and how long it is, in bytes.
#[derive(Clone, Copy)]
struct Cut {
    start: usize,
    length: usize,
}

fn cut(text: &str, find: fn(&str) -> Option<Cut>) -> Cow<'_, str> {
    let Some(mut next) = find(text) else {
        return Cow::Borrowed(text);
    };
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        clean.push_str(&rest[..next.start]);
        clean.push(MARK);
        rest = &rest[next.start + next.length..];
        match find(rest) {
            Some(found) => next = found,
            None => break,
        }
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// What follows the first `?` of the first URL that has one.
fn first_query(text: &str) -> Option<Cut> {
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let begin = from + found + 3;
        let url = &text[begin..];
        let end = url.find(is_end_of_url).unwrap_or(url.len());
        if let Some(mark) = url[..end].find('?') {
            let start = begin + mark + 1;
            let length = end - mark - 1;
            // What was cut before is not cut again.
            if length > 0 && &text[start..start + length] != "…" {
                return Some(Cut { start, length });
            }
        }
        from = begin;
    }
    None
}

fn is_end_of_url(character: char) -> bool {
    character.is_whitespace() || character.is_control() || "\"'<>`".contains(character)
}

/// What follows the first prefix of ours.
fn first_token(text: &str) -> Option<Cut> {
    let mut from = 0;
    while let Some(found) = text[from..].find("db") {
        let begin = from + found;
        let is_prefix = text[begin..]
            .get(..4)
            .is_some_and(|prefix| TokenKind::ALL.iter().any(|kind| kind.prefix() == prefix));
        if is_prefix {
            let start = begin + 4;
            let length = text[start..]
                .bytes()
                .take_while(|byte| is_token_byte(*byte))
                .count();
            if length > 0 {
                return Some(Cut { start, length });
            }
        }
        from = begin + 2;
    }
    None
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;
    use crate::tokens::Token;
    use proptest::prelude::*;

    #[test]
    fn queries_and_tokens_are_cut_and_the_rest_stays() {
        for (text, expected) in [
            ("nothing to see", "nothing to see"),
            (
                "GET https://a.example/x?code=1&state=2 200",
                "GET https://a.example/x?… 200",
            ),
            (
                "\"http://127.0.0.1:3000/cb?code=1\"",
                "\"http://127.0.0.1:3000/cb?…\"",
            ),
            ("http://a/?x http://b/?y", "http://a/?… http://b/?…"),
            (
                "http://127.0.0.1:8788/approve/dbh_abc",
                "http://127.0.0.1:8788/approve/dbh_…",
            ),
            (
                "http://127.0.0.1/approve/dbh_abc?code=1",
                "http://127.0.0.1/approve/dbh_…?…",
            ),
            ("token=dba_abc-DEF_1, next", "token=dba_…, next"),
            ("is that so? yes", "is that so? yes"),
            ("db and dbz_x", "db and dbz_x"),
            ("ends with dba_", "ends with dba_"),
            ("dbdba_x", "dbdba_…"),
        ] {
            assert_eq!(redact(text), expected);
            assert_eq!(redact(&redact(text)), expected, "twice is as good as once");
        }
        assert!(matches!(redact("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn no_token_of_ours_is_left(before in "\\PC{0,40}", after in "\\PC{0,40}", seed: u64) {
            let entropy = SeededEntropy::new(seed);
            for kind in TokenKind::ALL {
                let token = Token::mint(kind, &entropy).unwrap();
                let text = format!("{before}{}{after}", token.expose());
                prop_assert!(!redact(&text).contains(&token.expose()[4..]));
            }
        }

        #[test]
        fn no_query_of_a_url_is_left(before in "[a-z ]{0,20}", secret in "[A-Za-z0-9]{12,40}") {
            let text = format!("{before}https://a.example/cb?state={secret} end");
            prop_assert!(!redact(&text).contains(&secret));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC*") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once).into_owned(), once);
        }
    }
}
