//! Starting programs in the repository's root, showing what is started, and reading what they say.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};

use anyhow::{Context, Result, bail};

/// The repository's root: two folders above this crate's manifest.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A program to be started in the repository's root.
///
/// What the outer cargo said about xtask itself is taken out of the environment: an inner cargo
/// would take it for its own and build things anew.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where xtask starts programs"
    )]
    let mut command = Command::new(program);
    command.current_dir(root());
    #[expect(clippy::disallowed_methods, reason = "read only to be taken out")]
    let inherited = std::env::vars_os();
    for (name, _) in inherited {
        let of_xtask = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || matches!(
                    name,
                    "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE"
                )
        });
        if of_xtask {
            command.env_remove(name);
        }
    }
    command
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    if std::io::stdout().is_terminal() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo
}

/// A variable of the environment; an empty one counts as absent.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where xtask reads its environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs a program to its end with our own terminal.
///
/// # Errors
/// When it cannot be started or does not end well.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| cannot_start(command))?;
    check(command, status)
}

/// Runs a program to its end, showing and collecting both of its output streams.
///
/// # Errors
/// When it cannot be started; its exit status is the caller's to judge.
pub(crate) fn watch(command: &mut Command) -> Result<(ExitStatus, Vec<String>)> {
    announce(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let (sender, receiver) = channel();
    let lines = std::thread::scope(|scope| {
        if let Some(stdout) = child.stdout.take() {
            let sender = sender.clone();
            scope.spawn(move || forward(stdout, &sender));
        }
        if let Some(stderr) = child.stderr.take() {
            scope.spawn(move || forward(stderr, &sender));
        }
        receiver.into_iter().collect()
    });
    Ok((child.wait()?, lines))
}

/// Fails, naming the program, unless it ended well.
///
/// # Errors
/// When the status is not success.
pub(crate) fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", shown(command))
}

/// What a program prints on its standard output, quietly.
///
/// # Errors
/// When it cannot be started, does not end well, or prints something other than UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` ended with {}: {}",
            shown(command),
            output.status,
            said.trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Does this program start and end well? Says nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn forward(stream: impl Read, sender: &Sender<String>) {
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line)
            .trim_end_matches('\r')
            .to_owned();
        println!("{line}");
        let _ = std::io::stdout().flush();
        if sender.send(line).is_err() {
            return;
        }
    }
}

fn announce(command: &Command) {
    println!("$ {}", shown(command));
}

fn cannot_start(command: &Command) -> String {
    format!("`{}` cannot be started; is it installed?", shown(command))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_stem()
        .unwrap_or(program.as_os_str())
        .to_string_lossy();
    command
        .get_args()
        .fold(name.into_owned(), |line, argument| {
            format!("{line} {}", argument.to_string_lossy())
        })
}
