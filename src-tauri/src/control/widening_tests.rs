//! Every command is judged, and what is shown is all of it.

use std::collections::BTreeSet;

use drawbridge_gateway::Rule;
use drawbridge_oauth::{AccessLevel, GrantLifetime};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::widening::{Facts, RuleNow, pin, widening};
use crate::config::{EnvFile, Environment, GuideValues};
use crate::confirmations::{Action, ConfirmationText};
use crate::ui_api::{
    ApprovalView, Ask, Decision, ImportedValues, NewServer, NewToken, Revealed, StaticClientChange,
    TermsChoice, UiErrorCode,
};

/// What must never be shown.
const SECRET: &str = "hush-0123456789-0123456789-0123456789";

fn approval() -> ApprovalView {
    serde_json::from_value(json!({
        "id": "a-1", "kind": "connection", "client": "ChatGPT", "redirect_host": "chatgpt.com",
        "servers": ["files", "notion"], "expires_at": "2026-11-23T10:00:00Z",
        "shown": "0".repeat(64), "client_kind": "cimd", "client_domain": "openai.example",
        "redirect_registrable": "chatgpt.com", "redirect_known": true, "redirect_loopback": false,
        "pkce": true, "scope": "mcp", "address": "https://bridge.example", "proof": "browser",
        "from_address": null, "from_country": null, "choices": [],
        "requested_at": "2026-11-23T09:55:00Z"
    }))
    .unwrap()
}

fn facts() -> Facts {
    Facts {
        approvals: vec![approval()],
        servers: vec![
            ("files".to_owned(), "files-server".to_owned()),
            ("notion".to_owned(), "npx".to_owned()),
        ],
        rule: RuleNow {
            set: None,
            of_kind: Some(Rule::Ask),
        },
        static_client: true,
        key_place: "keychain".to_owned(),
        local_url: "http://127.0.0.1:8787".to_owned(),
        public_url: Some("https://bridge.example".to_owned()),
        programs: Vec::new(),
    }
}

fn terms(servers: Option<&[&str]>) -> TermsChoice {
    TermsChoice {
        servers: servers.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        access: AccessLevel::ReadWrite,
        lifetime: GrantLifetime::Day,
    }
}

fn decide(terms: Option<TermsChoice>) -> Ask {
    Ask::Decide(Decision {
        id: "a-1".to_owned(),
        shown: "0".repeat(64),
        terms,
    })
}

fn add_server() -> Ask {
    let secret = || Revealed::new(SecretString::from(SECRET));
    Ask::AddServer(NewServer {
        name: "shell".to_owned(),
        command: "/bin/sh".to_owned(),
        args: vec!["-c".to_owned(), "echo  two words\n".to_owned()],
        env: [
            ("API_TOKEN".to_owned(), secret()),
            ("OTHER".to_owned(), secret()),
        ]
        .into(),
        directory: Some("/srv/work".into()),
    })
}

fn create_token(servers: Option<&[&str]>) -> Ask {
    Ask::CreateToken(NewToken {
        name: "backup".to_owned(),
        terms: terms(servers),
        public: true,
    })
}

fn import() -> Ask {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env");
    let lines = format!("BASE_URL=https://new.example\nOAUTH_CLIENT_SECRET={SECRET}\n");
    std::fs::write(&path, lines).unwrap();
    let nothing_else = Environment::from_pairs(std::iter::empty::<(String, String)>());
    let file = EnvFile::read(&path).unwrap();
    let values = GuideValues::gather(&nothing_else, Some(&file)).unwrap();
    Ask::Import(ImportedValues::from(&values))
}

fn rule(word: &str) -> Ask {
    Ask::SetToolRule {
        server: "notion".to_owned(),
        tool: "trash".to_owned(),
        rule: word.to_owned(),
    }
}

fn enable(enabled: bool) -> Ask {
    Ask::EnableServer {
        name: "notion".to_owned(),
        enabled,
    }
}

fn change(change: StaticClientChange) -> Ask {
    Ask::ChangeStaticClient(change)
}

