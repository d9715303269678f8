//! The control socket: the command line's way in.
//!
//! It lies in a folder only this user may enter, and asks the system who is at the other end all
//! the same: another user is refused, and so is every descendant of this process, because a
//! server's child could let itself in. That a caller cannot be judged is a refusal too.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
#[cfg(unix)]
use tokio::sync::Semaphore;
#[cfg(unix)]
use tokio_util::sync::CancellationToken;
#[cfg(unix)]
use tokio_util::task::TaskTracker;

#[cfg(unix)]
use crate::control::socket_path;
use crate::control::{
    ANSWER_BYTES, Agreed, Answer, CALLER_WAIT, QUESTION_BYTES, agree, read_line, write_answer,
};
use crate::engine::Engine;
use crate::process_tree::Descent;
#[cfg(unix)]
use crate::process_tree::programs;
use crate::ui_api::{self, UiError, UiErrorCode};

/// Conversations at once; more wait unaccepted.
#[cfg(unix)]
const CONVERSATIONS: usize = 16;
/// The same for a caller that is refused whatever it asks: enough to hear why, and too short for
/// a server's child to keep the owner's commands out by saying nothing.
const REFUSED_WAIT: Duration = Duration::from_millis(250);
/// How long callers have, once Drawbridge stops, to take the answers that this gives them.
#[cfg(unix)]
const LAST_ANSWERS: Duration = Duration::from_millis(250);
/// How many programs above the caller a person is told.
#[cfg(unix)]
const PROGRAMS: usize = 6;
/// How long to wait when the system has no file handle for another connection.
#[cfg(unix)]
const ACCEPT_AGAIN: Duration = Duration::from_millis(250);

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whether it is a program of this user; `None` when the system does not say.
    pub same_user: Option<bool>,
    /// Whether it descends from this process.
    pub descent: Descent,
    /// Its name and the names of those that started it, itself first; they chose them themselves.
    pub programs: Vec<String>,
}

/// Whether this caller may ask at all.
///
/// Where the system cannot tell descent at all (not Linux), [`Descent::Unknown`] cannot be a
/// refusal or nobody could ask; `tells_descent` says which of the two it is.
pub fn admit(caller: &Caller, tells_descent: bool) -> Result<(), UiError> {
    let refused = |message: &str| Err(UiError::new(UiErrorCode::Refused, message));
    if caller.same_user != Some(true) {
        return refused("refused: Drawbridge takes commands of its own user only");
    }
    match caller.descent {
        Descent::No => Ok(()),
        Descent::Unknown if !tells_descent => Ok(()),
        Descent::Yes => refused(
            "refused: this command was started by one of Drawbridge's own servers. \
             Run it in a terminal of your own",
        ),
        Descent::Unknown => refused(
            "refused: Drawbridge could not tell which program started this command. \
             Run it again in a terminal of your own",
        ),
    }
}

/// The bound socket; its file goes when it is dropped.
#[cfg(unix)]
pub struct ControlSocket {
    listener: tokio::net::UnixListener,
    path: PathBuf,
}

