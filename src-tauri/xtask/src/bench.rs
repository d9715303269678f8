//! `cargo xtask bench WHAT`: builds what is measured in release mode and measures it.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::packages::{self, Need};
use crate::process::{self, cargo};
use crate::run;

/// Measures what is named; further arguments go to the benchmark.
///
/// # Errors
/// When nothing known is named, or the benchmark does not build or fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments
        .split_first()
        .map(|(what, rest)| (what.as_str(), rest))
    {
        Some(("oauth", rest)) => oauth(rest)?,
        Some(("desktop", rest)) => desktop(rest)?,
        _ => bail!(
            "say what to measure: cargo xtask bench oauth [--seconds N] [--clients N] [--grants N], \
             or cargo xtask bench desktop [--quick]"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// The authorization server, in a program of its own.
fn oauth(arguments: &[String]) -> Result<()> {
    let package = [
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "drawbridge-bench",
    ];
    process::run(cargo().args(package).args(["--", "oauth"]).args(arguments))
}

/// The desktop app as it is installed, in a session of its own.
fn desktop(arguments: &[String]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!(
            "the desktop app is measured on Linux only, where it can be given a session of its own"
        );
    }
    packages::ensure(Need::Tests)?;
    let program = run::build_desktop()?;
    // Only the program is measured: the benchmark itself is built as the desktop's tests are.
    let package = [
        "bench",
        "--locked",
        "--profile=dev",
        "--package=drawbridge",
        "--bench=desktop_bench",
        "--features=gui-test",
        "--",
    ];
    process::run(cargo().args(package).arg(program).args(arguments))
}
