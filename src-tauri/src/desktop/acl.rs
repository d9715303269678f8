//! What each window may call: every command from every window, on tauri's mock runtime with the
//! app's own configuration. The table is made from the permission files and the list of registered
//! commands, so that one that is missing in either is found.

#![expect(clippy::unwrap_used, reason = "test harness")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tauri::test::MockRuntime;

use super::testing::{Desktop, call, call_from};
use super::{commands, context, windows};

/// A window nobody has given anything.
const UNKNOWN: &str = "unknown";

/// The windows, with their permission and capability files.
const WINDOWS: [(&str, &str, &str); 2] = [
    (
        windows::MAIN,
        include_str!("../../permissions/main.toml"),
        include_str!("../../capabilities/main.json"),
    ),
    (
        windows::APPROVAL,
        include_str!("../../permissions/approval.toml"),
        include_str!("../../capabilities/approval.json"),
    ),
];

/// The commands that a permission file allows.
fn allowed(permissions: &str) -> BTreeSet<String> {
    let (_, list) = permissions.split_once("commands.allow = [").unwrap();
    let (list, after) = list.split_once(']').unwrap();
    assert!(!after.contains("allow"), "one list to a file");
    list.lines()
        .map(|line| line.trim().trim_end_matches(','))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

/// Did the permissions refuse it? A command that is unknown to the app is a mistake here.
fn is_refused(answer: &Result<Value, Value>) -> bool {
    let Err(Value::String(reason)) = answer else {
        return false;
    };
    let unknown = reason.starts_with("Command") && reason.ends_with("not found");
    assert!(!unknown, "{reason}");
    reason.contains("not allowed")
}

#[test]
fn every_command_is_in_a_permission_file_and_every_permission_is_a_command() {
    let registered: BTreeSet<String> = commands::NAMES
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    assert_eq!(registered.len(), commands::NAMES.len());
    let permitted: BTreeSet<String> = WINDOWS
        .iter()
        .flat_map(|(_, permissions, _)| allowed(permissions))
        .collect();
    assert_eq!(registered, permitted);
}

#[test]
fn a_window_may_call_what_its_permission_file_says_and_nothing_else() {
    let desktop = Desktop::new();
    for (label, permissions, _) in WINDOWS {
        let window = desktop.window(label);
        let allowed = allowed(permissions);
        for &command in commands::NAMES {
            let refused = is_refused(&call(&window, command, json!({})));
            assert_eq!(
                refused,
                !allowed.contains(command),
                "{command} from {label}"
            );
        }
    }
}

#[test]
fn a_window_that_is_not_ours_may_call_nothing() {
    let desktop = Desktop::new();
    let window = desktop.window(UNKNOWN);
    for &command in commands::NAMES {
        assert!(is_refused(&call(&window, command, json!({}))), "{command}");
    }
    assert!(is_refused(&call(&window, "plugin:event|listen", json!({}))));
}

#[test]
fn a_page_from_elsewhere_may_call_nothing_even_in_our_windows() {
    let desktop = Desktop::new();
    for (label, ..) in WINDOWS {
        let window = desktop.window(label);
        for &command in commands::NAMES {
            for page in ["https://example.com", "http://127.0.0.1:8788", "file:///"] {
                let refused = is_refused(&call_from(page, &window, command, json!({})));
                assert!(refused, "{command} from {page} in {label}");
            }
        }
    }
}

#[test]
fn the_capabilities_give_the_own_permission_and_listening_only() {
    for (label, permissions, capability) in WINDOWS {
        let capability: Value = serde_json::from_str(capability).unwrap();
        let own = format!("{label}-window");
        assert!(permissions.contains(&format!("identifier = \"{own}\"")));
        assert_eq!(capability["identifier"], label);
        assert_eq!(capability["windows"], json!([label]));
        assert_eq!(capability["local"], true);
        assert_eq!(capability["remote"], Value::Null);
        assert_eq!(capability["webviews"], Value::Null);
        assert_eq!(
            capability["permissions"],
            json!([own, "core:event:allow-listen", "core:event:allow-unlisten"])
        );
    }
}

#[test]
fn no_window_may_call_a_plugin() {
    let desktop = Desktop::new();
    for (label, ..) in WINDOWS {
        let window = desktop.window(label);
        for command in [
            "plugin:event|emit",
            "plugin:event|emit_to",
            "plugin:webview|create_webview_window",
            "plugin:webview|set_webview_zoom",
            "plugin:webview|internal_toggle_devtools",
            "plugin:window|create",
            "plugin:window|close",
            "plugin:window|destroy",
            "plugin:window|set_always_on_top",
            "plugin:window|set_focus",
            "plugin:app|set_app_theme",
            "plugin:path|resolve_directory",
            "plugin:tray|set_icon",
            "plugin:menu|popup",
            "plugin:resources|close",
            "plugin:notification|notify",
            "plugin:notification|register_listener",
            "plugin:autostart|enable",
            "plugin:opener|open_url",
            "plugin:opener|open_path",
        ] {
            let answer = call(&window, command, json!({}));
            assert!(is_refused(&answer), "{command} from {label}: {answer:?}");
        }
    }
}

#[test]
fn the_pages_are_closed_in() {
    let context = context::<MockRuntime>();
    let security = &context.config().app.security;
    assert!(security.freeze_prototype);
    let csp = security.csp.as_ref().unwrap().to_string();
    assert!(csp.contains("default-src 'none'"), "{csp}");
    assert!(!csp.contains("unsafe"), "{csp}");
    assert!(!context.config().app.with_global_tauri);
    assert!(context.config().app.windows.is_empty());
}