#[cfg(unix)]
impl ControlSocket {
    /// Binds the socket in the run folder, which is made private first. A socket left by a run
    /// that ended badly is removed once nobody answers at it.
    ///
    /// # Errors
    /// When somebody does answer, or the folder or the socket cannot be made.
    pub async fn bind(run: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        drawbridge_vault::ensure_private_directory(run).map_err(io::Error::other)?;
        let path = socket_path(run);
        match tokio::net::UnixStream::connect(&path).await {
            Ok(_answered) => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another Drawbridge is running there",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                // A plain file refuses connections, too, but is nothing we left there.
                use std::os::unix::fs::FileTypeExt as _;
                if !std::fs::symlink_metadata(&path)?.file_type().is_socket() {
                    return Err(error);
                }
                std::fs::remove_file(&path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = tokio::net::UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until told to stop.
    pub async fn serve(self, engine: Engine, stop: CancellationToken, tasks: TaskTracker) {
        let places = Arc::new(Semaphore::new(CONVERSATIONS));
        loop {
            let place = tokio::select! {
                () = stop.cancelled() => break,
                place = Arc::clone(&places).acquire_owned() => place,
            };
            let Ok(place) = place else { break };
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _unnamed)) => stream,
                Err(error) => {
                    tracing::warn!(error = %error, "a command could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let (engine, stop) = (engine.clone(), stop.clone());
            tasks.spawn(async move {
                let _place = place;
                // The chain of parents is read before the question: later it may have changed.
                let caller = caller(&stream);
                let admitted = admit(&caller, cfg!(target_os = "linux")).map(|()| caller.programs);
                let stopped = async {
                    stop.cancelled().await;
                    tokio::time::sleep(LAST_ANSWERS).await;
                };
                tokio::select! {
                    () = stopped => {}
                    () = converse(stream, engine, admitted) => {}
                }
            });
        }
    }
}

#[cfg(unix)]
impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Left over, it is found stale by the next start.
        let _left_over = std::fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn caller(stream: &tokio::net::UnixStream) -> Caller {
    let Ok(peer) = stream.peer_cred() else {
        return Caller {
            same_user: None,
            descent: Descent::Unknown,
            programs: Vec::new(),
        };
    };
    let (descent, programs) = origin(stream, peer.pid());
    Caller {
        same_user: Some(peer.uid() == rustix::process::geteuid().as_raw()),
        descent,
        programs,
    }
}

/// Whether the process that connected descends from us, and what it and those above it are called.
///
/// Its number alone would not tell: the process may have ended, and its number be another's by
/// now. So a handle on the process is asked for its number, and the answer counts only if that is
/// still its number when the chain of parents was read.
#[cfg(target_os = "linux")]
fn origin(stream: &tokio::net::UnixStream, number: Option<i32>) -> (Descent, Vec<String>) {
    use nix::sys::socket::{getsockopt, sockopt::PeerPidfd};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let process = match getsockopt(stream, PeerPidfd) {
        Ok(process) => Some(process),
        // Before Linux 6.5 a socket does not give the handle; then it is had by the number.
        Err(nix::errno::Errno::ENOPROTOOPT) => number
            .filter(|number| *number > 0)
            .and_then(Pid::from_raw)
            .and_then(|number| pidfd_open(number, PidfdFlags::empty()).ok()),
        Err(_) => None,
    };
    let unknown = (Descent::Unknown, Vec::new());
    let Some(process) = process else {
        return unknown;
    };
    let Some(number) = number_of(&process) else {
        return unknown;
    };
    let found = (
        crate::process_tree::descends_from_us(number),
        programs(number, PROGRAMS),
    );
    if number_of(&process) == Some(number) {
        found
    } else {
        unknown
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn origin(_stream: &tokio::net::UnixStream, number: Option<i32>) -> (Descent, Vec<String>) {
    let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
        return (Descent::Unknown, Vec::new());
    };
    (
        crate::process_tree::descends_from_us(number),
        programs(number, PROGRAMS),
    )
}

/// The number of the process behind a handle, as long as it has one.
#[cfg(target_os = "linux")]
fn number_of(process: &std::os::fd::OwnedFd) -> Option<u32> {
    use std::os::fd::AsRawFd as _;
    let told =
        std::fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
    let number = told.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    // -1 when it is gone, 0 when it is not to be seen from here.
    number.trim().parse().ok().filter(|number| *number != 0)
}

/// One question, one answer. Whoever is admitted comes with the names of its programs.
pub(crate) async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    engine: Engine,
    admitted: Result<Vec<String>, UiError>,
) {
    let mut stream = BufReader::new(stream);
    let wait = if admitted.is_ok() {
        CALLER_WAIT
    } else {
        REFUSED_WAIT
    };
    let question = tokio::time::timeout(wait, read_line(&mut stream, QUESTION_BYTES)).await;
    let answer = match (admitted, question) {
        (Err(refusal), _) => {
            tracing::warn!(reason = %refusal, "a command was refused");
            Err(refusal)
        }
        (Ok(programs), Ok(Ok(line))) => {
            match answer(&engine, &line, &programs, &mut stream)
                .await
                .transpose()
            {
                Some(answer) => answer,
                None => return,
            }
        }
        // Whoever does not ask in time, or not to the end, gets no answer.
        (Ok(_), _) => return,
    };
    let answer = match answer {
        Ok(value) => Answer::Ok(value),
        Err(error) => Answer::Error(error),
    };
    if write_answer(&mut stream, &answer).await {
        let _gone = stream.shutdown().await;
    }
}

/// The answer; none when the caller went away before it was done.
async fn answer<S: AsyncBufRead + AsyncWrite + Unpin>(
    engine: &Engine,
    line: &[u8],
    programs: &[String],
    stream: &mut S,
) -> Result<Option<Box<RawValue>>, UiError> {
    let ask: ui_api::Ask = serde_json::from_slice(line).map_err(|_| {
        UiError::invalid(
            "the question could not be read; is this command of another version than the running \
             Drawbridge?",
        )
    })?;
    let value = match agree(engine, ask, programs, stream).await? {
        Agreed::Do(ask) => ui_api::answer(engine, ask).await?,
        Agreed::NoClient => RawValue::NULL.to_owned(),
        Agreed::Gone => return Ok(None),
    };
    if value.get().len() > ANSWER_BYTES {
        return Err(UiError::failed("the answer is too large to be sent"));
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(caller: &Caller, tells_descent: bool) -> Option<UiErrorCode> {
        admit(caller, tells_descent).err().map(|error| error.code)
    }

    #[test]
    fn only_this_user_and_none_of_our_descendants() {
        let refused = Some(UiErrorCode::Refused);
        let caller = |same_user, descent| Caller {
            same_user,
            descent,
            programs: Vec::new(),
        };
        assert_eq!(code(&caller(Some(true), Descent::No), true), None);
        assert_eq!(code(&caller(Some(true), Descent::Yes), true), refused);
        assert_eq!(code(&caller(Some(true), Descent::Unknown), true), refused);
        assert_eq!(code(&caller(Some(false), Descent::No), true), refused);
        assert_eq!(code(&caller(None, Descent::No), true), refused);
        assert_eq!(code(&caller(Some(true), Descent::Unknown), false), None);
        assert_eq!(code(&caller(Some(true), Descent::Yes), false), refused);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_caller_is_who_connected() {
        let run = run_folder();
        let path = socket_path(run.path());
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let (accepted, connected) =
            tokio::join!(listener.accept(), tokio::net::UnixStream::connect(&path));
        let expected = Caller {
            same_user: Some(true),
            descent: Descent::Yes,
            programs: programs(std::process::id(), PROGRAMS),
        };
        assert_eq!(caller(&accepted.unwrap().0), expected);
        drop(connected);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_process_that_is_gone_has_no_number_whoever_has_it_now() {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        #[expect(clippy::disallowed_methods, reason = "a test looks what becomes of it")]
        let mut child = tokio::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let number = child.id().unwrap();
        let pid = Pid::from_raw(number.cast_signed()).unwrap();
        let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        assert_eq!(number_of(&process), Some(number));
        drop(child.stdin.take());
        assert!(child.wait().await.unwrap().success());
        assert_eq!(number_of(&process), None);
    }

    #[cfg(unix)]
    fn run_folder() -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt as _;
        let owner_only = std::fs::Permissions::from_mode(0o700);
        tempfile::Builder::new()
            .permissions(owner_only)
            .tempdir()
            .unwrap()
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        use std::os::unix::fs::PermissionsExt as _;
        let run = run_folder();
        let path = socket_path(run.path());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = ControlSocket::bind(run.path()).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = ControlSocket::bind(run.path()).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_is_no_socket_is_not_removed() {
        let run = run_folder();
        std::fs::write(socket_path(run.path()), b"precious").unwrap();
        assert!(ControlSocket::bind(run.path()).await.is_err());
        assert_eq!(std::fs::read(socket_path(run.path())).unwrap(), b"precious");
    }
}
