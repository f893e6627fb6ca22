//! Runs jobs when their time has come. An instance of a schedule is run once, over any number of keepers: the run names the
//! revision of the job that it has seen (`run_transfer_job.sql`).

use kinds::{Parameters, storage_transfer};
use operation::RetryPolicy;
use prometheus::{Histogram, IntCounterVec, register_histogram, register_int_counter_vec};
use runtime::broker::{Hint, Publisher};
use runtime::callers::OPERATOR;
use runtime::{clock, failpoint};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;
use store::{Actor, DueTransferJob, DueTransferJobs, Store, StoreError, TransferJobRun};
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

/// What is done with a job whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It runs, and then next at this time, if ever.
    Run(Option<OffsetDateTime>),
    /// Its latest run goes on: this instance is no run, and the next is at this time, if ever.
    PassOver(Option<OffsetDateTime>),
}

/// What is done with a job whose time has come. However many instances were missed, this one stands for all of them.
pub fn step(due: &DueTransferJob) -> Step {
    let job = &due.job;
    let after = job.next_run_time.map_or(due.now, |instance| instance.max(due.now));
    let next = job.job.schedule.and_then(|schedule| schedule.next_run(job.create_time, after));
    if due.latest_ended { Step::Run(next) } else { Step::PassOver(next) }
}

