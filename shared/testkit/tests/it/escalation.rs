//! Operations that hang, keep all processors, or block a thread, in real processes: a cancel ends each of them within twice
//! the bound of the kind, a lease, and a sweep.

use safepoint_testkit::{LEASE_TTL, LIMIT, System, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How long a `demo.steps` may take to stop (ARCHITECTURE.md, "What does not stop").
const BOUND: Duration = Duration::from_secs(5);
/// A sweep comes about once a second; the rest is for a machine that is busy with other tests.
const SWEPT: Duration = Duration::from_secs(10);
/// What a worker ends with that gives itself up.
const GAVE_UP: Option<i32> = Some(70);

/// A worker with two threads for everything, whatever the machine has.
async fn system() -> System {
    System::start_with(1, 4, &[("TOKIO_WORKER_THREADS", "2".to_owned())]).await
}

async fn create(system: &System, spec: Value) -> String {
    let body = json!({ "kind": "demo.steps", "spec": spec });
    let (status, operation) = system.call("POST", "/api/v1/projects/p/operations", Some(&body)).await;
    assert_eq!(status, 200, "{operation}");
    operation["id"].as_str().expect("an id").to_owned()
}

/// Steps of which the second misbehaves; it is at the second one when this returns.
async fn stuck(system: &System, how: Value) -> String {
    let mut spec = json!({ "steps": 3, "stepMillis": 0 });
    spec.as_object_mut().expect("an object").extend(how.as_object().expect("an object").clone());
    let id = create(system, spec).await;
    system.until(&id, "the first step", |operation| operation["progress"]["itemsDone"] == "1").await;
    id
}

async fn cancel(system: &System, id: &str) {
    let (status, answer) = system.call("POST", &format!("/api/v1/projects/p/operations/{id}:cancel"), None).await;
    assert_eq!(status, 200, "{answer}");
}

/// It is cancelled in time, and the receipt tells how.
async fn is_cancelled(system: &System, id: &str, ended_by: &str) {
    let operation = system.until(id, "its end", |operation| operation["done"] == true).await;
    let receipt = &operation["cancel"];
    assert_eq!((&operation["state"], &receipt["endedBy"]), (&json!("CANCELLED"), &json!(ended_by)), "{operation}");
    assert_eq!(receipt["cleanup"]["status"], "unknown", "{operation}");
    let took = moment(&receipt["stoppedAt"]) - moment(&receipt["requestedAt"]);
    assert!(took <= 2 * BOUND + LEASE_TTL + SWEPT, "{took}");
}

fn moment(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap_or_default(), &Rfc3339).expect("a time")
}

/// Waits until the worker has ended by itself.
async fn gives_itself_up(system: &mut System) {
    let begun = std::time::Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    // Well before what holds its threads would end by itself.
    while begun.elapsed() < 2 * BOUND + Duration::from_secs(20) {
        if let Some(code) = system.workers[0].ended() {
            return assert_eq!(Some(code), GAVE_UP);
        }
        tick.tick().await;
    }
    panic!("the worker did not end");
}

/// Its worker aborts it and works on.
#[tokio::test]
async fn a_cancel_ends_what_hangs() {
    let mut system = system().await;
    let id = stuck(&system, json!({ "hangAt": 2 })).await;
    cancel(&system, &id).await;
    is_cancelled(&system, &id, "TASK_ABORTED").await;
    assert_eq!(system.workers[0].ended(), None);
}

/// All threads of the runtime are busy: nothing is polled, no task ends by an abort, and not even a signal is heard.
#[tokio::test]
async fn a_cancel_ends_what_keeps_all_threads_busy() {
    let mut system = system().await;
    // All are claimed at once: a worker whose threads are busy claims nothing.
    system.workers[0].kill();
    let long = create(&system, json!({ "steps": 2000, "stepMillis": 10 })).await;
    let spin = json!({ "steps": 1, "stepMillis": 0, "spinAt": 1, "spinMillis": 60_000 });
    let ids = [create(&system, spin.clone()).await, create(&system, spin).await];
    system.workers[0].restart().expect("it starts again");
    for id in [&long, &ids[0], &ids[1]] {
        system.until(id, "running", |operation| operation["state"] == "RUNNING").await;
    }
    // It does nothing else that takes long: it spins.
    let begun = system.workers[0].processor_time();
    let is_busy = async || (system.workers[0].processor_time() > begun + Duration::from_secs(2)).then_some(());
    eventually("busy threads", LIMIT, is_busy).await;
    cancel(&system, &ids[0]).await;
    gives_itself_up(&mut system).await;
    is_cancelled(&system, &ids[0], "WORKER_LOST").await;
    system.workers[0].restart().expect("it starts again");
    // The one that nobody cancelled spins again, within its right; and the other goes on from where it was.
    system.until(&ids[1], "a second attempt", |operation| operation["attempt"] == 2).await;
    system.until(&long, "a second attempt", |operation| operation["attempt"] == 2).await;
}

/// An abort ends no thread that blocks. The others are handed over in order.
#[tokio::test]
async fn a_cancel_ends_what_blocks_a_thread() {
    let mut system = system().await;
    let long = create(&system, json!({ "steps": 1000, "stepMillis": 10 })).await;
    system.until(&long, "progress", |operation| operation["progress"]["itemsDone"] != "0").await;
    let id = stuck(&system, json!({ "blockAt": 2, "blockMillis": 60_000 })).await;
    cancel(&system, &id).await;
    gives_itself_up(&mut system).await;
    is_cancelled(&system, &id, "WORKER_LOST").await;
    system.workers[0].restart().expect("it starts again");
    let done = system.until(&long, "its end", |operation| operation["done"] == true).await;
    assert_eq!((&done["state"], &done["failures"]), (&json!("SUCCEEDED"), &json!(0)), "{done}");
}

/// SIGTERM: a thread that does not return holds up neither the drain nor the end of the process.
#[tokio::test]
async fn a_blocked_thread_does_not_hold_up_the_end_of_a_process() {
    let mut system = system().await;
    let id = stuck(&system, json!({ "blockAt": 2, "blockMillis": 60_000 })).await;
    system.workers[0].signal("TERM");
    gives_itself_up(&mut system).await;
    let operation = system.until(&id, "a sweep", |operation| operation["state"] == "PENDING").await;
    assert_eq!(operation["failures"], 1, "{operation}");
    eventually("it is still there to be cancelled", LIMIT, async || {
        cancel(&system, &id).await;
        (system.native(&id).await["state"] == "CANCELLED").then_some(())
    })
    .await;
}
