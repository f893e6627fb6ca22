//! How many operations of a project may wait. The database counts them; each replica asks about once a second for a
//! project that creates, and counts on by itself. So a project may have a few more than its limit: what all replicas
//! create within a second. Nobody is refused by an old count.

use crate::operations::{ANSWER_WITHIN, Operations, OperationsError, ProjectQueue};
use crate::wire::error::ApiError;
use operation::{Code, ProjectId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const COUNTED_FOR: Duration = Duration::from_secs(1);
const RETRY_AFTER_SECONDS: u32 = 5;

/// The queues of the projects that create here.
#[derive(Debug)]
pub struct Queues {
    limit: u64,
    /// One for each project, so that none waits for another's count.
    counts: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<Option<Count>>>>>,
}

/// How full a queue was, and what was let in since.
#[derive(Debug, Clone, Copy)]
struct Count {
    at: Instant,
    queued: u64,
    limit: u64,
}

/// What a count says of one more operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    LetIn,
    Refuse,
    /// It is too old to say.
    CountAnew,
}

impl Queues {
    /// At most `limit` in each project that has no limit of its own.
    pub fn new(limit: u32) -> Self {
        Self { limit: limit.into(), counts: Mutex::default() }
    }

    /// One more operation that will wait in this project.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`: as many wait as may. UNAVAILABLE: they can't be counted.
    pub async fn let_in(&self, project: &ProjectId, operations: &Operations) -> Result<(), ApiError> {
        let asked = Instant::now();
        let count =
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(project.clone()).or_default().clone();
        // While the database does not answer, those who wait do so side by side.
        let count = timeout(ANSWER_WITHIN, count.lock()).await;
        let mut count = count.map_err(|_| OperationsError::Unavailable)?;
        let known = match *count {
            Some(known) if verdict(known, asked, Instant::now()) == Verdict::LetIn => known,
            _ => self.count(project, operations).await?,
        };
        let refused = verdict(known, asked, Instant::now()) == Verdict::Refuse;
        *count = Some(Count { queued: known.queued + u64::from(!refused), ..known });
        if refused { Err(full(known.limit)) } else { Ok(()) }
    }

    async fn count(&self, project: &ProjectId, operations: &Operations) -> Result<Count, OperationsError> {
        let at = Instant::now();
        let ProjectQueue { queued, limit } = operations.project_queue(project.clone()).await?;
        Ok(Count { at, queued, limit: limit.unwrap_or(self.limit) })
    }

    /// Forgets those who have not created for a while.
    pub fn forget(&self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |count: Option<Count>| count.is_none_or(|count| count.at.elapsed() > COUNTED_FOR);
        counts.retain(|_, count| !count.try_lock().is_ok_and(|count| old(*count)));
        counts.shrink_to_fit();
    }
}

/// `asked` is when the call came: what was counted since then is new enough to refuse it.
fn verdict(count: Count, asked: Instant, now: Instant) -> Verdict {
    let (has_room, for_this_call) = (count.queued < count.limit, count.at >= asked);
    match (has_room, for_this_call) {
        (true, _) if for_this_call || now.duration_since(count.at) < COUNTED_FOR => Verdict::LetIn,
        (false, true) => Verdict::Refuse,
        (true | false, _) => Verdict::CountAnew,
    }
}

fn full(limit: u64) -> ApiError {
    let message = format!(
        "as many operations of this project wait as may ({limit}), deleted ones too: try again when some of them run, or \
         cancel what is not needed"
    );
    ApiError::new(Code::ResourceExhausted, "QUEUE_FULL", message)
        .with("limit", limit.to_string())
        .with_retry_after(RETRY_AFTER_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_refused_by_an_old_count_nor_let_in_by_a_very_old_one() {
        let counted = Instant::now();
        let check = |queued, asked_after, now_after, expected| {
            let count = Count { at: counted, queued, limit: 3 };
            assert_eq!(verdict(count, counted + asked_after, counted + now_after), expected, "{queued}");
        };
        let (zero, soon, late) = (Duration::ZERO, COUNTED_FOR / 2, COUNTED_FOR * 2);
        check(2, soon, soon, Verdict::LetIn);
        check(2, late, late, Verdict::CountAnew);
        check(3, soon, soon, Verdict::CountAnew);
        // Counted for this very call, however long the count took.
        check(2, zero, late, Verdict::LetIn);
        check(3, zero, zero, Verdict::Refuse);
        check(3, zero, late, Verdict::Refuse);
    }
}
