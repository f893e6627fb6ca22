//! Runs resources when their time has come, each as its collection says. An instance of a schedule is run once, over any number
//! of keepers: the run names the revision of the resource that it has seen (`run_resource.sql`).

use kinds::{COLLECTIONS, Collection};
use operation::{Kind, ProjectId, Resource, RetryPolicy, Spec};
use prometheus::{Histogram, IntCounterVec, register_histogram, register_int_counter_vec};
use runtime::broker::{Hint, Publisher};
use runtime::callers::OPERATOR;
use runtime::kind_settings::KindsConfig;
use runtime::{clock, failpoint};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;
use store::{Actor, DueResource, DueResources, ResourceRun, Store, StoreError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// As many as one look shows.
const PAGE: u32 = 200;

static INSTANCES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "safepoint_schedule_instances_total",
        "Instances of schedules by what became of them: run, or passed_over since the run before had not ended",
        &["result"]
    )
    .expect("the metric's name is ours alone")
});

static LATENESS: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = vec![0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0];
    register_histogram!("safepoint_schedule_lateness_seconds", "From the time of an instance to its run", buckets)
        .expect("the metric's name is ours alone")
});

/// What is done with a resource whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It runs so, and then next at this time, if ever.
    Run(Spec, Option<OffsetDateTime>),
    /// Its latest run goes on: this instance is no run, and the next is at this time, if ever.
    PassOver(Option<OffsetDateTime>),
}

/// What is done with a resource whose time has come. However many instances were missed, this one stands for all of them.
///
/// # Errors
/// The resource is of a newer version.
pub fn step(collection: &Collection, due: &DueResource) -> serde_json::Result<Step> {
    let resource = &due.resource;
    let after = resource.next_run_time.map_or(due.now, |instance| instance.max(due.now));
    let next = (collection.next_run)(resource, after)?;
    let spec = (collection.run)(resource)?;
    Ok(if due.latest_ended { Step::Run(spec, next) } else { Step::PassOver(next) })
}

