//! Keeps what strangers can make happen often from filling the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing more is written after a line.
const QUIET: Duration = Duration::from_mins(1);

/// Lets one line through a minute, and counts those it held back.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<Option<Held>>);

#[derive(Debug)]
struct Held {
    since: Instant,
    count: u64,
}

impl Throttle {
    /// Whether to write a line now; and how many were held back since the last.
    pub fn let_through(&self, now: Instant) -> Option<u64> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) if now.saturating_duration_since(held.since) < QUIET => {
                held.count = held.count.saturating_add(1);
                None
            }
            _ => {
                let before = held.replace(Held {
                    since: now,
                    count: 0,
                });
                Some(before.map_or(0, |before| before.count))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_minute_and_the_rest_is_counted() {
        let throttle = Throttle::default();
        let now = Instant::now();
        assert_eq!(throttle.let_through(now), Some(0));
        assert_eq!(throttle.let_through(now + Duration::from_secs(1)), None);
        assert_eq!(throttle.let_through(now + Duration::from_secs(59)), None);
        assert_eq!(throttle.let_through(now + QUIET), Some(2));
        assert_eq!(throttle.let_through(now + Duration::from_secs(61)), None);
    }
}
