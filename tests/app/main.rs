//! The whole app from outside: the real binary, real sockets, real processes.
//!
//! The tree mirrors what is reached: `oauth/` and `mcp/` the public URLs, `cli/` the commands;
//! beside them stand what goes through everything: the official SDKs, the original guide, attacks,
//! power cuts and the operating system's keychain. `harness/` has the actors and the canary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it is itself the outside: it starts processes, reads its environment and draws random numbers"
)]

mod attacks;
mod cli;
#[cfg(target_os = "linux")]
mod confirm;
mod corpus;
mod erase;
mod floods;
mod guide;
mod harness;
mod keys;
mod kill;
mod mcp;
mod oauth;
mod origins;
mod sdk;
