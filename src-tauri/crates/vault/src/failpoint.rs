//! Ends the process at a chosen commit or step, so that tests can see what a power cut there leaves.
//!
//! `DRAWBRIDGE_FAILPOINT=before-commit:N` or `after-commit:N`: at the Nth commit of the writer;
//! `erasing:N`: after the Nth step of erasing everything.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static CHOSEN: OnceLock<Option<(Place, u64)>> = OnceLock::new();
static COMMITS: AtomicU64 = AtomicU64::new(0);
static STEPS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeCommit,
    AfterCommit,
    Erasing,
}

/// Where to stop, and at which one.
fn chosen() -> Option<(Place, u64)> {
    *CHOSEN.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "a switch of test builds only")]
        let text = std::env::var("DRAWBRIDGE_FAILPOINT").ok()?;
        let (place, number) = text.split_once(':')?;
        let place = match place {
            "before-commit" => Place::BeforeCommit,
            "after-commit" => Place::AfterCommit,
            "erasing" => Place::Erasing,
            _ => return None,
        };
        Some((place, number.parse().ok()?))
    })
}

fn end_at(place: Place, number: u64) {
    if chosen() == Some((place, number)) {
        std::process::abort();
    }
}

/// Counts a commit that is about to happen.
pub(crate) fn before_commit() {
    end_at(
        Place::BeforeCommit,
        COMMITS.fetch_add(1, Ordering::SeqCst) + 1,
    );
}

/// Says that the commit has happened.
pub(crate) fn after_commit() {
    end_at(Place::AfterCommit, COMMITS.load(Ordering::SeqCst));
}

/// Counts a step of erasing that was done.
pub(crate) fn erasing() {
    end_at(Place::Erasing, STEPS.fetch_add(1, Ordering::SeqCst) + 1);
}
