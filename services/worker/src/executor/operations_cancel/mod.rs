//! A cancel of many operations: page by page, oldest first, each by the same statement and hint as a single one.

use super::services::Services;
use crate::executors::Executor;
use crate::safepoint::{Ended, Safepoint};
use kinds::operations_cancel::{CancelOperations, CancelOperationsCheckpoint, CancelOperationsResponse, INFO, KIND};
use operation::{Failure, KindInfo, ListFilter, OperationId, Progress};
use runtime::broker::Hint;
use runtime::{failpoint, telemetry};
use std::sync::Arc;
use store::{Actor, Address, Asked, Operation, Requester, StoreError};
use time::OffsetDateTime;

const PAGE: u32 = 100;
/// Up to here the total is exact.
const COUNTED: u32 = 1_000_000;

/// Runs the operations of `operations.cancel`.
#[derive(Debug)]
pub struct OperationsCanceller(Arc<Services>);

impl OperationsCanceller {
    /// An executor on our own operations.
    pub const fn new(services: Arc<Services>) -> Self {
        Self(services)
    }
}

impl Executor for OperationsCanceller {
    type Spec = CancelOperations;
    type Response = CancelOperationsResponse;

    fn info(&self) -> KindInfo {
        INFO.clone()
    }

    async fn run(&self, spec: &CancelOperations, cx: &Safepoint) -> Result<CancelOperationsResponse, Ended> {
        run(spec, &self.0, cx).await
    }
}

/// Asks all that the filter selects to stop, and returns how many answered what. It does not wait for their ends.
///
/// # Errors
/// [`Ended`]: a stop, or a database that does not answer.
async fn run(spec: &CancelOperations, services: &Services, cx: &Safepoint) -> Result<CancelOperationsResponse, Ended> {
    let (store, project) = (&services.store, cx.project());
    let mut done = cx.checkpoint::<CancelOperationsCheckpoint>()?.unwrap_or_default();
    let this = Address { project: project.clone(), collection: None, id: cx.fence().id };
    let this = cx.or_stop("looking at itself", store.get_to_cancel(&this)).await?.map_err(passing)?;
    let filter = meant(&spec.filter, this.map(|this| this.create_time));
    let left = cx.or_stop("counting", store.count_to_cancel(project, &filter, COUNTED)).await?.map_err(passing)?;
    let total = left + asked_so_far(&done);
    loop {
        let page = store.list_to_cancel(project, &filter, done.after, PAGE);
        let page = cx.or_stop("looking for operations", page).await?.map_err(passing)?;
        for operation in &page.operations {
            // One after another: single cancels go before many.
            count(&mut done, ask(services, operation, spec, cx.fence().id).await?.as_ref());
        }
        done.after = page.operations.last().map(|operation| operation.id).or(done.after);
        let progress = Progress { items_done: asked_so_far(&done), items_total: Some(total), bytes_done: 0 };
        cx.reach_with("page of operations asked to stop", &done, progress)?;
        if page.next.is_none() {
            break;
        }
    }
    cx.commit_point().await?;
    Ok(CancelOperationsResponse {
        requested: done.requested.to_string(),
        already_requested: done.already_requested.to_string(),
        already_done: done.already_done.to_string(),
    })
}

fn count(done: &mut CancelOperationsCheckpoint, answer: Option<&Asked>) {
    match answer {
        Some(Asked::Recorded(_)) => done.requested += 1,
        Some(Asked::Unchanged(operation)) if !operation.state.is_done() => done.already_requested += 1,
        // It ended in the meantime, and perhaps was deleted.
        Some(Asked::Unchanged(_)) | None => done.already_done += 1,
    }
}

const fn asked_so_far(done: &CancelOperationsCheckpoint) -> u64 {
    done.requested + done.already_requested + done.already_done
}

/// What has not ended, deleted or not, and nothing that came after this operation, by the database's clock: who creates
/// operations while others are cancelled means to keep them. Never a bulk cancel, lest one cancel itself.
fn meant(filter: &ListFilter, created: Option<OffsetDateTime>) -> ListFilter {
    ListFilter {
        done: Some(false),
        excluded_kinds: filter.excluded_kinds.iter().cloned().chain([KIND]).collect(),
        created_before: created.into_iter().chain(filter.created_before).min(),
        ..filter.clone()
    }
}

async fn ask(
    services: &Services,
    operation: &Operation,
    spec: &CancelOperations,
    this: OperationId,
) -> Result<Option<Asked>, Failure> {
    let by = Actor {
        principal: spec.requested_by.clone(),
        source_address: None,
        request_id: format!("projects/{}/operations/{this}", operation.project),
    };
    let requester = Requester { by, reason: spec.reason.clone(), mode: spec.mode };
    let address = Address { project: operation.project.clone(), collection: None, id: operation.id };
    let asked = failpoint::around!("worker.bulk_cancel", services.store.cancel(&address, &requester).await);
    let asked = asked.map_err(passing)?;
    let Some(Asked::Recorded(operation)) = &asked else { return Ok(asked) };
    services.publisher.send(Hint::Changed { operations: vec![operation.id] });
    if let Some((worker, fence, mode)) = operation.to_be_told() {
        let trace_parent = telemetry::current_trace_parent();
        services.publisher.send(Hint::Cancel { worker, fence, mode, trace_parent });
    }
    Ok(asked)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn passing(error: StoreError) -> Failure {
    tracing::warn!(%error, "operations could not be read or asked to stop");
    Failure::passing("The operations could not be read or asked to stop.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use operation::Kind;
    use time::macros::datetime;

    #[test]
    fn what_is_meant_is_bounded_by_its_own_creation_and_no_bulk_cancel() {
        let created = datetime!(2026-11-25 12:00 UTC);
        let all = meant(&ListFilter::default(), Some(created));
        let expected = ListFilter {
            done: Some(false),
            excluded_kinds: vec![KIND],
            created_before: Some(created),
            ..ListFilter::default()
        };
        assert_eq!(all, expected);
        let earlier = datetime!(2026-11-25 11:00 UTC);
        let kinds = vec![KIND, Kind::from_static("acme.reindex")];
        let asked = ListFilter { kinds, created_before: Some(earlier), ..ListFilter::default() };
        let some = meant(&asked, Some(created));
        assert_eq!(some, ListFilter { done: Some(false), excluded_kinds: vec![KIND], ..asked });
    }
}
