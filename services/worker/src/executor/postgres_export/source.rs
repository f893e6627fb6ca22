//! What the two sources have in common.

use crate::executor::sink::PULSE;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Why a source stopped filling the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// The block is full.
    Block,
    /// The source is slow: time for a safe point, so that its progress shows.
    Pulse,
    /// There is no more.
    End,
}

/// Ticks while a source is slow.
pub(super) fn pulse() -> Interval {
    let mut pulse = interval_at(Instant::now() + PULSE, PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}
