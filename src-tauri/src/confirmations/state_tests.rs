//! The rules of a confirmation's life, one by one and in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn text(value: &str) -> ConfirmationText {
    ConfirmationText::new(Action::AddServer, "Add this server?").with("Program", value)
}

fn raise(state: &mut State, id: &str, now: Timestamp) -> Result<Arc<Confirmation>, NotRaised> {
    let raise = Raise {
        id: id.to_owned(),
        asker: Asker::Command,
        text: text(id),
        life: LIFE,
    };
    state.raise(raise, now)
}

/// A desk with a window, and one question.
fn asked() -> (State, Arc<Confirmation>) {
    let mut state = State::new(true);
    state.attend();
    let confirmation = raise(&mut state, "q-1", NOW).unwrap();
    (state, confirmation)
}

fn ended(state: &mut State) -> Vec<(String, Outcome)> {
    state.take_ended()
}

fn only(outcome: Outcome) -> Vec<(String, Outcome)> {
    vec![("q-1".to_owned(), outcome)]
}

#[test]
fn an_answer_counts_once_and_only_for_what_was_shown() {
    let (mut state, asked) = asked();
    let other = Confirmation::new("q-1".into(), Asker::Command, text("rm"), NOW, at(60));
    let changed = state.answer("q-1", &other.shown(), true, NOW);
    assert_eq!(changed, Err(NotAnswered::Changed));
    let unknown = state.answer("q-2", &asked.shown(), true, NOW);
    assert_eq!(unknown, Err(NotAnswered::NotWaiting));
    assert_eq!(ended(&mut state), vec![]);
    assert_eq!(state.answer("q-1", &asked.shown(), true, NOW), Ok(()));
    assert_eq!(ended(&mut state), only(Outcome::Allowed));
    let again = state.answer("q-1", &asked.shown(), true, NOW);
    assert_eq!(again, Err(NotAnswered::NotWaiting));
}

#[test]
fn no_is_no() {
    let (mut state, asked) = asked();
    assert_eq!(state.answer("q-1", &asked.shown(), false, NOW), Ok(()));
    assert_eq!(ended(&mut state), only(Outcome::Denied));
}

#[test]
fn the_last_moment_is_too_late() {
    let (mut state, asked) = asked();
    assert_eq!(asked.expires_at(), at(60));
    state.expire(at(59));
    assert_eq!(state.waiting().len(), 1);
    let late = state.answer("q-1", &asked.shown(), true, at(60));
    assert_eq!(late, Err(NotAnswered::NotWaiting));
    assert_eq!(ended(&mut state), only(Outcome::TimedOut));
}

#[test]
fn a_window_that_goes_away_takes_its_questions_with_it() {
    let (mut state, asked) = asked();
    state.attend();
    state.leave();
    assert_eq!(state.gate(), Gate::Attended, "another window is there");
    state.leave();
    assert_eq!(ended(&mut state), only(Outcome::Unattended));
    assert_eq!(
        state.answer("q-1", &asked.shown(), true, NOW),
        Err(NotAnswered::NotWaiting)
    );
    assert_eq!(
        raise(&mut state, "q-2", NOW).err(),
        Some(NotRaised::Unattended)
    );
}

#[test]
fn only_where_no_window_was_ever_expected_nothing_is_asked() {
    assert_eq!(State::new(false).gate(), Gate::Headless);
    let mut state = State::new(true);
    assert_eq!(state.gate(), Gate::Unattended, "it has not come yet");
    assert!(raise(&mut state, "q-1", NOW).is_err());
    let mut state = State::new(false);
    state.attend();
    state.leave();
    assert_eq!(state.gate(), Gate::Unattended, "it was there");
    let mut state = State::new(false);
    state.close();
    assert_eq!(state.gate(), Gate::Unattended, "it stops");
}

#[test]
fn closing_refuses_what_waits_and_what_comes() {
    let (mut state, _) = asked();
    state.close();
    assert_eq!(ended(&mut state), only(Outcome::Unattended));
    assert!(raise(&mut state, "q-2", NOW).is_err());
    state.attend();
    assert_eq!(state.gate(), Gate::Unattended);
}

#[test]
fn whoever_goes_away_is_told_nothing() {
    let (mut state, _) = asked();
    state.withdraw("q-1", NOW);
    assert_eq!(state.waiting().len(), 0);
    assert_eq!(ended(&mut state), vec![]);
}

fn raise_own(state: &mut State, id: &str, now: Timestamp) -> Result<Arc<Confirmation>, NotRaised> {
    let own = Raise {
        id: id.to_owned(),
        asker: Asker::Window,
        text: text("own"),
        life: LIFE,
    };
    state.raise(own, now)
}

