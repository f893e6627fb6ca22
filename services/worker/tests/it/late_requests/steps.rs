//! The objects of `demo.steps`.

use super::{FORMER, Store, befall, is_fenced, soon};
use crate::fixture::{json, project};
use kinds::Parameters;
use kinds::demo_steps::DemoSteps;
use operation::{LeaseTerms, OperationId, RetryPolicy, WorkerId};
use runtime::config::Bucket;
use safepoint_worker::attempt::Attempt;
use safepoint_worker::executor::demo_steps;
use safepoint_worker::lease_clock::LeaseClock;
use safepoint_worker::safepoint::{Ended, Safepoint};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Claimed, NewOperation};
use testkit::TestDatabase;
use tokio::task::JoinHandle;
use uuid::Uuid;

struct Steps {
    database: TestDatabase,
    worker: WorkerId,
    spec: DemoSteps,
    bucket: Bucket,
}

impl Steps {
    async fn new(store: &Store, folder: &str) -> Self {
        let database = TestDatabase::create().await;
        let worker = WorkerId::from_uuid(Uuid::new_v4());
        let terms = LeaseTerms::new(Duration::from_mins(1), Duration::from_mins(10)).unwrap();
        database.store().register_worker(worker, "test", terms).await.unwrap();
        let (bucket, object) = (Some("steps".to_owned()), Some(folder.to_owned()));
        let spec = DemoSteps { bucket, object, ..DemoSteps::new(1, 0) };
        let new = NewOperation {
            retry: RetryPolicy { failure_limit: 3, ..RetryPolicy::default() },
            ..testkit::new_operation(OperationId::from_uuid(Uuid::now_v7()), project().as_str(), spec.clone().to_spec())
        };
        database.store().create(&new).await.unwrap();
        Self { database, worker, spec, bucket: store.bucket("steps") }
    }

    /// Claims it, and runs the attempt.
    async fn attempt(&self) -> (LeaseClock, JoinHandle<Result<Value, Ended>>) {
        let store = self.database.store();
        let claimed = store.claim(self.worker, &kinds::demo_steps::KIND, 1, "").await.unwrap().operations;
        let [Claimed { fence, checkpoint, .. }] = claimed.try_into().expect("one operation waits");
        let clock = LeaseClock::new(self.worker);
        clock.begin(self.worker, Instant::now() + Duration::from_hours(1));
        let attempt = Arc::new(Attempt::new(fence, &kinds::demo_steps::INFO, clock.held_by(self.worker)));
        let cx = Safepoint::new(attempt, project(), store, checkpoint);
        let (spec, bucket) = (self.spec.clone(), self.bucket.clone());
        (clock, tokio::spawn(async move { demo_steps::run(&spec, Some(&bucket), &cx).await.map(json) }))
    }

    /// As the sweeper does.
    async fn take_away(&self) {
        let swept = "UPDATE operations SET state = 'PENDING', worker_id = NULL, nonce = NULL, failures = 1";
        self.database.client().await.execute(swept, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_late_step_of_a_former_attempt_does_not_replace_the_next_ones() {
    let Some(store) = Store::start().await else { return };
    for former in FORMER {
        for stands in [false, true] {
            let folder = format!("{former:?}-{stands}");
            let object = format!("{folder}/step-000001");
            if stands {
                store.put(&object, "of another time").await;
            }
            let steps = Steps::new(&store, &folder).await;
            let held = store.front.hold(&format!("PUT /data/prefix/{object}"));
            let (clock, first) = steps.attempt().await;
            soon(held.arrived()).await;
            if stands {
                // Refused, for something is there: the next request names it. That one is the late one.
                let again = store.front.hold(&format!("PUT /data/prefix/{object}"));
                assert_eq!(held.release().await, 412);
                soon(again.arrived()).await;
                befall(former, &clock, &again).await;
                // What is there at a second attempt is taken for a step that was done: it is taken away.
                store.delete(&object).await;
                steps.take_away().await;
                soon(steps.attempt().await.1).await.unwrap().unwrap();
                assert_eq!(again.release().await, 412);
            } else {
                befall(former, &clock, &held).await;
                steps.take_away().await;
                soon(steps.attempt().await.1).await.unwrap().unwrap();
                assert_eq!(held.release().await, 412);
            }
            let content = store.object(&object).await.unwrap();
            assert!(content.ends_with(" 2\n"), "{folder}: {content:?} is of another attempt than the second");
            is_fenced(first).await;
        }
    }
}

#[tokio::test]
async fn a_step_whose_answer_is_lost_is_done_once() {
    let Some(store) = Store::start().await else { return };
    let steps = Steps::new(&store, "out").await;
    store.front.lose_answer("PUT /data/prefix/out/step-000001");
    soon(steps.attempt().await.1).await.unwrap().unwrap();
    assert_eq!(store.front.requests("PUT ").len(), 1);
    assert!(store.object("out/step-000001").await.unwrap().ends_with(" 1\n"));
}
