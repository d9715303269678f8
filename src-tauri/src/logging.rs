//! What Drawbridge writes about itself: a readable line on standard error and a line of JSON in
//! the log file, for the same event.
//!
//! A message can be read alone; what it is about stands in dotted fields beside it
//! (`client.id`, `http.route`). Written are matched routes, never path parameters, queries,
//! handles, states, codes or tokens. Every line passes the redactor before it leaves, as a last
//! line of defence. Other crates' events are kept only from warnings upwards.

mod file;
mod throttle;

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogLevel;
pub use file::{LogFile, LogFollower, newest_lines};
pub use throttle::Throttle;

/// The name of the current log file in the log folder.
pub const FILE_NAME: &str = "drawbridge.log";

/// This process's log file, to be closed when everything is erased.
static FILE: OnceLock<Arc<Mutex<LogFile>>> = OnceLock::new();

/// Writes no more into the log file, so that it can be deleted; standard error goes on.
pub fn close_file() {
    if let Some(file) = FILE.get() {
        file.lock().unwrap_or_else(PoisonError::into_inner).close();
    }
}

/// Starts logging for the whole process.
///
/// `quiet` keeps standard error for warnings: a person sits at the terminal and is asked things
/// there. A level set by the owner counts for both places.
///
/// # Errors
/// When the log file cannot be opened in its folder.
pub fn start(folder: &Path, level: Option<LogLevel>, quiet: bool) -> io::Result<()> {
    let file = Arc::new(Mutex::new(LogFile::open(folder)?));
    let own = level.map_or(LevelFilter::INFO, |level| level.0);
    let terminal = match (level, quiet) {
        (None, true) => LevelFilter::WARN,
        _ => own,
    };
    let to_terminal = tracing_subscriber::fmt::layer()
        .with_writer(Redacting::new(io::stderr()))
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .with_target(false)
        .with_filter(targets(terminal));
    let to_file = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(Redacting(Arc::clone(&file)))
        .with_filter(targets(own));
    // A second start in one process (tests, the desktop after a failed start) keeps the first.
    let started = tracing_subscriber::registry()
        .with(to_terminal)
        .with(to_file)
        .try_init();
    if started.is_ok() {
        let _first = FILE.set(file);
    }
    Ok(())
}

/// Our own crates at `own`; others only when something is wrong. hyper warns of every client that
/// was slow, which is not news.
fn targets(own: LevelFilter) -> Targets {
    Targets::new()
        .with_default(own.min(LevelFilter::WARN))
        .with_target("hyper", LevelFilter::ERROR.min(own))
        .with_target("drawbridge", own)
        .with_target("drawbridge_vault", own)
        .with_target("drawbridge_oauth", own)
        .with_target("drawbridge_gateway", own)
        .with_target("drawbridge_notion", own)
        .with_target("drawbridge_tunnel", own)
}

/// Makes a panic say where it happened and nothing of what it held: a panic's text may carry a
/// value that must not be written down.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(
            || "an unknown place".to_owned(),
            |place| format!("{}:{}", place.file(), place.line()),
        );
        let thread = std::thread::current();
        tracing::error!(
            panic.location = place,
            thread.name = thread.name().unwrap_or("unnamed"),
            "a part of Drawbridge failed unexpectedly; please report the place it names"
        );
    }));
}

/// A writer whose every line passes the redactor. `tracing-subscriber` hands over one whole event
/// at a time, so no secret is cut in two.
struct Redacting<W>(Arc<Mutex<W>>);

impl<W> Redacting<W> {
    fn new(writer: W) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }
}

struct RedactingLine<W>(Arc<Mutex<W>>);

impl<W: Write> Write for RedactingLine<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let redacted = drawbridge_oauth::redact(&text);
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(redacted.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Redacting<W> {
    type Writer = RedactingLine<W>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingLine(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter as _;

    use super::Redacting;

    #[test]
    fn no_token_and_no_query_reaches_a_log() {
        let sink = Redacting(Arc::new(Mutex::new(Vec::new())));
        let token = format!("dba_{}", "A1b2".repeat(12));
        sink.make_writer()
            .write_all(format!("asked https://a.example/x?code=canary with {token}\n").as_bytes())
            .unwrap();
        let written = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(
            !written.contains("canary") && !written.contains("A1b2"),
            "{written}"
        );
        assert!(written.ends_with('\n'), "{written}");
    }
}
