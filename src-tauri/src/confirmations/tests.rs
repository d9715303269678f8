//! The desk with its clock, its callers and its window.

use drawbridge_vault::ports::EntropyError;

use super::*;

struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Counts up, so that no two draws are alike.
struct Counting(Mutex<u8>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        bytes.fill(*count);
        Ok(())
    }
}

/// No random bytes.
struct Empty;

impl Entropy for Empty {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

fn clock() -> Arc<Still> {
    Arc::new(Still(Mutex::new(Timestamp::UNIX_EPOCH)))
}

fn desk(clock: Arc<Still>) -> Confirmations {
    Confirmations::new(clock, Arc::new(Counting(Mutex::new(0))), true)
}

fn text() -> ConfirmationText {
    ConfirmationText::new(Action::Pair, "Show a code?")
}

#[tokio::test]
async fn the_caller_hears_what_the_person_said() {
    let desk = desk(clock());
    let _window = desk.attend();
    for (allow, outcome) in [(true, Outcome::Allowed), (false, Outcome::Denied)] {
        let pending = desk.raise(Asker::Command, text()).unwrap();
        let seen = desk.watch().borrow().first().cloned().unwrap();
        assert_eq!(*seen, *pending.confirmation());
        desk.answer(seen.id(), &seen.shown(), allow).unwrap();
        assert_eq!(pending.outcome().await, outcome);
        assert!(desk.waiting().is_empty());
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_withdraws_its_question() {
    let desk = desk(clock());
    let _window = desk.attend();
    let mut watch = desk.watch();
    let pending = desk.raise(Asker::Command, text()).unwrap();
    assert_eq!(watch.borrow_and_update().len(), 1);
    let seen = pending.confirmation().clone();
    drop(pending);
    assert!(watch.has_changed().unwrap() && watch.borrow().is_empty());
    assert_eq!(
        desk.answer(seen.id(), &seen.shown(), true),
        Err(NotAnswered::NotWaiting)
    );
}

#[tokio::test]
async fn a_window_that_goes_away_is_no_answer() {
    let desk = desk(clock());
    let window = desk.attend();
    let pending = desk.raise(Asker::Command, text()).unwrap();
    drop(window);
    assert_eq!(pending.outcome().await, Outcome::Unattended);
    assert!(!desk.is_attended());
    assert_eq!(
        desk.raise(Asker::Command, text()).err(),
        Some(NotRaised::Unattended)
    );
}

#[tokio::test]
async fn nobody_answers_in_time() {
    let life = SignedDuration::from_millis(20);
    let entropy = Arc::new(Counting(Mutex::new(0)));
    let desk = Confirmations::with_life(clock(), entropy, true, life);
    let _window = desk.attend();
    // The wall clock stands still here: the wait itself has an end.
    let pending = desk.raise(Asker::Command, text()).unwrap();
    assert_eq!(pending.outcome().await, Outcome::TimedOut);
    assert!(desk.waiting().is_empty());
}

#[tokio::test]
async fn after_a_sleeping_computer_woke_up_the_question_is_over() {
    let clock = clock();
    let desk = desk(clock.clone());
    let _window = desk.attend();
    let pending = desk.raise(Asker::Command, text()).unwrap();
    let seen = pending.confirmation().clone();
    *clock.0.lock().unwrap() = seen.expires_at();
    assert_eq!(
        desk.answer(seen.id(), &seen.shown(), true),
        Err(NotAnswered::NotWaiting)
    );
    assert_eq!(pending.outcome().await, Outcome::TimedOut);
}

#[tokio::test]
async fn closing_answers_everybody() {
    let desk = desk(clock());
    let _window = desk.attend();
    let pending = desk.raise(Asker::Command, text()).unwrap();
    desk.close();
    assert_eq!(pending.outcome().await, Outcome::Unattended);
}

#[tokio::test]
async fn without_random_bytes_nothing_is_asked() {
    let desk = Confirmations::new(clock(), Arc::new(Empty), true);
    let _window = desk.attend();
    assert_eq!(
        desk.raise(Asker::Command, text()).err(),
        Some(NotRaised::Entropy)
    );
}

#[tokio::test]
async fn the_main_window_is_asked_for_only_where_there_is_one() {
    let desk = Confirmations::new(clock(), Arc::new(Empty), false);
    let mut shows = desk.watch_show();
    assert!(!desk.show_window());
    assert!(!shows.has_changed().unwrap());
    let _window = desk.attend();
    assert!(desk.show_window());
    assert!(shows.has_changed().unwrap());
    shows.mark_unchanged();
}

#[tokio::test]
async fn a_main_window_that_is_still_coming_is_asked_for_too() {
    let desk = desk(clock());
    assert!(desk.show_window());
    assert_eq!(*desk.watch_show().borrow(), 1);
}
