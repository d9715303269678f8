//! Programs that the test run needs, built from source where they are missing.

use anyhow::Result;

use crate::process::{cargo, command, run, succeeds};

/// A program, and the version that is known to do.
pub(crate) struct Tool {
    kind: Kind,
    package: &'static str,
    version: &'static str,
}

enum Kind {
    /// What `cargo NAME` finds.
    Subcommand(&'static str),
    /// What the shell finds.
    Program(&'static str),
}

/// Runs the tests, each in a process of its own.
pub(crate) const NEXTEST: Tool = Tool {
    kind: Kind::Subcommand("nextest"),
    package: "cargo-nextest",
    version: "0.9.143",
};

/// Judges licences, sources, banned crates and advisories.
pub(crate) const DENY: Tool = Tool {
    kind: Kind::Subcommand("deny"),
    package: "cargo-deny",
    version: "0.20.2",
};

/// Hands WebDriver's commands on to the webview of the system, for the tests of the windows.
pub(crate) const TAURI_DRIVER: Tool = Tool {
    kind: Kind::Program("tauri-driver"),
    package: "tauri-driver",
    version: "2.1.0",
};

impl Tool {
    /// Builds the tool unless some version of it is there.
    ///
    /// # Errors
    /// When it cannot be built.
    pub(crate) fn ensure(&self) -> Result<()> {
        let there = match self.kind {
            Kind::Subcommand(name) => succeeds(cargo().args([name, "--version"])),
            Kind::Program(name) => succeeds(command(name).arg("--help")),
        };
        if there {
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
