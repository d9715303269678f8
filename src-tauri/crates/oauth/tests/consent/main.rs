//! The consent half of the authorization server from outside: as a plain HTTP client, as a browser,
//! and as those who would like to be somebody else's browser.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod attacks;
mod flow;
mod harness;
mod pages;
mod pairing;
mod requests;
