//! When a failed operation is tried again.

use std::time::Duration;

/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_mins(5);

/// How long an operation waits after its n-th failure: 1 s, doubled with each failure, at most 5 minutes,
/// spread by `jitter` (0.0 to 1.0) over the upper half so that what failed together does not return together.
pub fn retry_delay(failures: u32, jitter: f64) -> Duration {
    let doubled = Duration::from_secs(1).saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_is_bounded_and_never_below_half() {
        for (failures, full) in [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (u32::MAX, 300)] {
            assert_eq!(retry_delay(failures, 1.0), Duration::from_secs(full), "after {failures} failures");
            assert_eq!(retry_delay(failures, 0.0), Duration::from_secs(full) / 2, "after {failures} failures");
        }
    }
}
