//! What lies beside operations goes when it is old.

use safepoint_keeper::forget::forget;
use std::time::Duration;
use testkit::{TestDatabase, eventually, new_transfer_job};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn a_job_is_forgotten_thirty_days_after_it_was_deleted() {
    let database = TestDatabase::create().await;
    let (store, client, shutdown) = (database.store(), database.client().await, CancellationToken::new());
    for (id, deleted) in [("old", Some(30)), ("young", Some(29)), ("stays", None)] {
        store.create_resource(&new_transfer_job("p", id, None)).await.expect("made");
        if let Some(days) = deleted {
            let delete = format!(
                "UPDATE resources SET state = 'DELETED', delete_time = now() - interval '{days} days'
                 WHERE name = 'transferJobs/{id}'"
            );
            client.batch_execute(&delete).await.expect("deleted");
        }
    }
    let keeper = tokio::spawn(forget(store, Duration::from_hours(24), shutdown.clone()));
    let left = "SELECT string_agg(name, ' ' ORDER BY name) FROM resources";
    eventually("the old one is gone", Duration::from_mins(1), async || {
        let left: String = client.query_one(left, &[]).await.expect("a look").get(0);
        (left == "transferJobs/stays transferJobs/young").then_some(())
    })
    .await;
    shutdown.cancel();
    keeper.await.expect("the loop ends");
}
