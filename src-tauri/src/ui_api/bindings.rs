//! The types of `ui/src/bindings.ts`, made from the ones here, and the test that they are the same.
#![expect(
    unreachable_pub,
    reason = "the words told again here are made like those that windows know"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use drawbridge_oauth as oauth;
use drawbridge_vault as vault;
use ts_rs::{Config, TS, TypeVisitor};

use super::words::words;
use super::*;

/// Where the file is, from the folder of the app's `Cargo.toml`.
const FILE: &str = "ui/src/bindings.ts";
/// Where the new text is laid when it is another; `cargo xtask bindings` takes it from there.
const NEW: &str = "target/bindings.ts";

const OPENING: &str = "\
// What crosses between the windows and the app, made from the types of src-tauri/src/ui_api.
// Not to be edited: change those, then `cargo xtask bindings`.
";

words! {
    /// What a grant reaches.
    AccessLevel as "AccessLevel" {
        /// Tools that only read.
        Read = "read",
        /// Tools that change things too.
        ReadWrite = "read-write",
    }

    /// For how long a grant holds.
    GrantLifetime as "GrantLifetime" {
        /// One hour.
        Hour = "1h",
        /// 24 hours.
        Day = "1d",
        /// 30 days.
        ThirtyDays = "30d",
        /// Until the owner revokes it.
        UntilRevoked = "never",
    }

    /// Where the key lies.
    KeyPlace as "KeyPlace" {
        /// In the system's keychain.
        Keychain = "keychain",
        /// In `TOKEN_ENCRYPTION_KEY`.
        Environment = "environment",
        /// In a file beside the data.
        File = "file",
    }
}

/// The types of the crates below know no pages; the words they are written as are told again here.
#[test]
fn the_words_of_other_crates_are_the_same() {
    for access in [oauth::AccessLevel::Read, oauth::AccessLevel::ReadWrite] {
        let word = match access {
            oauth::AccessLevel::Read => AccessLevel::Read,
            oauth::AccessLevel::ReadWrite => AccessLevel::ReadWrite,
        };
        assert_eq!(serde_json::to_value(access).unwrap(), word.as_str());
    }
    for lifetime in [
        oauth::GrantLifetime::Hour,
        oauth::GrantLifetime::Day,
        oauth::GrantLifetime::ThirtyDays,
        oauth::GrantLifetime::UntilRevoked,
    ] {
        let word = match lifetime {
            oauth::GrantLifetime::Hour => GrantLifetime::Hour,
            oauth::GrantLifetime::Day => GrantLifetime::Day,
            oauth::GrantLifetime::ThirtyDays => GrantLifetime::ThirtyDays,
            oauth::GrantLifetime::UntilRevoked => GrantLifetime::UntilRevoked,
        };
        assert_eq!(serde_json::to_value(lifetime).unwrap(), word.as_str());
    }
    for place in [
        vault::KeyPlace::Keychain,
        vault::KeyPlace::Environment,
        vault::KeyPlace::File,
    ] {
        let word = match place {
            vault::KeyPlace::Keychain => KeyPlace::Keychain,
            vault::KeyPlace::Environment => KeyPlace::Environment,
            vault::KeyPlace::File => KeyPlace::File,
        };
        assert_eq!(place.to_string(), word.as_str());
    }
}

/// Everything found so far, by name.
struct Found {
    config: Config,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Found {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Only what has a declaration of its own has a path.
        if T::output_path().is_none() {
            return;
        }
        let name = T::ident(&self.config);
        if self.declarations.contains_key(&name) {
            return;
        }
        let declaration = format!(
            "{}export {}",
            T::docs().unwrap_or_default(),
            T::decl(&self.config)
        );
        self.declarations.insert(name, tidy(&declaration));
        T::visit_dependencies(self);
    }
}

macro_rules! visit {
    ($found:ident: $($type:ty),+ $(,)?) => { $($found.visit::<$type>();)+ };
}

/// The file's text.
fn text() -> String {
    let mut found = Found {
        config: Config::new().with_large_int("number"),
        declarations: BTreeMap::new(),
    };
    // What these are made of is found by itself.
    visit!(found:
        ActivityView,
        ChecklistView,
        ConfirmationAnswer,
        ConnectionTerms,
        ConnectionView,
        Decided,
        Decision,
        Moved,
        NewServerForm,
        NewToken,
        PairingShown,
        PairingView,
        QuestionView,
        Rotated,
        SecretsView,
        ServerView,
        SettingsChange,
        SettingsView,
        StaticClientInfo,
        Status,
        TokenShown,
        ToolView,
        UiError,
    );
    let mut text = OPENING.to_owned();
    for declaration in found.declarations.values() {
        let _infallible = write!(text, "\n{declaration}\n");
    }
    text
}

/// As a person would write it: comments of one line on one line, fields indented, no blanks at the
/// ends of lines.
fn tidy(declaration: &str) -> String {
    let short = declaration
        .split("/**\n * ")
        .map(|piece| match piece.split_once("\n */\n") {
            Some((comment, rest)) if !comment.contains('\n') => {
                format!("/** {comment} */\n{rest}")
            }
            _ => format!("/**\n * {piece}"),
        })
        .collect::<String>();
    // What stands before the first comment is no comment.
    let short = short.strip_prefix("/**\n * ").unwrap_or(&short);
    let mut tidy = String::new();
    let mut depth = 0_usize;
    for line in short.lines() {
        let line = line.trim();
        let (line, closes) = match line.strip_suffix(", };") {
            Some(rest) if depth > 0 => (format!("{rest},"), true),
            _ => (line.to_owned(), false),
        };
        let star = if line.starts_with('*') { " " } else { "" };
        let _infallible = writeln!(tidy, "{}{star}{line}", "  ".repeat(depth));
        let count = |sign: char| line.matches(sign).count();
        depth = (depth + count('{')).saturating_sub(count('}'));
        if closes {
            depth -= 1;
            tidy.push_str("};\n");
        }
    }
    tidy.trim_end().to_owned()
}

#[test]
fn the_pages_types_are_ours() {
    let new = text();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    if committed == new {
        return;
    }
    std::fs::write(folder.join(NEW), &new).unwrap();
    panic!("{FILE} is not what the types in src-tauri/src/ui_api say; run: cargo xtask bindings");
}
