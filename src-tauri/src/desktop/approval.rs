//! When the approval window is there: the rules. `raising` carries them out.
//!
//! Nothing waits: no window. Something waits: one window, whose content changes in place. That
//! something waits is the engine's word, and the engine says it only of questions whose browser
//! proved itself, so nothing that a stranger sends can make or warm a window.

use std::time::{Duration, Instant};

use super::settling::Shown;

/// The shortest time between two notifications: a program on this computer that asks and takes
/// back, over and over, must not fill the screen.
const NOTICE_GAP: Duration = Duration::from_secs(2);

/// Who asks, as far as that was checked; never a name that a client chose for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asker {
    /// A client whose answer goes to this host.
    Host(String),
    /// A client whose answer goes to a program on the computer of the browser.
    Program,
    /// Something that wants more to be let in: a command, or the owner in the main window.
    Widening,
}

/// The question at the head of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Which, and what of it is shown.
    pub(super) shown: Shown,
    /// Who asks.
    pub(super) asker: Asker,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// This is at the head of the queue now, or nothing is.
    Waits(Option<Asked>),
    /// The page was given this to show.
    Given(Shown),
    /// The owner wants to see the question.
    Wanted,
    /// The owner closes the window.
    Closing,
    /// The window could not be made.
    NotMade,
    /// The window is gone.
    Gone,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Say that somebody asks, by the system's own means.
    Notify(Asker),
    /// Make the window.
    Make,
    /// The content is another: tell the page, and bring the window to the front.
    Raise,
    /// Bring the window to the front.
    Focus,
    /// Take the window away.
    Destroy,
    /// Turn this question away.
    Deny(Shown),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Window {
    #[default]
    Absent,
    There,
    /// Told to go, and not gone yet: another cannot be made until then.
    Leaving,
}

/// The window as far as the rules know it.
#[derive(Debug, Default)]
pub(super) struct Approval {
    window: Window,
    asked: Option<Asked>,
    /// What the window stands for: what it was made for, or what its page was given last.
    given: Option<Shown>,
    notified: Option<Instant>,
}

impl Approval {
    /// A window is there that these rules know nothing of: they begin with one of their own.
    pub(super) fn take_over(&mut self) -> Vec<Effect> {
        self.window = Window::Leaving;
        vec![Effect::Destroy]
    }

