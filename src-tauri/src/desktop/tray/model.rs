//! What the tray shows, from what is so: pure, so that every state has a test.

use crate::ui_api::{State, Status};

/// A host name longer than this is cut: a menu is no wider than it must be.
const HOST_CHARACTERS: usize = 48;

/// Which drawing the icon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// The deck is raised.
    Closed,
    /// The deck is half-way.
    Opening,
    /// The deck lies across.
    Open,
    /// A dot.
    Attention,
}

/// What is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Where the bridge stands.
    pub(super) state: State,
    /// Whether there is an engine that can be opened or closed, and neither is under way.
    pub(super) ready: bool,
    /// The public host, where there is one.
    pub(super) host: Option<String>,
    /// Whether there is a connector URL.
    pub(super) has_connector_url: bool,
    /// How many questions wait for the owner.
    pub(super) waiting: usize,
    /// How many requests of a flood were not shown.
    pub(super) missed: u64,
}

impl Facts {
    /// Before the engine has started.
    pub(super) const fn starting() -> Self {
        Self::without_engine(State::Opening)
    }

    /// When the engine did not start: only the window and quitting are left.
    pub(super) const fn failed() -> Self {
        Self::without_engine(State::Attention)
    }

    const fn without_engine(state: State) -> Self {
        Self {
            state,
            ready: false,
            host: None,
            has_connector_url: false,
            waiting: 0,
            missed: 0,
        }
    }

    /// What the engine says, with how many questions wait; `busy` while opening or closing that the
    /// tray asked for is under way.
    pub(super) fn of(status: &Status, waiting: usize, busy: bool) -> Self {
        Self {
            state: status.state,
            ready: !busy,
            host: status.public_url.as_deref().map(host),
            has_connector_url: !status.connector_url.is_empty(),
            waiting,
            missed: status.missed_requests,
        }
    }
}

/// The host of an origin.
fn host(origin: &str) -> String {
    let host = origin
        .split_once("://")
        .map_or(origin, |(_, host)| host)
        .trim_end_matches('/');
    if host.chars().count() <= HOST_CHARACTERS {
        return host.to_owned();
    }
    // The right end says whose it is.
    let kept: Vec<char> = host.chars().rev().take(HOST_CHARACTERS - 1).collect();
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// A line that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Its words.
    pub(super) label: String,
    /// Whether it can be chosen now.
    pub(super) enabled: bool,
}

impl Line {
    fn new(label: impl Into<String>, enabled: bool) -> Self {
        Self {
            label: label.into(),
            enabled,
        }
    }
}

/// Everything of the tray that changes. *Open Drawbridge* and *Quit Drawbridge* always stand below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// The icon.
    pub(super) picture: Picture,
    /// What pointing at the icon says; a screen reader says it too.
    pub(super) tooltip: String,
    /// The state in words; never chosen.
    pub(super) state: String,
    /// *Start* or *Stop*.
    pub(super) toggle: Line,
    /// *Copy connector URL*.
    pub(super) copy: Line,
    /// *Approvals waiting (n)*.
    pub(super) approvals: Line,
    /// How many requests were not shown; absent when none.
    pub(super) missed: Option<String>,
}

impl Look {
    /// What the tray shows when this is so.
    pub(super) fn of(facts: &Facts) -> Self {
        let state = state_words(facts);
        let approvals = match facts.waiting {
            0 => Line::new("No approvals waiting", false),
            waiting => Line::new(format!("Approvals waiting ({waiting})"), true),
        };
        let tooltip = match facts.waiting {
            0 => format!("Drawbridge: {state}"),
            1 => format!("Drawbridge: {state}. 1 approval waits for you"),
            waiting => format!("Drawbridge: {state}. {waiting} approvals wait for you"),
        };
        Self {
            picture: picture(facts),
            tooltip,
            toggle: toggle(facts),
            copy: Line::new(
                "Copy connector URL",
                facts.state == State::Open && facts.has_connector_url,
            ),
            approvals,
            missed: missed_words(facts.missed),
            state,
        }
    }
}

/// Whoever waits for an answer needs the owner, whatever else is so.
fn picture(facts: &Facts) -> Picture {
    if facts.waiting > 0 {
        return Picture::Attention;
    }
    match facts.state {
        State::Closed => Picture::Closed,
        State::Opening => Picture::Opening,
        State::Open => Picture::Open,
        State::Attention => Picture::Attention,
    }
}

