//! The cookie that ties a request to the browser that brought it.
//!
//! One random secret per browser; requests remember its hash. A cookie we do not know is never
//! taken over: the browser gets a new one. So nobody can give somebody else's browser a secret that
//! they know themselves.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use drawbridge_vault::ports::{Entropy, EntropyError};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::tokens::{Token, TokenHash, TokenKind, parse};
use crate::{ApprovalId, Audience};

/// How long a browser keeps the cookie: longer than any request lives.
const COOKIE_SECONDS: u32 = 3600;

/// `__Host-`: only this very host over https can have set it, for all paths (RFC 6265bis). On
/// loopback there is no https, so no prefix either.
const fn name(audience: &Audience) -> &'static str {
    match audience {
        Audience::Loopback => "drawbridge",
        Audience::Public(_) => "__Host-drawbridge",
    }
}

/// A browser, known by its secret.
pub(crate) struct Browser {
    secret: SecretString,
    hash: TokenHash,
}

impl Browser {
    /// The browser whose cookie a request carries. `None` when there is none, when it is not of our
    /// making, and when there are two (one of them is somebody else's).
    pub(crate) fn from_headers(headers: &HeaderMap, audience: &Audience) -> Option<Self> {
        let name = name(audience);
        let mut values = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        let hash = parse(TokenKind::Browser, value)?;
        Some(Self {
            secret: SecretString::from(value),
            hash,
        })
    }

    /// A browser we have not met.
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let token = Token::mint(TokenKind::Browser, entropy)?;
        Ok(Self {
            hash: token.hash(),
            secret: token.into_secret(),
        })
    }

    /// What is kept of its secret.
    pub(crate) fn hash(&self) -> TokenHash {
        self.hash
    }

    /// The `Set-Cookie` value that makes the browser bring its secret along.
    pub(crate) fn set_cookie(&self, audience: &Audience) -> Option<HeaderValue> {
        let secure = match audience {
            Audience::Loopback => "",
            Audience::Public(_) => "; Secure",
        };
        let cookie = format!(
            "{}={}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly{secure}; SameSite=Lax",
            name(audience),
            self.secret.expose_secret(),
        );
        let mut value = HeaderValue::try_from(cookie).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The id in the address of a request's waiting page. It is made from the browser's secret, so
    /// that only the hash need be kept and the browser can still be sent there again.
    pub(crate) fn page_of(&self, id: &ApprovalId) -> Result<Token, EntropyError> {
        let derived = Sha256::new()
            .chain_update("drawbridge waiting page\0")
            .chain_update(self.secret.expose_secret())
            .chain_update(id.as_str())
            .finalize();
        Token::mint(TokenKind::WaitingRequest, &Derived(derived.into()))
    }
}

/// Bytes that were derived and not drawn.
struct Derived([u8; 32]);

impl Entropy for Derived {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if bytes.len() != self.0.len() {
            return Err(EntropyError);
        }
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    fn public() -> Audience {
        Audience::Public("https://bridge.example".into())
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (COOKIE, HeaderValue::from_str(line).unwrap()))
            .collect()
    }

    #[test]
    fn the_cookie_is_bound_to_the_host_and_hidden_from_scripts() {
        let browser = Browser::new(&SeededEntropy::new(1)).unwrap();
        let cookie = browser.set_cookie(&public()).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.starts_with("__Host-drawbridge=dbx_"));
        for part in ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"] {
            assert!(text.split("; ").any(|found| found == part), "{part}");
        }
        assert!(!text.contains("Domain"));
        assert!(cookie.is_sensitive());
        let loopback = browser.set_cookie(&Audience::Loopback).unwrap();
        let text = loopback.to_str().unwrap();
        assert!(text.starts_with("drawbridge=dbx_") && !text.contains("Secure"));
    }

    #[test]
    fn it_reads_back_among_others() {
        let browser = Browser::new(&SeededEntropy::new(1)).unwrap();
        let cookie = browser.set_cookie(&public()).unwrap();
        let pair = cookie
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let found = Browser::from_headers(&headers(&[&format!("a=b; {pair}; c=d")]), &public());
        assert_eq!(found.unwrap().hash(), browser.hash());
        assert!(Browser::from_headers(&headers(&[&pair]), &Audience::Loopback).is_none());
    }

    #[test]
    fn two_cookies_of_the_name_are_none() {
        let one = Browser::new(&SeededEntropy::new(1))
            .unwrap()
            .set_cookie(&public())
            .unwrap();
        let pair = one.to_str().unwrap().split(';').next().unwrap().to_owned();
        let twice = headers(&[&pair, "__Host-drawbridge=other"]);
        assert!(Browser::from_headers(&twice, &public()).is_none());
        let broken = headers(&["__Host-drawbridge=dbx_forged"]);
        assert!(Browser::from_headers(&broken, &public()).is_none());
    }

    #[test]
    fn a_page_belongs_to_one_browser_and_one_request() {
        let entropy = SeededEntropy::new(1);
        let (one, other) = (
            Browser::new(&entropy).unwrap(),
            Browser::new(&entropy).unwrap(),
        );
        let ids = [
            ApprovalId::random(&entropy).unwrap(),
            ApprovalId::random(&entropy).unwrap(),
        ];
        let page = one.page_of(&ids[0]).unwrap();
        assert_eq!(page.hash(), one.page_of(&ids[0]).unwrap().hash());
        assert_ne!(page.hash(), one.page_of(&ids[1]).unwrap().hash());
        assert_ne!(page.hash(), other.page_of(&ids[0]).unwrap().hash());
        assert!(parse(TokenKind::WaitingRequest, page.expose()).is_some());
    }
}
