//! How long an attempt waits for our own database. A failover takes seconds: it must not cost what the attempt has done.

use runtime::clock;
use std::time::{Duration, Instant};
use store::StoreError;

/// Longer than a failover. The lease ends the wait earlier when no lane of this worker gets through.
const LONGEST: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The waits between tries: twice as long each, with jitter.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    /// Begins with a short wait.
    pub const fn new() -> Self {
        Self(FIRST_WAIT)
    }

    /// How long to wait now.
    pub fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST_WAIT);
        wait.mul_f64(1.0 + clock::jitter())
    }
}

/// One question's patience.
#[derive(Debug)]
pub struct Patience {
    begun: Instant,
    backoff: Backoff,
}

impl Patience {
    /// Begins now.
    pub fn new() -> Self {
        Self { begun: Instant::now(), backoff: Backoff::new() }
    }

    /// How long to wait before asking again; nothing where asking again is of no use.
    pub fn after(&mut self, error: &StoreError) -> Option<Duration> {
        (error.is_passing() && self.begun.elapsed() < LONGEST).then(|| self.backoff.next())
    }
}
