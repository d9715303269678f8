//! The desktop app from outside: the real binary with its tray and windows on a display, a session
//! bus and a keyring of its own.
//!
//! `harness/` has the session, the app in it, and what a desktop environment brings: a place for
//! tray icons and one for notifications.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it is itself the outside: it starts processes and reads its environment"
)]

mod broken;
mod consent;
mod harness;
mod scene;
mod second_start;
mod settings;
mod tour;
mod tray;
mod trouble;
