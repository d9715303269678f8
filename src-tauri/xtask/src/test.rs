//! `cargo xtask test`: every check and every test, one stage after the other.
//!
//! A stage that fails does not stop the next; all of them are summed up at the end. The order is
//! such that nothing is built twice: what only type-checks comes together, then what is built.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::node::{self, npm};
use crate::packages::{self, Need};
use crate::process::{self, cargo, output};
use crate::report::{Outcome, Report, counted};
use crate::{conformance, python, tidy, tools};

/// The tree without the desktop shell, with the places where tests end the process.
const SERVER: [&str; 5] = [
    "--locked",
    "--workspace",
    "--no-default-features",
    "--features",
    "failpoints",
];

/// The tree as it is shipped, with the mock of the window system beside it.
const DESKTOP: [&str; 4] = ["--locked", "--workspace", "--features", "gui-test"];

/// What needs the desktop's tree: its rooms' own tests, and those of the whole app's windows.
const DESKTOP_TESTS: &str = "test(/^desktop::/) | binary(desktop)";

type Work = fn() -> Result<Outcome>;

const STAGES: [(&str, Work); 21] = [
    ("system packages", || done(packages::ensure(Need::Tests))),
    ("cargo-nextest", || done(tools::NEXTEST.ensure())),
    ("cargo-deny", || done(tools::DENY.ensure())),
    ("tauri-driver", || done(tools::TAURI_DRIVER.ensure())),
    ("ui packages", || {
        done(node::ensure().and_then(|()| node::install("ui")))
    }),
    ("test packages", test_packages),
    ("tidy", || done(tidy::run())),
    ("format", || {
        done(process::run(cargo().args(["fmt", "--all", "--check"])))
    }),
    ("ui types", || ui("check")),
    ("ui lint", || ui("lint")),
    ("ui tests", || {
        tests(npm("ui").args(["run", "--silent", "test"]))
    }),
    ("ui build", || ui("build")),
    ("ui in Chromium", || {
        tests(npm("tests/ui").args(["run", "--silent", "test"]))
    }),
    ("clippy, server", || clippy(&SERVER)),
    ("clippy, desktop", || clippy(&DESKTOP)),
    ("documentation", documentation),
    ("supply chain", supply_chain),
    ("tests", || {
        tests(
            cargo()
                .args(["nextest", "run", "--no-fail-fast"])
                .args(SERVER),
        )
    }),
    ("desktop tests", desktop_tests),
    ("documentation tests", || {
        tests(cargo().args(["test", "--quiet", "--doc"]).args(SERVER))
    }),
    ("conformance", || done(conformance::run())),
];

/// Runs every stage, or those whose names are given.
///
/// # Errors
/// When a name is unknown.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--list") {
        for (name, _) in STAGES {
            println!("{name}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = arguments
        .iter()
        .find(|argument| !STAGES.iter().any(|(name, _)| name == argument))
    {
        bail!("there is no stage {unknown:?}; `cargo xtask test --list` names them");
    }
    let mut report = Report::default();
    for (name, work) in STAGES {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            report.stage(name, work);
        }
    }
    Ok(if report.close() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::passed())
}

fn test_packages() -> Result<Outcome> {
    for folder in node::test_folders()? {
        node::install(&folder)?;
    }
    done(python::install())
}

fn ui(script: &str) -> Result<Outcome> {
    done(process::run(npm("ui").args(["run", "--silent", script])))
}

/// Runs a test runner and counts what it says it ran.
fn tests(runner: &mut Command) -> Result<Outcome> {
    let (status, lines) = process::watch(runner)?;
    let counts = counted(&lines);
    if !status.success() && counts.failed == 0 {
        // It did not come to running tests, or fell over on the way.
        process::check(runner, status)?;
    }
    Ok(Outcome { counts, note: None })
}

/// The desktop's own tests, on real windows: everything else ran in the server's tree already.
fn desktop_tests() -> Result<Outcome> {
    let mut outcome = tests(
        cargo()
            .args(["nextest", "run", "--no-fail-fast"])
            .args(["--locked", "--package", "drawbridge"])
            .args(["--features", "gui-test"])
            .args(["--filterset", DESKTOP_TESTS]),
    );
    // What the filter leaves out is not skipped: it ran before.
    if let Ok(outcome) = &mut outcome {
        outcome.counts.skipped = 0;
    }
    outcome
}

fn clippy(tree: &[&str]) -> Result<Outcome> {
    done(process::run(
        cargo()
            .args(["clippy", "--all-targets"])
            .args(tree)
            .args(["--", "--deny", "warnings"]),
    ))
}

fn documentation() -> Result<Outcome> {
    done(process::run(
        cargo()
            .args(["doc", "--no-deps", "--document-private-items"])
            .args(SERVER)
            .env(
                "RUSTDOCFLAGS",
                "--deny warnings --allow rustdoc::private_intra_doc_links",
            ),
    ))
}

fn supply_chain() -> Result<Outcome> {
    // The duplicates that deny.toml knows of are warnings, and long: only errors are shown.
    let deny = || {
        let mut deny = cargo();
        deny.args(["deny", "--all-features", "--locked", "--log-level", "error"]);
        deny
    };
    process::run(deny().args(["check", "bans", "licenses", "sources"]))?;
    if output(deny().args(["fetch", "db"])).is_err() {
        return Ok(Outcome::passed()
            .with_note("advisories were skipped: their database cannot be reached from here"));
    }
    done(process::run(deny().args([
        "check",
        "--disable-fetch",
        "advisories",
    ])))
}
