//! Work whose cost the caller chooses. The threads that serve calls must not do it: while one is busy, no call of anybody
//! else is answered on it, not even a cancel.

use crate::wire::error::ApiError;
use operation::Code;
use runtime::priority;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

/// How much of it a process does at a time, so that it never takes all processors.
pub const MOST_AT_A_TIME: usize = 2;
/// How much of it one caller can have, of which one is done at a time and the others wait: so no caller takes all slots, nor
/// all places in the queue for them. A client that starts hundreds of exports at once is served; what it holds in memory is at most 128 MiB.
pub const MOST_OF_A_CALLER: usize = 512;
/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// A small body costs less than to hand it to another thread.
pub const SMALL: usize = 16 * 1024;

static SLOTS: Semaphore = Semaphore::const_new(MOST_AT_A_TIME);
/// The callers that have work here now.
static CALLERS: LazyLock<Mutex<HashMap<String, Share>>> = LazyLock::new(Mutex::default);

/// What one caller has here.
struct Share {
    works: usize,
    turn: Arc<Semaphore>,
}

/// Counts one work of a caller, and forgets the caller with its last one.
struct Counted(String);

impl Counted {
    /// Its turn among the caller's own works is still to be waited for.
    fn enter(caller: &str) -> Option<(Self, Arc<Semaphore>)> {
        let mut callers = callers();
        let share =
            callers.entry(caller.to_owned()).or_insert_with(|| Share { works: 0, turn: Arc::new(Semaphore::new(1)) });
        if share.works == MOST_OF_A_CALLER {
            return None;
        }
        share.works += 1;
        Some((Self(caller.to_owned()), share.turn.clone()))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut callers = callers();
        if let Some(share) = callers.get_mut(&self.0) {
            share.works -= 1;
            if share.works == 0 {
                callers.remove(&self.0);
            }
        }
    }
}

fn callers() -> MutexGuard<'static, HashMap<String, Share>> {
    CALLERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does a caller's work on a thread that serves no calls. The work must have a bound of its own: it is not interrupted, also
/// not where its caller goes away, and keeps its slot until it is done.
///
/// # Errors
/// `RESOURCE_EXHAUSTED`: the caller has too much work here already, or others have all slots. INTERNAL: the work has panicked.
pub async fn run<T: Send + 'static>(caller: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let (counted, turn) = Counted::enter(caller).ok_or_else(busy)?;
    let held = tokio::time::timeout(PATIENCE, async {
        // In this order: who has a slot never waits for a turn.
        let turn = turn.acquire_owned().await.ok()?;
        let slot: SemaphorePermit<'static> = SLOTS.acquire().await.ok()?;
        Some((slot, turn))
    });
    // Nobody closes the semaphores.
    let held = held.await.map_err(|_| busy())?.ok_or_else(ApiError::internal)?;
    let span = tracing::Span::current();
    let (finished, done) = oneshot::channel();
    let work = move || {
        // The threads that serve calls go first.
        priority::lower();
        let result = span.in_scope(work);
        // Counted until another of the caller's works can begin. They go in a panic too.
        drop((counted, held));
        // Nobody may wait for it any more.
        let _ = finished.send(result);
    };
    // A thread for each: its priority is lowered for good. It takes some 50 microseconds to start.
    std::thread::Builder::new().name("costly request".to_owned()).spawn(work).map_err(|error| {
        tracing::error!(%error, "the machine has no thread to give");
        ApiError::internal()
    })?;
    // It has panicked; the panic hook has logged it.
    done.await.map_err(|_| ApiError::internal())
}

