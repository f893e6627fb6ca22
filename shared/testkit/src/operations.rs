//! Operations as somebody would ask for them, to be changed where a test cares.

use operation::{OperationId, RetryPolicy, Spec};
use std::collections::BTreeMap;
use store::{Actor, NewOperation};

/// Somebody who calls from this machine.
pub fn actor(principal: &str) -> Actor {
    Actor {
        principal: principal.to_owned(),
        source_address: Some([127, 0, 0, 1].into()),
        request_id: "request-1".to_owned(),
    }
}

/// An operation of the native API with nothing special about it.
///
/// # Panics
/// `project` can't be a project's name.
pub fn new_operation(id: OperationId, project: &str, spec: Spec) -> NewOperation {
    NewOperation {
        id,
        project: project.parse().expect("a project's name"),
        collection: "native".to_owned(),
        target: "nothing".to_owned(),
        spec,
        priority: 0,
        labels: BTreeMap::new(),
        deadline: None,
        retry: RetryPolicy::default(),
        trace_parent: None,
        request: None,
        by: actor("tester"),
        secret: None,
    }
}
