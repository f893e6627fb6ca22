//! Medians, spreads, percentiles.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::Duration;

/// The median of some rounds, and how far apart they lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// In the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of the figures of each round; `None` where there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, min, max })
    }
}

/// Latencies, to the microsecond.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub fn new() -> Self {
        // Three digits of any latency up to the greatest, which is as long as it turns out to be.
        Self(Histogram::new(3).expect("3 is within the 0 to 5 digits that a histogram may have"))
    }

    /// One more.
    pub fn record(&mut self, latency: Duration) {
        // It grows with its values, so it refuses none.
        let _ = self.0.record(latency.as_micros() as u64);
    }

    /// Those of another round too.
    pub fn add(&mut self, other: &Self) {
        // Likewise.
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// The latency that `percent` of them do not exceed.
    pub fn percentile(&self, percent: f64) -> Duration {
        Duration::from_micros(self.0.value_at_percentile(percent))
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

/// How many times as long.
pub fn ratio(ours: Duration, reference: Duration) -> f64 {
    ours.as_secs_f64() / reference.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle() {
        let check = |values: &[f64], median, min, max| {
            assert_eq!(Spread::of(values.iter().copied()), Some(Spread { median, min, max }));
        };
        check(&[3.0], 3.0, 3.0, 3.0);
        check(&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5, 1.0, 4.0);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn percentiles_of_a_hundred() {
        let mut latencies = Latencies::new();
        for millis in 1..=100 {
            latencies.record(Duration::from_millis(millis));
        }
        let near = |latency: Duration, millis: f64| (latency.as_secs_f64() * 1e3 - millis).abs() < 0.2;
        assert!(near(latencies.percentile(50.0), 50.0));
        assert!(near(latencies.percentile(99.0), 99.0));
        assert!(near(latencies.max(), 100.0));
        assert_eq!(latencies.len(), 100);
    }

    #[test]
    fn rounds_are_pooled() {
        let (mut pool, mut round) = (Latencies::new(), Latencies::new());
        round.record(Duration::from_secs(100));
        pool.add(&round);
        pool.add(&round);
        assert_eq!(pool.len(), 2);
        assert!(pool.max() >= Duration::from_secs(99));
    }
}
