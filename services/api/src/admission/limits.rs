//! How often who may call, in each replica: what comes too often is refused before anything of it
//! is read. Only who is known is counted.

use crate::admission::auth::{CANCEL, Need};
use crate::wire::error::ApiError;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use operation::{Code, ProjectId};
use runtime::limits::{Limits as Settings, Rate};
use std::hash::Hash;
use std::time::Duration;

/// Token buckets (GCRA), one for each caller and each project.
#[derive(Debug)]
pub struct Limits {
    requests: DefaultKeyedRateLimiter<(String, Bucket)>,
    creations: DefaultKeyedRateLimiter<ProjectId>,
}

/// Who asks too often how things stand can cancel all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Bucket {
    Cancels,
    Others,
}

impl Limits {
    /// All buckets are full at first.
    pub fn new(settings: &Settings) -> Self {
        Self {
            requests: DefaultKeyedRateLimiter::keyed(quota(settings.requests_per_second, Duration::from_secs(1))),
            creations: DefaultKeyedRateLimiter::keyed(quota(settings.creations_per_minute, Duration::from_mins(1))),
        }
    }

    /// One more call of this caller, to a route that asks for this.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, with the time to wait.
    pub fn request(&self, caller: &str, need: Need) -> Result<(), ApiError> {
        let bucket = if need == CANCEL { Bucket::Cancels } else { Bucket::Others };
        check(&self.requests, &(caller.to_owned(), bucket), "calls of this caller, each second")
    }

    /// One more operation in this project.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`, with the time to wait.
    pub fn creation(&self, project: &ProjectId) -> Result<(), ApiError> {
        check(&self.creations, project, "operations created in this project, each minute")
    }

    /// Forgets those whose buckets are full again.
    pub fn forget(&self) {
        self.requests.retain_recent();
        self.requests.shrink_to_fit();
        self.creations.retain_recent();
        self.creations.shrink_to_fit();
    }
}

fn quota(rate: Rate, unit: Duration) -> Quota {
    // A period is never zero: a rate has at most a million calls.
    Quota::with_period(unit / rate.calls.get()).unwrap_or(Quota::per_second(rate.calls)).allow_burst(rate.burst)
}

fn check<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
    what: &'static str,
) -> Result<(), ApiError> {
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let message = format!("too many {what}; try again in {seconds} s");
        ApiError::new(Code::ResourceExhausted, "RATE_LIMIT_EXCEEDED", message)
            .with("limit", what)
            .with_retry_after(seconds)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::auth::READ;
    use std::num::NonZeroU32;

    /// No bucket gains anything while a test runs.
    const HOUR: Duration = Duration::from_hours(1);

    fn rate(calls: u32, burst: u32) -> Rate {
        Rate { calls: NonZeroU32::new(calls).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    #[test]
    fn each_has_a_bucket_of_its_own() {
        let limits = Limits {
            requests: DefaultKeyedRateLimiter::keyed(quota(rate(1, 2), HOUR)),
            creations: DefaultKeyedRateLimiter::keyed(quota(rate(1, 1), HOUR)),
        };
        let reason = |result: Result<(), ApiError>| result.err().map(|error| error.reason());
        for _ in 0..2 {
            assert_eq!(reason(limits.request("a", READ)), None);
        }
        assert_eq!(reason(limits.request("a", READ)), Some("RATE_LIMIT_EXCEEDED"));
        assert_eq!(reason(limits.request("a", CANCEL)), None, "cancels are counted apart");
        assert_eq!(reason(limits.request("b", READ)), None);
        let project: ProjectId = "p".parse().unwrap();
        assert_eq!(reason(limits.creation(&project)), None);
        let refused = limits.creation(&project).unwrap_err();
        assert!(refused.to_string().contains("try again in 3"), "{refused}");
        assert_eq!(reason(limits.creation(&"q".parse().unwrap())), None);
        // What is not full is not forgotten.
        limits.forget();
        assert_eq!(reason(limits.creation(&project)), Some("RATE_LIMIT_EXCEEDED"));
    }
}
