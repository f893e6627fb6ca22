//! Kinds of other crates, and parameters that not every worker can read.

use crate::fixture::{Fixture, LIMIT};
use operation::{Kind, KindInfo, LeaseTerms, Spec, State};
use safepoint_worker::Worker;
use safepoint_worker::executors::Executor;
use safepoint_worker::safepoint::{Ended, Safepoint};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;
use testkit::eventually;

const KIND: Kind = Kind::from_static("acme.echo");

/// An executor of the same kind in two versions.
struct Echo<S>(PhantomData<fn() -> S>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Old {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    #[expect(dead_code, reason = "it is read, and that is all")]
    louder: bool,
}

impl<S: DeserializeOwned + Send + Sync + 'static> Executor for Echo<S> {
    type Spec = S;
    type Response = Value;

    fn info(&self) -> KindInfo {
        KindInfo {
            kind: KIND,
            unit: Cow::Borrowed("echoes"),
            safe_point_bound: Duration::from_secs(1),
            stop_bound: Duration::from_secs(5),
            counts_against_quotas: false,
            opt_in: false,
        }
    }

    fn spec_schema(&self) -> Option<Value> {
        Some(json!({ "type": "object" }))
    }

    async fn run(&self, _: &S, cx: &Safepoint) -> Result<Value, Ended> {
        cx.commit_point().await?;
        Ok(json!({ "project": cx.project().as_str() }))
    }
}

fn echo<S>() -> Echo<S> {
    Echo(PhantomData)
}

/// During an upgrade old and new workers run side by side. What the old ones cannot read is no failure.
#[tokio::test]
async fn a_newer_spec_waits_for_a_worker_that_can_read_it() {
    let fixture = Fixture::new().await;
    let newer = json!({ "louder": true }).as_object().expect("an object").clone();
    let id = fixture.create_as(Spec::new(KIND, newer), None).await;
    let client = fixture.database.client().await;
    // What an earlier attempt has left.
    let before = r#"UPDATE operations SET checkpoint = '{}', items_done = 5000, items_total = 9000, bytes_done = 7,
                    cancel_cleanup = '{"status": "kept", "outputs": ["half"]}'"#;
    client.batch_execute(before).await.expect("an earlier attempt");
    let old = fixture.worker_of(Worker::builder().executor(echo::<Old>()), LeaseTerms::default()).await;
    let waits = fixture.until(id, "it is given back", |operation| operation.release_reason.is_some()).await;
    assert_eq!((waits.state, waits.failures, waits.attempt.0), (State::Pending, 0, 1));
    assert_eq!(waits.release_reason.as_deref(), Some("UNREADABLE_SPEC"));
    assert!(waits.not_before.is_some(), "it does not come back at once");
    assert_eq!((waits.items_done, waits.items_total, waits.bytes_done), (5000, Some(9000), 7));
    let left = client.query_one("SELECT cancel_cleanup ->> 'status' FROM operations", &[]).await.expect("a row");
    assert_eq!(left.get::<_, &str>(0), "kept");
    old.end().await;
    client.batch_execute("UPDATE operations SET not_before = NULL").await.expect("its time has come");
    let new = fixture.worker_of(Worker::builder().executor(echo::<New>()), LeaseTerms::default()).await;
    let done = fixture.until_state(id, State::Succeeded).await;
    assert_eq!((done.failures, done.attempt.0, done.release_reason), (0, 2, None));
    assert_eq!(done.response, Some(json!({ "project": done.project.as_str() })));
    new.end().await;
}

#[tokio::test]
async fn a_worker_registers_its_kinds_and_what_has_changed_about_them() {
    let fixture = Fixture::new().await;
    let registered =
        async || fixture.store.kinds().await.expect("kinds").into_iter().find(|kind| kind.info.kind == KIND);
    assert_eq!(registered().await, None);
    let worker = fixture.worker_of(Worker::builder().executor(echo::<Old>()), LeaseTerms::default()).await;
    let kind = eventually("the kind is registered", LIMIT, registered).await;
    assert_eq!((kind.info, kind.spec_schema), (echo::<Old>().info(), Some(json!({ "type": "object" }))));
    worker.end().await;
    let client = fixture.database.client().await;
    client
        .batch_execute("UPDATE kinds SET unit = 'cries', spec_schema = NULL")
        .await
        .expect("as an older worker had it");
    let worker = fixture.worker_of(Worker::builder().executor(echo::<Old>()), LeaseTerms::default()).await;
    let changed = async || registered().await.filter(|kind| kind.info.unit == "echoes" && kind.spec_schema.is_some());
    eventually("the kind is as it is now", LIMIT, changed).await;
    worker.end().await;
}
