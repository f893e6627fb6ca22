//! The parameters of `demo.steps`, judged.

use crate::kinds::catalog::Catalog;
use crate::kinds::{Checks, NativeKind, RequestedWork, export};
use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use kinds::Parameters;
use kinds::demo_steps::{DemoSteps, INFO};
use operation::ProjectId;

const MOST_STEPS: i64 = 10_000_000;
/// The name of a step's object has six digits.
const MOST_OBJECTS: u32 = 999_999;
const LONGEST_STEP_MILLIS: i64 = 3_600_000;
/// Of a spin and of a block.
const LONGEST_SPIN_MILLIS: i64 = 60_000;

/// The kind, as the native API takes it.
pub const NATIVE: NativeKind =
    NativeKind { info: &INFO, is_creatable: true, is_costly: false, not_retried: None, read };

/// The target of operations that work on nothing.
const NO_TARGET: &str = "demo";

#[expect(clippy::unnecessary_wraps, reason = "the shape of all kinds")]
fn read(spec: Fields, checks: Checks<'_>, violations: &mut Violations) -> Result<Option<RequestedWork>, ApiError> {
    let spec = demo_steps(spec, checks.catalog, checks.project, violations).to_spec();
    Ok(Some(RequestedWork { spec, target: NO_TARGET.to_owned(), secret: None }))
}

/// Reads the parameters.
fn demo_steps(mut spec: Fields, catalog: &Catalog, project: &ProjectId, violations: &mut Violations) -> DemoSteps {
    let mut number = |name: &str, least: i64, most: i64, violations: &mut Violations| {
        let number = spec.integer(name, violations)?;
        if !(least..=most).contains(&number) {
            violations.add(spec.path(name), format!("must be between {least} and {most}"));
        }
        u32::try_from(number).ok()
    };
    let steps = number("steps", 1, MOST_STEPS, violations);
    let step_millis = number("stepMillis", 0, LONGEST_STEP_MILLIS, violations);
    let fail_at = number("failAt", 1, MOST_STEPS, violations);
    let panic_at = number("panicAt", 1, MOST_STEPS, violations);
    let hang_at = number("hangAt", 1, MOST_STEPS, violations);
    let spin_at = number("spinAt", 1, MOST_STEPS, violations);
    let spin_millis = number("spinMillis", 1, LONGEST_SPIN_MILLIS, violations);
    let block_at = number("blockAt", 1, MOST_STEPS, violations);
    let block_millis = number("blockMillis", 1, LONGEST_SPIN_MILLIS, violations);
    for (name, given) in [("spec.steps", steps), ("spec.stepMillis", step_millis)] {
        if given.is_none() {
            violations.add(name, "is required");
        }
    }
    if spin_millis.is_some() && spin_at.is_none() {
        violations.add("spec.spinMillis", "goes with spinAt alone");
    }
    if block_millis.is_some() && block_at.is_none() {
        violations.add("spec.blockMillis", "requires blockAt");
    }
    let fail_retryable = spec.flag("failRetryable", violations).unwrap_or_default();
    if fail_retryable && fail_at.is_none() {
        violations.add("spec.failRetryable", "goes with failAt alone");
    }
    let (bucket, object) = destination(&mut spec, steps.unwrap_or_default(), catalog, project, violations);
    spec.finish(violations);
    DemoSteps {
        bucket,
        object,
        fail_at,
        fail_retryable,
        panic_at,
        hang_at,
        spin_at,
        spin_millis,
        block_at,
        block_millis,
        ..DemoSteps::new(steps.unwrap_or_default(), step_millis.unwrap_or_default())
    }
}

/// Where the steps leave their objects: checked as the destination of an export is.
fn destination(
    spec: &mut Fields,
    steps: u32,
    catalog: &Catalog,
    project: &ProjectId,
    violations: &mut Violations,
) -> (Option<String>, Option<String>) {
    let (bucket, object) = (spec.text("bucket", violations), spec.text("object", violations));
    match (&bucket, &object) {
        (None, None) => {}
        (Some(_), None) => violations.add("spec.object", "is required where a bucket is named"),
        (None, Some(_)) => violations.add("spec.bucket", "is required where an object is named"),
        (Some(bucket), Some(object)) => {
            export::check_bucket(bucket, "spec.bucket", catalog, project, violations);
            export::check_object(object, "spec.object", violations);
            if steps > MOST_OBJECTS {
                violations.add("spec.steps", format!("must be at most {MOST_OBJECTS} where a bucket is named"));
            }
        }
    }
    (bucket, object)
}
