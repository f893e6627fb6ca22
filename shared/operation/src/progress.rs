//! How far an attempt has come.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How far an attempt has come. Counts start again with each attempt that starts from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Items done (rows, objects, keys, steps: the kind's unit).
    pub items_done: u64,
    /// Items in all, where the source can tell; an estimate where the source's planner says so.
    pub items_total: Option<u64>,
    /// Bytes written to the destination.
    pub bytes_done: u64,
}

/// How long a measurement of the speed counts: what is older has faded away.
const MEMORY: Duration = Duration::from_secs(10);

/// How quick an attempt is, by its last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    items_done: Option<u64>,
    per_second: Option<f64>,
}

impl Rate {
    /// The rate after `elapsed` more, in which the count has come to `items_done`.
    #[must_use]
    pub fn after(self, elapsed: Duration, items_done: u64) -> Self {
        let Some(before) = self.items_done else {
            // Nothing to compare with: an attempt that resumes begins with a count that it did not earn.
            return Self { items_done: Some(items_done), per_second: None };
        };
        if elapsed.is_zero() {
            return self;
        }
        let now = items_done.saturating_sub(before) as f64 / elapsed.as_secs_f64();
        let weight = 1.0 - (-elapsed.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        let per_second = self.per_second.map_or(now, |known| known + weight * (now - known));
        Self { items_done: Some(items_done), per_second: Some(per_second) }
    }

    /// Items a second; `None` before the second measurement.
    pub const fn per_second(self) -> Option<f64> {
        self.per_second
    }
}

impl Progress {
    /// How long the rest takes at this many items a second; `None` where the total or the speed is unknown.
    pub fn remaining(&self, per_second: Option<f64>) -> Option<Duration> {
        let rest = self.items_total?.checked_sub(self.items_done)?;
        let per_second = per_second.filter(|rate| *rate > 0.0)?;
        Duration::try_from_secs_f64(rest as f64 / per_second).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_pace_is_told_as_it_is_and_a_change_is_followed() {
        let second = Duration::from_secs(1);
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), None);
        rate = rate.after(second, 500);
        assert_eq!(rate.per_second(), None, "where it began is no work of its own");
        rate = rate.after(second, 600).after(second, 700);
        assert!((rate.per_second().unwrap() - 100.0).abs() < 1e-9);
        for _ in 0..60 {
            rate = rate.after(second, 700);
        }
        assert!(rate.per_second().unwrap() < 1.0, "a standstill shows");
        assert_eq!(rate.after(Duration::ZERO, 900), rate);
    }

    #[test]
    fn the_rest_takes_what_the_pace_says() {
        let progress = Progress { items_done: 40, items_total: Some(100), bytes_done: 0 };
        for (progress, per_second, expect) in [
            (progress, Some(2.0), Some(30)),
            (progress, Some(0.0), None),
            (progress, None, None),
            (Progress { items_total: None, ..progress }, Some(2.0), None),
            // A planner's estimate that was too low.
            (Progress { items_done: 101, ..progress }, Some(2.0), None),
        ] {
            assert_eq!(progress.remaining(per_second), expect.map(Duration::from_secs), "{progress:?} {per_second:?}");
        }
    }
}
