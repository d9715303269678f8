//! Commands at the control socket of a real engine, with and without a window.

use std::sync::Arc;
use std::time::Duration;

use drawbridge_oauth::ShownHash;
use drawbridge_vault::ports::{OsEntropy, SystemClock};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};

use super::client::ANSWER_WAIT;
use super::confirming::agree_at;
use crate::confirmations::{Confirmation, Confirmations, LIFE};
use crate::engine::Engine;
use crate::listeners::control::converse;
use crate::ui_api::{
    Ask, ConfirmationAnswer, QuestionContent, UiError, UiErrorCode, confirm, question,
};

/// Long enough for everything here.
const SOON: Duration = Duration::from_secs(30);

/// A running Drawbridge whose listeners for clients are closed.
struct Bridge {
    engine: Engine,
    _home: tempfile::TempDir,
}

impl Bridge {
    /// With a window expected, or headless.
    async fn start(window: bool) -> Self {
        let (engine, home) = crate::testing::engine(window).await;
        Self {
            engine,
            _home: home,
        }
    }

    /// A command, as somebody in a terminal gives it.
    async fn ask(&self, ask: Value) -> Caller {
        let (here, there) = duplex(64 * 1024);
        let programs = vec!["drawbridge".to_owned(), "bash".to_owned()];
        tokio::spawn(converse(there, self.engine.clone(), Ok(programs)));
        let mut stream = BufReader::new(here);
        stream
            .write_all(format!("{ask}\n").as_bytes())
            .await
            .unwrap();
        Caller { stream }
    }

    /// What waits, once there are so many.
    async fn waiting(&self, count: usize) -> Vec<Arc<Confirmation>> {
        let mut watch = self.engine.confirmations().watch();
        let seen = tokio::time::timeout(SOON, watch.wait_for(|all| all.len() == count)).await;
        seen.unwrap().unwrap().clone()
    }

    fn answer(&self, to: &Confirmation, allow: bool) -> Result<(), UiError> {
        let answer = ConfirmationAnswer {
            id: to.id().to_owned(),
            shown: to.shown().to_string(),
            allow,
        };
        confirm(&self.engine, &answer)
    }

    fn servers(&self) -> usize {
        self.engine.gateway().servers().len()
    }
}

/// Whoever waits for an answer.
struct Caller {
    stream: BufReader<DuplexStream>,
}

impl Caller {
    async fn hears(&mut self) -> Value {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line);
        tokio::time::timeout(SOON, read).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    async fn is_told_to_wait(&mut self) {
        let line = self.hears().await;
        assert!(line["waiting"].is_string(), "{line}");
    }

    /// The code of the error it hears, and its words.
    async fn is_refused(&mut self) -> (UiErrorCode, String) {
        let mut line = self.hears().await;
        let error: UiError = serde_json::from_value(line["error"].take()).unwrap();
        (error.code, error.message)
    }
}

fn pair() -> Value {
    json!({"ask": "pair"})
}

fn add_server(name: &str) -> Value {
    json!({"ask": "add_server", "name": name, "command": "/no/such/program",
           "args": ["--flag"], "env": {"API_TOKEN": "hush"}, "directory": null})
}

