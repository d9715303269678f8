//! Questions that wait for the owner, and the owner's decisions.

use std::net::IpAddr;

use drawbridge_oauth::{
    AccessLevel, Approval, ApprovalId, DecideError, GrantLifetime, Proof, ServerSelection,
    ShownClient, ShownHash, Terms,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BrowserProof, ClientKind, UiError, UiErrorCode};
use crate::engine::Engine;

/// One question, with all that a person is shown about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ApprovalView {
    /// Its id.
    pub id: String,
    /// `connection`.
    pub kind: String,
    /// What the client calls itself; nobody checked it.
    pub client: String,
    /// Where the browser goes back to.
    pub redirect_host: String,
    /// The servers it can be let in to, by name.
    pub servers: Vec<String>,
    /// When the question is withdrawn.
    #[cfg_attr(test, ts(as = "String"))]
    pub expires_at: Timestamp,
    /// The hash of what is shown here; a decision carries it.
    pub shown: String,
    /// How we know the client.
    pub client_kind: ClientKind,
    /// The host that publishes the client's metadata, if one does.
    pub client_domain: Option<String>,
    /// The part of the redirect host that somebody registered.
    pub redirect_registrable: Option<String>,
    /// Whether the redirect host is one we know by name.
    pub redirect_known: bool,
    /// Whether it goes back to a program on the computer of the browser.
    pub redirect_loopback: bool,
    /// Whether the client protects its code with PKCE.
    pub pkce: bool,
    /// The scope it asked for.
    pub scope: String,
    /// The address it came to.
    pub address: String,
    /// How the browser proved where it is.
    pub proof: BrowserProof,
    /// The browser's address, where it typed a code on another device.
    pub from_address: Option<IpAddr>,
    /// The country of that address.
    pub from_country: Option<String>,
    /// The servers, with what they can do.
    pub choices: Vec<ChoiceView>,
    /// When the client asked.
    #[cfg_attr(test, ts(as = "String"))]
    pub requested_at: Timestamp,
}

/// A server that a grant can cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChoiceView {
    /// Its name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// How many tools it has.
    pub tools: u32,
    /// How many of them change things.
    pub changing: u32,
    /// How many of them ask before each call.
    pub asking: u32,
}

impl From<&Approval> for ApprovalView {
    fn from(approval: &Approval) -> Self {
        let question = approval.question();
        let (proof, from_address, from_country) = match approval.proof() {
            Proof::Browser => (BrowserProof::Browser, None, None),
            Proof::Program => (BrowserProof::Program, None, None),
            Proof::Code { address, country } => (BrowserProof::Code, *address, country.clone()),
        };
        let choices: Vec<ChoiceView> = approval
            .servers()
            .iter()
            .map(|choice| ChoiceView {
                name: choice.name.clone(),
                title: choice.title.clone(),
                tools: choice.tools,
                changing: choice.changing,
                asking: choice.asking,
            })
            .collect();
        Self {
            id: approval.id().to_string(),
            kind: "connection".to_owned(),
            client: shown_name(&question.client),
            redirect_host: question.redirect.host.clone(),
            servers: choices.iter().map(|choice| choice.name.clone()).collect(),
            expires_at: approval.expires_at(),
            shown: approval.shown().to_string(),
            client_kind: question.client.kind.into(),
            client_domain: question.client.domain.clone(),
            redirect_registrable: question.redirect.registrable.clone(),
            redirect_known: question.redirect.known,
            redirect_loopback: question.redirect.loopback,
            pkce: question.pkce,
            scope: question.scope.clone(),
            address: question.address.clone(),
            proof,
            from_address,
            from_country,
            choices,
            requested_at: approval.requested_at(),
        }
    }
}

/// What the client calls itself. The static client has no name of its own, but the owner knows it.
fn shown_name(client: &ShownClient) -> String {
    let name = match (&client.name, client.kind) {
        (Some(name), _) => name,
        (None, drawbridge_oauth::ClientKind::Static) => "the client you typed in by hand",
        (None, _) => "a client without a name",
    };
    name.to_owned()
}

/// Which servers, how much, for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TermsChoice {
    /// The names; `None` means all of this moment.
    pub servers: Option<Vec<String>>,
    /// Reading, or reading and writing.
    #[cfg_attr(test, ts(as = "super::bindings::AccessLevel"))]
    pub access: AccessLevel,
    /// For how long.
    #[cfg_attr(test, ts(as = "super::bindings::GrantLifetime"))]
    pub lifetime: GrantLifetime,
}