/// Looks about once a second until `shutdown`.
pub async fn run(store: Store, publisher: Publisher, kinds: KindsConfig, shutdown: CancellationToken) {
    let mut logged = BTreeSet::new();
    loop {
        match round(&store, &publisher, &kinds, &shutdown).await {
            Ok(unreadable) => {
                // Once, not each second until it is repaired.
                for resource in unreadable.difference(&logged) {
                    tracing::error!(resource, "its time has come, and this version cannot read it: it is skipped");
                }
                logged = unreadable;
            }
            Err(error) => tracing::warn!(%error, "could not run resources whose time has come; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Runs once what is due now. Returns the resources that could not be read.
///
/// # Errors
/// [`StoreError`]: the database is away, and the rest waits for the next round.
pub async fn round(
    store: &Store,
    publisher: &Publisher,
    kinds: &KindsConfig,
    shutdown: &CancellationToken,
) -> Result<BTreeSet<String>, StoreError> {
    let (mut unreadable, mut place) = (BTreeSet::new(), None);
    loop {
        let page: DueResources = store.due_resources(place.as_ref(), PAGE).await?;
        unreadable.extend(page.unreadable);
        let mut ran = Ran::default();
        let all = all(store, &page.resources, kinds, shutdown, &mut ran).await;
        for kind in ran.kinds {
            publisher.send(Hint::Work { kind, trace_parent: None });
        }
        unreadable.extend(ran.unreadable);
        all?;
        place = page.next;
        if place.is_none() || shutdown.is_cancelled() {
            return Ok(unreadable);
        }
    }
}

/// What a page has come to.
#[derive(Debug, Default)]
struct Ran {
    /// The kinds of what runs now, or may run after an error.
    kinds: BTreeSet<Kind>,
    /// What could not be read.
    unreadable: Vec<String>,
}

async fn all(
    store: &Store,
    page: &[DueResource],
    kinds: &KindsConfig,
    shutdown: &CancellationToken,
    ran: &mut Ran,
) -> Result<(), StoreError> {
    for due in page {
        if shutdown.is_cancelled() {
            break;
        }
        let Resource { project, collection, name, .. } = &due.resource;
        // Of a collection, or in a form, of a newer version: nothing of it is touched.
        let collection = COLLECTIONS.iter().find(|known| known.name == collection);
        let step = collection.and_then(|collection| Some((collection, step(collection, due).ok()?)));
        let Some((collection, step)) = step else {
            ran.unreadable.push(format!("{project} {name}"));
            continue;
        };
        if !may_run(kinds, collection, project) {
            continue;
        }
        match one(store, collection, due, step).await {
            Ok(false) => {}
            Ok(true) => drop(ran.kinds.insert(collection.kind.clone())),
            Err(error) if error.is_passing() => {
                // It may run all the same.
                ran.kinds.insert(collection.kind.clone());
                return Err(error);
            }
            // What is wrong with one is not wrong with the others.
            Err(error) => {
                tracing::error!(%error, %project, resource = name, "it could not be run by its schedule; trying again");
            }
        }
    }
    Ok(())
}

/// Whether the operator lets the project have operations of the collection's kind. What may not run waits for its time.
fn may_run(config: &KindsConfig, collection: &Collection, project: &ProjectId) -> bool {
    let info = kinds::ALL.iter().find(|info| info.kind == collection.kind);
    info.is_some_and(|info| config.is_enabled(info)) && config.may_create(project, &collection.kind)
}

/// Whether it runs now.
async fn one(store: &Store, collection: &Collection, due: &DueResource, step: Step) -> Result<bool, StoreError> {
    let (resource, instance) = (&due.resource, due.resource.next_run_time.unwrap_or(due.now));
    let Resource { project, name, .. } = resource;
    match step {
        Step::Run(spec, next_run_time) => {
            let run = run_of(collection, spec, instance, next_run_time);
            let ran = failpoint::around!("keeper.run_resource", store.run_resource(resource, &run).await)?;
            let Some(operation) = ran else { return Ok(false) };
            let late = (due.now - instance).as_seconds_f64();
            tracing::info!(operation.id = %operation.id, %project, resource = name, late, "it runs by its schedule");
            INSTANCES.with_label_values(&["run"]).inc();
            LATENESS.observe(late);
            Ok(true)
        }
        Step::PassOver(next_run_time) => {
            if failpoint::around!("keeper.pass_over", store.skip_resource(resource, next_run_time).await)? {
                let active = resource.latest_operation.map(|id| id.to_string()).unwrap_or_default();
                tracing::info!(operation.id = active, %project, resource = name, "its time is passed over: it runs still");
                INSTANCES.with_label_values(&["passed_over"]).inc();
            }
            Ok(false)
        }
    }
}

fn run_of(
    collection: &Collection,
    spec: Spec,
    instance: OffsetDateTime,
    next_run_time: Option<OffsetDateTime>,
) -> ResourceRun {
    ResourceRun {
        id: clock::new_operation_id(),
        collection: collection.operations.to_owned(),
        spec,
        next_run_time,
        retry: RetryPolicy::default(),
        trace_parent: None,
        by: schedule(instance),
    }
}

/// Who asks, in the audit log, and for which instance. No token's bearer, no issuer's subject and no operator is called so.
fn schedule(instance: OffsetDateTime) -> Actor {
    let instance = instance.format(&Rfc3339).unwrap_or_default();
    Actor { principal: format!("{OPERATOR}:keeper:schedule"), source_address: None, request_id: instance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinds::storage_transfer::{COLLECTION, Schedule};
    use runtime::callers::is_name;
    use testkit::{hourly, new_transfer_job};

    fn time(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).expect("a time")
    }

    /// An hourly job of the first of February.
    fn due(instance: &str, now: &str, latest_ended: bool, schedule: Option<Schedule>) -> DueResource {
        let new = new_transfer_job("p", "j", schedule);
        let created = time("2026-02-01T00:00:00Z");
        let resource = Resource {
            project: new.address.project,
            collection: new.address.collection,
            name: new.address.name,
            state: new.state,
            content: new.content,
            next_run_time: Some(time(instance)),
            latest_operation: None,
            revision: 1,
            create_time: created,
            update_time: created,
            delete_time: None,
        };
        DueResource { resource, now: time(now), latest_ended }
    }

    #[test]
    fn a_due_job_runs_once_and_then_at_its_next_time_to_come() {
        let start = time("2026-02-01T00:00:00Z").date();
        let always = Schedule { start_date: start, ..hourly() };
        let ending = Schedule { end_date: start.next_day(), ..always };
        let noon = "2026-02-02T12:00:00Z";
        let (run, pass_over, one) = (true, false, Some("2026-02-02T13:00:00Z"));
        for (what, due, expected) in [
            ("in time", due(noon, "2026-02-02T12:00:00.5Z", true, Some(always)), (run, one)),
            ("its run goes on", due(noon, "2026-02-02T12:00:00.5Z", false, Some(always)), (pass_over, one)),
            ("at its very time", due(noon, noon, true, Some(always)), (run, one)),
            ("changed back to before its time", due(noon, "2026-02-02T11:59:59Z", true, Some(always)), (run, one)),
            (
                "after days of an outage",
                due(noon, "2026-02-09T17:20:00Z", true, Some(always)),
                (run, Some("2026-02-09T18:00:00Z")),
            ),
            ("its last", due("2026-02-02T23:00:00Z", "2026-02-02T23:00:01Z", true, Some(ending)), (run, None)),
            ("its last, late", due("2026-02-02T23:00:00Z", "2026-03-01T00:00:00Z", true, Some(ending)), (run, None)),
            (
                "its last, and its run goes on",
                due("2026-02-02T23:00:00Z", "2026-02-02T23:00:01Z", false, Some(ending)),
                (pass_over, None),
            ),
            ("somebody set its time by hand", due(noon, noon, true, None), (run, None)),
        ] {
            let step = match step(&COLLECTION, &due).expect("a job") {
                Step::Run(_, next) => (run, next),
                Step::PassOver(next) => (pass_over, next),
            };
            assert_eq!(step, (expected.0, expected.1.map(time)), "{what}");
        }
    }

    #[test]
    fn a_run_says_which_instance_it_is_of() {
        let due = due("2026-02-02T12:00:00Z", "2026-02-02T12:00:00Z", true, None);
        let Step::Run(spec, next) = step(&COLLECTION, &due).expect("a job") else { panic!("it runs") };
        let run = run_of(&COLLECTION, spec, due.now, next);
        assert_eq!(
            (run.collection.as_str(), run.by.request_id.as_str()),
            ("transferOperations", "2026-02-02T12:00:00Z")
        );
    }

    #[test]
    fn nobody_else_is_called_as_the_schedule() {
        let principal = schedule(OffsetDateTime::UNIX_EPOCH).principal;
        assert!(!is_name(&principal), "no token");
        // Issuers are not called operator (`runtime::callers`), and operators have names.
        let (prefix, rest) = principal.split_once(':').expect("a colon");
        assert!(prefix == OPERATOR && !is_name(rest), "{principal}");
    }
}
