//! `drawbridge log`: reads the log files themselves, so it works when Drawbridge does not.

use std::time::Duration;

use serde_json::Value;

use super::arguments::Log;
use super::terminal::printable;
use super::{CommandError, Context};
use crate::logging::{LogFollower, newest_lines};

/// How often the log is looked at for more while somebody watches it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(choice: Log, context: &Context) -> Result<(), CommandError> {
    let folder = &context.folders.logs;
    let mut follower = choice
        .follow
        .then(|| LogFollower::at_end(folder))
        .transpose()?;
    let print = |line: &str| {
        context.terminal.line(if choice.output.json {
            line.to_owned()
        } else {
            readable(line)
        })
    };
    let lines = newest_lines(folder, choice.lines)?;
    if lines.is_empty() && follower.is_none() {
        context
            .terminal
            .note("The log is empty: Drawbridge has not run with this data folder yet.");
    }
    for line in lines {
        print(&line)?;
    }
    while let Some(follower) = &mut follower {
        tokio::select! {
            _interrupted = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        for line in follower.added()? {
            print(&line)?;
        }
    }
    Ok(())
}

/// A line of the log as a person reads it: when, how grave, what, and the fields.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        return printable(line);
    };
    let mut text = |name: &str| {
        fields
            .remove(name)
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let (at, level, message) = (text("timestamp"), text("level"), text("message"));
    text("target");
    // Seconds are enough, and the reader knows the date's zone from the Z.
    let at = at
        .split_once('.')
        .map_or(at.clone(), |(seconds, _)| format!("{seconds}Z"));
    let rest: String = fields
        .iter()
        .map(|(name, value)| match value {
            Value::String(value) => format!(" {name}={value}"),
            value => format!(" {name}={value}"),
        })
        .collect();
    printable(&format!("{at} {level:<5} {message}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_readable() {
        let line = r#"{"timestamp":"2026-11-23T10:00:00.123456Z","level":"INFO","message":"a request was not let in","http.status":403,"listener":"tunnel","target":"drawbridge::listeners"}"#;
        assert_eq!(
            readable(line),
            "2026-11-23T10:00:00Z INFO  a request was not let in http.status=403 listener=tunnel"
        );
        assert_eq!(readable("no json\u{7}"), "no json[U+0007]");
    }
}