/// Every command, with what a person must confirm of it.
fn judged() -> Vec<(Ask, Option<Action>)> {
    let name = || "notion".to_owned();
    let none = StaticClientChange::default;
    vec![
        (Ask::Status, None),
        (Ask::Approvals, None),
        (decide(None), None),
        (decide(Some(terms(None))), Some(Action::Approve)),
        (Ask::Pair, Some(Action::Pair)),
        (Ask::Connections { ended: true }, None),
        (Ask::Revoke { id: name() }, None),
        (Ask::Servers, None),
        (add_server(), Some(Action::AddServer)),
        (Ask::RemoveServer { name: name() }, None),
        (enable(true), Some(Action::EnableServer)),
        (enable(false), None),
        (Ask::Tools { server: name() }, None),
        (rule("allow"), Some(Action::Rule)),
        (rule("block"), None),
        (create_token(None), Some(Action::Token)),
        (Ask::Secrets, None),
        (Ask::RotateSecrets, Some(Action::Secrets)),
        (
            Ask::MoveKey {
                to: "file".to_owned(),
            },
            Some(Action::Secrets),
        ),
        (Ask::StaticClient, Some(Action::Client)),
        (change(none()), Some(Action::Client)),
        (
            change(StaticClientChange {
                new_secret: true,
                ..none()
            }),
            Some(Action::Client),
        ),
        (
            change(StaticClientChange {
                add_redirect: Some("https://app.example/back".to_owned()),
                ..none()
            }),
            Some(Action::Client),
        ),
        (
            change(StaticClientChange {
                remove: true,
                ..none()
            }),
            None,
        ),
        (import(), Some(Action::Import)),
        (Ask::ShowWindow, None),
    ]
}

/// The command's word. A new one does not compile until it has a line here, and in [`judged`].
fn word(ask: &Ask) -> &'static str {
    match ask {
        Ask::Status => "status",
        Ask::Approvals => "approvals",
        Ask::Decide(_) => "decide",
        Ask::Pair => "pair",
        Ask::Connections { .. } => "connections",
        Ask::Revoke { .. } => "revoke",
        Ask::Servers => "servers",
        Ask::AddServer(_) => "add_server",
        Ask::RemoveServer { .. } => "remove_server",
        Ask::EnableServer { .. } => "enable_server",
        Ask::Tools { .. } => "tools",
        Ask::SetToolRule { .. } => "set_tool_rule",
        Ask::CreateToken(_) => "create_token",
        Ask::Secrets => "secrets",
        Ask::RotateSecrets => "rotate_secrets",
        Ask::MoveKey { .. } => "move_key",
        Ask::StaticClient => "static_client",
        Ask::ChangeStaticClient(_) => "change_static_client",
        Ask::Import(_) => "import",
        Ask::ShowWindow => "show_window",
    }
}
/// How many there are.
const WORDS: usize = 20;

fn lines(text: &ConfirmationText) -> Value {
    let pairs = text
        .details
        .iter()
        .map(|detail| (detail.label.to_owned(), Value::from(detail.value.clone())));
    Value::Object(pairs.collect())
}

/// What is shown of a command, after what it leaves open was fixed.
fn shown(ask: Ask, facts: &Facts) -> Value {
    let ask = pin(ask, facts).unwrap();
    lines(&widening(&ask, facts).unwrap())
}

#[test]
fn every_command_is_judged() {
    let mut seen = BTreeSet::new();
    for (ask, expected) in judged() {
        let word = word(&ask);
        seen.insert(word);
        let text = widening(&ask, &facts());
        assert_eq!(text.as_ref().map(|text| text.action), expected, "{word}");
        let Some(text) = text else { continue };
        assert!(text.title.ends_with('?'), "{word}");
        let all = lines(&text).to_string();
        assert!(!all.contains(SECRET), "{word} shows a secret: {all}");
    }
    assert_eq!(seen.len(), WORDS, "{seen:?}");
}

