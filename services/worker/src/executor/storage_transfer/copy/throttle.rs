//! How many bytes a second one operation may copy, where the operator sets a limit.

use crate::executor::storage_transfer::places::halt::{Halt, Halted};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a wait on a thread goes without a look at the stop.
const SLICE: Duration = Duration::from_millis(20);
/// How many waits a second there are at most: pieces are as small as that takes.
const WAITS_A_SECOND: u64 = 20;
/// No piece is smaller.
const SMALLEST: u64 = 16 * 1024;

/// A limit for all that copy for one operation.
#[derive(Debug)]
pub struct Throttle {
    per_second: u64,
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    /// So many bytes a second; at least one.
    pub fn new(per_second: u64) -> Self {
        Self { per_second: per_second.max(1), free_at: Mutex::default() }
    }

    /// How much may be copied between two waits.
    pub fn piece(&self) -> u64 {
        (self.per_second / WAITS_A_SECOND).max(SMALLEST)
    }

    /// How much a batch holds, which is told of when it ends: what may be copied in a second, or a mebibyte.
    pub fn batch(&self) -> u64 {
        self.per_second.max(1024 * 1024)
    }

    /// Takes so many bytes of what may be copied, and says how long to wait for them: those before are waited for, not they
    /// themselves.
    fn take(&self, bytes: u64, now: Instant) -> Duration {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = free_at.map_or(now, |free_at| free_at.max(now));
        *free_at = Some(begins + Duration::from_secs_f64(bytes as f64 / self.per_second as f64));
        begins - now
    }

    /// Waits on this thread until so many bytes may be copied.
    ///
    /// # Errors
    /// [`Halted`].
    pub fn block(&self, bytes: u64, halt: &Halt) -> Result<(), Halted> {
        let now = Instant::now();
        let until = now + self.take(bytes, now);
        while let left = until.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            halt.within_object()?;
            std::thread::sleep(left.min(SLICE));
        }
        Ok(())
    }

    /// Waits until so many bytes may be copied.
    ///
    /// # Errors
    /// [`Halted`].
    pub async fn wait(&self, bytes: u64, halt: &Halt) -> Result<(), Halted> {
        let wait = self.take(bytes, Instant::now());
        if wait.is_zero() { Ok(()) } else { halt.or_halt(tokio::time::sleep(wait)).await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_waited_for_by_the_next() {
        let throttle = Throttle::new(1_000_000);
        let now = Instant::now();
        assert_eq!(throttle.take(500_000, now), Duration::ZERO);
        assert_eq!(throttle.take(250_000, now), Duration::from_millis(500));
        assert_eq!(throttle.take(1, now + Duration::from_millis(700)), Duration::from_millis(50));
        assert_eq!(throttle.take(1, now + Duration::from_secs(9)), Duration::ZERO, "what was not used is not saved up");
    }
}
