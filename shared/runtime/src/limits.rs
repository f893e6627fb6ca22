//! How much callers may ask for, as an operator configures it.

use serde::Deserialize;
use std::num::NonZeroU32;

/// How often something may be done, on the average and at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So often in each second or minute.
    pub calls: NonZeroU32,
    /// So often at once, after a while without.
    pub burst: NonZeroU32,
}

impl Rate {
    const fn new(calls: u32, burst: u32) -> Self {
        let (Some(calls), Some(burst)) = (NonZeroU32::new(calls), NonZeroU32::new(burst)) else {
            panic!("a rate of nothing");
        };
        Self { calls, burst }
    }
}

/// What each replica of the api allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls of one caller, whatever project they concern. Cancels are counted apart, with the same rate.
    pub requests_per_second: Rate,
    /// Operations that one project may create, whoever does it.
    pub creations_per_minute: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_per_second: Rate::new(500, 5_000), creations_per_minute: Rate::new(3_000, 3_000) }
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
        for wrong in ["requests_per_second = { calls = 0, burst = 1 }", "requests_per_second = { calls = 1 }", "x = 1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
