//! The vault from outside.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;
mod erasing;
mod keys;
#[cfg(unix)]
mod killed;
mod opening;
#[cfg(unix)]
mod rights;
mod rows;
#[cfg(target_os = "linux")]
mod secret_service;
mod writing;
