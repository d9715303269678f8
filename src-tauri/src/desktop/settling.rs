//! Two seconds in which nothing can be let in: after the approval window was shown, focused, or
//! got other content, so that nobody approves with a key or a click that was meant for something
//! else. The page waits by itself; this holds if the page is not what it should be.
//!
//! What denies is no business of this file: it may come at any time.

use std::time::{Duration, Instant};

/// How long what can be seen must have stood still.
pub(super) const SETTLE: Duration = Duration::from_secs(2);

/// How much later than the page the shell may learn of the same moment: a click at the instant the
/// page allows it is not refused.
const SKEW: Duration = Duration::from_millis(100);
const ENOUGH: Duration = SETTLE.saturating_sub(SKEW);

/// One question as it was shown: its id, and the hash of what was shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// The question's id.
    pub(super) id: String,
    /// The hash.
    pub(super) hash: String,
}

/// What the owner has had in view, and since when.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// When the window came into view or got the focus, whichever was later; `None` while there is
    /// no window to see.
    window: Option<Instant>,
    /// What its page was given, and when.
    content: Option<(Shown, Instant)>,
}

impl Settling {
    /// The window came into view.
    pub(super) fn shown(&mut self, now: Instant) {
        self.window = Some(now);
    }

    /// The window got the focus.
    pub(super) fn focused(&mut self, now: Instant) {
        if self.window.is_some() {
            self.window = Some(now);
        }
    }

    /// The page was given this to show, or that there is nothing.
    pub(super) fn content(&mut self, given: Option<Shown>, now: Instant) {
        match (&self.content, given) {
            (Some((same, _)), Some(given)) if *same == given => {}
            (_, given) => self.content = given.map(|given| (given, now)),
        }
    }

    /// The window is gone.
    pub(super) fn gone(&mut self) {
        *self = Self::default();
    }

    /// May the owner let this in now?
    pub(super) fn permits(&self, asked: &Shown, now: Instant) -> bool {
        let settled = |since: Instant| now.saturating_duration_since(since) >= ENOUGH;
        self.window.is_some_and(settled)
            && self
                .content
                .as_ref()
                .is_some_and(|(shown, since)| shown == asked && settled(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(1);

    fn question(id: &str) -> Shown {
        Shown {
            id: id.to_owned(),
            hash: format!("hash of {id}"),
        }
    }

    /// A window with a question, both from this instant on.
    fn settling(now: Instant) -> Settling {
        let mut settling = Settling::default();
        settling.shown(now);
        settling.content(Some(question("a")), now);
        settling
    }

    #[test]
    fn two_seconds_after_it_came_into_view() {
        let start = Instant::now();
        let settling = settling(start);
        assert!(!settling.permits(&question("a"), start));
        assert!(!settling.permits(&question("a"), start + ENOUGH.saturating_sub(TICK)));
        assert!(settling.permits(&question("a"), start + ENOUGH));
        assert!(settling.permits(&question("a"), start + SETTLE * 10));
    }

    #[test]
    fn the_focus_starts_it_anew() {
        let start = Instant::now();
        let mut settling = settling(start);
        settling.focused(start + SETTLE);
        assert!(!settling.permits(&question("a"), start + SETTLE));
        assert!(settling.permits(&question("a"), start + SETTLE * 2));
    }

    #[test]
    fn other_content_starts_it_anew_and_the_same_does_not() {
        let start = Instant::now();
        let mut settling = settling(start);
        settling.content(Some(question("a")), start + SETTLE);
        assert!(settling.permits(&question("a"), start + SETTLE));
        settling.content(Some(question("b")), start + SETTLE);
        assert!(!settling.permits(&question("b"), start + SETTLE));
        assert!(settling.permits(&question("b"), start + SETTLE * 2));
        let mut changed = question("b");
        changed.hash = "another".to_owned();
        settling.content(Some(changed.clone()), start + SETTLE * 2);
        assert!(!settling.permits(&changed, start + SETTLE * 2));
    }

    #[test]
    fn nothing_is_let_in_that_is_not_in_view() {
        let start = Instant::now();
        let later = start + SETTLE * 2;
        assert!(!settling(start).permits(&question("b"), later));

        let mut hidden = Settling::default();
        hidden.content(Some(question("a")), start);
        hidden.focused(start);
        assert!(!hidden.permits(&question("a"), later));

        let mut gone = settling(start);
        gone.gone();
        assert!(!gone.permits(&question("a"), later));

        let mut empty = settling(start);
        empty.content(None, start);
        assert!(!empty.permits(&question("a"), later));
    }

    #[test]
    fn a_clock_that_stands_still_lets_nothing_in() {
        let start = Instant::now();
        let settling = settling(start + SETTLE);
        assert!(!settling.permits(&question("a"), start));
    }
}
