//! Authorization codes: who may exchange one, when, and what a second exchange means.
//!
//! A code works once, for its client, its redirect URI, its verifier and its resource, for a few
//! minutes. An attempt that does not match takes nothing away from the one that does. A second
//! attempt that does match means that two hold the code, so what the first got is taken back
//! (OAuth 2.1 section 7.5.2).

use drawbridge_vault::{CodeRow, StoreError};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::grants::{
    AuthorizationRequest, GrantDetails, bounded_expiry, end_of, from_json, to_json,
};
use crate::pkce::{self, CodeChallenge};
use crate::resource::{InvalidTarget, Resource};
use crate::tokens::{Token, TokenKind};
use crate::{AuthorizationServer, GrantId};

/// How long a code works. OAuth 2.1 section 4.1.2 allows ten minutes at most.
pub(crate) const CODE_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How long a code works that no challenge protects.
pub(crate) const CODE_LIFE_WITHOUT_PKCE: SignedDuration = SignedDuration::from_mins(1);

/// The sealed part of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeDetails {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<CodeChallenge>,
    pub(crate) resource: String,
}

impl CodeDetails {
    pub(crate) fn read(row: &CodeRow) -> Result<Self, StoreError> {
        from_json(&row.details, "codes")
    }
}

/// One attempt at exchanging a code, as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) verifier: Option<String>,
    /// What the request's `resource` means, or our own if it had none.
    pub(crate) resource: Result<Resource, InvalidTarget>,
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Issue tokens and mark the code used.
    Issue,
    /// Refuse; the code stays as it is.
    Refuse(CodeRefusal),
    /// Refuse, and end the grant: the code was used before.
    Reused,
}

/// Why an attempt is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeRefusal {
    /// The code was issued to another client.
    OtherClient,
    /// It is too old.
    Expired,
    /// It went to another redirect URI.
    OtherRedirect,
    /// It was protected by a challenge, and no verifier came.
    VerifierMissing,
    /// The verifier does not meet the challenge.
    VerifierWrong,
    /// A verifier came, but there was no challenge: somebody took it away on the way.
    VerifierUnasked,
    /// It was asked for another resource.
    OtherResource,
    /// Another code of the same grant was exchanged.
    SiblingUsed,
}

/// What was exchanged so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodeUse {
    /// This code was.
    pub(crate) used: bool,
    /// Another code of the same grant was: its browser had asked twice.
    pub(crate) sibling_used: bool,
}

/// Decides about one attempt at a code we know.
pub(crate) fn decide(
    code: &CodeDetails,
    so_far: CodeUse,
    expires_at: Timestamp,
    attempt: &Attempt,
    now: Timestamp,
) -> Exchange {
    let refusal = if code.client_id != attempt.client_id {
        Some(CodeRefusal::OtherClient)
    } else if now >= expires_at {
        Some(CodeRefusal::Expired)
    } else if attempt
        .redirect_uri
        .as_ref()
        .is_some_and(|uri| *uri != code.redirect_uri)
    {
        // Left out is fine: OAuth 2.1 section 10.2 no longer asks for it.
        Some(CodeRefusal::OtherRedirect)
    } else if let Some(refusal) = check_verifier(code, attempt) {
        Some(refusal)
    } else if attempt.resource.as_ref().map(Resource::as_str) != Ok(&code.resource) {
        Some(CodeRefusal::OtherResource)
    } else {
        None
    };
    match refusal {
        Some(refusal) => Exchange::Refuse(refusal),
        None if so_far.used => Exchange::Reused,
        None if so_far.sibling_used => Exchange::Refuse(CodeRefusal::SiblingUsed),
        None => Exchange::Issue,
    }
}

fn check_verifier(code: &CodeDetails, attempt: &Attempt) -> Option<CodeRefusal> {
    match (&code.challenge, &attempt.verifier) {
        (None, None) => None,
        (None, Some(_)) => Some(CodeRefusal::VerifierUnasked),
        (Some(_), None) => Some(CodeRefusal::VerifierMissing),
        (Some(challenge), Some(verifier)) => {
            let met = pkce::is_verifier(verifier) && challenge.is_met_by(verifier);
            (!met).then_some(CodeRefusal::VerifierWrong)
        }
    }
}

/// A code in clear, for the one redirect that carries it.
pub(crate) struct AuthorizationCode {
    pub(crate) code: SecretString,
}

