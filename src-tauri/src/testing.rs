//! An engine in a folder of its own, for the tests of what is asked of it.

use std::path::Path;
use std::sync::Arc;

use drawbridge_vault::MemoryKeychain;
use tempfile::TempDir;

use crate::config::{Config, Environment, GivenPorts, ServeFlags};
use crate::engine::Engine;

/// A running Drawbridge whose listeners for clients are closed, with a window expected or headless.
/// It works as long as its folder is there.
pub(crate) async fn engine(window: bool) -> (Engine, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let environment = Environment::from_pairs([
        ("HOME", text(home.path())),
        ("DRAWBRIDGE_HOME", text(&home.path().join("data"))),
    ]);
    let ports = GivenPorts {
        loopback: Some(0),
        local: Some(0),
        tunnel: Some(0),
    };
    let flags = ServeFlags {
        ports,
        ..ServeFlags::default()
    };
    let mut config = Config::gather(&environment, flags, None).unwrap();
    config.window = window;
    let keychain = Arc::new(MemoryKeychain::new());
    let engine = Engine::start_on(config, keychain).await.unwrap();
    (engine, home)
}
