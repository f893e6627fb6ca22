//! Proof that threads still run what they are given. A thread that hangs in one task runs no other one either, so a task on it
//! that notes the time every [`BEAT_EVERY`] proves that it answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BEAT_EVERY: Duration = Duration::from_millis(250);
/// A thread that has not answered for this long gets no more traffic.
pub const READY_WITHIN: Duration = Duration::from_secs(2);
/// A thread that has not answered for this long needs a restart. Far above what load alone can cause.
pub const ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// The heartbeats of threads of one sort. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Heartbeats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: &'static str,
    expected: usize,
    next: AtomicU64,
    /// The last beat of each thread that has begun to beat and has not ended.
    last: Mutex<HashMap<u64, Instant>>,
}

/// Removes a thread that has ended: it does not hang.
struct Entry<'a>(&'a Inner, u64);

impl Heartbeats {
    /// For `expected` threads; `name` is their plural, e.g. `serving threads`.
    pub fn new(name: &'static str, expected: usize) -> Self {
        Self(Arc::new(Inner { name, expected, next: AtomicU64::default(), last: Mutex::default() }))
    }

    /// How many threads are watched.
    pub fn expected(&self) -> usize {
        self.0.expected
    }

    /// Beats until it is dropped. Must run on the thread that is watched.
    pub async fn beat(self) {
        let entry = Entry(&self.0, self.0.next.fetch_add(1, Ordering::Relaxed));
        let mut tick = tokio::time::interval(BEAT_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.0.lock().insert(entry.1, Instant::now());
        }
    }

    /// What keeps these threads from serving: those that did not answer in time, have not started, or have died.
    pub fn not_ready(&self) -> Option<String> {
        let answering = self.0.lock().values().filter(|last| last.elapsed() <= READY_WITHIN).count();
        self.tell(self.0.expected.saturating_sub(answering))
    }

    /// The threads that hang. One that has ended does not: a restart of the process would interrupt an orderly shutdown.
    pub fn not_alive(&self) -> Option<String> {
        self.tell(self.0.lock().values().filter(|last| last.elapsed() > ALIVE_WITHIN).count())
    }

    fn tell(&self, unresponsive: usize) -> Option<String> {
        let Inner { name, expected, .. } = &*self.0;
        (unresponsive > 0).then(|| format!("{unresponsive} of {expected} {name}"))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads whose last beats were this many seconds ago.
    fn heartbeats(expected: usize, seconds: &[u64]) -> Heartbeats {
        let heartbeats = Heartbeats::new("threads", expected);
        let ago =
            |seconds: &u64| Instant::now().checked_sub(Duration::from_secs(*seconds)).expect("an uptime of seconds");
        *heartbeats.0.lock() = (0..).zip(seconds.iter().map(ago)).collect();
        heartbeats
    }

    #[test]
    fn unresponsive_threads_are_counted() {
        let one_of_two = Some("1 of 2 threads".to_owned());
        for (seconds, not_ready, not_alive) in [
            ([0, 1].as_slice(), None, None),
            // Not started, or died: no traffic, but nothing hangs.
            (&[0], one_of_two.clone(), None),
            (&[0, 5], one_of_two.clone(), None),
            (&[0, 60], one_of_two.clone(), one_of_two.clone()),
            // The dead one was restarted by its server.
            (&[0, 0, 60], None, one_of_two),
            (&[60, 60], Some("2 of 2 threads".to_owned()), Some("2 of 2 threads".to_owned())),
        ] {
            let heartbeats = heartbeats(2, seconds);
            assert_eq!((heartbeats.not_ready(), heartbeats.not_alive()), (not_ready, not_alive), "{seconds:?}");
        }
    }

    #[tokio::test]
    async fn ended_thread_is_not_ready_and_not_hung() {
        let heartbeats = Heartbeats::new("threads", 1);
        let beating = tokio::spawn(heartbeats.clone().beat());
        while heartbeats.not_ready().is_some() {
            tokio::task::yield_now().await;
        }
        beating.abort();
        let _ = beating.await;
        assert_eq!(heartbeats.not_ready().as_deref(), Some("1 of 1 threads"));
        assert_eq!(heartbeats.not_alive(), None);
    }
}