/// Looks about once a second until `shutdown`.
pub async fn run(store: Store, publisher: Publisher, shutdown: CancellationToken) {
    let mut told = BTreeSet::new();
    loop {
        match round(&store, &publisher, &shutdown).await {
            Ok(unreadable) => {
                // Once, and not each second until somebody has mended it.
                for job in unreadable.difference(&told) {
                    tracing::error!(job, "a job whose time has come cannot be read by this version, and is left alone");
                }
                told = unreadable;
            }
            Err(error) => tracing::warn!(%error, "could not run jobs whose time has come; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Runs once what is due now. Returns the jobs that could not be read.
///
/// # Errors
/// [`StoreError`]: the database is away, and the rest waits for the next round.
pub async fn round(
    store: &Store,
    publisher: &Publisher,
    shutdown: &CancellationToken,
) -> Result<BTreeSet<String>, StoreError> {
    let (mut unreadable, mut place) = (BTreeSet::new(), None);
    loop {
        let page: DueTransferJobs = store.due_transfer_jobs(place.as_ref(), PAGE).await?;
        unreadable.extend(page.unreadable);
        let ran = all(store, &page.jobs, shutdown).await;
        if matches!(ran, Ok(1..) | Err(_)) {
            // After an error some may run all the same.
            publisher.send(Hint::Work { kind: storage_transfer::KIND, trace_parent: None });
        }
        ran?;
        place = page.next;
        if place.is_none() || shutdown.is_cancelled() {
            return Ok(unreadable);
        }
    }
}

/// How many run now.
async fn all(store: &Store, jobs: &[DueTransferJob], shutdown: &CancellationToken) -> Result<u64, StoreError> {
    let mut ran = 0;
    for due in jobs {
        if shutdown.is_cancelled() {
            break;
        }
        match one(store, due).await {
            Ok(true) => ran += 1,
            Ok(false) => {}
            Err(error) if error.is_passing() => return Err(error),
            // What is wrong with one is not wrong with the others.
            Err(error) => {
                let (project, job) = (&due.job.project, &due.job.name);
                tracing::error!(%error, %project, %job, "a job could not be run by its schedule; trying again");
            }
        }
    }
    Ok(ran)
}

/// Whether it runs now.
async fn one(store: &Store, due: &DueTransferJob) -> Result<bool, StoreError> {
    let (job, instance) = (&due.job, due.job.next_run_time.unwrap_or(due.now));
    let (project, name) = (&job.project, &job.name);
    match step(due) {
        Step::Run(next_run_time) => {
            let run = run_of(due, instance, next_run_time);
            let ran = failpoint::around!("keeper.run_job", store.run_transfer_job(job, &run).await)?;
            let Some(operation) = ran else { return Ok(false) };
            let late = (due.now - instance).as_seconds_f64();
            tracing::info!(operation.id = %operation.id, %project, job = %name, late, "a job runs by its schedule");
            INSTANCES.with_label_values(&["run"]).inc();
            LATENESS.observe(late);
            Ok(true)
        }
        Step::PassOver(next_run_time) => {
            if failpoint::around!("keeper.pass_over", store.skip_transfer_job(job, next_run_time).await)? {
                let active = job.latest_operation.map(|id| id.to_string()).unwrap_or_default();
                tracing::info!(operation.id = active, %project, job = %name, "a job's time is passed over: it runs still");
                INSTANCES.with_label_values(&["passed_over"]).inc();
            }
            Ok(false)
        }
    }
}

fn run_of(due: &DueTransferJob, instance: OffsetDateTime, next_run_time: Option<OffsetDateTime>) -> TransferJobRun {
    let mut transfer = due.job.job.transfer.clone();
    transfer.job = Some(due.job.name.to_string());
    TransferJobRun {
        id: clock::new_operation_id(),
        spec: transfer.to_spec(),
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
    use kinds::storage_transfer::Schedule;
    use runtime::callers::is_name;
    use store::StoredTransferJob;
    use testkit::{hourly, new_transfer_job};

    fn time(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).expect("a time")
    }

    /// An hourly job of the first of February.
    fn due(instance: &str, now: &str, latest_ended: bool, schedule: Option<Schedule>) -> DueTransferJob {
        let new = new_transfer_job("p", "j", schedule);
        let created = time("2026-02-01T00:00:00Z");
        let job = StoredTransferJob {
            project: new.project,
            name: new.name,
            status: new.status,
            job: new.job,
            next_run_time: Some(time(instance)),
            latest_operation: None,
            revision: 1,
            create_time: created,
            update_time: created,
            delete_time: None,
        };
        DueTransferJob { job, now: time(now), latest_ended }
    }

    #[test]
    fn a_due_job_runs_once_and_then_at_its_next_time_to_come() {
        let start = time("2026-02-01T00:00:00Z").date();
        let always = Schedule { start_date: start, ..hourly() };
        let ending = Schedule { end_date: start.next_day(), ..always };
        let (noon, one) = ("2026-02-02T12:00:00Z", Some(time("2026-02-02T13:00:00Z")));
        for (what, due, expected) in [
            ("in time", due(noon, "2026-02-02T12:00:00.5Z", true, Some(always)), Step::Run(one)),
            ("its run goes on", due(noon, "2026-02-02T12:00:00.5Z", false, Some(always)), Step::PassOver(one)),
            ("at its very time", due(noon, noon, true, Some(always)), Step::Run(one)),
            ("changed back to before its time", due(noon, "2026-02-02T11:59:59Z", true, Some(always)), Step::Run(one)),
            (
                "after days of an outage",
                due(noon, "2026-02-09T17:20:00Z", true, Some(always)),
                Step::Run(Some(time("2026-02-09T18:00:00Z"))),
            ),
            ("its last", due("2026-02-02T23:00:00Z", "2026-02-02T23:00:01Z", true, Some(ending)), Step::Run(None)),
            (
                "its last, late",
                due("2026-02-02T23:00:00Z", "2026-03-01T00:00:00Z", true, Some(ending)),
                Step::Run(None),
            ),
            (
                "its last, and its run goes on",
                due("2026-02-02T23:00:00Z", "2026-02-02T23:00:01Z", false, Some(ending)),
                Step::PassOver(None),
            ),
            ("somebody set its time by hand", due(noon, noon, true, None), Step::Run(None)),
        ] {
            assert_eq!(step(&due), expected, "{what}");
        }
    }

    #[test]
    fn a_run_says_which_job_and_which_instance_it_is_of() {
        let due = due("2026-02-02T12:00:00Z", "2026-02-02T12:00:00Z", true, None);
        let run = run_of(&due, due.now, None);
        let transfer = storage_transfer::StorageTransfer::from_spec(&run.spec).expect("a transfer");
        assert_eq!(transfer.job.as_deref(), Some("transferJobs/j"));
        assert_eq!(run.by.request_id, "2026-02-02T12:00:00Z");
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
