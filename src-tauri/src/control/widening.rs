//! Which commands let more in than now, and what a person is shown before one of them is done:
//! pure.
//!
//! What is shown is exact: all there is to the command but the values of secrets. What is not
//! fixed by the command itself ("all servers") is fixed before it is shown ([`pin`]), so that what
//! is done afterwards is what was shown.

use drawbridge_gateway::Rule;
use drawbridge_oauth::GrantLifetime;

use super::variables::decides_what_runs;
use crate::confirmations::{Action, ConfirmationText};
use crate::ui_api::{
    ApprovalView, Ask, BrowserProof, DEFAULT_RULE, Decision, ImportedValues, NewServer, NewToken,
    StaticClientChange, TermsChoice, UiError, UiErrorCode, access_words,
};

/// Longest name of a program that is shown, in characters. Linux gives 15.
const PROGRAM_NAME: usize = 64;

/// What has to be known to judge a command and to show it.
#[derive(Default)]
pub(super) struct Facts {
    /// The questions that wait for a decision.
    pub(super) approvals: Vec<ApprovalView>,
    /// The servers there are, each with its program.
    pub(super) servers: Vec<(String, String)>,
    /// The rule of the tool that the command is about.
    pub(super) rule: RuleNow,
    /// Whether there is a client typed in by hand.
    pub(super) static_client: bool,
    /// Where the key lies.
    pub(super) key_place: String,
    /// Where clients on this computer reach Drawbridge.
    pub(super) local_url: String,
    /// The public address, if there is one.
    pub(super) public_url: Option<String>,
    /// What the program that asks and those above it call themselves, itself first.
    pub(super) programs: Vec<String>,
}

/// What becomes of a tool's calls now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RuleNow {
    /// The rule the owner set.
    pub(super) set: Option<Rule>,
    /// The rule of the tool's kind, where the tool is known.
    pub(super) of_kind: Option<Rule>,
}

impl RuleNow {
    /// Whether this word gives a tool more than it has. Where that is not known, it does.
    fn loosened_by(self, word: &str) -> bool {
        let freedom = |rule| match rule {
            Rule::Block => 0,
            Rule::Ask => 1,
            Rule::Allow => 2,
        };
        let now = self.set.or(self.of_kind).map_or(0, freedom);
        if word == DEFAULT_RULE {
            return self.set.is_some() && self.of_kind.map_or(2, freedom) > now;
        }
        match word.parse() {
            // What was set holds whatever kind of tool the server says that it is tomorrow, also
            // where the kind it says today is allowed as it is.
            Ok(Rule::Allow) => self.set != Some(Rule::Allow),
            Ok(wanted) => freedom(wanted) > now,
            // A word that is no rule changes nothing; the engine says so.
            Err(_) => false,
        }
    }
}

/// Fixes what a command leaves open to the moment it is done.
///
/// # Errors
/// When it is about a question that does not wait, or not as it was shown.
pub(super) fn pin(ask: Ask, facts: &Facts) -> Result<Ask, UiError> {
    Ok(match ask {
        Ask::Decide(Decision {
            id,
            shown,
            terms: Some(terms),
        }) => {
            let approval = facts.approvals.iter().find(|approval| approval.id == id);
            let approval = approval.ok_or_else(not_waiting)?;
            if approval.shown != shown {
                return Err(changed());
            }
            let terms = Some(with_names(terms, || approval.servers.clone()));
            Ask::Decide(Decision { id, shown, terms })
        }
        Ask::CreateToken(new) => {
            let all = || facts.servers.iter().map(|(name, _)| name.clone()).collect();
            Ask::CreateToken(NewToken {
                terms: with_names(new.terms, all),
                ..new
            })
        }
        fixed => fixed,
    })
}

fn not_waiting() -> UiError {
    drawbridge_oauth::DecideError::NotWaiting.into()
}

fn changed() -> UiError {
    UiError::new(
        UiErrorCode::Conflict,
        drawbridge_oauth::DecideError::Changed,
    )
}

fn with_names(terms: TermsChoice, all: impl FnOnce() -> Vec<String>) -> TermsChoice {
    TermsChoice {
        servers: Some(terms.servers.unwrap_or_else(all)),
        ..terms
    }
}