#[tokio::test]
async fn without_a_window_commands_are_done_at_once() {
    let bridge = Bridge::start(false).await;
    let answer = bridge.ask(pair()).await.hears().await;
    assert!(answer["ok"]["code"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_window_that_has_not_come_yet_or_is_gone_lets_nothing_in() {
    let bridge = Bridge::start(true).await;
    for _ in ["before", "after"] {
        let (code, _) = bridge.ask(pair()).await.is_refused().await;
        assert_eq!(code, UiErrorCode::Unavailable);
        assert!(bridge.engine.oauth().pairing().is_none());
        // What takes away, or only looks, is done all the same.
        let (code, _) = bridge
            .ask(json!({"ask": "revoke", "id": "g-1"}))
            .await
            .is_refused()
            .await;
        assert_eq!(code, UiErrorCode::NotFound);
        let status = bridge.ask(json!({"ask": "status"})).await.hears().await;
        assert!(status["ok"].is_object(), "{status}");
        drop(bridge.engine.confirmations().attend());
    }
}

#[tokio::test]
async fn what_the_person_allows_is_done() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(add_server("shell")).await;
    caller.is_told_to_wait().await;
    let shown = question(&bridge.engine).unwrap();
    let QuestionContent::Confirmation { confirmation } = shown.content else {
        panic!("something else is asked");
    };
    assert_eq!(confirmation.action, "add_server");
    assert_eq!(confirmation.asker, "A command in a terminal");
    let details: Vec<(&str, &str)> = confirmation
        .details
        .iter()
        .map(|detail| (detail.label.as_str(), detail.value.as_str()))
        .collect();
    assert_eq!(
        details,
        [
            ("Name", "shell"),
            ("Sets the variables", "API_TOKEN"),
            ("The command calls itself", "drawbridge"),
            ("Run by what calls itself", "bash"),
            ("Program and arguments", "/no/such/program --flag"),
        ]
    );
    assert_eq!(bridge.servers(), 0, "not before the answer");
    bridge.answer(&bridge.waiting(1).await[0], true).unwrap();
    let answer = caller.hears().await;
    assert_eq!(answer["ok"]["name"], "shell", "{answer}");
    assert_eq!(bridge.servers(), 1);
}

#[tokio::test]
async fn what_the_person_denies_is_not_done() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    for ask in [pair(), add_server("shell")] {
        let mut caller = bridge.ask(ask).await;
        caller.is_told_to_wait().await;
        bridge.answer(&bridge.waiting(1).await[0], false).unwrap();
        let (code, words) = caller.is_refused().await;
        assert_eq!(code, UiErrorCode::Refused);
        assert!(words.contains("nothing was changed"), "{words}");
    }
    assert!(bridge.engine.oauth().pairing().is_none());
    assert_eq!(bridge.servers(), 0);
}

#[tokio::test]
async fn narrowing_commands_wait_for_nobody() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(add_server("shell")).await;
    caller.is_told_to_wait().await;
    bridge.answer(&bridge.waiting(1).await[0], true).unwrap();
    caller.hears().await;
    for ask in [
        json!({"ask": "set_tool_rule", "server": "shell", "tool": "run", "rule": "block"}),
        json!({"ask": "enable_server", "name": "shell", "enabled": false}),
        json!({"ask": "remove_server", "name": "shell"}),
    ] {
        let answer = bridge.ask(ask).await.hears().await;
        assert!(answer.get("ok").is_some(), "{answer}");
    }
    let none = bridge
        .ask(json!({"ask": "static_client"}))
        .await
        .hears()
        .await;
    assert_eq!(none, json!({"ok": null}), "there is no secret to tell");
}

#[tokio::test]
async fn a_caller_that_hangs_up_takes_its_question_along() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(pair()).await;
    caller.is_told_to_wait().await;
    let asked = bridge.waiting(1).await[0].clone();
    drop(caller);
    bridge.waiting(0).await;
    let late = bridge.answer(&asked, true).unwrap_err();
    assert_eq!(late.code, UiErrorCode::NotFound);
    assert!(bridge.engine.oauth().pairing().is_none());
}

#[tokio::test]
async fn a_caller_that_says_more_is_not_understood_as_a_yes() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(pair()).await;
    caller.is_told_to_wait().await;
    caller.stream.write_all(b"yes\n").await.unwrap();
    bridge.waiting(0).await;
    assert!(bridge.engine.oauth().pairing().is_none());
}

#[tokio::test]
async fn an_answer_for_one_question_is_none_for_another() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut first = bridge.ask(add_server("harmless")).await;
    first.is_told_to_wait().await;
    let mut second = bridge.ask(add_server("shell")).await;
    second.is_told_to_wait().await;
    let waiting = bridge.waiting(2).await;
    let swapped = ConfirmationAnswer {
        id: waiting[1].id().to_owned(),
        shown: waiting[0].shown().to_string(),
        allow: true,
    };
    let error = confirm(&bridge.engine, &swapped).unwrap_err();
    assert_eq!(error.code, UiErrorCode::Conflict);
    assert_eq!(bridge.servers(), 0);
    bridge.answer(&waiting[0], true).unwrap();
    assert_eq!(first.hears().await["ok"]["name"], "harmless");
    assert_eq!(bridge.servers(), 1);
}

#[tokio::test]
async fn a_flood_of_commands_shows_three() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut callers = Vec::new();
    for _ in 0..3 {
        let mut caller = bridge.ask(pair()).await;
        caller.is_told_to_wait().await;
        callers.push(caller);
    }
    let (code, _) = bridge.ask(pair()).await.is_refused().await;
    assert_eq!(code, UiErrorCode::Unavailable);
    // Refusing three ends the flood for a while.
    for asked in bridge.waiting(3).await {
        bridge.answer(&asked, false).unwrap();
    }
    let (code, words) = bridge.ask(pair()).await.is_refused().await;
    assert_eq!(code, UiErrorCode::Unavailable);
    assert!(
        words.contains("refused, withdrawn or not answered"),
        "{words}"
    );
    assert!(bridge.engine.confirmations().waiting().is_empty());
}

