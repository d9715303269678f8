//! `cargo xtask bench WHAT`: builds the benchmark of the server build in release mode and runs it.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::process::{self, cargo};

/// Measures what is named; further arguments go to the benchmark.
///
/// # Errors
/// When nothing known is named, or the benchmark does not build or fails.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((what, rest)) = arguments.split_first().filter(|(what, _)| *what == "oauth") else {
        bail!(
            "say what to measure: cargo xtask bench oauth [--seconds N] [--clients N] [--grants N]"
        );
    };
    let package = [
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "drawbridge-bench",
    ];
    process::run(cargo().args(package).arg("--").arg(what).args(rest))?;
    Ok(ExitCode::SUCCESS)
}
