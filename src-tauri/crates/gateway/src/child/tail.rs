//! The last lines a server wrote to its stderr, redacted and bounded.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::io::{AsyncRead, BufReader};
use tokio::sync::watch;

use super::lines::{Line, Rest, read_line};

/// Lines kept for one server.
pub(crate) const MAX_TAIL_LINES: usize = 200;
/// Bytes kept of one line.
pub(crate) const MAX_TAIL_LINE: usize = 2 * 1024;

/// A bounded tail. Cheap to ask, shared between the reader and whoever shows it.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: Mutex<VecDeque<String>>,
    /// How many lines there have been.
    count: watch::Sender<u64>,
}

impl Tail {
    /// Adds a line: without control characters, without what looks like a secret of ours, and
    /// dropping the oldest where the tail is full.
    pub(crate) fn push(&self, line: &[u8]) {
        let text = plain(&String::from_utf8_lossy(line));
        let text = drawbridge_oauth::redact(&text).into_owned();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MAX_TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
        // Under the lock, so that the count is never ahead of the lines.
        self.count.send_modify(|count| *count += 1);
    }

    /// How many lines there have been so far, and news of further ones.
    pub(crate) fn count(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
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

    /// The last line that says something, of those that came after the first `before`.
    pub(crate) fn last_after(&self, before: u64) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let new = self.count.borrow().saturating_sub(before);
        lines
            .iter()
            .rev()
            .take(usize::try_from(new).unwrap_or(usize::MAX))
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

/// What a terminal would leave standing of a line: no colours, no control characters, and of a line
/// that was written over and over the last state.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            // Colours and movements: up to a letter.
            '\x1b' if signs.next_if_eq(&'[').is_some() => {
                while signs.next_if(|sign| !('@'..='~').contains(sign)).is_some() {}
                signs.next();
            }
            '\r' if signs.peek().is_some() => text.clear(),
            '\t' => text.push(sign),
            sign if sign.is_control() => {}
            sign => text.push(sign),
        }
    }
    text
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
        let last = tail.last_after(0).unwrap();
        assert!(!last.contains("secret"));
        assert!(!last.chars().any(char::is_control));
        assert!(last.starts_with("get https://"), "{last}");
        tail.push(b"10 %\r20 %\r\x1b[2K30 %\r");
        assert_eq!(tail.last_after(0).unwrap(), "30 %");
        tail.push(b"\x1b[");
        assert_eq!(tail.lines().last().unwrap(), "");
    }

    #[test]
    fn only_what_came_later_is_new() {
        let tail = Tail::default();
        tail.push(b"old");
        let before = *tail.count().borrow();
        assert_eq!(tail.last_after(before), None);
        tail.push(b"  ");
        assert_eq!(tail.last_after(before), None);
        for number in 0..=MAX_TAIL_LINES {
            tail.push(format!("new {number}").as_bytes());
        }
        assert_eq!(
            tail.last_after(before).unwrap(),
            format!("new {MAX_TAIL_LINES}")
        );
        let now = *tail.count().borrow();
        assert_eq!(tail.last_after(now), None);
    }
}
