//! The smallest executor: for tests, benchmarks, and authors of executors to start from.

use crate::safepoint::{Ended, Safepoint};
use operation::{Code, DemoSteps, Failure, Progress};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// It waits where it can be stopped, so it is never long without a safe point.
pub const SAFE_POINT_BOUND: Duration = Duration::from_secs(1);

/// What an attempt resumes from.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    steps_done: u32,
}

/// Takes the steps that no earlier attempt has taken.
///
/// # Errors
/// [`Ended`]: a stop, or the failure that the spec asks for.
///
/// # Panics
/// Where the spec asks for it.
pub async fn run(spec: &DemoSteps, cx: &Safepoint) -> Result<Value, Ended> {
    let resumed = cx.checkpoint::<Checkpoint>()?.map_or(0, |checkpoint| checkpoint.steps_done);
    for step in resumed + 1..=spec.steps {
        // The effect would stand here. A wait is safe to drop, so a stop may end it.
        cx.sleep_within_item("within a step", Duration::from_millis(u64::from(spec.step_millis))).await?;
        if spec.fail_at == Some(step) {
            return Err(Failure::fatal(Code::Aborted, format!("Failed at step {step}, as asked.")).into());
        }
        assert!(spec.panic_at != Some(step), "panicked at step {step}, as asked");
        let progress =
            Progress { items_done: u64::from(step), items_total: Some(u64::from(spec.steps)), bytes_done: 0 };
        cx.reach_with("step done", &Checkpoint { steps_done: step }, progress)?;
    }
    cx.commit_point().await?;
    Ok(json!({ "steps": spec.steps.to_string() }))
}