#[test]
fn commands_take_three_places_and_the_window_has_the_fourth() {
    let (mut state, first) = asked();
    for id in ["q-2", "q-3"] {
        raise(&mut state, id, NOW).unwrap();
    }
    assert_eq!(raise(&mut state, "q-4", NOW).err(), Some(NotRaised::Busy));
    assert_eq!(raise(&mut state, "q-1", NOW).err(), Some(NotRaised::Busy));
    raise_own(&mut state, "q-4", NOW).unwrap();
    assert_eq!(
        raise_own(&mut state, "q-5", NOW).err(),
        Some(NotRaised::Busy),
        "four are all there are"
    );
    state.answer("q-1", &first.shown(), true, NOW).unwrap();
    raise(&mut state, "q-5", NOW).unwrap();
    let waiting: Vec<String> = state
        .waiting()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    assert_eq!(waiting, ["q-2", "q-3", "q-4", "q-5"]);
}

#[test]
fn whoever_is_refused_again_and_again_is_not_shown_for_a_minute() {
    let mut state = State::new(true);
    state.attend();
    for (id, second) in [("q-1", 0), ("q-2", 1), ("q-3", 2)] {
        let asked = raise(&mut state, id, at(second)).unwrap();
        state.answer(id, &asked.shown(), false, at(second)).unwrap();
    }
    assert_eq!(
        raise(&mut state, "q-4", at(3)).err(),
        Some(NotRaised::Quiet)
    );
    assert!(
        raise_own(&mut state, "q-5", at(3)).is_ok(),
        "the person is not kept out"
    );
    assert_eq!(
        raise(&mut state, "q-6", at(61)).err(),
        Some(NotRaised::Quiet)
    );
    assert!(raise(&mut state, "q-7", at(62)).is_ok());
}

#[test]
fn asking_and_hanging_up_or_letting_it_wait_counts_like_a_refusal() {
    let mut state = State::new(true);
    state.attend();
    raise(&mut state, "q-1", at(0)).unwrap();
    state.withdraw("q-1", at(1));
    state.withdraw("q-1", at(1));
    raise(&mut state, "q-2", at(2)).unwrap();
    state.time_out("q-2", at(62));
    raise(&mut state, "q-3", at(63)).unwrap();
    state.expire(at(123));
    assert_eq!(
        raise(&mut state, "q-4", at(124)).err(),
        Some(NotRaised::Quiet)
    );
    assert!(raise(&mut state, "q-5", at(183)).is_ok());
}

#[test]
fn what_is_allowed_old_or_not_a_commands_keeps_nobody_quiet() {
    let mut state = State::new(true);
    state.attend();
    for number in 0..6 {
        let id = format!("q-{number}");
        let asked = raise(&mut state, &id, NOW).unwrap();
        state.answer(&id, &asked.shown(), true, NOW).unwrap();
        raise_own(&mut state, &id, NOW).unwrap();
        state.withdraw(&id, NOW);
    }
    for second in [0, 200, 400, 600] {
        raise(&mut state, "q-7", at(second)).unwrap();
        state.withdraw("q-7", at(second));
    }
    // A window that went away says nothing about who asked.
    for number in 0..3 {
        raise(&mut state, &format!("q-8{number}"), at(900)).unwrap();
    }
    state.leave();
    state.attend();
    assert!(raise(&mut state, "q-9", at(901)).is_ok());
}

#[test]
fn the_hash_is_over_everything_shown() {
    let confirmation =
        |asker, text, until| Confirmation::new("q-1".into(), asker, text, NOW, until);
    let first = confirmation(Asker::Command, text("npx"), at(60)).shown();
    let same = confirmation(Asker::Command, text("npx"), at(60)).shown();
    assert_eq!(first, same);
    let titled = ConfirmationText {
        title: "Another?",
        ..text("npx")
    };
    let other_action = ConfirmationText {
        action: Action::Import,
        ..text("npx")
    };
    let labelled = ConfirmationText::new(Action::AddServer, "Add this server?").with("Name", "npx");
    let split = ConfirmationText::new(Action::AddServer, "Add this server?")
        .with("Program", "np")
        .with("x", "");
    for other in [
        confirmation(Asker::Window, text("npx"), at(60)),
        confirmation(Asker::Command, text("npx"), at(61)),
        confirmation(Asker::Command, text("npy"), at(60)),
        confirmation(Asker::Command, titled, at(60)),
        confirmation(Asker::Command, other_action, at(60)),
        confirmation(Asker::Command, labelled, at(60)),
        confirmation(Asker::Command, split, at(60)),
        Confirmation::new("q-2".into(), Asker::Command, text("npx"), NOW, at(60)),
    ] {
        assert_ne!(first, other.shown());
    }
}

