//! How a server comes to end with us: the app, started once more, as the server's watcher.
//!
//! On Linux the kernel can tell a process that its parent died, but only the direct child, and only
//! if it asked by itself; what a server has started would live on. So the app is started again in
//! between. It makes itself the one that orphans below it are handed to (a *child subreaper*),
//! starts the server with its own pipes, and becomes a watcher that holds nothing of the server's:
//! not its pipes, not its arguments, not its environment. When the server ends, when we die in
//! whatever way, or when we tell it to ([`END_NOW`]), the watcher ends every process below it,
//! double forks and new sessions included. Elsewhere a job object (Windows) or the end of its input
//! (macOS) has to do.
//!
//! A server of the same user can kill its watcher first. Then its orphans are handed to us, and
//! end when we end in order.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, wait,
};
use tokio::signal::unix::{SignalKind, signal};

/// What a watcher ends with whose server was ended.
const WAS_ENDED: u8 = 1;
/// What tells a watcher to end everything at once.
pub(crate) const END_NOW: Signal = Signal::USR1;
/// How long killed processes may take to be gone before the watcher stops waiting.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// Between two looks at what is left.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Starts a server and becomes its watcher. Returns only if that fails; then nothing runs.
///
/// `arguments` are the number of the process that the server is to end with, the program, and the
/// program's arguments. The watcher is this program with `watcher` as its first arguments and two
/// numbers after them, which [`watch`] takes.
#[must_use]
pub fn launch(arguments: impl IntoIterator<Item = OsString>, watcher: &[OsString]) -> io::Error {
    match start(arguments, watcher) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn start(
    arguments: impl IntoIterator<Item = OsString>,
    watcher: &[OsString],
) -> io::Result<std::convert::Infallible> {
    let mut arguments = arguments.into_iter();
    let parent = process(arguments.next())?;
    let program = arguments
        .next()
        .ok_or_else(|| wrong("there is no program to start"))?;
    set_child_subreaper(Some(getpid()))?;
    if getppid() != Some(parent) {
        return Err(gone());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "started with what the one adapter gave this process"
    )]
    let server = std::process::Command::new(program)
        .args(arguments)
        .spawn()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this process becomes the watcher; nothing is spawned"
    )]
    let error = std::process::Command::new("/proc/self/exe")
        .args(watcher)
        .arg(parent.to_string())
        .arg(server.id().to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    if let Some(server) = number(server.id()) {
        let _gone = kill_process(server, Signal::KILL);
    }
    Err(error)
}

/// Watches over a server until it, or the process it is to end with, has ended, and then ends every
/// process below this one. Returns the code with which the server ended by itself, as a shell
/// tells it: 128 and more for a signal. One that was ended is told as 1.
///
/// # Errors
/// When the two numbers are none, or the system refuses what watching needs. Nothing is left to
/// run then, either.
pub fn watch(arguments: impl IntoIterator<Item = OsString>) -> io::Result<u8> {
    let mut arguments = arguments.into_iter();
    let parent = process(arguments.next())?;
    let server = process(arguments.next())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let ended = until_over(parent, server).await;
        end_all().await;
        ended
    })
}

async fn until_over(parent: Pid, server: Pid) -> io::Result<u8> {
    // Also what a server's whole group is sent to ask it to end; then it is the server's to heed.
    let mut parent_died = signal(SignalKind::terminate())?;
    let mut end_now = signal(SignalKind::user_defined1())?;
    let mut child_ended = signal(SignalKind::child())?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    loop {
        // Looked at after every signal, and once before the first: it may have died meanwhile.
        if getppid() != Some(parent) {
            return Ok(WAS_ENDED);
        }
        while let Some((ended, status)) = wait(WaitOptions::NOHANG)? {
            if ended == server {
                let code = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => code,
                    (None, Some(signal)) => 128 + signal,
                    (None, None) => i32::from(WAS_ENDED),
                };
                return Ok(u8::try_from(code).unwrap_or(WAS_ENDED));
            }
        }
        tokio::select! {
            _ = parent_died.recv() => {}
            _ = child_ended.recv() => {}
            _ = end_now.recv() => return Ok(WAS_ENDED),
        }
    }
}

/// Kills our children, takes notice of their ends, and does the same with the orphans this hands
/// to us, until there are none.
async fn end_all() {
    let over = tokio::time::Instant::now() + LAST_LOOK;
    while tokio::time::Instant::now() < over {
        for child in children() {
            let _gone = kill_process(child, Signal::KILL);
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_ended)) => {}
                Ok(None) => break,
                // There are none any more.
                Err(_) => return,
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The processes whose parent is this one.
fn children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let process = number(entry.file_name().to_str()?.parse().ok()?)?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // A program's name may hold anything; the parent is the second field after it.
            let (_, fields) = stat.rsplit_once(')')?;
            (fields.split_ascii_whitespace().nth(1)? == own).then_some(process)
        })
        .collect()
}

fn process(argument: Option<OsString>) -> io::Result<Pid> {
    argument
        .and_then(|text| number(text.to_str()?.parse().ok()?))
        .ok_or_else(|| wrong("the number of a process is missing"))
}

fn number(number: u32) -> Option<Pid> {
    i32::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .and_then(Pid::from_raw)
}

fn wrong(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

fn gone() -> io::Error {
    io::Error::other("the program that started this one is gone")
}
