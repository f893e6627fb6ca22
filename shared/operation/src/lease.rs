//! How long a worker may be silent.

use std::time::Duration;

/// The terms of a worker's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    renew_every: Duration,
    ttl: Duration,
    margin: Duration,
}

/// Why terms of a lease can't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a lease of {ttl:?} is too short for renewals every {renew_every:?}: it needs three of them and {margin:?} more"
)]
pub struct InvalidLease {
    ttl: Duration,
    renew_every: Duration,
    margin: Duration,
}

impl LeaseTerms {
    /// A worker renews every `renew_every`, and is given up `ttl` after its last renewal.
    ///
    /// # Errors
    /// A lease must outlive three renewals and a margin, or a slow tick loses it in normal running.
    pub fn new(renew_every: Duration, ttl: Duration) -> Result<Self, InvalidLease> {
        let margin = ttl / 5;
        if renew_every.is_zero() || ttl < renew_every * 3 + margin {
            return Err(InvalidLease { ttl, renew_every, margin });
        }
        Ok(Self { renew_every, ttl, margin })
    }

    /// How often the worker renews.
    pub const fn renew_every(self) -> Duration {
        self.renew_every
    }

    /// How long the database keeps the lease after a renewal.
    pub const fn ttl(self) -> Duration {
        self.ttl
    }

    /// How long after *sending* its last successful renewal the worker stops all it does, on its own monotonic
    /// clock, so that it has stopped before the sweeper may hand its work to others.
    pub fn self_fence_after(self) -> Duration {
        self.ttl.saturating_sub(self.margin)
    }
}

impl Default for LeaseTerms {
    /// Renewed every 2 s, given up after 10 s.
    fn default() -> Self {
        Self { renew_every: Duration::from_secs(2), ttl: Duration::from_secs(10), margin: Duration::from_secs(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_must_outlive_three_renewals_and_a_margin() {
        let seconds = Duration::from_secs;
        assert_eq!(LeaseTerms::new(seconds(2), seconds(10)), Ok(LeaseTerms::default()));
        assert!(LeaseTerms::new(seconds(3), seconds(10)).is_err());
        assert!(LeaseTerms::new(seconds(0), seconds(10)).is_err());
        assert_eq!(LeaseTerms::default().self_fence_after(), seconds(8));
    }
}
