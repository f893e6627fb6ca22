//! What the tests of this package share.

use kinds::Parameters;
use kinds::demo_steps::DemoSteps;
use operation::{CancelMode, Fence, LeaseTerms, OperationId, Progress, ProjectId, RetryPolicy, WorkerId};
use runtime::clock;
use safepoint_store::{Actor, Address, Claimed, Ending, Finished, NewOperation, Operation, Position, Requester, Store};
use serde_json::json;
use std::time::Duration;
use testkit::TestDatabase;
use tokio_postgres::Client;

pub struct Fixture {
    pub store: Store,
    /// For looking at rows, and for doing what no statement of ours does.
    pub client: Client,
    pub database: TestDatabase,
}

impl Fixture {
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        Self { store: database.store(), client: database.client().await, database }
    }

    pub async fn create_in(&self, project: &str) -> OperationId {
        let id = clock::new_operation_id();
        self.store.create(&new_operation(id, project)).await.expect("created");
        id
    }

    pub async fn create(&self) -> OperationId {
        self.create_in("p").await
    }

    pub async fn worker(&self) -> WorkerId {
        let id = clock::new_worker_id();
        self.store.register_worker(id, "test", LeaseTerms::default()).await.expect("registered");
        id
    }

    /// Ends a worker's lease as if its TTL had passed.
    pub async fn expire(&self, worker: WorkerId) {
        let statement =
            "UPDATE workers SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1::text::uuid";
        let rows = self.client.execute(statement, &[&worker.to_string()]).await.expect("expired");
        assert_eq!(rows, 1);
    }

    pub async fn claim(&self, worker: WorkerId, limit: u32) -> Vec<Claimed> {
        self.store.claim(worker, &kinds::demo_steps::KIND, limit, "").await.expect("claimed").operations
    }

    pub async fn claim_one(&self, worker: WorkerId) -> Fence {
        self.claim(worker, 1).await.first().expect("one to claim").fence
    }

    pub async fn get(&self, id: OperationId) -> Operation {
        self.store.get(&at(id)).await.expect("read").expect("there")
    }

    pub async fn sql(&self, statement: &str) {
        self.client.batch_execute(statement).await.expect("executed");
    }
}

pub fn project(name: &str) -> ProjectId {
    name.parse().expect("a project id")
}

/// Where `Fixture::create` puts it.
pub fn at(id: OperationId) -> Address {
    Address { project: project("p"), collection: None, id }
}

pub fn actor() -> Actor {
    testkit::actor("tester")
}

pub fn requester() -> Requester {
    Requester { by: actor(), reason: Some("because".to_owned()), mode: CancelMode::Now }
}

/// How far an attempt has come, and no more than that.
pub fn position(fence: Fence, progress: Progress) -> Position {
    Position { fence, progress, checkpoint: None, items_per_second: None, safe_point: None }
}

pub fn new_operation(id: OperationId, in_project: &str) -> NewOperation {
    let retry = RetryPolicy { failure_limit: 3, ..RetryPolicy::default() };
    NewOperation { retry, ..testkit::new_operation(id, in_project, DemoSteps::new(1, 1).to_spec()) }
}

pub fn finished(fence: Fence, ending: Ending) -> Finished {
    Finished {
        fence,
        ending,
        progress: Progress::default(),
        checkpoint: None,
        delivered: None,
        observed: None,
        cleanup: None,
        ended_by: None,
    }
}

pub fn succeeded() -> Ending {
    Ending::Succeeded(json!({}))
}

pub fn failed(retryable: bool) -> Ending {
    let failure = operation::Failure { code: operation::Code::Internal, message: "it broke".to_owned(), retryable };
    Ending::Failed { failure, delay: Duration::ZERO }
}

/// A statement of [`safepoint_store::STATEMENTS`] as it is run: on the default partition, and of the kind that tells of its ends.
pub fn runnable(sql: &str) -> String {
    sql.replace("{partition}", "operations_default").replace("{kind}", kinds::storage_transfer::KIND.as_str())
}
