//! The control socket's counterpart on Windows: a named pipe.
//!
//! Its access list lets in its owner and nobody else, other computers are turned away, and it is
//! made as the *first* instance of its name, so nobody can have put one there before. Windows has
//! no chain of parents that could be trusted, so a server's child is not told apart here: servers
//! run in a job object of their own instead. This file compiles for Windows and has
//! never run there; docs/known-issues.md says so.

use std::io;
use std::path::Path;

use interprocess::ConnectWaitMode;
use interprocess::os::windows::named_pipe::PipeListenerOptions;
use interprocess::os::windows::named_pipe::pipe_mode::Bytes;
use interprocess::os::windows::named_pipe::tokio::{DuplexPipeStream, PipeListener};
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use widestring::u16cstr;

use super::control::{Caller, admit, converse};
use crate::control::AskError;
use crate::engine::Engine;
use crate::process_tree::Descent;

/// Full access for the pipe's owner, none for anybody else, inherited from nowhere (SDDL).
const OWNER_ONLY: &widestring::U16CStr = u16cstr!("D:P(A;;GA;;;OW)");
/// Conversations at once.
const CONVERSATIONS: usize = 16;

/// One name for one data folder.
fn name(data: &Path) -> String {
    let digest = Sha256::digest(data.as_os_str().to_string_lossy().to_lowercase().as_bytes());
    let digits = digest
        .first_chunk()
        .map(|bytes| u128::from_be_bytes(*bytes))
        .unwrap_or_default();
    format!(r"\\.\pipe\drawbridge-{digits:032x}")
}

/// The pipe.
pub struct ControlSocket {
    listener: PipeListener<Bytes, Bytes>,
}

impl ControlSocket {
    /// Makes the pipe of this data folder.
    ///
    /// # Errors
    /// When there is one already.
    #[expect(clippy::unused_async, reason = "the Unix counterpart waits")]
    pub async fn bind(data: &Path) -> io::Result<Self> {
        let listener = PipeListenerOptions::new()
            .path(name(data).as_str())
            .security_descriptor(Some(SecurityDescriptor::deserialize(OWNER_ONLY)?))
            .accept_remote(false)
            .create_tokio_duplex::<Bytes>()?;
        Ok(Self { listener })
    }

    /// Answers until told to stop.
    pub async fn serve(self, engine: Engine, stop: CancellationToken, tasks: TaskTracker) {
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CONVERSATIONS));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok(stream) = accepted else { continue };
            let Ok(place) = std::sync::Arc::clone(&places).try_acquire_owned() else {
                continue;
            };
            let (engine, stop) = (engine.clone(), stop.clone());
            tasks.spawn(async move {
                let _place = place;
                // Whoever could open the pipe is its owner: the access list says so.
                let caller = Caller {
                    same_user: Some(true),
                    descent: Descent::Unknown,
                    programs: Vec::new(),
                };
                let admitted = admit(&caller, false).map(|()| caller.programs);
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = converse(stream, engine, admitted) => {}
                }
            });
        }
    }
}

/// Opens the pipe of a running Drawbridge.
pub async fn connect(data: &Path) -> Result<DuplexPipeStream<Bytes>, AskError> {
    let wait = ConnectWaitMode::Timeout(std::time::Duration::from_secs(5));
    DuplexPipeStream::connect_by_path_with_wait_mode(name(data).as_str(), wait)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => AskError::NotRunning,
            _ => AskError::Socket {
                folder: data.display().to_string(),
                problem: error.to_string(),
            },
        })
}
