//! `cargo xtask tidy`: the rules of the house that no compiler and no linter knows.
//!
//! Which package may know which, who alone may know the database, the keychain, tauri and axum;
//! that no file names a place on somebody's machine; that files stay short enough to be read.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{cargo, command, output, root};

/// Whom of the workspace a package may know. See `docs/ARCHITECTURE.md`.
const ARROWS: [(&str, &[&str]); 9] = [
    ("drawbridge-vault", &[]),
    ("drawbridge-oauth", &["drawbridge-vault"]),
    (
        "drawbridge-gateway",
        &["drawbridge-vault", "drawbridge-oauth"],
    ),
    ("drawbridge-notion", &[]),
    ("drawbridge-tunnel", &[]),
    (
        "drawbridge",
        &[
            "drawbridge-vault",
            "drawbridge-oauth",
            "drawbridge-gateway",
            "drawbridge-notion",
            "drawbridge-tunnel",
        ],
    ),
    ("drawbridge-fixture-server", &[]),
    (
        "drawbridge-bench",
        &["drawbridge-vault", "drawbridge-oauth"],
    ),
    ("xtask", &[]),
];

/// Who alone may know a library, by the beginning of its name.
const KEEPERS: [(&str, &[&str]); 4] = [
    ("keyring", &["drawbridge-vault"]),
    ("rusqlite", &["drawbridge-vault"]),
    ("tauri", &["drawbridge"]),
    (
        "axum",
        &[
            "drawbridge",
            "drawbridge-oauth",
            "drawbridge-gateway",
            "drawbridge-fixture-server",
            "drawbridge-bench",
        ],
    ),
];

/// The one folder of the app that may name a library, and how the name looks in the code.
const APP_ROOMS: [(&str, &str); 2] = [
    ("tauri::", "src-tauri/src/desktop/"),
    ("axum::", "src-tauri/src/listeners/"),
];

/// What has no place in the server's tree, by the beginning of a package's name.
const NOT_IN_THE_SERVER: [&str; 6] = ["tauri", "wry", "tao", "gtk", "webkit2gtk", "muda"];

/// A file longer than this holds more than one thing.
const LONGEST_FILE: usize = 700;

/// Beginnings of paths that exist on somebody's machine only.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Use", "rs/"),
    concat!("C:\\", "Users\\"),
];

