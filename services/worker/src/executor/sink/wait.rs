//! Waits that neither hold up a stop nor look like a stall.

use crate::attempt::Stop;
use crate::safepoint::Safepoint;
use operation::Progress;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often a wait is a safe point of its own, so that an attempt that waits is seen to be alive.
pub const PULSE: Duration = Duration::from_millis(500);

/// Waits for a future that is safe to drop: a stop ends the wait at once, and each [`PULSE`] is a safe point.
///
/// # Errors
/// [`Stop`]: the future was dropped.
pub async fn wait<F: Future>(
    cx: &Safepoint,
    name: &'static str,
    progress: Progress,
    future: F,
) -> Result<F::Output, Stop> {
    let mut future = pin!(cx.or_stop(name, future));
    let mut pulse = interval_at(Instant::now() + PULSE, PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            output = &mut future => return output,
            // A stop it may see ends the wait above, at once.
            _ = pulse.tick() => drop(cx.reach(name, progress)),
        }
    }
}
