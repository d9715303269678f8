//! A small stdio MCP server to put behind the gateway, and where Python is.

use std::path::{Path, PathBuf};

use super::House;

/// The Python of the tests, as `cargo xtask test` sets it up.
pub(crate) fn python() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let inside = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };
    let python = tests.join(".venv").join(inside);
    assert!(
        python.exists(),
        "the tests' Python is missing ({}). Run `cargo xtask test`, which sets it up",
        python.display()
    );
    python
}

/// The fixture server's script.
pub(crate) fn server_script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/app/fixtures/server.py")
}

impl House {
    /// Puts the fixture server behind the gateway under that name.
    pub(crate) async fn add_server(&self, name: &str) {
        let (python, script) = (python(), server_script());
        let command = [
            "servers",
            "add",
            name,
            "--",
            python.to_str().unwrap(),
            script.to_str().unwrap(),
        ];
        self.owner().done(&command).await;
    }
}
