//! The executor of the chaos runs: what it shows is what it reports.

use crate::fixture::{Fixture, steps};
use kinds::demo_steps::DemoSteps;
use operation::{CleanupStatus, LeaseTerms, OperationId, State};
use std::time::Duration;

/// Steps that leave an object each in the folder `out`.
fn leaving(count: u32, step_millis: u32) -> DemoSteps {
    DemoSteps { bucket: Some("exports".to_owned()), object: Some("out".to_owned()), ..steps(count, step_millis) }
}

/// The lines of all objects in the folder `out`, by name.
fn shown(fixture: &Fixture) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir(fixture.bucket.path().join("out")) else { return Vec::new() };
    let mut files: Vec<_> = folder.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
}

fn lines(id: OperationId, attempts: &[u32]) -> Vec<String> {
    attempts.iter().zip(1..).map(|(attempt, step)| format!("{step} {id} {attempt}\n")).collect()
}

#[tokio::test]
async fn each_step_leaves_one_object() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(leaving(3, 0)).await;
    fixture.until_state(id, State::Succeeded).await;
    assert_eq!(shown(&fixture), lines(id, &[1, 1, 1]));
    worker.end().await;
}

/// What lies in the folder before the first attempt is somebody else's: no step of this operation is done by it.
#[tokio::test]
async fn what_others_left_counts_as_no_step() {
    let fixture = Fixture::new().await;
    let out = fixture.bucket.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    std::fs::write(out.join("step-000001"), "somebody else's").expect("a file");
    let worker = fixture.worker().await;
    let id = fixture.create(leaving(2, 0)).await;
    fixture.until_state(id, State::Succeeded).await;
    assert_eq!(shown(&fixture), lines(id, &[1, 1]));
    worker.end().await;
}

/// INV-12: a cancelled operation shows exactly the steps that it reports.
#[tokio::test]
async fn a_cancelled_operation_shows_what_it_reports() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let id = fixture.create(leaving(100_000, 2)).await;
    fixture.until(id, "progress", |operation| operation.items_done > 0).await;
    fixture.cancel(id).await;
    let operation = fixture.until_state(id, State::Cancelled).await;
    assert_eq!(shown(&fixture).len() as u64, operation.items_done);
    let cleanup = operation.cancel.and_then(|receipt| receipt.cleanup).expect("told");
    assert_eq!((cleanup.status, cleanup.outputs), (CleanupStatus::Kept, vec!["out/".to_owned()]));
    worker.end().await;
}

/// Steps that a lost worker took and did not report are seen at the destination: they are not taken again, and what it was
/// about to make visible can't appear any more.
#[tokio::test]
async fn an_attempt_goes_on_from_what_is_there() {
    let fixture = Fixture::new().await;
    let id = fixture.create(leaving(4, 0)).await;
    let lost = operation::WorkerId::from_uuid(uuid::Uuid::new_v4());
    fixture.store.register_worker(lost, "test", LeaseTerms::default()).await.expect("registered");
    fixture.store.claim(lost, &kinds::demo_steps::KIND, 1, "").await.expect("claimed");
    let out = fixture.bucket.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    for (step, line) in lines(id, &[1, 1]).iter().enumerate() {
        std::fs::write(out.join(format!("step-00000{}", step + 1)), line).expect("written");
    }
    let under_way = out.join(format!(".step-000003.{id}.1.part"));
    std::fs::write(&under_way, "3").expect("written");
    let client = fixture.database.client().await;
    client.execute("UPDATE workers SET expires_at = clock_timestamp()", &[]).await.expect("expired");
    fixture.store.sweep(10).await.expect("swept");
    let worker = fixture.worker().await;
    fixture.until_state(id, State::Succeeded).await;
    assert_eq!(shown(&fixture), lines(id, &[1, 1, 2, 2]));
    assert!(!under_way.exists(), "the lost worker's rename must fail");
    worker.end().await;
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_and_resumes() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let spec = DemoSteps { fail_at: Some(3), fail_retryable: true, ..leaving(5, 0) };
    let id = fixture.create(spec).await;
    let operation = fixture.until_state(id, State::Failed).await;
    assert_eq!((operation.attempt.0, operation.failures, operation.items_done), (2, 2, 2));
    assert_eq!(shown(&fixture), lines(id, &[1, 1]));
    worker.end().await;
}

/// The lease has a thread of its own: an executor that never yields does not lose it. It takes one of the threads that
/// this test and its worker share.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_busy_executor_keeps_its_lease() {
    let fixture = Fixture::new().await;
    let terms = LeaseTerms::new(Duration::from_millis(200), Duration::from_secs(1)).expect("terms");
    let worker = fixture.worker_with(terms).await;
    let spec = DemoSteps { spin_at: Some(1), spin_millis: Some(3_000), ..steps(1, 0) };
    let id = fixture.create(spec).await;
    let operation = fixture.until_state(id, State::Succeeded).await;
    assert_eq!((operation.attempt.0, operation.failures), (1, 0));
    worker.end().await;
}
