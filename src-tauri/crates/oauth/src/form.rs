//! Reads `application/x-www-form-urlencoded` text: queries and token requests.
//!
//! Stricter than a browser, as OAuth wants it: a repeated parameter is an error (OAuth 2.1
//! section 3.1; RFC 8707 alone lets `resource` stand more than once), a broken escape or text
//! that is no UTF-8 is an error, and everything has a limit. A parameter without a value counts
//! as left out (OAuth 2.1 section 3.1).

use zeroize::Zeroize as _;

/// How much is read before it is refused.
#[derive(Debug, Clone, Copy)]
pub struct FormLimits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Parameters, counting every one.
    pub parameters: usize,
    /// The one parameter that may stand more than once.
    pub repeatable: Option<&'static str>,
}

impl FormLimits {
    /// An authorization request's query or a token request's body.
    pub const OAUTH: Self = Self {
        bytes: 16 * 1024,
        parameters: 32,
        repeatable: Some("resource"),
    };
}

/// Why text is no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More bytes than the limit.
    #[error("the parameters are longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// More parameters than the limit.
    #[error("there are more than {limit} parameters")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// One parameter stands twice. Holds its name if that is one of OAuth's.
    #[error("the parameter {0} is given more than once; give it once")]
    Repeated(&'static str),
    /// A broken `%` escape, or bytes that are no UTF-8, or a zero byte.
    #[error("the parameters are not correctly percent-encoded UTF-8")]
    Encoding,
}

/// Parameters, decoded, in the order they were given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    parameters: Vec<(String, String)>,
}

impl std::fmt::Debug for Form {
    /// Names only: values may be secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.parameters.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Drop for Form {
    /// Values may be secrets.
    fn drop(&mut self) {
        for (_, value) in &mut self.parameters {
            value.zeroize();
        }
    }
}

impl Form {
    /// The value of a parameter; `None` if it is left out or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut given = self
            .parameters
            .iter()
            .filter(|(_, value)| !value.is_empty());
        given
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of the parameter that may stand more than once.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name)
    }

    fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.parameters
            .iter()
            .filter(move |(found, value)| found == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// Names that may be told back in an error without echoing what a stranger wrote.
const KNOWN_NAMES: [&str; 16] = [
    "response_type",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "refresh_token",
    "resource",
    "response_mode",
    "token",
    "token_type_hint",
];

/// Reads a form in which no parameter may stand twice, but for the one the limits name.
pub fn parse_unique(text: &str, limits: FormLimits) -> Result<Form, FormError> {
    if text.len() > limits.bytes {
        return Err(FormError::TooLong {
            limit: limits.bytes,
        });
    }
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if parameters.len() == limits.parameters {
            return Err(FormError::TooMany {
                limit: limits.parameters,
            });
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let repeated = parameters.iter().any(|(earlier, _)| *earlier == name);
        if repeated && limits.repeatable != Some(name.as_str()) {
            let known = KNOWN_NAMES.into_iter().find(|known| *known == name);
            return Err(FormError::Repeated(known.unwrap_or("(an unknown one)")));
        }
        parameters.push((name, value));
    }
    Ok(Form { parameters })
}

/// Undoes form encoding: `+` is a space, `%` begins two hexadecimal digits.
pub(crate) fn decode(text: &str) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(hex_digit).ok_or(FormError::Encoding)?;
                let low = rest.next().and_then(hex_digit).ok_or(FormError::Encoding)?;
                high << 4 | low
            }
            // A query travels in a header, which holds nothing else.
            byte if byte.is_ascii_graphic() => byte,
            _ => return Err(FormError::Encoding),
        });
    }
    if bytes.contains(&0) {
        return Err(FormError::Encoding);
    }
    String::from_utf8(bytes).map_err(|_| FormError::Encoding)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Form, FormError> {
        parse_unique(text, FormLimits::OAUTH)
    }

    #[test]
    fn values_are_decoded() {
        let form = parse("scope=mcp+offline_access&state=%C3%A9%26%3D&flag").unwrap();
        assert_eq!(form.get("scope"), Some("mcp offline_access"));
        assert_eq!(form.get("state"), Some("é&="));
        assert_eq!(form.get("flag"), None, "no value counts as left out");
        assert_eq!(form.get("absent"), None);
    }

    #[test]
    fn a_repeated_parameter_is_an_error_even_when_one_is_empty() {
        assert_eq!(
            parse("client_id=a&client_id=b"),
            Err(FormError::Repeated("client_id"))
        );
        assert_eq!(parse("state=&state=a"), Err(FormError::Repeated("state")));
        assert_eq!(
            parse("st%61te=a&state=a"),
            Err(FormError::Repeated("state"))
        );
        assert_eq!(
            parse("%3Cb%3E=1&%3Cb%3E=2"),
            Err(FormError::Repeated("(an unknown one)"))
        );
    }

    #[test]
    fn resource_alone_may_stand_more_than_once() {
        let form = parse("resource=a&resource=b").unwrap();
        assert_eq!(form.all("resource").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_broken_is_refused() {
        for text in [
            "a=%", "a=%4", "a=%zz", "a=%ff", "a=%00", "a=\u{e9}", "a=b c",
        ] {
            assert_eq!(parse(text), Err(FormError::Encoding), "{text}");
        }
    }

    #[test]
    fn the_limits_hold() {
        let long = format!("a={}", "b".repeat(16 * 1024));
        assert_eq!(parse(&long), Err(FormError::TooLong { limit: 16 * 1024 }));
        let many = (0..33)
            .map(|number| format!("p{number}=1"))
            .collect::<Vec<_>>()
            .join("&");
        assert_eq!(parse(&many), Err(FormError::TooMany { limit: 32 }));
    }

    #[test]
    fn its_debug_form_shows_no_value() {
        let form = parse("client_secret=hush").unwrap();
        assert_eq!(format!("{form:?}"), r#"["client_secret"]"#);
    }

    proptest! {
        #[test]
        fn what_was_encoded_reads_back(values in prop::collection::vec("[^\u{0}]{1,20}", 0..10)) {
            let mut encoder = url::form_urlencoded::Serializer::new(String::new());
            for (number, value) in values.iter().enumerate() {
                encoder.append_pair(&format!("p{number}"), value);
            }
            let form = parse(&encoder.finish()).unwrap();
            for (number, value) in values.iter().enumerate() {
                prop_assert_eq!(form.get(&format!("p{number}")), Some(value.as_str()));
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
        }
    }
}