#[test]
fn details_are_whole_and_readable_or_not_asked() {
    let text = text("a\u{202e}b\n  c");
    assert_eq!(text.details[0].value, "a[U+202E]b[U+000A]  c");
    assert_eq!(text.check(Asker::Command), Ok(()));
    let long = text.with("Arguments", &"x".repeat(4 * 1024));
    assert_eq!(long.check(Asker::Command), Err(TooMuchText));
    assert_eq!(long.check(Asker::Window), Ok(()));
    let too_long = long.with("Arguments", &"x".repeat(12 * 1024));
    assert_eq!(too_long.check(Asker::Window), Err(TooMuchText));
}

/// What may happen to a desk.
#[derive(Debug, Clone)]
enum Step {
    Attend,
    Leave,
    Raise {
        command: bool,
    },
    Answer {
        which: usize,
        right: bool,
        allow: bool,
    },
    Withdraw(usize),
    TimeOut(usize),
    Wait(i64),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Attend),
        1 => Just(Step::Leave),
        8 => any::<bool>().prop_map(|command| Step::Raise { command }),
        6 => (0_usize..12, prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(which, right, allow)| Step::Answer { which, right, allow }),
        2 => (0_usize..12).prop_map(Step::Withdraw),
        1 => (0_usize..12).prop_map(Step::TimeOut),
        4 => (0_i64..90).prop_map(Step::Wait),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens in whatever order: nothing is allowed that a person did not allow, by its
    /// hash, in time, while a window was there; everything asked ends once; no more than the limit
    /// waits.
    #[test]
    fn nothing_is_allowed_but_by_a_person(steps in steps()) {
        let mut state = State::new(false);
        let mut attendants = 0_usize;
        let mut second = 0;
        let mut raised: Vec<Arc<Confirmation>> = Vec::new();
        let mut allowed_by_person: Vec<String> = Vec::new();
        let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
        for step in steps {
            let now = at(second);
            let id = |which: usize| format!("q-{which}");
            match step {
                Step::Attend => { state.attend(); attendants += 1; }
                Step::Leave => { state.leave(); attendants = attendants.saturating_sub(1); }
                Step::Raise { command } => {
                    let asker = if command { Asker::Command } else { Asker::Window };
                    let raise = Raise {
                        id: id(raised.len()),
                        asker,
                        text: text("x"),
                        life: LIFE,
                    };
                    if let Ok(confirmation) = state.raise(raise, now) {
                        prop_assert!(attendants > 0, "raised with nobody there");
                        raised.push(confirmation);
                    }
                }
                Step::Answer { which, right, allow } => {
                    let other = usize::from(!right);
                    let shown = raised.get((which + other) % raised.len().max(1)).map(|one| one.shown());
                    if let Some(shown) = shown {
                        let told = state.answer(&id(which), &shown, allow, now);
                        if told.is_ok() {
                            let asked = &raised[which];
                            prop_assert_eq!(asked.shown(), shown);
                            prop_assert!(now < asked.expires_at());
                            prop_assert!(attendants > 0);
                            if allow {
                                allowed_by_person.push(id(which));
                            }
                        }
                    }
                }
                Step::Withdraw(which) => state.withdraw(&id(which), now),
                Step::TimeOut(which) => state.time_out(&id(which), now),
                Step::Wait(seconds) => { second += seconds; state.expire(at(second)); }
                Step::Close => state.close(),
            }
            for (id, outcome) in state.take_ended() {
                prop_assert_eq!(outcomes.insert(id, outcome), None, "ended twice");
            }
            let waiting = state.waiting();
            prop_assert!(waiting.len() <= MOST_WAITING);
            let commands = waiting.iter().filter(|one| one.asker() == Asker::Command);
            prop_assert!(commands.count() <= MOST_COMMANDS);
            prop_assert!(attendants > 0 || waiting.is_empty());
            for one in &waiting {
                prop_assert!(!outcomes.contains_key(one.id()));
                prop_assert!(raised.contains(one));
            }
        }
        let allowed: Vec<&String> = outcomes
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Allowed)
            .map(|(id, _)| id)
            .collect();
        allowed_by_person.sort();
        prop_assert_eq!(allowed, allowed_by_person.iter().collect::<Vec<_>>());
    }
}
