//! The Python that drives the official Python SDK in the tests: a virtual environment in `tests/`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::{command, root, run, succeeds};

const REQUIREMENTS: &str = "tests/sdk/python/requirements.txt";

fn environment() -> PathBuf {
    root().join("tests/.venv")
}

fn interpreter() -> PathBuf {
    environment().join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    })
}

/// Makes the environment and installs the pinned packages, unless they are there.
///
/// # Errors
/// When there is no Python, or pip fails.
pub(crate) fn install() -> Result<()> {
    let wanted = std::fs::read(root().join(REQUIREMENTS))
        .with_context(|| format!("{REQUIREMENTS} cannot be read"))?;
    let stamp = environment().join(".drawbridge-installed");
    let works = succeeds(command(interpreter()).arg("--version"));
    if works && std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("tests/.venv: the packages of {REQUIREMENTS} are installed");
        return Ok(());
    }
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(command(system).args(["-m", "venv", "--clear", "tests/.venv"]))
        .context("Python 3.10 or later with its venv module is needed")?;
    run(command(interpreter())
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--requirement", REQUIREMENTS]))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}
