//! Node and the packages of the folders that have some.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{command, output, root, run};

/// The oldest Node that the UI's build takes.
const OLDEST: (u32, u32) = (20, 19);

/// The npm of this machine, in a folder of the repository.
pub(crate) fn npm(folder: &str) -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(root().join(folder)).env("CI", "true");
    npm
}

/// Is there a Node that will do?
///
/// # Errors
/// When not; the text says what to install.
pub(crate) fn ensure() -> Result<()> {
    let version = output(command("node").arg("--version")).context(
        "Node is missing. Install Node 22 LTS (or 20.19 and later) with npm, then again",
    )?;
    let mut parts = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().ok());
    let found = (
        parts.next().flatten().unwrap_or(0),
        parts.next().flatten().unwrap_or(0),
    );
    if found < OLDEST {
        bail!(
            "Node {} is too old for the UI's build. Install Node 22 LTS (or {}.{} and later)",
            version.trim(),
            OLDEST.0,
            OLDEST.1
        );
    }
    Ok(())
}

/// Installs exactly what the folder's lock file says, unless that is what is there.
///
/// # Errors
/// When npm fails.
pub(crate) fn install(folder: &str) -> Result<()> {
    let lock = std::fs::read(root().join(folder).join("package-lock.json"))
        .with_context(|| format!("{folder}/package-lock.json cannot be read"))?;
    let stamp = root()
        .join(folder)
        .join("node_modules/.drawbridge-installed");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        println!("{folder}: the packages of the lock file are installed");
        return Ok(());
    }
    run(npm(folder).args(["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

/// Folders under `tests/` that have packages of their own, as paths from the root.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn test_folders() -> Result<Vec<String>> {
    let mut found = Vec::new();
    collect(&root(), "tests", &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, folder: &str, found: &mut Vec<String>) -> Result<()> {
    if root.join(folder).join("package-lock.json").is_file() {
        found.push(folder.to_owned());
    }
    for entry in std::fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && name != "node_modules" && !name.starts_with('.') {
            collect(root, &format!("{folder}/{name}"), found)?;
        }
    }
    Ok(())
}
