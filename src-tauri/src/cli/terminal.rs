//! Printing: the only place that writes to standard output.

use std::io::{self, IsTerminal as _, Write as _};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::CommandError;

/// Standard output and standard error.
#[derive(Debug, Clone, Copy)]
pub struct Terminal;

impl Terminal {
    /// Prints a line.
    pub fn line(self, text: impl AsRef<str>) -> io::Result<()> {
        let mut output = io::stdout().lock();
        writeln!(output, "{}", text.as_ref())?;
        output.flush()
    }

    /// Prints text as it is.
    pub fn text(self, text: &str) -> io::Result<()> {
        let mut output = io::stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    }

    /// Prints a value as JSON.
    pub fn json(self, value: &impl Serialize) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| CommandError::Failed(error.to_string()))?;
        Ok(self.line(text)?)
    }

    /// Says something beside the output: hints and warnings.
    pub fn note(self, text: &str) {
        // Nobody can be told that nobody listens.
        let _unheard = writeln!(io::stderr().lock(), "{text}");
    }

    /// Whether a person reads the output.
    #[must_use]
    pub fn is_watched(self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether a person may be asked.
    #[must_use]
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Makes text of other programs harmless for a terminal: characters that print nothing, or move
/// what stands around them, are spelled out.
#[must_use]
pub(super) fn printable(text: &str) -> String {
    use std::fmt::Write as _;
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = character.is_control()
            || matches!(character,
                '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden {
            // Writing to a string does not fail.
            let _ = write!(clean, "[U+{:04X}]", u32::from(character));
        } else {
            clean.push(character);
        }
    }
    clean
}

/// Rows under headings, each column as wide as its widest cell; the last is not padded.
#[must_use]
pub(super) fn table<const COLUMNS: usize>(
    headings: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> String {
    let width_of = |text: &str| text.chars().count();
    let mut widths = headings.map(width_of);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(width_of(cell));
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                width.saturating_sub(width_of(cell)) + 2,
            ));
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    };
    let mut text = line(&mut headings.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// How long ago, or how long from now, in the one unit that matters: `4 min`, `3 h`, `12 days`.
#[must_use]
pub(super) fn span(distance: SignedDuration) -> String {
    let seconds = distance.as_secs().unsigned_abs();
    let (count, unit) = match seconds {
        0..=59 => (seconds, "s"),
        60..=5_399 => (seconds.div_ceil(60), "min"),
        5_400..=129_599 => ((seconds + 1_800) / 3_600, "h"),
        _ => ((seconds + 43_200) / 86_400, "days"),
    };
    format!("{count} {unit}")
}

/// A moment as seen from now: `in 4 min`, `3 h ago`.
#[must_use]
pub(super) fn relative(moment: Timestamp, now: Timestamp) -> String {
    let distance = moment.duration_since(now);
    if distance.is_negative() {
        format!("{} ago", span(distance))
    } else {
        format!("in {}", span(distance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            ["a".to_owned(), "long cell".to_owned()],
            ["bcd".to_owned(), "x".to_owned()],
        ];
        assert_eq!(
            table(["ID", "NAME"], &rows),
            "ID   NAME\na    long cell\nbcd  x\n"
        );
    }

    #[test]
    fn a_strangers_name_cannot_move_the_cursor() {
        assert_eq!(
            printable("Chat\u{1b}[2JGPT\u{202e}x"),
            "Chat[U+001B][2JGPT[U+202E]x"
        );
        assert_eq!(printable("Ünïcode ✓"), "Ünïcode ✓");
    }

    #[test]
    fn moments_are_told_in_one_unit() {
        let now = Timestamp::UNIX_EPOCH;
        let after = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        assert_eq!(relative(after(240), now), "in 4 min");
        assert_eq!(relative(after(-7_200), now), "2 h ago");
        assert_eq!(relative(after(30 * 86_400), now), "in 30 days");
        assert_eq!(relative(now, now), "in 0 s");
    }
}