    /// What to do about this, in this order.
    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        match event {
            Event::Waits(asked) => self.waits(asked, now),
            Event::Given(shown) => {
                self.given = Some(shown);
                Vec::new()
            }
            Event::Wanted => match (self.window, &self.asked) {
                (Window::There, _) => vec![Effect::Focus],
                (Window::Absent, Some(_)) => self.make(),
                _ => Vec::new(),
            },
            Event::Closing => self.closing(),
            Event::NotMade => {
                self.window = Window::Absent;
                Vec::new()
            }
            Event::Gone => self.gone(now),
        }
    }

    fn waits(&mut self, asked: Option<Asked>, now: Instant) -> Vec<Effect> {
        if self.asked == asked {
            return Vec::new();
        }
        self.asked = asked;
        match (self.window, &self.asked) {
            (Window::There, Some(_)) => vec![Effect::Raise],
            (Window::There, None) => {
                self.window = Window::Leaving;
                vec![Effect::Destroy]
            }
            (Window::Absent, Some(_)) => self.announce(now),
            _ => Vec::new(),
        }
    }

    /// The owner turns away what they see. The window stays for what follows; when nothing does,
    /// the queue says so.
    fn closing(&mut self) -> Vec<Effect> {
        let Some(asked) = &self.asked else {
            self.window = Window::Leaving;
            return vec![Effect::Destroy];
        };
        if self.given.take_if(|given| *given != asked.shown).is_some() {
            // It went away while the owner reached for it: they have not seen what follows.
            return Vec::new();
        }
        // Also when closing is pressed twice, what follows is not turned away unseen.
        self.given = Some(asked.shown.clone());
        vec![Effect::Deny(asked.shown.clone())]
    }

    fn gone(&mut self, now: Instant) -> Vec<Effect> {
        let window = std::mem::take(&mut self.window);
        let given = self.given.take();
        let Some(asked) = &self.asked else {
            return Vec::new();
        };
        match window {
            // Not by us: whatever took it away, what it showed was not approved.
            Window::There if given.is_none_or(|given| given == asked.shown) => {
                vec![Effect::Deny(asked.shown.clone())]
            }
            Window::There | Window::Leaving => self.announce(now),
            Window::Absent => Vec::new(),
        }
    }

    fn announce(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        let soon = self
            .notified
            .is_some_and(|last| now.saturating_duration_since(last) < NOTICE_GAP);
        if let Some(asked) = self.asked.as_ref().filter(|_| !soon) {
            self.notified = Some(now);
            effects.push(Effect::Notify(asked.asker.clone()));
        }
        effects.extend(self.make());
        effects
    }

    fn make(&mut self) -> Vec<Effect> {
        self.window = Window::There;
        self.given = self.asked.as_ref().map(|asked| asked.shown.clone());
        vec![Effect::Make]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: &str) -> Asked {
        Asked {
            shown: Shown {
                id: id.to_owned(),
                hash: "1".to_owned(),
            },
            asker: Asker::Host(format!("{id}.example")),
        }
    }

    fn waits(id: &str) -> Event {
        Event::Waits(Some(asked(id)))
    }

    fn given(id: &str) -> Event {
        Event::Given(asked(id).shown)
    }

    fn notify(id: &str) -> Effect {
        Effect::Notify(asked(id).asker)
    }

    fn deny(id: &str) -> Effect {
        Effect::Deny(asked(id).shown)
    }

    const EMPTY: Event = Event::Waits(None);

    /// What each event led to, all at one instant.
    fn walk(events: impl IntoIterator<Item = Event>) -> Vec<Vec<Effect>> {
        let now = Instant::now();
        let mut approval = Approval::default();
        events
            .into_iter()
            .map(|event| approval.on(event, now))
            .collect()
    }

    fn last(events: impl IntoIterator<Item = Event>) -> Vec<Effect> {
        walk(events).pop().unwrap_or_default()
    }

    #[test]
    fn from_nothing_it_notifies_first_and_makes_the_window() {
        assert_eq!(walk([EMPTY]), [vec![]]);
        assert_eq!(last([waits("a")]), [notify("a"), Effect::Make]);
    }

    #[test]
    fn the_same_question_again_moves_nothing() {
        assert_eq!(last([waits("a"), waits("a")]), []);
    }

    #[test]
    fn the_next_takes_the_place_in_the_same_window() {
        assert_eq!(last([waits("a"), waits("b")]), [Effect::Raise]);
        let mut changed = asked("a");
        changed.shown.hash = "2".to_owned();
        assert_eq!(
            last([waits("a"), Event::Waits(Some(changed))]),
            [Effect::Raise]
        );
    }

    #[test]
    fn an_empty_queue_takes_the_window_away() {
        assert_eq!(last([waits("a"), EMPTY]), [Effect::Destroy]);
        assert_eq!(last([waits("a"), EMPTY, Event::Gone]), []);
    }

    #[test]
    fn a_question_that_comes_while_the_window_goes_gets_one_of_its_own() {
        let steps = walk([waits("a"), EMPTY, waits("b"), Event::Gone]);
        assert_eq!(steps[2], []);
        assert_eq!(
            steps[3],
            [Effect::Make],
            "the last notification is this moment's"
        );
    }

    #[test]
    fn closing_denies_what_is_shown_and_nothing_else() {
        let steps = walk([
            waits("a"),
            given("a"),
            Event::Closing,
            waits("b"),
            given("b"),
            EMPTY,
        ]);
        assert_eq!(steps[2], [deny("a")]);
        assert_eq!(
            steps[3],
            [Effect::Raise],
            "the next follows in the same window"
        );
        assert_eq!(steps[5], [Effect::Destroy]);
    }

    #[test]
    fn closing_does_not_hit_what_took_its_place_unseen() {
        let steps = walk([
            waits("a"),
            given("a"),
            waits("b"),
            Event::Closing,
            Event::Closing,
        ]);
        assert_eq!(steps[3], []);
        assert_eq!(
            steps[4],
            [deny("b")],
            "a page that never follows cannot hold the window"
        );
    }

    #[test]
    fn closing_twice_does_not_turn_the_next_away_unseen() {
        for seen in [vec![waits("a"), given("a")], vec![waits("a")]] {
            let pressed = [
                Event::Closing,
                Event::Closing,
                waits("b"),
                Event::Closing,
                given("b"),
                Event::Closing,
            ];
            let first = seen.len();
            let steps = walk(seen.into_iter().chain(pressed));
            assert_eq!(steps[first], [deny("a")]);
            assert_eq!(steps[first + 1], [deny("a")], "it does not wait any more");
            assert_eq!(steps[first + 3], []);
            assert_eq!(steps[first + 5], [deny("b")]);
        }
    }

    #[test]
    fn a_window_whose_question_changed_before_the_page_could_ask_denies_nothing_unseen() {
        assert_eq!(last([waits("a"), waits("b"), Event::Closing]), []);
        assert_eq!(last([waits("a"), waits("b"), Event::Gone]), [Effect::Make]);
    }

    #[test]
    fn a_window_left_by_rules_that_broke_off_makes_way_for_another() {
        let now = Instant::now();
        let mut approval = Approval::default();
        assert_eq!(approval.take_over(), [Effect::Destroy]);
        assert_eq!(approval.on(waits("a"), now), []);
        assert_eq!(approval.on(Event::Gone, now), [notify("a"), Effect::Make]);
    }

    #[test]
    fn closing_before_the_page_could_ask_denies_the_question() {
        assert_eq!(last([waits("a"), Event::Closing]), [deny("a")]);
    }

    #[test]
    fn closing_a_window_without_a_question_closes_it() {
        let steps = walk([waits("a"), EMPTY, Event::Closing]);
        assert_eq!(steps[2], [Effect::Destroy]);
    }

    #[test]
    fn a_window_that_is_taken_away_denies_what_it_showed() {
        assert_eq!(last([waits("a"), given("a"), Event::Gone]), [deny("a")]);
        let now = Instant::now();
        let mut approval = Approval::default();
        for event in [waits("a"), given("a"), Event::Gone] {
            approval.on(event, now);
        }
        assert_eq!(
            approval.on(waits("b"), now + NOTICE_GAP),
            [notify("b"), Effect::Make]
        );
    }

    #[test]
    fn a_window_that_could_not_be_made_is_tried_again() {
        assert_eq!(
            last([waits("a"), Event::NotMade, Event::Wanted]),
            [Effect::Make]
        );
        assert_eq!(
            last([waits("a"), Event::NotMade, waits("b")]),
            [Effect::Make]
        );
    }

    #[test]
    fn the_owner_can_bring_it_to_the_front() {
        assert_eq!(last([waits("a"), Event::Wanted]), [Effect::Focus]);
        assert_eq!(
            last([Event::Wanted]),
            [],
            "with nothing to show there is no window"
        );
    }

    #[test]
    fn notifications_keep_a_distance() {
        let start = Instant::now();
        let mut approval = Approval::default();
        let mut notified = 0;
        for step in 0..40_u32 {
            let now = start + NOTICE_GAP / 10 * step;
            let id = format!("question{step}");
            for event in [waits(&id), EMPTY, Event::Gone] {
                notified += approval
                    .on(event, now)
                    .iter()
                    .filter(|effect| matches!(effect, Effect::Notify(_)))
                    .count();
            }
        }
        assert_eq!(notified, 4);
    }
}