fn busy() -> ApiError {
    let message = "this replica reads as many large or complex requests as it may at a time; try again";
    ApiError::new(Code::ResourceExhausted, "TOO_MANY_LARGE_REQUESTS", message).with_retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread::{ThreadId, current};
    use tokio::task::JoinHandle;

    /// The tests share the slots.
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

    struct Held {
        caller: JoinHandle<Result<(), ApiError>>,
        begun: oneshot::Receiver<()>,
        release: mpsc::Sender<()>,
    }

    /// Work that lasts until it is released.
    fn hold(caller: &'static str) -> Held {
        let (release, until) = mpsc::channel::<()>();
        let (tell, begun) = oneshot::channel();
        let work = move || {
            let _ = tell.send(());
            let _ = until.recv();
        };
        Held { caller: actix_web::rt::spawn(run(caller, work)), begun, release }
    }

    fn is_busy(error: &ApiError) -> bool {
        (error.code(), error.reason()) == (Code::ResourceExhausted, "TOO_MANY_LARGE_REQUESTS")
    }

    async fn until_counted(caller: &str, works: usize) {
        while callers().get(caller).map_or(0, |share| share.works) != works {
            tokio::task::yield_now().await;
        }
    }

    #[actix_web::test]
    async fn work_runs_on_other_threads_and_no_more_of_it_than_there_are_slots() {
        let _alone = ALONE.lock().await;
        let serving = current().id();
        let on: ThreadId = run("a", || current().id()).await.expect("done");
        assert_ne!(on, serving);
        let mut held = Vec::new();
        for caller in ["a", "b"] {
            let mut one = hold(caller);
            (&mut one.begun).await.expect("begun");
            held.push(one);
        }
        assert_eq!(held.len(), MOST_AT_A_TIME);
        assert!(is_busy(&run("c", || ()).await.expect_err("no slot")));
        // A caller that goes away gives no slot free: its work goes on.
        let Held { caller, release, .. } = held.pop().expect("one");
        caller.abort();
        assert!(run("c", || ()).await.is_err(), "the slot of an abandoned call was given away");
        drop(release);
        run("c", || ()).await.expect("a slot");
        for Held { caller, release, .. } in held {
            drop(release);
            caller.await.expect("joined").expect("done");
        }
    }

    #[actix_web::test]
    async fn a_caller_that_floods_has_one_slot_and_a_few_places_and_is_forgotten_with_its_work() {
        let _alone = ALONE.lock().await;
        let mut flood: Vec<_> = (0..MOST_OF_A_CALLER).map(|_| hold("floods")).collect();
        (&mut flood[0].begun).await.expect("begun");
        until_counted("floods", MOST_OF_A_CALLER).await;
        assert!(is_busy(&run("floods", || ()).await.expect_err("no place")));
        // Not behind those that wait, however often.
        for _ in 0..3 {
            run("other", || ()).await.expect("the other slot");
        }
        assert!(flood[1].begun.try_recv().is_err(), "one caller has two slots");
        for Held { caller, release, .. } in flood {
            drop(release);
            // The first was held as long as the others can wait, or not.
            let _ = caller.await.expect("joined");
        }
        until_counted("floods", 0).await;
        assert!(!callers().contains_key("floods") && !callers().contains_key("other"));
        assert_eq!(SLOTS.available_permits(), MOST_AT_A_TIME);
    }

    #[actix_web::test]
    async fn a_call_that_is_abandoned_while_it_waits_leaves_its_place() {
        let _alone = ALONE.lock().await;
        let mut first = hold("leaves");
        (&mut first.begun).await.expect("begun");
        let second = hold("leaves");
        until_counted("leaves", 2).await;
        second.caller.abort();
        until_counted("leaves", 1).await;
        drop(first.release);
        first.caller.await.expect("joined").expect("done");
        until_counted("leaves", 0).await;
    }

    #[actix_web::test]
    async fn a_panic_is_an_error_and_gives_its_slot_back() {
        let _alone = ALONE.lock().await;
        for _ in 0..=MOST_AT_A_TIME {
            let failed = run("a", || assert!(SLOTS.available_permits() > MOST_AT_A_TIME, "on purpose")).await;
            let failed = failed.expect_err("a panic");
            assert_eq!(failed.code(), Code::Internal);
        }
        until_counted("a", 0).await;
    }
}
