//! The smallest executor: for tests, benchmarks, and authors of executors to start from.
//!
//! Each step leaves one small object where the spec names a bucket. Which steps are done is then told by the destination
//! itself, so an attempt that takes over neither repeats a step nor reports less than there is to be seen.

use super::services::Services;
use super::sink::SmallObjects;
use super::sink::gone;
use crate::executors::Executor;
use crate::safepoint::{Ended, Safepoint};
use kinds::demo_steps::{DemoSteps, DemoStepsCheckpoint, DemoStepsResponse, INFO};
use operation::{AttemptNumber, Cleanup, CleanupStatus, Code, Failure, KindInfo, Progress};
use runtime::config::Bucket;
use runtime::failpoint;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SPIN_MILLIS: u32 = 5_000;
const BLOCK_MILLIS: u32 = 5_000;

/// Runs the operations of `demo.steps`.
#[derive(Debug)]
pub struct DemoStepper(Arc<Services>);

impl DemoStepper {
    /// An executor on what is configured.
    pub const fn new(services: Arc<Services>) -> Self {
        Self(services)
    }
}

impl Executor for DemoStepper {
    type Spec = DemoSteps;
    type Response = DemoStepsResponse;

    fn info(&self) -> KindInfo {
        INFO.clone()
    }

    async fn run(&self, spec: &DemoSteps, cx: &Safepoint) -> Result<DemoStepsResponse, Ended> {
        let find = |name| self.0.config.bucket(cx.project(), name).ok_or_else(|| gone("bucket", name));
        run(spec, spec.bucket.as_deref().map(find).transpose()?, cx).await
    }
}

/// Takes the steps that no earlier attempt has taken. `bucket` is the one that the spec names.
///
/// # Errors
/// [`Ended`]: a stop, or the failure that the spec asks for.
///
/// # Panics
/// Where the spec asks for it.
pub async fn run(spec: &DemoSteps, bucket: Option<&Bucket>, cx: &Safepoint) -> Result<DemoStepsResponse, Ended> {
    let stored = cx.checkpoint::<DemoStepsCheckpoint>()?.map_or(0, |checkpoint| checkpoint.steps_done);
    let (objects, mut done) = match (bucket, &spec.object) {
        (Some(bucket), Some(object)) => {
            // Should the destination not answer, the end still tells what is known.
            let _ = report(stored, "resumed", spec, cx);
            let objects = SmallObjects::open(bucket, object, cx).await?;
            // Before the first attempt, what is there is somebody else's.
            let begun_before = stored > 0 || cx.fence().attempt > AttemptNumber(1);
            let done = if begun_before { steps_there(&objects, stored, spec.steps).await? } else { 0 };
            (Some(objects), done)
        }
        _ => (None, stored),
    };
    let ended = take(spec, objects.as_ref(), &mut done, cx).await;
    if ended.is_err() {
        cx.cleaned(left(spec, objects.as_ref().map_or(0, |_| done)));
    }
    ended
}

/// How many steps are there, from those that are known to be on. An attempt may have died between a step and its report.
async fn steps_there(objects: &SmallObjects<'_>, known: u32, steps: u32) -> Result<u32, Failure> {
    for step in known + 1..=steps {
        if !objects.has(&name(step)).await? {
            return Ok(step - 1);
        }
    }
    Ok(steps)
}

async fn take(
    spec: &DemoSteps,
    objects: Option<&SmallObjects<'_>>,
    done: &mut u32,
    cx: &Safepoint,
) -> Result<DemoStepsResponse, Ended> {
    if *done > 0 {
        report(*done, "resumed", spec, cx)?;
    }
    while *done < spec.steps {
        let step = *done + 1;
        // A wait is safe to drop, so a stop may end it.
        cx.sleep_within_item("within a step", Duration::from_millis(u64::from(spec.step_millis))).await?;
        misbehave(spec, step, cx).await?;
        if let Some(objects) = objects {
            // The effect: never raced against a stop, and told before the stop is looked at.
            let fence = cx.fence();
            let content = format!("{step} {} {}\n", fence.id, fence.attempt);
            failpoint::around!("worker.step", objects.put(&name(step), content.clone()).await)?;
        }
        *done = step;
        report(step, "step done", spec, cx)?;
    }
    cx.commit_point().await?;
    Ok(DemoStepsResponse { steps: spec.steps.to_string() })
}

fn report(done: u32, safe_point: &'static str, spec: &DemoSteps, cx: &Safepoint) -> Result<(), Ended> {
    let progress = Progress { items_done: u64::from(done), items_total: Some(u64::from(spec.steps)), bytes_done: 0 };
    cx.reach_with(safe_point, &DemoStepsCheckpoint { steps_done: done }, progress)
}

/// Does what the spec asks for at this step.
async fn misbehave(spec: &DemoSteps, step: u32, cx: &Safepoint) -> Result<(), Failure> {
    let here = |at: Option<u32>| at == Some(step);
    if here(spec.fail_at) {
        let message = format!("Failed at step {step}, as asked.");
        return Err(Failure { code: Code::Aborted, message, retryable: spec.fail_retryable });
    }
    assert!(!here(spec.panic_at), "panicked at step {step}, as asked");
    if here(spec.hang_at) {
        std::future::pending::<()>().await;
    }
    if here(spec.spin_at) {
        let begun = Instant::now();
        let spin = Duration::from_millis(u64::from(spec.spin_millis.unwrap_or(SPIN_MILLIS)));
        while begun.elapsed() < spin {
            std::hint::spin_loop();
        }
    }
    if here(spec.block_at) {
        let block = Duration::from_millis(u64::from(spec.block_millis.unwrap_or(BLOCK_MILLIS)));
        // A panic in it is none of a sleep.
        let _ = cx.work().blocking(move || std::thread::sleep(block)).await;
    }
    Ok(())
}

/// What an end without success leaves: the steps that were done are effects, which a stop does not take back.
fn left(spec: &DemoSteps, objects: u32) -> Cleanup {
    match (&spec.object, objects) {
        (Some(object), 1..) => Cleanup { status: CleanupStatus::Kept, outputs: vec![format!("{object}/")] },
        _ => Cleanup { status: CleanupStatus::Removed, outputs: Vec::new() },
    }
}

fn name(step: u32) -> String {
    format!("step-{step:06}")
}
