//! Operations for the tests beside the code: one that was just created, to be changed where a test cares.

use crate::operations::Operation;
use operation::{AttemptNumber, DemoSteps, Kind, RetryPolicy, Spec, State};
use std::collections::BTreeMap;
use time::macros::datetime;

/// An operation that was just created.
pub fn created() -> Operation {
    let at = datetime!(2026-11-23 07:00:00.5 UTC);
    Operation {
        id: "0193a5a0-0000-7000-8000-000000000001".parse().expect("an id"),
        project: "p".parse().expect("a project"),
        collection: "native".to_owned(),
        kind: Kind::DemoSteps,
        target: "demo".to_owned(),
        spec: Spec::DemoSteps(DemoSteps::new(1, 1)),
        priority: 0,
        state: State::Pending,
        revision: 1,
        attempt: AttemptNumber(0),
        worker: None,
        nonce: None,
        failures: 0,
        retry: RetryPolicy::default(),
        retry_of: None,
        labels: BTreeMap::new(),
        deadline: None,
        not_before: None,
        safe_point: None,
        safe_point_time: None,
        items_per_second: None,
        create_time: at,
        start_time: None,
        claim_time: None,
        update_time: at,
        finish_time: None,
        checkpoint: None,
        items_done: 0,
        items_total: None,
        bytes_done: 0,
        response: None,
        error_code: None,
        error_message: None,
        pause_requested_at: None,
        cancel: None,
        trace_parent: None,
        has_secret: false,
    }
}
