//! How a worker works.

use operation::{InvalidLease, LeaseTerms};
use serde::Deserialize;
use std::time::Duration;

/// How a worker works.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkerConfig {
    /// How many operations of one kind run at a time.
    pub slots: u32,
    /// Seconds between two renewals of the lease.
    pub renew_every_seconds: f64,
    /// Seconds after which a silent worker is given up.
    pub lease_ttl_seconds: f64,
    /// Seconds that running operations get to reach a safe point after SIGTERM.
    pub drain_seconds: u64,
    /// The old form of `[kinds."demo.steps"] enabled = true`; goes in a later version.
    pub demo_steps: bool,
    /// How many bytes a second one transfer copies at most; as many as it can if absent.
    pub transfer_bytes_per_second: Option<u64>,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            slots: 16,
            renew_every_seconds: 2.0,
            lease_ttl_seconds: 10.0,
            drain_seconds: 25,
            demo_steps: false,
            transfer_bytes_per_second: None,
        }
    }
}

impl WorkerConfig {
    /// The terms of the lease.
    ///
    /// # Errors
    /// A lease too short for its renewals.
    pub fn lease_terms(&self) -> Result<LeaseTerms, InvalidLease> {
        LeaseTerms::new(
            Duration::from_secs_f64(self.renew_every_seconds.clamp(0.0, 3600.0)),
            Duration::from_secs_f64(self.lease_ttl_seconds.clamp(0.0, 3600.0)),
        )
    }
}