/// Words that say that something is not finished.
const UNFINISHED: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Checks every rule.
///
/// # Errors
/// When a rule is broken; the text names every place.
pub(crate) fn run() -> Result<()> {
    let metadata =
        output(cargo().args(["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
    let mut broken = dependencies(&serde_json::from_str(&metadata)?);
    let tree = output(cargo().args([
        "tree",
        "--locked",
        "--package=drawbridge",
        "--no-default-features",
        "--edges=normal,build",
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ]))?;
    broken.extend(server_tree(&tree));
    for path in output(command("git").args(["ls-files"]))?.lines() {
        let bytes = match std::fs::read(root().join(path)) {
            Ok(bytes) => bytes,
            // Removed in the work tree, not yet in the index.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).context(format!("{path} cannot be read")),
        };
        if let Ok(text) = std::str::from_utf8(&bytes) {
            broken.extend(file(path, text));
        }
    }
    if broken.is_empty() {
        println!("the rules of the house hold");
        return Ok(());
    }
    bail!(
        "{} rules of the house are broken:\n  {}",
        broken.len(),
        broken.join("\n  ")
    )
}

/// The rules about who depends on whom, over `cargo metadata`.
fn dependencies(metadata: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(package, _)| *package == name) else {
            broken.push(format!(
                "{name}: a package without a line in ARROWS (tidy.rs)"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let known = dependency["name"].as_str().unwrap_or_default();
            let ours = ARROWS.iter().any(|(package, _)| *package == known);
            if ours && known != name && !allowed.contains(&known) {
                broken.push(format!("{name} may not know {known}"));
            }
            let kept = KEEPERS
                .iter()
                .find(|(library, _)| known.starts_with(library));
            let for_tests = dependency["kind"].as_str() == Some("dev");
            if let Some((library, keepers)) = kept
                && !keepers.contains(&name)
                && !for_tests
            {
                broken.push(format!(
                    "{name} may not know {known}: only {keepers:?} know {library}"
                ));
            }
        }
    }
    broken
}

/// The rule about the server's tree, over `cargo tree`.
fn server_tree(tree: &str) -> Vec<String> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|package| {
            NOT_IN_THE_SERVER
                .iter()
                .any(|name| package.starts_with(name))
        })
        .map(|package| format!("{package} is in the tree of the server build"))
        .collect()
}

/// The rules about one file's text.
fn file(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    // This file names what it forbids; lock files and drawings are not read by people.
    if path.ends_with("xtask/src/tidy.rs") || path.ends_with("lock") || path.ends_with("lock.json")
    {
        return broken;
    }
    let code = [".rs", ".ts", ".svelte", ".mjs", ".py"]
        .iter()
        .any(|end| path.ends_with(end));
    let lines = text.lines().count();
    if code && lines > LONGEST_FILE {
        broken.push(format!(
            "{path} has {lines} lines, more than {LONGEST_FILE}"
        ));
    }
    for machine in MACHINE_PATHS {
        if text.contains(machine) {
            broken.push(format!("{path} names a place on one machine: {machine}"));
        }
    }
    for word in UNFINISHED.into_iter().filter(|_| code) {
        if text
            .split(|sign: char| !sign.is_ascii_alphanumeric())
            .any(|found| found == word)
        {
            broken.push(format!("{path} holds a {word}"));
        }
    }
    for (library, room) in APP_ROOMS {
        if path.starts_with("src-tauri/src/") && !path.starts_with(room) && text.contains(library) {
            broken.push(format!("{path} names {library} but only {room} may"));
        }
    }
    if path.ends_with("src/lib.rs") && !text.starts_with("//!") {
        broken.push(format!("{path} does not open with what the crate promises"));
    }
    broken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependency: &str, kind: Option<&str>) -> Value {
        json!({"packages": [
            {"name": name, "dependencies": [{"name": dependency, "kind": kind}]},
        ]})
    }

    #[test]
    fn arrows_point_one_way() {
        let down = package("drawbridge-oauth", "drawbridge-vault", None);
        assert_eq!(dependencies(&down), Vec::<String>::new());
        let up = package("drawbridge-vault", "drawbridge-oauth", Some("dev"));
        assert_eq!(
            dependencies(&up),
            ["drawbridge-vault may not know drawbridge-oauth"]
        );
    }

    #[test]
    fn only_the_vault_knows_the_database() {
        assert_eq!(
            dependencies(&package("drawbridge-oauth", "rusqlite", None)).len(),
            1
        );
        assert_eq!(
            dependencies(&package("drawbridge-vault", "rusqlite", None)).len(),
            0
        );
        assert_eq!(
            dependencies(&package("drawbridge", "rusqlite", Some("dev"))).len(),
            0
        );
    }

    #[test]
    fn a_new_package_needs_a_place() {
        assert_eq!(dependencies(&package("newcomer", "serde", None)).len(), 1);
    }

    #[test]
    fn the_server_has_no_windows() {
        assert_eq!(
            server_tree("drawbridge v0.1.0\ngtk-sys v0.18.2\nserde v1.0.0").len(),
            1
        );
    }

    #[test]
    fn rooms_and_lengths_are_kept() {
        assert_eq!(file("src-tauri/src/engine.rs", "use tauri::App;").len(), 1);
        assert_eq!(
            file("src-tauri/src/desktop/mod.rs", "use tauri::App;").len(),
            0
        );
        assert_eq!(
            file("src-tauri/src/a.rs", &"\n".repeat(LONGEST_FILE + 1)).len(),
            1
        );
        assert_eq!(file("docs/a.md", concat!("see /wo", "rk/main")).len(), 1);
        assert_eq!(file("src-tauri/src/a.rs", concat!("// TO", "DO")).len(), 1);
        assert_eq!(file("src-tauri/crates/a/src/lib.rs", "mod x;").len(), 1);
    }
}
