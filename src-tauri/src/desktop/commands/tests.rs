//! What a page is answered by the shell itself; what the engine answers is tested there.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::Manager as _;

use crate::desktop::settling::{SETTLE, Shown};
use crate::desktop::testing::{Desktop, call};
use crate::desktop::windows::{self, View};

fn did_not_start() -> Value {
    json!({ "code": "failed", "message": "It did not start" })
}

fn too_early() -> Value {
    json!({ "code": "conflict", "message": "Wait a moment, then press again" })
}

#[test]
fn what_did_not_start_is_an_error_with_a_code() {
    let desktop = Desktop::new();
    let main = desktop.window(windows::MAIN);
    for command in ["status", "settings", "servers", "static_client"] {
        let answer = call(&main, command, json!({}));
        assert_eq!(answer, Err(did_not_start()), "{command}");
    }
    let approval = desktop.window(windows::APPROVAL);
    let answer = call(&approval, "question", json!({}));
    assert_eq!(answer, Err(did_not_start()));
    assert_eq!(
        call(&main, "retry_start", json!({})),
        Err(did_not_start()),
        "it fails again, and says so"
    );
}

/// The two ways to let something in, and the same turned down.
fn answers(question: &Shown) -> [(&'static str, Value, Value); 2] {
    let (id, shown) = (&question.id, &question.hash);
    let terms = json!({ "servers": [], "access": "read", "lifetime": "1h" });
    [
        (
            "decide",
            json!({ "decision": { "id": id, "shown": shown, "terms": terms } }),
            json!({ "decision": { "id": id, "shown": shown, "terms": null } }),
        ),
        (
            "confirm",
            json!({ "answer": { "id": id, "shown": shown, "allow": true } }),
            json!({ "answer": { "id": id, "shown": shown, "allow": false } }),
        ),
    ]
}

#[test]
fn nothing_is_let_in_before_it_was_in_view_for_a_while_and_anything_is_turned_away() {
    let desktop = Desktop::new();
    let window = desktop.window(windows::APPROVAL);
    let question = Shown {
        id: "a".to_owned(),
        hash: "1".to_owned(),
    };
    let long_ago = Instant::now()
        .checked_sub(SETTLE + Duration::from_secs(1))
        .unwrap();
    for (command, allow, deny) in answers(&question) {
        desktop.shell.settling().gone();
        // That it reaches the engine, which is not there, shows that the shell let it through.
        assert_eq!(call(&window, command, deny.clone()), Err(did_not_start()));
        assert_eq!(call(&window, command, allow.clone()), Err(too_early()));

        desktop.shell.settling().shown(long_ago);
        desktop
            .shell
            .settling()
            .content(Some(question.clone()), Instant::now());
        assert_eq!(call(&window, command, allow.clone()), Err(too_early()));
        assert_eq!(call(&window, command, deny), Err(did_not_start()));

        desktop.shell.settling().gone();
        desktop.shell.settling().shown(long_ago);
        desktop
            .shell
            .settling()
            .content(Some(question.clone()), long_ago);
        assert_eq!(call(&window, command, allow.clone()), Err(did_not_start()));

        desktop.shell.settling().focused(Instant::now());
        assert_eq!(call(&window, command, allow), Err(too_early()));
    }
}

#[test]
fn the_approval_window_leads_to_the_servers() {
    let desktop = Desktop::new();
    let approval = desktop.window(windows::APPROVAL);
    assert_eq!(
        call(&approval, "choose_servers", json!({})),
        Ok(Value::Null)
    );
    let main = desktop.app.get_webview_window(windows::MAIN).unwrap();
    assert_eq!(call(&main, "shown_view", json!({})), Ok(json!("servers")));
    assert_eq!(call(&main, "shown_view", json!({})), Ok(Value::Null));
    assert!(
        desktop.app.get_webview_window(windows::APPROVAL).is_some(),
        "the question stays"
    );
}

#[test]
fn a_window_that_is_made_anew_begins_where_it_is_asked_to() {
    let desktop = Desktop::new();
    let app = desktop.app.handle();
    windows::show_view(app, View::Activity);
    windows::show_view(app, View::Connect);
    let main = desktop.app.get_webview_window(windows::MAIN).unwrap();
    assert_eq!(call(&main, "shown_view", json!({})), Ok(json!("connect")));
    windows::show_view(app, View::Activity);
    windows::open(app);
    assert_eq!(call(&main, "shown_view", json!({})), Ok(json!("activity")));
}

#[test]
fn a_page_is_zoomed_within_bounds() {
    let desktop = Desktop::new();
    for label in [windows::MAIN, windows::APPROVAL] {
        let window = desktop.window(label);
        for factor in [json!(1.5), json!(1000.0), json!(-1)] {
            let answer = call(&window, "zoom", json!({ "factor": factor }));
            assert_eq!(answer, Ok(Value::Null));
        }
        assert!(call(&window, "zoom", json!({ "factor": "1" })).is_err());
    }
}
