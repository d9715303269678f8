//! The owner: whoever holds this account's shell, that is the command line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use super::house::program;
use super::{Canary, text};

/// No command may take longer than this.
const DEADLINE: Duration = Duration::from_mins(1);

/// Commands whose very purpose is to show a secret once.
const TELLING: [&str; 3] = ["pair", "token", "secrets"];

/// Runs `drawbridge` commands against one data directory.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) home: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) canary: Canary,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) arguments: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        if code != 0 {
            // Every refusal says in words what happened, and never with a panic.
            assert!(self.stderr.trim().len() > 10, "no reason given: {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

impl Owner {
    /// Runs one command with nothing on standard input.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = tokio::process::Command::new(program());
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output())
            .await
            .unwrap_or_else(|_| panic!("drawbridge {arguments:?} took longer than {DEADLINE:?}"))
            .unwrap();
        let ran = Ran {
            arguments: arguments.join(" "),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        if TELLING.contains(&arguments[0]) && ran.code == 0 {
            self.canary.secrets_in(&ran.stdout);
        } else {
            self.canary.spoken(&ran.arguments, &ran.stdout);
        }
        self.canary.spoken(&ran.arguments, &ran.stderr);
        ran
    }

    /// Runs a command that must succeed.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Ran {
        self.run(arguments).await.expect(0)
    }

    /// Runs a reading command with `--json`.
    pub(crate) async fn read(&self, command: &[&str]) -> Value {
        self.done(&[command, &["--json"]].concat()).await.json()
    }

    /// The approvals that wait, as `approvals --json` lists them.
    pub(crate) async fn approvals(&self) -> Vec<Value> {
        self.read(&["approvals"]).await.as_array().unwrap().clone()
    }

    /// The id of the one approval that waits.
    pub(crate) async fn only_approval(&self) -> String {
        let waiting = self.approvals().await;
        assert_eq!(waiting.len(), 1, "{waiting:#?}");
        text(&waiting[0], "id")
    }

    /// The connections, newest first.
    pub(crate) async fn connections(&self) -> Vec<Value> {
        self.read(&["connections"])
            .await
            .as_array()
            .unwrap()
            .clone()
    }

    /// Opens the pairing: the code to type into the web page.
    pub(crate) async fn pair(&self) -> String {
        let json = self.read(&["pair"]).await;
        assert!(
            json["expires_at"]
                .as_str()
                .is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok())
        );
        let code = text(&json, "code");
        self.canary.secret(&code);
        self.canary.secret(&code.replace(['-', ' '], ""));
        code
    }
}
