//! Ends the process at a chosen commit, so that tests can see what a power cut there leaves.
//!
//! `DRAWBRIDGE_FAILPOINT=before-commit:N` or `after-commit:N`: at the Nth commit of the writer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static CHOSEN: OnceLock<Option<(bool, u64)>> = OnceLock::new();
static COMMITS: AtomicU64 = AtomicU64::new(0);

/// Whether to stop after the commit rather than before it, and at which.
fn chosen() -> Option<(bool, u64)> {
    *CHOSEN.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "a switch of test builds only")]
        let text = std::env::var("DRAWBRIDGE_FAILPOINT").ok()?;
        let (when, number) = text.split_once(':')?;
        let after = match when {
            "before-commit" => false,
            "after-commit" => true,
            _ => return None,
        };
        Some((after, number.parse().ok()?))
    })
}

/// Counts a commit that is about to happen.
pub(crate) fn before_commit() {
    let number = COMMITS.fetch_add(1, Ordering::SeqCst) + 1;
    if chosen() == Some((false, number)) {
        std::process::abort();
    }
}

/// Says that the commit has happened.
pub(crate) fn after_commit() {
    if chosen() == Some((true, COMMITS.load(Ordering::SeqCst))) {
        std::process::abort();
    }
}
