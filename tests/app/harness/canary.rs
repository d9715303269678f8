//! Every secret the actors minted or saw, and the places where none of them may stand.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Shorter texts are no secrets of ours and would be found everywhere.
const SHORTEST: usize = 8;

/// The prefixes of Drawbridge's own tokens, handles, proofs, request ids and cookies.
const PREFIXES: [&str; 9] = [
    "dba_", "dbr_", "dbc_", "dbt_", "dbs_", "dbh_", "dbp_", "dbq_", "dbx_",
];

#[derive(Default)]
struct Seen {
    secrets: BTreeSet<String>,
    /// Answers with an error status: what was asked, and the body.
    errors: Vec<(String, String)>,
    /// What the CLI said where it has no business to say a secret.
    spoken: Vec<(String, String)>,
}

/// Collects the secrets of one house; cheap to clone, all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Canary(Arc<Mutex<Seen>>);

impl Canary {
    /// Remembers one secret a test minted or was told.
    pub(crate) fn secret(&self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.0.lock().unwrap().secrets.insert(secret.to_owned());
        }
    }

    /// Remembers every text in `text` that has the shape of one of Drawbridge's own secrets.
    pub(crate) fn secrets_in(&self, text: &str) {
        for found in shaped(text) {
            self.secret(found);
        }
    }

    /// Keeps an error answer, to be searched when all secrets are known.
    pub(crate) fn error_answer(&self, asked: &str, body: &str) {
        self.0
            .lock()
            .unwrap()
            .errors
            .push((asked.to_owned(), body.to_owned()));
    }

    /// Keeps what a command printed that prints no secret.
    pub(crate) fn spoken(&self, command: &str, output: &str) {
        self.0
            .lock()
            .unwrap()
            .spoken
            .push((command.to_owned(), output.to_owned()));
    }

    /// Where secrets stand that should not: in `outputs` (name and text), in error answers, in
    /// what commands said, or in any file under `data`.
    pub(crate) fn leaks(&self, outputs: &[(String, String)], data: &Path) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        let mut leaks = Vec::new();
        let places = outputs.iter().chain(&seen.errors).chain(&seen.spoken);
        for (place, text) in places {
            for secret in &seen.secrets {
                if text.contains(secret.as_str()) {
                    leaks.push(format!("{} stands in {place}", abridged(secret)));
                }
            }
            // A secret that no actor saw has no business there either.
            for found in shaped(text).filter(|found| !seen.secrets.contains(*found)) {
                leaks.push(format!("an unseen {} stands in {place}", abridged(found)));
            }
        }
        for file in files(data) {
            let bytes = std::fs::read(&file).unwrap_or_default();
            for secret in &seen.secrets {
                if bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes())
                {
                    leaks.push(format!("{} lies in {}", abridged(secret), file.display()));
                }
            }
        }
        leaks
    }
}

/// Texts that begin with one of the prefixes and go on with at least 20 token characters.
fn shaped(text: &str) -> impl Iterator<Item = &str> {
    PREFIXES.iter().flat_map(move |prefix| {
        text.match_indices(prefix).filter_map(move |(start, _)| {
            let rest = &text[start..];
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
                .unwrap_or(rest.len());
            (end >= prefix.len() + 20).then(|| &rest[..end])
        })
    })
}

/// Enough of a secret to find it, not enough to use it: test output is kept as well.
fn abridged(secret: &str) -> String {
    let head: String = secret.chars().take(8).collect();
    format!("the secret `{head}…` ({} characters)", secret.len())
}

/// Every regular file under `directory`.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = std::fs::read_dir(next) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn the_canary_sees_a_leak_of_every_kind() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("file"),
        b"\0\x01state-known-to-test\xff",
    )
    .unwrap();
    let canary = Canary::default();
    canary.secret("state-known-to-test");
    canary.secrets_in("Location: https://c/?code=dbc_abcdefghijklmnopqrstuvwxyz&state=x");
    canary.error_answer(
        "POST /oauth/token",
        "{\"error\":\"dbc_abcdefghijklmnopqrstuvwxyz\"}",
    );
    canary.spoken("approvals --json", "state-known-to-test");
    let log = (
        "stderr".to_owned(),
        "GET /approve/dbh_ABCDEFGHIJKLMNOPQRSTUVWXYZ".to_owned(),
    );
    let leaks = canary.leaks(&[log], directory.path());
    assert_eq!(leaks.len(), 4, "{leaks:#?}");
}
