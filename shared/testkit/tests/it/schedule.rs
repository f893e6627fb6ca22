//! A job runs by its schedule, in the whole product.

use safepoint_testkit::{LIMIT, System, eventually, hourly, new_transfer_job};
use std::time::Duration;

/// Two keepers look at the same moment, and one run comes of it, as the next time does.
#[tokio::test]
async fn of_two_keepers_one_runs_a_job_whose_time_has_come() {
    let mut system = System::start(1, 4).await;
    system.another_keeper().await;
    let store = system.database.store();
    let mut job = new_transfer_job("p", "nightly", Some(hourly()));
    job.create_time -= Duration::from_hours(24);
    store.create_resource(&job).await.expect("made").expect("a free name");
    let client = system.database.client().await;
    for instance in 1..=3_i64 {
        let come = "UPDATE resources SET next_run_time = clock_timestamp() - interval '2 days'";
        client.batch_execute(come).await.expect("come");
        let ended = "SELECT count(*), bool_and(o.done), bool_and(j.next_run_time > now())
                     FROM operations o JOIN resources j ON j.name = o.target";
        let count = eventually("a run, and its end", LIMIT, async || {
            let row = client.query_one(ended, &[]).await.expect("a look");
            let (count, done, next): (i64, Option<bool>, Option<bool>) = (row.get(0), row.get(1), row.get(2));
            (count >= instance && done == Some(true) && next == Some(true)).then_some(count)
        })
        .await;
        assert_eq!(count, instance, "each instance once");
    }
    let by = "SELECT count(*) FROM audit_log WHERE verb = 'CREATE' AND principal = 'operator:keeper:schedule'";
    assert_eq!(client.query_one(by, &[]).await.expect("counted").get::<_, i64>(0), 3);
}
