//! The one harness of the tests that see the whole app from outside.
//!
//! A test opens a [`House`] (the real binary, its own data directory, no D-Bus, free ports), acts
//! through typed actors that know only what their like would know, and lets the house fall:
//!
//! | actor | is | knows |
//! |---|---|---|
//! | [`Browser`] | a browser: cookie jar, redirects followed by hand, no script | URLs it was sent to |
//! | [`Client`] | an OAuth and MCP client | its registration and tokens |
//! | [`Owner`] | the person at this account's shell | the CLI |
//!
//! When the house falls (`Drop`) it must stop within two seconds of TERM, leave no process behind,
//! and the canary is read: no secret that any actor minted or saw stands in the program's output,
//! logs, error answers, or in the clear in its data directory.
//!
//! Every actor has an address of its own in 127.0.0.0/8, because limits per address stay on.

mod browser;
mod canary;
mod captured;
mod client;
mod house;
mod http;
mod owner;
#[expect(dead_code, reason = "shared with tests/desktop, which uses all of it")]
mod processes;
mod secret_service;
mod upstream;
mod visits;

pub(crate) use browser::{Browser, links, page_form};
pub(crate) use canary::Canary;
pub(crate) use client::{Authorization, Client, REDIRECT, Registration, Tokens, random};
pub(crate) use house::{House, HouseBuilder, program};
pub(crate) use http::{Answer, Network, Sending, text};
pub(crate) use owner::Owner;
pub(crate) use processes::{Signal, signal};
pub(crate) use secret_service::SecretService;
pub(crate) use upstream::{python, server_script};
