//! `cargo xtask run`: from a clean clone to the running app.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::dist;
use crate::packages::{self, Need};
use crate::process::{self, cargo, command, root, variable};

/// Installs what is missing, builds in release mode and starts Drawbridge with `arguments`.
///
/// # Errors
/// When something cannot be installed, built or started.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if has_display() {
        packages::ensure(Need::Desktop)?;
        let built = build_desktop()?;
        return start(drawbridge(&built).args(arguments));
    }
    println!(
        "No display here: building Drawbridge without its windows, to run `drawbridge serve`."
    );
    packages::ensure(Need::Server)?;
    process::run(
        cargo()
            .args(["build", "--locked", "--release", "--package", "drawbridge"])
            .arg("--no-default-features"),
    )?;
    start(drawbridge(&program()).arg("serve").args(arguments))
}

/// Builds the desktop app with its pages in release mode. Answers where it is.
///
/// # Errors
/// When it does not build.
pub(crate) fn build_desktop() -> Result<PathBuf> {
    dist::build_pages()?;
    process::run(
        cargo()
            .args(["build", "--locked", "--release", "--package", "drawbridge"])
            // The pages are those of the build, not of a development server.
            .args(["--features", "tauri/custom-protocol"]),
    )?;
    Ok(program())
}

/// Could a window be shown here?
fn has_display() -> bool {
    if cfg!(any(target_os = "macos", windows)) {
        return variable("SSH_CONNECTION").is_none();
    }
    variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some()
}

/// Where a build in release mode lays the program.
fn program() -> PathBuf {
    let name = if cfg!(windows) {
        "drawbridge.exe"
    } else {
        "drawbridge"
    };
    let folder = variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    folder.join("release").join(name)
}

fn drawbridge(program: &Path) -> Command {
    let mut drawbridge = command(program);
    // Nothing of the build's own environment reaches the app.
    drawbridge.env_remove("CARGO");
    drawbridge
}

/// Becomes the app, so that signals and the exit code are its own.
#[cfg(unix)]
fn start(drawbridge: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(anyhow::Error::new(drawbridge.exec()).context("Drawbridge was built but cannot be started"))
}

/// Waits for the app and hands on its exit code.
#[cfg(not(unix))]
fn start(drawbridge: &mut Command) -> Result<ExitCode> {
    let status = drawbridge.status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
