//! Work whose cost the caller chooses. The threads that serve calls must not do it: while one is busy, no call of anybody
//! else is answered on it, not even a cancel.

use crate::error::ApiError;
use operation::Code;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// How much of it a process does at a time, so that it never takes all processors.
pub const MOST_AT_A_TIME: usize = 2;
/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// A small body costs less than to hand it to another thread.
pub const SMALL: usize = 16 * 1024;

static SLOTS: Semaphore = Semaphore::const_new(MOST_AT_A_TIME);

/// Does the work on a thread that serves no calls. The work must have a bound of its own: it is not interrupted, also not
/// where its caller goes away, and keeps its slot until it is done.
///
/// # Errors
/// `RESOURCE_EXHAUSTED`: others have all slots. INTERNAL: the work has panicked.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    let slot = tokio::time::timeout(PATIENCE, SLOTS.acquire()).await.map_err(|_| busy())?;
    // Nobody closes the semaphore.
    let slot = slot.map_err(|_| ApiError::internal())?;
    let span = tracing::Span::current();
    let done = spawn_blocking(move || {
        let _slot = slot;
        span.in_scope(work)
    });
    // The panic hook has logged it.
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

    #[actix_web::test]
    async fn work_runs_on_other_threads_and_no_more_of_it_than_there_are_slots() {
        let serving = current().id();
        let on: ThreadId = run(|| current().id()).await.expect("done");
        assert_ne!(on, serving);
        let mut held = Vec::new();
        for _ in 0..MOST_AT_A_TIME {
            let (release, until) = mpsc::channel::<()>();
            let (tell, begun) = tokio::sync::oneshot::channel();
            let work = move || {
                let _ = tell.send(());
                let _ = until.recv();
            };
            held.push((actix_web::rt::spawn(run(work)), release));
            begun.await.expect("begun");
        }
        let refused = run(|| ()).await.expect_err("no slot");
        assert_eq!((refused.code(), refused.reason()), (Code::ResourceExhausted, "TOO_MANY_LARGE_REQUESTS"));
        // A caller that goes away gives no slot free: its work goes on.
        let (caller, release) = held.pop().expect("one");
        caller.abort();
        assert!(run(|| ()).await.is_err(), "the slot of an abandoned call was given away");
        drop(release);
        run(|| ()).await.expect("a slot");
        for (caller, release) in held {
            drop(release);
            caller.await.expect("joined").expect("done");
        }
    }

    #[actix_web::test]
    async fn a_panic_is_an_error_and_gives_its_slot_back() {
        for _ in 0..=MOST_AT_A_TIME {
            let failed = run(|| assert!(SLOTS.available_permits() > MOST_AT_A_TIME, "on purpose")).await;
            let failed = failed.expect_err("a panic");
            assert_eq!(failed.code(), Code::Internal);
        }
    }
}