/// What a person must say yes to before this is done; `None` when it lets nothing more in. Every
/// command has its line here: a new one does not compile until somebody has thought about it.
pub(super) fn widening(ask: &Ask, facts: &Facts) -> Option<ConfirmationText> {
    let text = called_by(question(ask, facts)?, &facts.programs);
    Some(match ask {
        // What may be long comes last, or it pushes the rest out of sight.
        Ask::AddServer(new) => text.with("Program and arguments", &command_line(new)),
        _ => text,
    })
}

/// One line for each program: a name may hold anything, also what would stand between two.
fn called_by(text: ConfirmationText, programs: &[String]) -> ConfirmationText {
    let cut = |name: &String| name.chars().take(PROGRAM_NAME).collect::<String>();
    let mut programs = programs.iter().map(cut);
    let Some(command) = programs.next() else {
        return text;
    };
    let text = text.with("The command calls itself", &command);
    programs.fold(text, |text, name| {
        text.with("Run by what calls itself", &name)
    })
}

fn question(ask: &Ask, facts: &Facts) -> Option<ConfirmationText> {
    match ask {
        // These only look, raise a window, or take away.
        Ask::Status
        | Ask::Approvals
        | Ask::Connections { .. }
        | Ask::Servers
        | Ask::Tools { .. }
        | Ask::Secrets
        | Ask::ShowWindow
        | Ask::Revoke { .. }
        | Ask::RemoveServer { .. } => None,
        Ask::Decide(decision) => {
            let terms = decision.terms.as_ref()?;
            Some(approve(decision, terms, facts))
        }
        Ask::Pair => Some(pair(facts)),
        Ask::AddServer(new) => Some(add_server(new)),
        Ask::EnableServer { name, enabled } => enabled.then(|| enable_server(name, facts)),
        Ask::SetToolRule { server, tool, rule } => facts
            .rule
            .loosened_by(rule)
            .then(|| set_rule(server, tool, rule, facts.rule)),
        Ask::CreateToken(new) => Some(create_token(new, facts)),
        Ask::RotateSecrets => Some(ConfirmationText::new(
            Action::Secrets,
            "Make a new key and seal all secrets with it?",
        )),
        Ask::MoveKey { to } => Some(
            ConfirmationText::new(
                Action::Secrets,
                "Move the key of your secrets to another place?",
            )
            .with("From", &facts.key_place)
            .with("To", to),
        ),
        Ask::StaticClient => facts.static_client.then(|| {
            ConfirmationText::new(
                Action::Client,
                "Show the secret of the client that you type in by hand?",
            )
        }),
        Ask::ChangeStaticClient(change) => (!change.remove).then(|| change_client(change)),
        Ask::Import(values) => Some(import(values, facts)),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

const fn how_long(lifetime: GrantLifetime) -> &'static str {
    match lifetime {
        GrantLifetime::Hour => "1 hour",
        GrantLifetime::Day => "1 day",
        GrantLifetime::ThirtyDays => "30 days",
        GrantLifetime::UntilRevoked => "until you revoke it, or 30 days unused",
    }
}

fn with_terms(text: ConfirmationText, terms: &TermsChoice) -> ConfirmationText {
    text.with(
        "Servers",
        &list(terms.servers.as_deref().unwrap_or_default()),
    )
    .with("Access", access_words(terms.access))
    .with("For", how_long(terms.lifetime))
}

fn approve(decision: &Decision, terms: &TermsChoice, facts: &Facts) -> ConfirmationText {
    let mut text = ConfirmationText::new(Action::Approve, "Let this connection in?");
    let approval = facts
        .approvals
        .iter()
        .find(|approval| approval.id == decision.id);
    if let Some(approval) = approval {
        let back = if approval.redirect_loopback {
            "Goes back to a program on this computer"
        } else if approval.redirect_known {
            "Goes back to"
        } else {
            "Goes back to a host that Drawbridge does not know"
        };
        text = text
            .with(back, &approval.redirect_host)
            .with("Calls itself", &approval.client);
        if let Some(domain) = &approval.client_domain {
            text = text.with("Published by", domain);
        }
        text = match approval.proof {
            BrowserProof::Browser => text.with("Asked by", "a browser on this computer"),
            BrowserProof::Program => text.with("Asked by", "a program on this computer"),
            BrowserProof::Code => {
                let address = approval
                    .from_address
                    .map_or_else(|| "unknown".to_owned(), |address| address.to_string());
                let country = approval.from_country.as_deref().unwrap_or_default();
                text.with(
                    "Asked by a browser elsewhere, at",
                    format!("{address} {country}").trim_end(),
                )
            }
        };
        text = text.with("At", &approval.address);
        if !approval.pkce {
            text = text.with("Careful", "it does not protect its code (no PKCE)");
        }
    } else {
        text = text.with("Question", &decision.id);
    }
    with_terms(text, terms)
}

fn pair(facts: &Facts) -> ConfirmationText {
    let typed_at = facts.public_url.as_ref().unwrap_or(&facts.local_url);
    ConfirmationText::new(
        Action::Pair,
        "Show a code with which a browser on another device may ask to connect?",
    )
    .with("Shown to", "the command that asks")
    .with("Typed in at", typed_at)
}

/// The program with its arguments, each exactly one word for a shell.
fn command_line(new: &NewServer) -> String {
    let words = std::iter::once(&new.command).chain(&new.args);
    let command: Vec<_> = words
        // A word that no shell can take is shown as it is, hidden characters spelled out.
        .map(|word| shlex::try_quote(word).unwrap_or(word.as_str().into()))
        .collect();
    command.join(" ")
}

/// All but the program with its arguments.
fn add_server(new: &NewServer) -> ConfirmationText {
    let mut text =
        ConfirmationText::new(Action::AddServer, "Add this server and start its program?")
            .with("Name", &new.name);
    if let Some(folder) = &new.directory {
        text = text.with("In the folder", &folder.display().to_string());
    }
    let mut hidden = Vec::new();
    for (name, value) in &new.env {
        if decides_what_runs(name) {
            let set = format!("{name}={}", value.expose());
            text = text.with("Variable that decides what runs", &set);
        } else {
            hidden.push(name.clone());
        }
    }
    if !hidden.is_empty() {
        text = text.with("Sets the variables", &list(&hidden));
    }
    text
}

fn enable_server(name: &str, facts: &Facts) -> ConfirmationText {
    let text =
        ConfirmationText::new(Action::EnableServer, "Switch this server on?").with("Name", name);
    match facts.servers.iter().find(|(known, _)| known == name) {
        Some((_, program)) => text.with("Program", program),
        None => text,
    }
}

fn set_rule(server: &str, tool: &str, rule: &str, now: RuleNow) -> ConfirmationText {
    let word = |rule: Option<Rule>| match rule {
        Some(Rule::Allow) => "allow",
        Some(Rule::Ask) => "ask",
        Some(Rule::Block) => "block",
        None => "not known",
    };
    let then = if rule == DEFAULT_RULE {
        format!("{DEFAULT_RULE} ({})", word(now.of_kind))
    } else {
        rule.to_owned()
    };
    let before = match now.set {
        Some(_) => word(now.set).to_owned(),
        None => format!("{DEFAULT_RULE} ({})", word(now.of_kind)),
    };
    ConfirmationText::new(Action::Rule, "Let this tool do more than now?")
        .with("Server", server)
        .with("Tool", tool)
        .with("Rule now", &before)
        .with("Rule then", &then)
}

fn create_token(new: &NewToken, facts: &Facts) -> ConfirmationText {
    let address = if new.public {
        facts.public_url.as_ref()
    } else {
        Some(&facts.local_url)
    };
    let text = ConfirmationText::new(
        Action::Token,
        "Make an access token and show it to the command?",
    )
    .with("Name", &new.name)
    .with("Works at", address.map_or("none", String::as_str));
    with_terms(text, &new.terms)
}

fn change_client(change: &StaticClientChange) -> ConfirmationText {
    let mut text = ConfirmationText::new(
        Action::Client,
        "Change the client that you type in by hand, and show its secret to the command?",
    );
    if change.new_secret {
        text = text.with("New secret", "yes: the one before stops working");
    }
    if let Some(redirect) = &change.add_redirect {
        text = text.with("May send people back to", redirect);
    }
    text
}

fn import(values: &ImportedValues, facts: &Facts) -> ConfirmationText {
    let mut text = ConfirmationText::new(Action::Import, "Take over these values of a .env file?");
    if let Some(url) = values.base_url() {
        text = text.with("Public address", url);
    }
    if values.has_client_secret() {
        text = text.with("Client secret", "a new one: the one before stops working");
    }
    text.with("The key lies in", &facts.key_place)
        .with("It moves to", "the keychain, if it is not there and can be")
}
