//! The loops outlast a failover.

use kinds::Parameters;
use kinds::demo_steps::DemoSteps;
use operation::{LeaseTerms, State};
use runtime::broker::Publisher;
use runtime::clock;
use safepoint_keeper::{overdue, sweeper};
use std::time::Duration;
use store::Address;
use testkit::{TestDatabase, broker_settings, eventually, new_operation};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

/// While nothing can be written the sweeper tries again; then it takes back what a lost worker had.
#[tokio::test]
async fn the_sweeper_outlasts_a_read_only_database() {
    let database = TestDatabase::create().await;
    let (store, shutdown) = (database.store(), CancellationToken::new());
    let (id, worker) = (clock::new_operation_id(), clock::new_worker_id());
    store.create(&new_operation(id, "p", DemoSteps::new(1, 1).to_spec())).await.expect("created");
    store.register_worker(worker, "test", LeaseTerms::default()).await.expect("registered");
    store.claim(worker, &kinds::demo_steps::KIND, 1, "").await.expect("claimed");
    let expired = "UPDATE workers SET expires_at = clock_timestamp() - interval '1 second'";
    database.client().await.batch_execute(expired).await.expect("expired");
    database.refuse_writes("25006", "true").await;
    let publisher = Publisher::start(broker_settings(), shutdown.clone()).expect("a publisher");
    let loops = tokio::spawn({
        let (store, shutdown) = (store.clone(), shutdown.clone());
        async move {
            tokio::join!(
                sweeper::sweep(store.clone(), publisher.clone(), shutdown.clone()),
                overdue::fail(store, publisher, shutdown)
            )
        }
    });
    eventually("sweeps that are refused", LIMIT, async || (database.refusals().await > 1).then_some(())).await;
    database.allow_writes().await;
    let address = Address { project: "p".parse().expect("a project"), collection: None, id };
    eventually("the operation is taken back", LIMIT, async || {
        let operation = store.get(&address).await.expect("read").expect("there");
        (operation.state == State::Pending).then_some(())
    })
    .await;
    shutdown.cancel();
    loops.await.expect("the loops end");
}