impl TermsChoice {
    /// Resolves the names against those there are.
    pub(super) fn resolve(self, there: &[String]) -> Result<Terms, UiError> {
        let names = self.servers.unwrap_or_else(|| there.to_vec());
        if let Some(unknown) = names.iter().find(|name| !there.contains(name)) {
            let list = if there.is_empty() {
                "there is none to choose from".to_owned()
            } else {
                format!("choose from: {}", there.join(", "))
            };
            return Err(UiError::invalid(format!(
                "there is no server {unknown:?} here; {list}"
            )));
        }
        Ok(Terms {
            servers: ServerSelection::new(names),
            access: self.access,
            lifetime: self.lifetime,
        })
    }
}

/// The owner's decision about one question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Decision {
    /// Which question.
    pub id: String,
    /// The hash of what the owner was shown.
    pub shown: String,
    /// On which terms to let it in; `None` turns it away.
    pub terms: Option<TermsChoice>,
}

/// What was decided.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Decided {
    /// Which question.
    pub id: String,
    /// Let in, or turned away?
    pub approved: bool,
    /// The servers it may use now.
    pub servers: Vec<String>,
}

/// Everything that waits.
#[must_use]
pub fn approvals(engine: &Engine) -> Vec<ApprovalView> {
    engine
        .oauth()
        .approvals()
        .iter()
        .map(ApprovalView::from)
        .collect()
}

/// Decides about one question.
pub async fn decide(engine: &Engine, decision: Decision) -> Result<Decided, UiError> {
    let id: ApprovalId = decision.id.parse().map_err(UiError::invalid)?;
    let shown: ShownHash = decision.shown.parse().map_err(UiError::invalid)?;
    let (decided, servers) = match decision.terms {
        Some(choice) => {
            let waiting = engine.oauth().approvals();
            let approval = waiting
                .iter()
                .find(|approval| *approval.id() == id)
                .ok_or_else(|| UiError::from(DecideError::NotWaiting))?;
            let there: Vec<String> = approval
                .servers()
                .iter()
                .map(|choice| choice.name.clone())
                .collect();
            let terms = choice.resolve(&there)?;
            let servers = terms.servers.iter().map(str::to_owned).collect();
            (drawbridge_oauth::Decision::Approve(terms), servers)
        }
        None => (drawbridge_oauth::Decision::Deny, Vec::new()),
    };
    let approved = matches!(decided, drawbridge_oauth::Decision::Approve(_));
    engine.oauth().decide(&id, &shown, decided).await?;
    Ok(Decided {
        id: id.to_string(),
        approved,
        servers,
    })
}

impl From<DecideError> for UiError {
    fn from(error: DecideError) -> Self {
        let code = match error {
            DecideError::NotWaiting => UiErrorCode::NotFound,
            _ => UiErrorCode::Conflict,
        };
        Self::new(code, error)
    }
}

#[cfg(test)]
mod tests {
    use drawbridge_oauth::ClientKind as Known;

    use super::*;

    fn choice(servers: Option<&[&str]>) -> TermsChoice {
        TermsChoice {
            servers: servers.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
            access: AccessLevel::Read,
            lifetime: GrantLifetime::Day,
        }
    }

    #[test]
    fn clients_are_named_in_the_documented_words() {
        let client = |kind, name: Option<&str>| ShownClient {
            kind,
            name: name.map(str::to_owned),
            domain: None,
        };
        for (kind, word, name) in [
            (Known::Static, "static", "the client you typed in by hand"),
            (Known::MetadataDocument, "cimd", "a client without a name"),
            (Known::Registered, "dcr", "a client without a name"),
        ] {
            assert_eq!(ClientKind::from(kind).as_str(), word);
            assert_eq!(shown_name(&client(kind, None)), name);
            assert_eq!(shown_name(&client(kind, Some("ChatGPT"))), "ChatGPT");
        }
    }

    #[test]
    fn all_means_those_of_this_moment_and_an_unknown_one_is_an_error() {
        let there = ["files".to_owned(), "notion".to_owned()];
        let all = choice(None).resolve(&there).unwrap();
        assert_eq!(all.servers.iter().collect::<Vec<_>>(), ["files", "notion"]);
        let one = choice(Some(&["notion"])).resolve(&there).unwrap();
        assert_eq!(one.servers.iter().collect::<Vec<_>>(), ["notion"]);
        let error = choice(Some(&["notes"])).resolve(&there).unwrap_err();
        assert_eq!(error.code, UiErrorCode::Invalid);
        assert!(error.message.contains("files, notion"), "{error}");
    }
}
