//! The one place that starts a child process, and ends it with everything it started.
//!
//! A child leads its own session and process group (Windows: a job object): it has no terminal, so
//! it cannot type answers into ours. Its environment is exactly what it is given, and dropping its
//! handle kills the group. On Linux a *watcher* stands in between, the app started again, which
//! ends everything below it when the child ends, when it is told to, or when we die in a way that
//! leaves us no time (see [`crate::launch`]). Children are started from one thread that lives as
//! long as the gateway, because the kernel watches the thread that started a child, not the process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

#[cfg(windows)]
use process_wrap::tokio::JobObject;
#[cfg(unix)]
use process_wrap::tokio::ProcessSession;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

/// How long a killed child may take to be gone before we stop waiting for it.
const REAP_WAIT: Duration = Duration::from_secs(2);
/// How long one that has closed its output may take to end before it is ended.
const EXIT_WAIT: Duration = Duration::from_millis(400);
/// How long a watcher may take to end what is below it before its group is killed.
#[cfg(target_os = "linux")]
const WATCHER_WAIT: Duration = Duration::from_millis(300);

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// Everything the child will have in its environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) directory: Option<PathBuf>,
    /// Whether the program is a launcher, which becomes the watcher of the real one.
    pub(crate) is_watched: bool,
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(
        "the program `{0}` was not found; install it, or give its full path. A program may be on the \
         PATH of a terminal and not on the one Drawbridge was started with"
    )]
    NotFound(String),
    #[error(
        "there is no program `{0}`, or it may not be started; check its path and its permissions"
    )]
    NoProgram(String),
    #[error("its folder `{0}` does not exist; make it, or add the server with another")]
    NoDirectory(String),
    #[error("it could not be started: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// There is no such program, neither on the PATH nor, where it holds a path, there.
    pub(crate) fn absent(program: &str) -> Self {
        if program.contains(std::path::is_separator) {
            Self::NoProgram(program.to_owned())
        } else {
            Self::NotFound(program.to_owned())
        }
    }
}

/// A started child. Dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Box<dyn ChildWrapper>,
    pid: u32,
    /// Whether `pid` is a watcher, which ends what is below it when asked.
    #[cfg(target_os = "linux")]
    is_watched: bool,
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks the group to end (Unix: TERM). Elsewhere there is nothing softer than killing.
    pub(crate) fn ask_to_end(&self) {
        #[cfg(unix)]
        if let Err(error) = self.child.signal(TERM) {
            tracing::debug!(pid = self.pid, %error, "cannot signal a child");
        }
    }

    /// Kills the group and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        #[cfg(target_os = "linux")]
        if self.is_watched && self.end_through_watcher().await {
            return;
        }
        self.kill_group().await;
    }

    /// Ends one that has closed its output, and whatever it started. Says with which code it ended,
    /// if it did so by itself.
    pub(crate) async fn finish(mut self) -> Option<i32> {
        // The watcher ends with its server, and with the same code. Elsewhere than on Unix a
        // process is held by more than its number, so it can be waited for first.
        if self.can_be_awaited()
            && let Ok(Ok(status)) = tokio::time::timeout(EXIT_WAIT, self.child.wait()).await
            && let Some(code) = status.code()
        {
            return Some(code);
        }
        #[cfg(target_os = "linux")]
        if self.is_watched && self.end_through_watcher().await {
            return None;
        }
        self.kill_group().await?.code()
    }

    #[cfg(target_os = "linux")]
    fn can_be_awaited(&self) -> bool {
        self.is_watched
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "on Linux it depends on the child")]
    fn can_be_awaited(&self) -> bool {
        cfg!(windows)
    }

    /// The leader is not waited for before the group is killed: until then its process id, which is
    /// also the group's, cannot belong to anybody else. One that had ended already keeps its status.
    async fn kill_group(&mut self) -> Option<std::process::ExitStatus> {
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(pid = self.pid, %error, "cannot kill a child");
        }
        match tokio::time::timeout(REAP_WAIT, self.child.wait()).await {
            Ok(Ok(status)) => return Some(status),
            Ok(Err(error)) => tracing::debug!(pid = self.pid, %error, "cannot wait for a child"),
            Err(_) => tracing::warn!(pid = self.pid, "a killed child is not gone yet"),
        }
        None
    }
}

#[cfg(target_os = "linux")]
impl Process {
    /// Has the watcher end everything below it, also what left the group. False if it does not.
    async fn end_through_watcher(&mut self) -> bool {
        use rustix::process::{Pid, kill_process};
        let watcher = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        watcher.is_some_and(|watcher| kill_process(watcher, crate::launch::END_NOW).is_ok())
            && matches!(
                tokio::time::timeout(WATCHER_WAIT, self.child.wait()).await,
                // One that was killed itself has ended nothing.
                Ok(Ok(status)) if status.code().is_some()
            )
    }
}

