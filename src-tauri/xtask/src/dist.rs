//! `cargo xtask dist`: the installers of this platform.

use anyhow::Result;

use crate::node::{self, npm};
use crate::packages::{self, Need};
use crate::process::{self, command};

/// Builds the installers; `arguments` go to `tauri build`.
///
/// # Errors
/// When something is missing or the build fails.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    packages::ensure(Need::Desktop)?;
    node::ensure()?;
    node::install("ui")?;
    // tauri.conf.json makes it build the pages, too.
    process::run(
        command("node")
            .arg("ui/node_modules/@tauri-apps/cli/tauri.js")
            .arg("build")
            .args(arguments),
    )
}

/// Builds the windows' pages into `ui/dist`.
///
/// # Errors
/// When Node is missing or the build fails.
pub(crate) fn build_pages() -> Result<()> {
    node::ensure()?;
    node::install("ui")?;
    process::run(npm("ui").args(["run", "--silent", "build"]))
}
