//! Proof Key for Code Exchange (RFC 7636), with S256 and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The only method: `plain` proves nothing to who can read the request.
pub(crate) const METHOD: &str = "S256";

/// The SHA-256 of the verifier the client keeps to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeChallenge(String);

/// Why a challenge is refused (`invalid_request`, RFC 7636 section 4.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChallengeError {
    /// No challenge, and the client must have one.
    #[error("code_challenge is missing; this server needs PKCE with S256")]
    Missing,
    /// A method, but nothing it was applied to.
    #[error("code_challenge_method is given without code_challenge")]
    MethodAlone,
    /// Left out means `plain`.
    #[error("code_challenge_method must be S256; leaving it out means plain, which is not safe")]
    Method,
    /// Not 32 bytes in base64url.
    #[error("code_challenge is not the base64url form of a SHA-256")]
    Malformed,
}

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method`. `required` is false for the one client
    /// that may come without (the static one); a challenge once given is always checked.
    pub(crate) fn from_request(
        challenge: Option<&str>,
        method: Option<&str>,
        required: bool,
    ) -> Result<Option<Self>, ChallengeError> {
        match (challenge, method) {
            (None, Some(_)) => Err(ChallengeError::MethodAlone),
            (None, None) if required => Err(ChallengeError::Missing),
            (None, None) => Ok(None),
            (Some(challenge), Some(METHOD)) => Self::parse(challenge).map(Some),
            (Some(_), _) => Err(ChallengeError::Method),
        }
    }

    fn parse(text: &str) -> Result<Self, ChallengeError> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(ChallengeError::Malformed),
        }
    }

    /// Whether this is the verifier's challenge. Takes the same time whatever the answer.
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let computed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        computed.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// 43 to 128 characters out of `A-Z a-z 0-9 - . _ ~` (RFC 7636 section 4.1).
pub(crate) fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_vector_of_rfc_7636_appendix_b() {
        let challenge = CodeChallenge::from_request(Some(CHALLENGE), Some("S256"), true)
            .unwrap()
            .unwrap();
        assert!(is_verifier(VERIFIER));
        assert!(challenge.is_met_by(VERIFIER));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx"));
        assert!(!challenge.is_met_by(""));
        assert!(!challenge.is_met_by(CHALLENGE), "plain is never taken");
    }

    #[test]
    fn the_bytes_of_rfc_7636_appendix_a() {
        let bytes = [3_u8, 236, 255, 224, 193];
        assert_eq!(URL_SAFE_NO_PAD.encode(bytes), "A-z_4ME");
    }

    #[test]
    fn every_other_request_is_refused_by_its_own_reason() {
        let ask = |challenge, method, required| {
            CodeChallenge::from_request(challenge, method, required).map(|found| found.is_some())
        };
        assert_eq!(ask(None, None, true), Err(ChallengeError::Missing));
        assert_eq!(ask(None, None, false), Ok(false));
        assert_eq!(
            ask(None, Some("S256"), false),
            Err(ChallengeError::MethodAlone)
        );
        assert_eq!(
            ask(Some(CHALLENGE), None, true),
            Err(ChallengeError::Method)
        );
        assert_eq!(
            ask(Some(CHALLENGE), Some("plain"), false),
            Err(ChallengeError::Method)
        );
        assert_eq!(
            ask(Some(CHALLENGE), Some("s256"), true),
            Err(ChallengeError::Method)
        );
        for malformed in [
            "short",
            VERIFIER.split_at(42).0,
            &format!("{CHALLENGE}="),
            "é",
        ] {
            assert_eq!(
                ask(Some(malformed), Some("S256"), true),
                Err(ChallengeError::Malformed)
            );
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_characters() {
        assert!(!is_verifier(&"a".repeat(42)));
        assert!(is_verifier(&"a".repeat(43)));
        assert!(is_verifier(&"~".repeat(128)));
        assert!(!is_verifier(&"a".repeat(129)));
        assert!(!is_verifier(&"+".repeat(43)));
    }

    proptest! {
        #[test]
        fn only_the_same_verifier_meets_a_challenge(
            one in "[A-Za-z0-9._~-]{43,128}",
            other in "[A-Za-z0-9._~-]{43,128}",
        ) {
            let text = URL_SAFE_NO_PAD.encode(Sha256::digest(one.as_bytes()));
            let challenge = CodeChallenge::parse(&text).unwrap();
            prop_assert!(challenge.is_met_by(&one));
            prop_assert_eq!(challenge.is_met_by(&other), one == other);
        }
    }
}