/// The words of the main window.
fn state_words(facts: &Facts) -> String {
    match (facts.state, &facts.host) {
        (State::Open, Some(host)) => format!("Open at {host}"),
        (State::Open, None) => "Open on this computer".to_owned(),
        (State::Opening, _) => "Opening…".to_owned(),
        (State::Closed, _) => "Closed".to_owned(),
        (State::Attention, _) => "Needs attention".to_owned(),
    }
}

/// What is under way is not turned round in the middle.
fn toggle(facts: &Facts) -> Line {
    match facts.state {
        State::Open => Line::new("Stop", facts.ready),
        State::Opening => Line::new("Stop", false),
        State::Closed | State::Attention => Line::new("Start", facts.ready),
    }
}

fn missed_words(missed: u64) -> Option<String> {
    match missed {
        0 => None,
        1 => Some("1 request was not shown".to_owned()),
        missed => Some(format!("{missed} requests were not shown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(state: State) -> Facts {
        Facts {
            state,
            ready: true,
            host: None,
            has_connector_url: true,
            waiting: 0,
            missed: 0,
        }
    }

    /// State, toggle, whether it can be chosen, whether the URL can be copied, picture.
    #[test]
    fn every_state_has_its_words_its_lines_and_its_picture() {
        for (state, words, toggle, enabled, copy, picture) in [
            (
                State::Open,
                "Open on this computer",
                "Stop",
                true,
                true,
                Picture::Open,
            ),
            (
                State::Opening,
                "Opening…",
                "Stop",
                false,
                false,
                Picture::Opening,
            ),
            (
                State::Closed,
                "Closed",
                "Start",
                true,
                false,
                Picture::Closed,
            ),
            (
                State::Attention,
                "Needs attention",
                "Start",
                true,
                false,
                Picture::Attention,
            ),
        ] {
            let look = Look::of(&facts(state));
            assert_eq!(look.state, words);
            assert_eq!(look.toggle, Line::new(toggle, enabled), "{words}");
            assert_eq!(look.copy, Line::new("Copy connector URL", copy), "{words}");
            assert_eq!(look.picture, picture, "{words}");
            assert_eq!(look.tooltip, format!("Drawbridge: {words}"));
            assert_eq!(look.approvals, Line::new("No approvals waiting", false));
            assert_eq!(look.missed, None);
        }
    }

    #[test]
    fn what_is_under_way_is_not_turned_round() {
        for state in [State::Open, State::Closed, State::Attention] {
            let look = Look::of(&Facts {
                ready: false,
                ..facts(state)
            });
            assert!(!look.toggle.enabled, "{state:?}");
        }
    }

    #[test]
    fn without_an_engine_nothing_can_be_asked_of_it() {
        for (facts, picture) in [
            (Facts::starting(), Picture::Opening),
            (Facts::failed(), Picture::Attention),
        ] {
            let look = Look::of(&facts);
            assert_eq!(look.picture, picture);
            assert!(!look.toggle.enabled && !look.copy.enabled && !look.approvals.enabled);
        }
    }

    #[test]
    fn who_waits_is_counted_and_gets_the_dot() {
        for (waiting, tooltip) in [
            (
                1,
                "Drawbridge: Open on this computer. 1 approval waits for you",
            ),
            (
                3,
                "Drawbridge: Open on this computer. 3 approvals wait for you",
            ),
        ] {
            let look = Look::of(&Facts {
                waiting,
                ..facts(State::Open)
            });
            assert_eq!(
                look.approvals,
                Line::new(format!("Approvals waiting ({waiting})"), true)
            );
            assert_eq!(look.picture, Picture::Attention);
            assert_eq!(look.tooltip, tooltip);
            assert_eq!(look.state, "Open on this computer");
        }
    }

    #[test]
    fn a_flood_is_counted() {
        let missed = |missed| {
            Look::of(&Facts {
                missed,
                ..facts(State::Open)
            })
            .missed
        };
        assert_eq!(missed(0), None);
        assert_eq!(missed(1).unwrap(), "1 request was not shown");
        assert_eq!(missed(12).unwrap(), "12 requests were not shown");
    }

    #[test]
    fn the_public_host_is_named_and_never_cut_at_its_right_end() {
        let words = |origin: &str| {
            Look::of(&Facts {
                host: Some(host(origin)),
                ..facts(State::Open)
            })
            .state
        };
        assert_eq!(words("https://mcp.example.com"), "Open at mcp.example.com");
        let long = words(&format!("https://{}.example.com", "a".repeat(80)));
        assert!(long.starts_with("Open at …aaa") && long.ends_with(".example.com"));
        assert_eq!(long.chars().count(), "Open at ".len() + HOST_CHARACTERS);
    }
}
