//! Connection approvals: from the client's request to the person's decision.
//!
//! - `state.rs`: the rules, pure: who may make a question appear, what ends it, what it leads to
//! - `outcome.rs`: what the rules are asked and what they answer
//! - `asked.rs`: one authorization request that passed all checks
//! - `shown.rs`: what a person is shown, and the hash that ties a decision to it
//! - `browser.rs`: the cookie that ties a request to the browser that brought it
//! - `desk.rs`: the rules at work: the clock, randomness, waiting pages, the list for the app
//! - `decide.rs`: what the app may do: see what waits, decide, open a pairing code
//! - `visible.rs`: strangers' text, made safe to show

pub(crate) mod asked;
pub(crate) mod browser;
pub(crate) mod decide;
pub(crate) mod desk;
pub(crate) mod outcome;
pub(crate) mod shown;
pub(crate) mod state;
#[cfg(test)]
mod state_properties;
#[cfg(test)]
mod state_tests;
pub(crate) mod visible;

pub(crate) use state::later;
