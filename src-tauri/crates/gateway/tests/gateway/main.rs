//! The gateway with real children: what clients get, and what misbehaving servers do to them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod children;
mod harness;
mod rights;
mod starts;
mod transport;
