//! Cargo's helpers that the test run needs, built from source where they are missing.

use anyhow::Result;

use crate::process::{cargo, run, succeeds};

/// A subcommand of cargo, and the version that is known to do.
pub(crate) struct Tool {
    subcommand: &'static str,
    package: &'static str,
    version: &'static str,
}

/// Runs the tests, each in a process of its own.
pub(crate) const NEXTEST: Tool = Tool {
    subcommand: "nextest",
    package: "cargo-nextest",
    version: "0.9.143",
};

/// Judges licences, sources, banned crates and advisories.
pub(crate) const DENY: Tool = Tool {
    subcommand: "deny",
    package: "cargo-deny",
    version: "0.20.2",
};

impl Tool {
    /// Builds the tool unless some version of it is there.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn ensure(&self) -> Result<()> {
        if succeeds(cargo().args([self.subcommand, "--version"])) {
            return Ok(());
        }
        // Its users wait for it once: the build is worth less time than a release takes.
        run(cargo()
            .args([
                "install",
                "--locked",
                self.package,
                "--version",
                self.version,
            ])
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false"))
    }
}