/// `SIGTERM` has the same number on every Unix.
#[cfg(unix)]
const TERM: i32 = 15;

impl Drop for Process {
    fn drop(&mut self) {
        // Fails where the group is gone already, which is what is wanted.
        let _ = self.child.start_kill();
    }
}

/// A child and the three ends we hold.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// The thread that starts children. Ends when the last copy is dropped.
#[derive(Clone)]
pub(crate) struct Starter {
    work: mpsc::Sender<Work>,
    tending: TaskTracker,
}

type Work = Box<dyn FnOnce() + Send>;

impl Starter {
    /// Starts the thread. Must be called inside a runtime.
    pub(crate) fn new() -> std::io::Result<Self> {
        let (work, queue) = mpsc::channel::<Work>();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("drawbridge-children".to_owned())
            .spawn(move || {
                let _inside = runtime.enter();
                while let Ok(work) = queue.recv() {
                    work();
                }
            })?;
        Ok(Self {
            work,
            tending: TaskTracker::new(),
        })
    }

    /// Starts a child.
    ///
    /// # Errors
    /// When the program or its folder is not there, or the system refuses.
    pub(crate) async fn start(&self, what: Start) -> Result<Started, StartError> {
        self.on_thread(move || start(&what)).await?
    }

    /// Where the tasks run that look after a child to its end.
    pub(crate) fn tending(&self) -> &TaskTracker {
        &self.tending
    }

    /// Waits until every child is gone. Only for a time when all have been told to end and none is
    /// started any more.
    pub(crate) async fn settle(&self) {
        // One thread does one thing after the other. It is gone only when we are.
        let _ = self.on_thread(|| ()).await;
        self.tending.close();
        self.tending.wait().await;
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<T> {
        let (answer, done) = oneshot::channel();
        let gone = || std::io::Error::other("the thread that starts children has ended");
        let work = move || {
            // Nobody waiting any more: a child is dropped and thereby killed.
            let _ = answer.send(work());
        };
        self.work.send(Box::new(work)).map_err(|_| gone())?;
        done.await.map_err(|_| gone())
    }
}

fn start(start: &Start) -> Result<Started, StartError> {
    if let Some(directory) = &start.directory
        && !directory.is_dir()
    {
        return Err(StartError::NoDirectory(directory.display().to_string()));
    }
    let mut command = CommandWrap::with_new(&start.program, |command| {
        command
            .args(&start.arguments)
            .env_clear()
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &start.directory {
            command.current_dir(directory);
        }
    });
    #[cfg(unix)]
    command.wrap(ProcessSession);
    #[cfg(windows)]
    command.wrap(JobObject);
    let mut child = command.spawn().map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            StartError::absent(&start.program.to_string_lossy())
        } else {
            StartError::System(error)
        }
    })?;
    let pid = child.id().unwrap_or_default();
    let (stdin, stdout, stderr) = (
        child.stdin().take(),
        child.stdout().take(),
        child.stderr().take(),
    );
    let process = Process {
        child,
        pid,
        #[cfg(target_os = "linux")]
        is_watched: start.is_watched,
    };
    match (stdin, stdout, stderr) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Started {
            process,
            stdin,
            stdout,
            stderr,
        }),
        _ => Err(StartError::System(std::io::Error::other(
            "it was started without its pipes",
        ))),
    }
}

/// Where `program` is: itself if it holds a path, else the first match in `path`.
///
/// Looked up by us and not by the system, so that a missing program has a clear error although the
/// launcher stands in between. Elsewhere than on Unix the system looks.
pub(crate) fn find(
    program: &str,
    path: Option<&OsString>,
    directory: Option<&Path>,
) -> Option<PathBuf> {
    if cfg!(not(unix)) {
        return Some(PathBuf::from(program));
    }
    if program.contains('/') {
        let given = Path::new(program);
        // As the system does: a relative path begins at the child's own folder.
        let full = directory.map_or_else(|| given.to_owned(), |directory| directory.join(given));
        return is_program(&full).then_some(full);
    }
    std::env::split_paths(path?)
        .map(|folder| folder.join(program))
        .find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn programs_are_found_on_the_path_given_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tool");
        std::fs::write(&program, "").unwrap();
        let path = OsString::from(folder.path());
        assert_eq!(find("tool", Some(&path), None), None, "not executable");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool", Some(&path), None), Some(program.clone()));
        assert_eq!(find("tool", None, None), None);
        assert_eq!(
            find("./tool", None, Some(folder.path())),
            Some(folder.path().join("./tool"))
        );
        assert_eq!(find(program.to_str().unwrap(), None, None), Some(program));
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let starter = Starter::new().unwrap();
        let error = starter
            .start(Start {
                program: "true".into(),
                arguments: Vec::new(),
                environment: Vec::new(),
                directory: Some("/nowhere/at/all".into()),
                is_watched: false,
            })
            .await
            .unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"));
    }
}
