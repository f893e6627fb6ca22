//! When a failed operation is tried again.

use std::time::Duration;

/// How often, and when, a failed operation is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many failed attempts make it FAILED; at least 1.
    pub failure_limit: u32,
    /// The wait after the first failure, doubled with each one.
    pub initial_delay: Duration,
    /// The longest wait between two attempts.
    pub longest_delay: Duration,
}

impl Default for RetryPolicy {
    /// Five attempts may fail; 1 s after the first, at most 5 minutes.
    fn default() -> Self {
        Self { failure_limit: 5, initial_delay: Duration::from_secs(1), longest_delay: Duration::from_mins(5) }
    }
}

impl RetryPolicy {
    /// How long an operation waits after its n-th failure, spread by `jitter` (0.0 to 1.0) over the upper half so that
    /// what failed together does not return together.
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.initial_delay.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.longest_delay).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_is_bounded_and_never_below_half() {
        let policy = RetryPolicy::default();
        for (failures, full) in [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (u32::MAX, 300)] {
            assert_eq!(policy.delay(failures, 1.0), Duration::from_secs(full), "after {failures} failures");
            assert_eq!(policy.delay(failures, 0.0), Duration::from_secs(full) / 2, "after {failures} failures");
        }
    }

    #[test]
    fn a_policy_of_no_delay_has_none() {
        let policy =
            RetryPolicy { initial_delay: Duration::ZERO, longest_delay: Duration::ZERO, ..RetryPolicy::default() };
        assert_eq!(policy.delay(u32::MAX, 1.0), Duration::ZERO);
    }
}