#[test]
fn a_new_server_is_shown_with_its_program_its_arguments_and_its_variables_names() {
    assert_eq!(
        shown(add_server(), &facts()),
        json!({
            "Name": "shell",
            "Program and arguments": "/bin/sh -c 'echo  two words[U+000A]'",
            "Sets the variables": "API_TOKEN, OTHER",
            "In the folder": "/srv/work",
        })
    );
}

#[test]
fn a_variable_that_decides_what_runs_is_shown_with_its_value() {
    let Ask::AddServer(mut new) = add_server() else {
        panic!("another command");
    };
    for (name, value) in [
        ("PATH", "/srv/evil:/bin"),
        ("LD_PRELOAD", "/srv/evil.so\u{202e}"),
        ("NODE_OPTIONS", "--require  /srv/evil.js"),
    ] {
        let value = Revealed::new(SecretString::from(value));
        new.env.insert(name.to_owned(), value);
    }
    let text = widening(&Ask::AddServer(new), &facts()).unwrap();
    let values = |label: &str| -> Vec<&str> {
        let found = text.details.iter().filter(|detail| detail.label == label);
        found.map(|detail| detail.value.as_str()).collect()
    };
    assert_eq!(
        values("Variable that decides what runs"),
        [
            "LD_PRELOAD=/srv/evil.so[U+202E]",
            "NODE_OPTIONS=--require  /srv/evil.js",
            "PATH=/srv/evil:/bin",
        ]
    );
    assert_eq!(values("Sets the variables"), ["API_TOKEN, OTHER"]);
    assert!(!lines(&text).to_string().contains(SECRET));
}

#[test]
fn what_may_be_long_is_last_and_every_program_has_its_own_line() {
    let facts = Facts {
        programs: vec![
            "drawbridge".to_owned(),
            "bash ← Terminal\n".to_owned(),
            "x".repeat(500),
        ],
        ..facts()
    };
    let order = |ask: Ask| -> Vec<(&str, String)> {
        let details = widening(&ask, &facts).unwrap().details;
        let pairs = details.into_iter().map(|one| (one.label, one.value));
        pairs.collect()
    };
    let added = order(add_server());
    let labels: Vec<&str> = added.iter().map(|(label, _)| *label).collect();
    assert_eq!(
        labels,
        [
            "Name",
            "In the folder",
            "Sets the variables",
            "The command calls itself",
            "Run by what calls itself",
            "Run by what calls itself",
            "Program and arguments",
        ]
    );
    assert_eq!(added[3].1, "drawbridge");
    assert_eq!(added[4].1, "bash ← Terminal[U+000A]");
    assert_eq!(added[5].1, "x".repeat(64));
    let labels = order(Ask::RotateSecrets);
    assert_eq!(labels[0], ("The command calls itself", "drawbridge".into()));
}

#[test]
fn an_approval_is_shown_with_host_servers_level_and_time() {
    assert_eq!(
        shown(decide(Some(terms(Some(&["notion"])))), &facts()),
        json!({
            "Goes back to": "chatgpt.com",
            "Calls itself": "ChatGPT",
            "Published by": "openai.example",
            "Asked by": "a browser on this computer",
            "At": "https://bridge.example",
            "Servers": "notion",
            "Access": "read and write",
            "For": "1 day",
        })
    );
    let mut facts = facts();
    let stranger = &mut facts.approvals[0];
    stranger.redirect_known = false;
    stranger.pkce = false;
    stranger.proof = crate::ui_api::BrowserProof::Code;
    stranger.from_address = "192.0.2.7".parse().ok();
    stranger.from_country = Some("DE".to_owned());
    let text = shown(decide(Some(terms(Some(&[])))), &facts);
    assert_eq!(
        text["Goes back to a host that Drawbridge does not know"],
        "chatgpt.com"
    );
    assert_eq!(text["Asked by a browser elsewhere, at"], "192.0.2.7 DE");
    assert!(text["Careful"].as_str().unwrap().contains("PKCE"));
    assert_eq!(text["Servers"], "none");
}

