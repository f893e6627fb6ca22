//! `demo.steps`: steps that take time, for tests, benchmarks and authors of executors.

use crate::Parameters;
use operation::{Kind, KindInfo};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// The kind.
pub const KIND: Kind = Kind::from_static("demo.steps");

/// What holds for every operation of this kind.
pub static INFO: KindInfo = KindInfo {
    kind: KIND,
    unit: Cow::Borrowed("steps"),
    // It waits where it can be stopped, so it is never long without a safe point; unless it was asked to hang, to spin or to
    // block, which shows what then happens.
    safe_point_bound: Duration::from_secs(1),
    // A step's object is written to its end.
    stop_bound: Duration::from_secs(5),
    counts_against_quotas: true,
    opt_in: true,
};

impl Parameters for DemoSteps {
    fn info() -> &'static KindInfo {
        &INFO
    }
}

/// N steps of M milliseconds, which leave a small object each where a bucket is named: for tests, benchmarks and authors
/// of executors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DemoSteps {
    /// How many steps.
    pub steps: u32,
    /// How long each takes, in milliseconds.
    pub step_millis: u32,
    /// The configured bucket that each step writes an object to; given together with `object`, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What stands before the names of the steps' objects: `<object>/step-000001` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Fail at this step (1-based), on each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_at: Option<u32>,
    /// Whether that failure asks for another attempt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_retryable: bool,
    /// Panic at this step (1-based), on each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic_at: Option<u32>,
    /// Wait for ever at this step (1-based), without a safe point: what no executor should do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hang_at: Option<u32>,
    /// Keep a processor busy at this step (1-based), without a safe point and without yielding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_at: Option<u32>,
    /// For how many milliseconds; 5,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_millis: Option<u32>,
    /// Block a thread apart from the executor at this step (1-based): no abort of the executor ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_at: Option<u32>,
    /// For how many milliseconds; 5,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_millis: Option<u32>,
}

impl DemoSteps {
    /// Steps that leave nothing and go well.
    pub const fn new(steps: u32, step_millis: u32) -> Self {
        Self {
            steps,
            step_millis,
            bucket: None,
            object: None,
            fail_at: None,
            fail_retryable: false,
            panic_at: None,
            hang_at: None,
            spin_at: None,
            spin_millis: None,
            block_at: None,
            block_millis: None,
        }
    }
}

/// What an operation answers. Large numbers are texts in our JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoStepsResponse {
    /// How many steps were taken.
    pub steps: String,
}

/// What an attempt resumes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoStepsCheckpoint {
    /// How many steps are done.
    pub steps_done: u32,
}
