//! The parameters of `demo.steps`, judged.

use crate::kinds::{Checks, NativeKind, RequestedWork, SchemaOf, export};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use crate::wire::members::{Member, flag, integer, text};
use crate::wire::request::{Message, request};
use kinds::Parameters;
use kinds::demo_steps::{DemoSteps, INFO};
use utoipa::ToSchema;

const MOST_STEPS: i64 = 10_000_000;
/// The name of a step's object has six digits.
const MOST_OBJECTS: u32 = 999_999;
const LONGEST_STEP_MILLIS: i64 = 3_600_000;
/// Of a spin and of a block.
const LONGEST_SPIN_MILLIS: i64 = 60_000;

/// The kind, as the native API takes it.
pub const NATIVE: NativeKind = NativeKind {
    info: &INFO,
    request: Some(SchemaOf::new::<DemoStepsRequest>()),
    shown: SchemaOf::new::<ShownDemoSteps>(),
    is_costly: false,
    not_retried: None,
    read,
};

/// The target of operations that work on nothing.
const NO_TARGET: &str = "demo";

request! {
    /// The spec of `demo.steps`: steps that take time and, where a bucket is named, leave an object each.
    struct DemoStepsRequest {
        /// At most 999,999 where a bucket is named.
        steps: Option<u32> = integer(1..=MOST_STEPS).required(),
        step_millis: Option<u32> = integer(0..=LONGEST_STEP_MILLIS).required(),
        fail_at: Option<u32> = integer(1..=MOST_STEPS),
        /// With `failAt` alone.
        fail_retryable: bool = flag(),
        panic_at: Option<u32> = integer(1..=MOST_STEPS),
        hang_at: Option<u32> = integer(1..=MOST_STEPS),
        spin_at: Option<u32> = integer(1..=MOST_STEPS),
        /// With `spinAt` alone.
        spin_millis: Option<u32> = integer(1..=LONGEST_SPIN_MILLIS),
        block_at: Option<u32> = integer(1..=MOST_STEPS),
        /// With `blockAt` alone.
        block_millis: Option<u32> = integer(1..=LONGEST_SPIN_MILLIS),
        /// Together with `object`, or not at all.
        bucket: Option<String> = text(),
        /// Before the names of the steps' objects.
        object: Option<String> = text().at_most(1024),
    }
}

/// Steps that take time.
#[derive(ToSchema)]
#[expect(dead_code, reason = "tells what `DemoSteps` is written as")]
#[serde(rename_all = "camelCase")]
struct ShownDemoSteps {
    steps: u32,
    step_millis: u32,
    bucket: Option<String>,
    object: Option<String>,
    fail_at: Option<u32>,
    #[schema(required = false)]
    fail_retryable: bool,
    panic_at: Option<u32>,
    hang_at: Option<u32>,
    spin_at: Option<u32>,
    spin_millis: Option<u32>,
    block_at: Option<u32>,
    block_millis: Option<u32>,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all kinds")]
fn read(spec: Fields, checks: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    let request = DemoStepsRequest::read(spec, violations);
    judge(&request, checks, violations);
    Ok(Some(RequestedWork { spec: demo_steps(request).to_spec(), target: NO_TARGET.to_owned(), secret: None }))
}

fn judge(request: &DemoStepsRequest, checks: Checks<'_>, violations: &mut Violations) {
    if request.spin_millis.is_some() && request.spin_at.is_none() {
        violations.add(request.at("spinMillis"), "goes with spinAt alone");
    }
    if request.block_millis.is_some() && request.block_at.is_none() {
        violations.add(request.at("blockMillis"), "requires blockAt");
    }
    if request.fail_retryable && request.fail_at.is_none() {
        violations.add(request.at("failRetryable"), "goes with failAt alone");
    }
    // Where the steps leave their objects: checked as the destination of an export is.
    match (&request.bucket, &request.object) {
        (None, None) => {}
        (Some(_), None) => violations.add(request.at("object"), "is required where a bucket is named"),
        (None, Some(_)) => violations.add(request.at("bucket"), "is required where an object is named"),
        (Some(bucket), Some(object)) => {
            export::check_bucket(bucket, &request.at("bucket"), checks.catalog, checks.project, violations);
            export::check_object(object, &request.at("object"), violations);
            if request.steps.is_some_and(|steps| steps > MOST_OBJECTS) {
                let wrong = format!("must be at most {MOST_OBJECTS} where a bucket is named");
                violations.add(request.at("steps"), wrong);
            }
        }
    }
}

fn demo_steps(request: DemoStepsRequest) -> DemoSteps {
    DemoSteps {
        steps: request.steps.unwrap_or_default(),
        step_millis: request.step_millis.unwrap_or_default(),
        bucket: request.bucket,
        object: request.object,
        fail_at: request.fail_at,
        fail_retryable: request.fail_retryable,
        panic_at: request.panic_at,
        hang_at: request.hang_at,
        spin_at: request.spin_at,
        spin_millis: request.spin_millis,
        block_at: request.block_at,
        block_millis: request.block_millis,
    }
}
