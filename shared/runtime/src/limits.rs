//! How much callers may ask for, as an operator configures it.

use serde::{Deserialize, Deserializer, de};
use std::num::NonZeroU32;

/// How often something may be done, on the average and at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So often in each second or minute; at most a million.
    #[serde(deserialize_with = "at_most_a_million")]
    pub calls: NonZeroU32,
    /// So often at once, after a while without; at most a million.
    #[serde(deserialize_with = "at_most_a_million")]
    pub burst: NonZeroU32,
}

/// More is no limit, and more than buckets count in nanoseconds.
fn at_most_a_million<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let number = NonZeroU32::deserialize(deserializer)?;
    if number.get() > 1_000_000 { Err(de::Error::custom("must be at most 1000000")) } else { Ok(number) }
}

impl Rate {
    const fn new(calls: u32, burst: u32) -> Self {
        let (Some(calls), Some(burst)) = (NonZeroU32::new(calls), NonZeroU32::new(burst)) else {
            panic!("a rate of nothing");
        };
        Self { calls, burst }
    }
}

/// What the api allows; rates by each replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls of one caller, whatever project they concern. Cancels are counted apart, with the same rate.
    pub requests_per_second: Rate,
    /// Operations that one project may create, whoever does it.
    pub creations_per_minute: Rate,
    /// Operations of one project that may wait or stand paused, over all replicas, where the project has no limit of
    /// its own (`safepoint-keeper project`). More is let in by what replicas create within a second.
    pub queued_operations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: Rate::new(500, 5_000),
            creations_per_minute: Rate::new(3_000, 3_000),
            queued_operations: 100_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_not_nothing() {
        let read = toml::from_str::<Limits>;
        assert_eq!(read("").unwrap(), Limits::default());
        let limits = read("requests_per_second = { calls = 10, burst = 20 }").unwrap();
        assert_eq!(limits, Limits { requests_per_second: Rate::new(10, 20), ..Limits::default() });
        for wrong in [
            "requests_per_second = { calls = 0, burst = 1 }",
            "requests_per_second = { calls = 1 }",
            "requests_per_second = { calls = 1, burst = 1000001 }",
            "x = 1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