/// Why no code was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MintError {
    /// The grant is over, or its code was exchanged already.
    #[error("this connection was already made, or has ended; start again in the client")]
    Over,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthorizationServer {
    /// Mints a code for a grant. A browser whose answer got lost may ask again: each code works,
    /// until one of them is exchanged.
    pub(crate) async fn mint_code(
        &self,
        grant: &GrantId,
        request: &AuthorizationRequest,
    ) -> Result<AuthorizationCode, MintError> {
        let token = Token::mint(TokenKind::Code, self.entropy()).map_err(StoreError::from)?;
        let (hash, now, grant) = (token.hash(), self.now(), grant.to_string());
        let details = CodeDetails {
            client_id: request.client.id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            resource: request.resource.as_str().to_owned(),
        };
        let life = if details.challenge.is_some() {
            CODE_LIFE
        } else {
            CODE_LIFE_WITHOUT_PKCE
        };
        let details = to_json(&details, "codes")?;
        self.vault()
            .write(move |writer| {
                let row = writer.grant(&grant)?.ok_or(MintError::Over)?;
                if end_of(&row, now).is_some() || GrantDetails::read(&row)?.connected {
                    return Err(MintError::Over);
                }
                writer.put_code(&CodeRow {
                    hash: hash.0,
                    grant_id: grant,
                    created_at: now,
                    expires_at: bounded_expiry(&row, life, now),
                    used_at: None,
                    details,
                })?;
                Ok(())
            })
            .await?;
        Ok(AuthorizationCode {
            code: token.into_secret(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Audience;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn code(pkce: bool) -> CodeDetails {
        CodeDetails {
            client_id: "c-1".into(),
            redirect_uri: "http://127.0.0.1:3000/callback".into(),
            challenge: CodeChallenge::from_request(
                pkce.then_some(CHALLENGE),
                pkce.then_some("S256"),
                pkce,
            )
            .unwrap(),
            resource: Resource::of(&Audience::Loopback).as_str().into(),
        }
    }

    fn attempt() -> Attempt {
        Attempt {
            client_id: "c-1".into(),
            redirect_uri: Some("http://127.0.0.1:3000/callback".into()),
            verifier: Some(VERIFIER.into()),
            resource: Ok(Resource::of(&Audience::Loopback)),
        }
    }

    fn judge(code: &CodeDetails, used: bool, attempt: &Attempt) -> Exchange {
        decide(
            code,
            CodeUse {
                used,
                sibling_used: false,
            },
            at(60),
            attempt,
            at(59),
        )
    }

    #[test]
    fn what_matches_is_exchanged_once() {
        assert_eq!(judge(&code(true), false, &attempt()), Exchange::Issue);
        assert_eq!(judge(&code(true), true, &attempt()), Exchange::Reused);
        let without_redirect = Attempt {
            redirect_uri: None,
            ..attempt()
        };
        assert_eq!(
            judge(&code(true), false, &without_redirect),
            Exchange::Issue
        );
        let without_pkce = Attempt {
            verifier: None,
            ..attempt()
        };
        assert_eq!(judge(&code(false), false, &without_pkce), Exchange::Issue);
    }

    #[test]
    fn what_does_not_match_is_refused_and_never_counts_as_reuse() {
        let other = Resource::of(&Audience::Public("https://bridge.example".into()));
        let cases = [
            (
                Attempt {
                    client_id: "c-2".into(),
                    ..attempt()
                },
                CodeRefusal::OtherClient,
            ),
            (
                Attempt {
                    redirect_uri: Some("http://127.0.0.1:3001/callback".into()),
                    ..attempt()
                },
                CodeRefusal::OtherRedirect,
            ),
            (
                Attempt {
                    verifier: None,
                    ..attempt()
                },
                CodeRefusal::VerifierMissing,
            ),
            (
                Attempt {
                    verifier: Some("a".repeat(43)),
                    ..attempt()
                },
                CodeRefusal::VerifierWrong,
            ),
            (
                Attempt {
                    verifier: Some("short".into()),
                    ..attempt()
                },
                CodeRefusal::VerifierWrong,
            ),
            (
                Attempt {
                    resource: Ok(other),
                    ..attempt()
                },
                CodeRefusal::OtherResource,
            ),
            (
                Attempt {
                    resource: Err(InvalidTarget),
                    ..attempt()
                },
                CodeRefusal::OtherResource,
            ),
        ];
        for (attempt, refusal) in cases {
            for used in [false, true] {
                assert_eq!(
                    judge(&code(true), used, &attempt),
                    Exchange::Refuse(refusal)
                );
            }
        }
        assert_eq!(
            judge(&code(false), false, &attempt()),
            Exchange::Refuse(CodeRefusal::VerifierUnasked)
        );
    }

    #[test]
    fn a_code_ends_at_its_moment() {
        let fresh = CodeUse {
            used: false,
            sibling_used: false,
        };
        assert_eq!(
            decide(&code(true), fresh, at(60), &attempt(), at(60)),
            Exchange::Refuse(CodeRefusal::Expired)
        );
    }

    #[test]
    fn of_two_codes_of_one_grant_one_is_exchanged() {
        let second = CodeUse {
            used: false,
            sibling_used: true,
        };
        assert_eq!(
            decide(&code(true), second, at(60), &attempt(), at(1)),
            Exchange::Refuse(CodeRefusal::SiblingUsed)
        );
    }
}
