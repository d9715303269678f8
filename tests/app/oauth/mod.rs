//! The authorization server's public URLs.

mod authorize;
mod flow;
mod limits;
mod metadata;
mod pairing;
mod refresh;
mod register;
mod revoke;
mod static_client;
mod token;
