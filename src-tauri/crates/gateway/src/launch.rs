//! Becoming a child: what the app does when it is started as a launcher.
//!
//! On Linux a process can ask the kernel to be killed when its parent dies, and keeps that through
//! `exec`; but only the process itself can ask, between its start and the `exec`. A hook there
//! would be unsafe code, so the app is started once more instead, asks, and becomes the child. A
//! child thus dies with us even when we are killed and it ignores the end of its input. Elsewhere a
//! job object (Windows) or the end of its input (macOS) has to do.

use std::ffi::OsString;

/// Asks to die with the parent and becomes the given program. Returns only if that fails.
///
/// `arguments` are the program and its arguments; the environment stays as it is.
#[cfg(unix)]
#[must_use]
pub fn become_child(arguments: impl IntoIterator<Item = OsString>) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;

    let mut arguments = arguments.into_iter();
    let Some(program) = arguments.next() else {
        return std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "there is no program to start",
        );
    };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};

        let parent = getppid();
        if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
            return error.into();
        }
        // The parent may have died just before; then the child belongs to somebody else now.
        if getppid() != parent {
            return std::io::Error::other("the program that started this one is gone");
        }
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "this process becomes the child; nothing is spawned"
    )]
    let mut command = std::process::Command::new(program);
    command.args(arguments).exec()
}
