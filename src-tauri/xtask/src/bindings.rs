//! `cargo xtask bindings`: writes `ui/src/bindings.ts`, the pages' types, from the app's.

use anyhow::{Context, Result};

use crate::process::{self, cargo, root};

/// Where the test that compares lays the new text when it is another.
const NEW: &str = "target/bindings.ts";
const FILE: &str = "ui/src/bindings.ts";

/// Runs the test that compares, and takes over what it found to be new.
///
/// # Errors
/// When the app does not build, or the file cannot be written.
pub(crate) fn run() -> Result<()> {
    let new = root().join(NEW);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context(format!("{NEW} is in the way"));
        }
        _ => {}
    }
    let mut test = cargo();
    test.args([
        "test",
        "--quiet",
        "--locked",
        "--package=drawbridge",
        "--no-default-features",
        "--features=failpoints",
        "--lib",
        "ui_api::bindings::",
    ]);
    let (status, _) = process::watch(&mut test)?;
    if new.exists() {
        std::fs::copy(&new, root().join(FILE)).with_context(|| format!("cannot write {FILE}"))?;
        println!("{FILE} is written anew.");
        return Ok(());
    }
    process::check(&test, status)?;
    println!("{FILE} is as it should be.");
    Ok(())
}