#[tokio::test]
async fn asking_and_hanging_up_over_and_over_is_not_shown_either() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    for _ in 0..3 {
        let mut caller = bridge.ask(pair()).await;
        caller.is_told_to_wait().await;
        drop(caller);
        bridge.waiting(0).await;
    }
    let (code, words) = bridge.ask(pair()).await.is_refused().await;
    assert_eq!(code, UiErrorCode::Unavailable);
    assert!(words.contains("withdrawn"), "{words}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    use UiErrorCode::{Conflict, Failed, Invalid, NotFound};
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(add_server("taken")).await;
    caller.is_told_to_wait().await;
    bridge.answer(&bridge.waiting(1).await[0], true).unwrap();
    caller.hears().await;
    let with = |name: &str, value: Value| {
        let mut ask = add_server("new");
        ask[name] = value;
        ask
    };
    let token = |name: &str, server: &str| {
        json!({"ask": "create_token", "name": name, "public": false, "terms":
               {"servers": [server], "access": "read", "lifetime": "1d"}})
    };
    let redirect = |uri: &str, new_secret: bool| {
        json!({"ask": "change_static_client", "new_secret": new_secret, "remove": false,
               "add_redirect": uri})
    };
    for (ask, expected) in [
        (with("name", json!("Not A Name")), Invalid),
        (with("command", json!(" ")), Invalid),
        (with("env", json!({"A=B": ""})), Invalid),
        (add_server("taken"), Conflict),
        (
            json!({"ask": "enable_server", "name": "nothing", "enabled": true}),
            NotFound,
        ),
        (token("backup", "nothing"), Invalid),
        (token("", "taken"), Failed),
        (redirect("http://app.example/back", true), Invalid),
        (redirect("https://app.example/back", false), NotFound),
        (json!({"ask": "move_key", "to": "nowhere"}), Invalid),
        (
            json!({"ask": "import", "base_url": "ftp://x", "client_secret": null}),
            Invalid,
        ),
    ] {
        let asked = ask.to_string();
        let (code, words) = bridge.ask(ask).await.is_refused().await;
        assert_eq!(code, expected, "{asked}: {words}");
    }
    assert!(bridge.engine.confirmations().waiting().is_empty());
}

#[tokio::test]
async fn a_window_that_goes_away_while_it_asks_is_no_yes() {
    let bridge = Bridge::start(true).await;
    let window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(pair()).await;
    caller.is_told_to_wait().await;
    drop(window);
    let (code, words) = caller.is_refused().await;
    assert_eq!(code, UiErrorCode::Unavailable);
    assert!(words.contains("nothing was changed"), "{words}");
    assert!(bridge.engine.oauth().pairing().is_none());
}

#[tokio::test]
async fn nobody_answers_in_time() {
    let bridge = Bridge::start(true).await;
    let life = SignedDuration::from_millis(50);
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let desk = Confirmations::with_life(clock, entropy, true, life);
    let _window = desk.attend();
    let (mut here, there) = duplex(64 * 1024);
    let mut there = BufReader::new(there);
    let agreed = agree_at(&desk, &bridge.engine, Ask::Pair, &[], &mut there).await;
    let error = agreed.err().unwrap();
    assert_eq!(error.code, UiErrorCode::Unavailable);
    assert!(
        error
            .message
            .starts_with("Nobody answered in time; nothing was changed")
    );
    here.shutdown().await.unwrap();
    assert!(
        Duration::try_from(LIFE).unwrap() < ANSWER_WAIT,
        "the caller waits longer"
    );
}

#[tokio::test]
async fn what_cannot_be_shown_whole_is_not_asked() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut long = add_server("long");
    long["args"] = json!(["x".repeat(5 * 1024)]);
    let (code, words) = bridge.ask(long).await.is_refused().await;
    assert_eq!(code, UiErrorCode::Invalid);
    assert!(words.contains("too long to be shown"), "{words}");
    assert!(bridge.engine.confirmations().waiting().is_empty());
}

#[tokio::test]
async fn a_second_start_raises_the_window_or_hears_that_there_is_none() {
    let bridge = Bridge::start(false).await;
    let show = || json!({"ask": "show_window"});
    let (code, words) = bridge.ask(show()).await.is_refused().await;
    assert_eq!(code, UiErrorCode::Unavailable);
    assert!(words.contains("drawbridge serve"), "{words}");
    let mut shows = bridge.engine.confirmations().watch_show();
    let _window = bridge.engine.confirmations().attend();
    assert_eq!(bridge.ask(show()).await.hears().await, json!({"ok": null}));
    assert!(shows.has_changed().unwrap());
    shows.mark_unchanged();
}

#[tokio::test]
async fn an_answer_needs_the_hash_of_what_was_shown() {
    let bridge = Bridge::start(true).await;
    let _window = bridge.engine.confirmations().attend();
    let mut caller = bridge.ask(pair()).await;
    caller.is_told_to_wait().await;
    let asked = bridge.waiting(1).await[0].clone();
    for shown in ["", "yes", &ShownHash::of_text("something else").to_string()] {
        let answer = ConfirmationAnswer {
            id: asked.id().to_owned(),
            shown: shown.to_owned(),
            allow: true,
        };
        assert!(confirm(&bridge.engine, &answer).is_err(), "{shown:?}");
    }
    assert_eq!(bridge.waiting(1).await.len(), 1, "it still waits");
}
