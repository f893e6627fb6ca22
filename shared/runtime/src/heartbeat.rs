//! Proof that threads still run what they are given. A thread that hangs in one task runs no other one either, so a task on it
//! that notes the time every [`BEAT_EVERY`] proves that it answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
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
    created: Instant,
    /// How many threads have ever begun to beat.
    begun: AtomicUsize,
    /// The last beat of each thread that has begun to beat and has not ended.
    last: Mutex<HashMap<ThreadId, Instant>>,
}

/// Removes a thread that has ended: it does not hang.
struct Entry<'a>(&'a Inner, ThreadId);

impl Heartbeats {
    /// For `expected` threads; `name` is their plural, e.g. `serving threads`.
    pub fn new(name: &'static str, expected: usize) -> Self {
        let (created, begun) = (Instant::now(), AtomicUsize::default());
        Self(Arc::new(Inner { name, expected, created, begun, last: Mutex::default() }))
    }

    /// How many threads are watched.
    pub fn expected(&self) -> usize {
        self.0.expected
    }

    /// Beats until it is dropped. Must run on the thread that is watched, which counts once, however often it begins.
    pub async fn beat(self) {
        let entry = Entry(&self.0, thread::current().id());
        if self.0.lock().insert(entry.1, Instant::now()).is_none() {
            self.0.begun.fetch_add(1, Ordering::Relaxed);
        }
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

    /// The threads that hang, some perhaps since before their first beat. One that has ended does not hang: a restart of the
    /// process would interrupt an orderly shutdown.
    pub fn not_alive(&self) -> Option<String> {
        let Inner { expected, created, begun, .. } = &*self.0;
        let hang = self.0.lock().values().filter(|last| last.elapsed() > ALIVE_WITHIN).count();
        let late = created.elapsed() > ALIVE_WITHIN;
        self.tell(hang + if late { expected.saturating_sub(begun.load(Ordering::Relaxed)) } else { 0 })
    }

    fn tell(&self, unresponsive: usize) -> Option<String> {
        let Inner { name, expected, .. } = &*self.0;
        (unresponsive > 0).then(|| format!("{unresponsive} of {expected} {name}"))
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<ThreadId, Instant>> {
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

    fn ago(seconds: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(seconds)).expect("an uptime of seconds")
    }

    /// Of two threads: made so many seconds ago, so many have begun, and the last beats of those that are left.
    fn heartbeats(created: u64, begun: usize, last: &[u64]) -> Heartbeats {
        let id = || thread::spawn(|| thread::current().id()).join().expect("an id");
        let last = Mutex::new(last.iter().map(|seconds| (id(), ago(*seconds))).collect());
        Heartbeats(Arc::new(Inner { name: "threads", expected: 2, created: ago(created), begun: begun.into(), last }))
    }

    #[test]
    fn unresponsive_threads_are_counted() {
        let (none, one, two) = (None, Some("1 of 2 threads".to_owned()), Some("2 of 2 threads".to_owned()));
        for (created, begun, last, not_ready, not_alive) in [
            (60, 2, [0, 1].as_slice(), &none, &none),
            // About to start, and hung before the first beat.
            (1, 1, &[0], &one, &none),
            (60, 1, &[0], &one, &one),
            // Ended: no traffic, but nothing hangs.
            (60, 2, &[0], &one, &none),
            (60, 2, &[0, 5], &one, &none),
            (60, 2, &[0, 60], &one, &one),
            // The server has replaced the one that hung or died.
            (60, 3, &[0, 0, 60], &none, &one),
            (60, 3, &[0, 0], &none, &none),
            (60, 2, &[60, 60], &two, &two),
            (60, 0, &[], &two, &two),
        ] {
            let heartbeats = heartbeats(created, begun, last);
            let judged = (&heartbeats.not_ready(), &heartbeats.not_alive());
            assert_eq!(judged, (not_ready, not_alive), "{created} {begun} {last:?}");
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

    #[tokio::test]
    async fn a_thread_that_begins_twice_does_not_stand_for_another() {
        let heartbeats = Heartbeats::new("threads", 2);
        let beating = [tokio::spawn(heartbeats.clone().beat()), tokio::spawn(heartbeats.clone().beat())];
        while Arc::strong_count(&heartbeats.0) < 3 || heartbeats.0.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        // Both have begun by now: they run in turn.
        tokio::task::yield_now().await;
        assert_eq!(heartbeats.not_ready().as_deref(), Some("1 of 2 threads"));
        assert_eq!(heartbeats.0.begun.load(Ordering::Relaxed), 1);
        drop(beating);
    }
}
