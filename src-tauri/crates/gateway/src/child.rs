//! A stdio server's process: started, spoken to, contained, ended.

mod connection;
mod handshake;
mod lines;
mod process;
mod tail;

pub(crate) use connection::{Answer, CallFailure, Connection, MAX_PROGRESS, Progress};
pub(crate) use handshake::{HandshakeFailure, Session};
pub(crate) use process::{Start, StartError, Starter, find};
pub(crate) use tail::Tail;