#[test]
fn all_servers_are_those_that_were_shown() {
    let facts = facts();
    let Ask::Decide(decision) = pin(decide(Some(terms(None))), &facts).unwrap() else {
        panic!("another command");
    };
    let servers = decision.terms.unwrap().servers.unwrap();
    assert_eq!(servers, ["files", "notion"]);
    let Ask::CreateToken(new) = pin(create_token(None), &facts).unwrap() else {
        panic!("another command");
    };
    assert_eq!(new.terms.servers.unwrap(), ["files", "notion"]);
    assert_eq!(
        shown(create_token(None), &facts),
        json!({
            "Name": "backup",
            "Works at": "https://bridge.example",
            "Servers": "files, notion",
            "Access": "read and write",
            "For": "1 day",
        })
    );
}

#[test]
fn a_question_that_does_not_wait_or_reads_otherwise_is_not_asked_about() {
    let approve = |id: &str, shown: &str| {
        let ask = Ask::Decide(Decision {
            id: id.to_owned(),
            shown: shown.to_owned(),
            terms: Some(terms(None)),
        });
        pin(ask, &facts()).err().map(|error| error.code)
    };
    assert_eq!(approve("a-2", &"0".repeat(64)), Some(UiErrorCode::NotFound));
    assert_eq!(approve("a-1", &"1".repeat(64)), Some(UiErrorCode::Conflict));
    assert_eq!(approve("a-1", &"0".repeat(64)), None);
    assert!(pin(decide(None), &facts()).is_ok(), "no is always heard");
}

#[test]
fn only_a_looser_rule_is_asked_about() {
    use Rule::{Allow, Ask as Asks, Block};
    let rules = [None, Some(Block), Some(Asks), Some(Allow)];
    let looser = |set: Option<Rule>, of_kind: Option<Rule>, word: &str| {
        let facts = Facts {
            rule: RuleNow { set, of_kind },
            ..facts()
        };
        widening(&rule(word), &facts).is_some()
    };
    for set in rules {
        for of_kind in [None, Some(Asks), Some(Allow)] {
            assert!(!looser(set, of_kind, "block"));
            assert!(!looser(set, of_kind, "nonsense"), "the engine refuses it");
            // What is set outlives the kind that the server says the tool is today.
            assert_eq!(
                looser(set, of_kind, "allow"),
                set != Some(Allow),
                "{set:?} {of_kind:?}"
            );
            let asks = matches!(set.or(of_kind), Some(Asks | Allow));
            assert_eq!(looser(set, of_kind, "ask"), !asks, "{set:?} {of_kind:?}");
            // An unknown tool may be one that is allowed by its kind.
            let default = of_kind.unwrap_or(Allow);
            let loosened = match set {
                None | Some(Allow) => false,
                Some(Asks) => default == Allow,
                Some(Block) => true,
            };
            assert_eq!(
                looser(set, of_kind, "default"),
                loosened,
                "{set:?} {of_kind:?}"
            );
        }
    }
    assert_eq!(
        shown(rule("allow"), &facts()),
        json!({"Server": "notion", "Tool": "trash", "Rule now": "default (ask)", "Rule then": "allow"})
    );
}

#[test]
fn the_rest_is_shown_too() {
    let facts = facts();
    assert_eq!(
        shown(enable(true), &facts),
        json!({"Name": "notion", "Program": "npx"})
    );
    assert_eq!(
        shown(
            Ask::MoveKey {
                to: "file".to_owned()
            },
            &facts
        ),
        json!({"From": "keychain", "To": "file"})
    );
    assert_eq!(
        shown(Ask::Pair, &facts)["Typed in at"],
        "https://bridge.example"
    );
    let imported = shown(import(), &facts);
    assert_eq!(imported["Public address"], "https://new.example");
    assert!(imported.get("Client secret").is_some());
    let redirect = StaticClientChange {
        add_redirect: Some("https://app.example/back".to_owned()),
        ..StaticClientChange::default()
    };
    assert_eq!(
        shown(change(redirect), &facts),
        json!({"May send people back to": "https://app.example/back"})
    );
    let no_client = Facts {
        static_client: false,
        ..facts
    };
    assert!(widening(&Ask::StaticClient, &no_client).is_none());
}
