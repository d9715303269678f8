//! The last lines a server wrote to its stderr, redacted and bounded.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncRead, BufReader};

use super::lines::{Line, Rest, read_line};

/// Lines kept for one server.
pub(crate) const MAX_TAIL_LINES: usize = 200;
/// Bytes kept of one line.
pub(crate) const MAX_TAIL_LINE: usize = 2 * 1024;

/// A bounded tail. Cheap to ask, shared between the reader and whoever shows it.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: Mutex<VecDeque<String>>,
}

impl Tail {
    /// Adds a line: without control characters, without what looks like a secret of ours, and
    /// dropping the oldest where the tail is full.
    pub(crate) fn push(&self, line: &[u8]) {
        let text: String = String::from_utf8_lossy(line)
            .chars()
            .filter(|character| !character.is_control() || *character == '\t')
            .collect();
        let text = drawbridge_oauth::redact(&text).into_owned();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MAX_TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }

    /// The last line that says something.
    pub(crate) fn last(&self) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .rev()
            .find(|line| !line.trim().is_empty())
            .cloned()
    }

    /// Reads until the stream ends. A child never blocks because nobody reads its stderr.
    pub(crate) async fn drain(&self, stderr: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(stderr);
        loop {
            match read_line(&mut reader, MAX_TAIL_LINE, Rest::Skip).await {
                Ok(Line::Whole(line) | Line::Cut(line)) => self.push(&line),
                Ok(Line::End) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_stay() {
        let tail = Tail::default();
        let mut input = Vec::new();
        for number in 0..1000 {
            input.extend_from_slice(format!("line {number}\n").as_bytes());
        }
        input.extend_from_slice(&vec![b'x'; 100_000]);
        tail.drain(input.as_slice()).await;
        let lines = tail.lines();
        assert_eq!(lines.len(), MAX_TAIL_LINES);
        assert_eq!(lines.last().unwrap().len(), MAX_TAIL_LINE);
        assert_eq!(lines[MAX_TAIL_LINES - 2], "line 999");
    }

    #[test]
    fn control_characters_and_secrets_are_taken_out() {
        let tail = Tail::default();
        tail.push(b"\x1b[31mget https://example.org/a?token=secret\x07");
        tail.push(b"");
        let last = tail.last().unwrap();
        assert!(!last.contains("secret"));
        assert!(!last.chars().any(char::is_control));
    }
}
