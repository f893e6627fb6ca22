//! A database that is silent, read-only or locked holds up no end, and costs no attempt (INV-34, INV-15).

use crate::fixture::{Fixture, LIMIT, endless, no_attempt_runs, steps};
use kinds::demo_steps::DemoSteps;
use operation::{LeaseTerms, Nonce, OperationId, State};
use std::time::Duration;
use testkit::eventually;
use uuid::Uuid;

/// With sessions of all lanes, used a moment ago.
async fn with_all_lanes(fixture: &Fixture) -> OperationId {
    let id = fixture.create(endless()).await;
    let running = fixture.until_state(id, State::Running).await;
    let client = fixture.database.client().await;
    let sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'safepoint cancel'";
    let looked = async || {
        // A hint of another attempt: the lane of cancels looks at the row. One that comes before the worker listens is lost.
        fixture.hint(&running, Nonce::from_uuid(Uuid::new_v4()));
        client.query_opt(sessions, &[]).await.ok().flatten()
    };
    eventually("a look at the row", LIMIT, looked).await;
    let first = fixture.create(steps(1, 1)).await;
    fixture.until_state(first, State::Succeeded).await;
    id
}

/// Whichever lane's sessions are frozen: what runs ends, a cancel comes through, and the lease is kept.
#[tokio::test]
async fn frozen_sessions_of_a_lane_hold_up_no_end_and_no_cancel() {
    for pool in ["safepoint finish", "safepoint worker", "safepoint cancel", "safepoint lease"] {
        let fixture = Fixture::new().await;
        let worker = fixture.worker().await;
        let running = with_all_lanes(&fixture).await;
        let frozen = fixture.database.freeze(pool).await;
        let client = fixture.database.client().await;
        let row = client.query_one("SELECT clock_timestamp()::text", &[]).await.expect("the time");
        let (since, mut ids) = (row.get::<_, String>(0), Vec::new());
        for _ in 0..5 {
            ids.push(fixture.create(steps(2, 1)).await);
        }
        for id in ids {
            let ended = fixture.until_state(id, State::Succeeded).await;
            assert_eq!(ended.attempt.0, 1, "{pool}");
        }
        let renewed = "SELECT FROM workers WHERE renewed_at > $1::text::timestamptz";
        eventually("a renewal", LIMIT, async || client.query_opt(renewed, &[&since]).await.expect("rows")).await;
        fixture.cancel(running).await;
        let cancelled = fixture.until_state(running, State::Cancelled).await;
        assert_eq!(cancelled.attempt.0, 1, "the lease was kept: {pool}");
        drop(frozen);
        worker.end().await;
    }
}

/// What a failover says of the end is not the end's fault: it is written when the failover is over, and nothing runs again.
#[tokio::test]
async fn ends_outlast_the_errors_of_a_failover() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    for code in ["25006", "25P02", "57P01", "40001", "53100", "08006"] {
        let id = fixture.create(endless()).await;
        fixture.until_state(id, State::Running).await;
        fixture.database.refuse_writes(code, "NEW.state <> 'RUNNING'").await;
        fixture.cancel(id).await;
        no_attempt_runs().await;
        let refusals = fixture.database.refusals().await;
        // Oftener than an end is tried that is refused for good.
        let tried = async || (fixture.database.refusals().await > refusals + 3).then_some(());
        eventually("an end that is refused", LIMIT, tried).await;
        fixture.database.allow_writes().await;
        let ended = fixture.until_state(id, State::Cancelled).await;
        assert_eq!((ended.attempt.0, ended.failures), (1, 0), "{code}");
        assert_eq!(given_up("ends", "form=\"bare\","), 0, "{code}");
    }
    worker.end().await;
}

/// Claims and checkpoints are tried again as well.
#[tokio::test]
async fn claims_and_checkpoints_outlast_a_read_only_database() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    fixture.database.refuse_writes("25006", "NEW.state = 'RUNNING'").await;
    let id = fixture.create(steps(100_000, 2)).await;
    eventually("a claim that is refused", LIMIT, async || (fixture.database.refusals().await > 0).then_some(())).await;
    fixture.database.allow_writes().await;
    let running = fixture.until(id, "progress", |operation| operation.items_done > 0).await;
    fixture.database.refuse_writes("25006", "NEW.items_done > 0").await;
    let refusals = fixture.database.refusals().await;
    let refused = async || (fixture.database.refusals().await > refusals + 1).then_some(());
    eventually("checkpoints that are refused", LIMIT, refused).await;
    fixture.database.allow_writes().await;
    let more = fixture.until(id, "more progress", |now| now.items_done > running.items_done).await;
    assert_eq!((more.attempt.0, more.failures), (1, 0));
    fixture.cancel(id).await;
    fixture.until_state(id, State::Cancelled).await;
    worker.end().await;
}

/// The whole database is read-only for some seconds: the attempt waits at its commit point, and is not tried again.
#[tokio::test]
async fn an_attempt_outlasts_a_failover() {
    let fixture = Fixture::new().await;
    let terms = LeaseTerms::new(Duration::from_secs(1), Duration::from_mins(1)).expect("terms");
    let worker = fixture.worker_with(terms).await;
    let id = fixture.create(steps(20, 20)).await;
    fixture.until_state(id, State::Running).await;
    let server = fixture.database.client().await;
    fixture.database.set_read_only(true).await;
    // All its steps are done by then, and its lane has been told twice that nothing can be written.
    let late = "SELECT FROM pg_stat_activity, (SELECT max(claim_time) AS begun FROM operations) o
        WHERE datname = current_database() AND application_name = 'safepoint worker'
          AND backend_start > o.begun + interval '3 seconds' LIMIT 1";
    eventually("a lane that connects anew", LIMIT, async || server.query_opt(late, &[]).await.expect("rows")).await;
    fixture.database.set_read_only(false).await;
    let state = "SELECT attempt, failures FROM operations WHERE state = 'SUCCEEDED'";
    let row = eventually("its end", LIMIT, async || server.query_opt(state, &[]).await.expect("rows")).await;
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1)), (1, 0));
    eventually("a database", LIMIT, async || fixture.store.ping().await.ok()).await;
    assert_eq!(fixture.get(id).await.state, State::Succeeded);
    worker.end().await;
}

/// A response that no column takes: the operation fails, once, and those that end with it do not suffer.
#[tokio::test]
async fn an_end_that_can_never_be_written_is_a_failure() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    fixture.database.refuse_writes("22P05", "NEW.response ->> 'steps' = '7'").await;
    let refused = fixture.create(steps(7, 1)).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(fixture.create(steps(3, 1)).await);
    }
    for id in others {
        fixture.until_state(id, State::Succeeded).await;
    }
    let failed = fixture.until_state(refused, State::Failed).await;
    assert_eq!((failed.error_code, failed.attempt.0), (Some(13), 1));
    let message = failed.error_message.expect("told");
    assert_eq!(message, "The work is done, but its response could not be stored.");
    assert_eq!(given_up("ends", "form=\"reduced\","), 1);
    worker.end().await;
}

/// The same of a cleanup, of a checkpoint, and of a message: the end keeps its sort, and all that can be stored.
#[tokio::test]
async fn an_end_loses_no_more_than_what_cannot_be_stored() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let cancelled = fixture.create(endless()).await;
    fixture.until_state(cancelled, State::Running).await;
    fixture.database.refuse_writes("22P05", "NEW.cancel_cleanup ->> 'status' <> 'unknown'").await;
    fixture.cancel(cancelled).await;
    let receipt = fixture.until_state(cancelled, State::Cancelled).await.cancel.expect("a receipt");
    assert_eq!(receipt.cleanup.expect("told").status, operation::CleanupStatus::Unknown);
    assert!(receipt.observed_at.is_some() && receipt.safe_point.is_some(), "the rest of it is there");

    fixture.database.refuse_writes("22P05", "NEW.checkpoint IS NOT NULL").await;
    let done = fixture.create(steps(2, 1)).await;
    let done = fixture.until_state(done, State::Succeeded).await;
    assert_eq!((done.attempt.0, done.items_done, done.checkpoint), (1, 2, None));

    fixture.database.refuse_writes("22P05", "NEW.error_message LIKE '%as asked%'").await;
    let failed = fixture.create(DemoSteps { fail_at: Some(1), ..steps(2, 1) }).await;
    let failed = fixture.until_state(failed, State::Failed).await;
    assert_eq!((failed.error_code, failed.attempt.0), (Some(10), 1));
    worker.end().await;
}

/// One checkpoint that no column takes does not keep the others from being stored.
#[tokio::test]
async fn a_checkpoint_that_can_never_be_stored_holds_up_no_other() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let refused = fixture.create(steps(100_000, 2)).await;
    fixture.until(refused, "progress", |operation| operation.items_done > 0).await;
    fixture.database.refuse_writes("22P05", &format!("NEW.id = '{refused}' AND NEW.state = 'RUNNING'")).await;
    let other = fixture.create(steps(100_000, 2)).await;
    let first = fixture.until(other, "progress", |operation| operation.items_done > 0).await;
    fixture.until(other, "more progress", |operation| operation.items_done > first.items_done).await;
    assert!(given_up("checkpoints", "") > 0);
    fixture.database.allow_writes().await;
    for id in [refused, other] {
        fixture.cancel(id).await;
        assert_eq!(fixture.until_state(id, State::Cancelled).await.attempt.0, 1);
    }
    worker.end().await;
}

/// An end that nothing makes writable is given up: counted, and no loop. The worker goes on, and ends.
#[tokio::test]
async fn an_end_that_nothing_makes_writable_is_given_up() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    fixture.database.refuse_writes("23514", "NEW.state <> 'RUNNING' AND NEW.items_total = 7").await;
    let lost = fixture.create(steps(7, 1)).await;
    eventually("an end that is given up", LIMIT, async || (given_up("ends", "form=\"lost\",") > 0).then_some(())).await;
    let other = fixture.create(steps(3, 1)).await;
    fixture.until_state(other, State::Succeeded).await;
    assert_eq!(fixture.get(lost).await.state, State::Running);
    fixture.database.allow_writes().await;
    worker.end().await;
}

/// Somebody holds one row: that end waits, and no other does.
#[tokio::test]
async fn a_locked_row_holds_up_its_own_end_only() {
    let fixture = Fixture::new().await;
    let worker = fixture.worker().await;
    let locked = fixture.create(endless()).await;
    fixture.until_state(locked, State::Running).await;
    fixture.cancel(locked).await;
    let locked = fixture.until_state(locked, State::Cancelled).await.id;
    // One that runs, whose row is then held.
    let held = fixture.create(steps(1, 300)).await;
    fixture.until_state(held, State::Running).await;
    let holder = fixture.database.client().await;
    let lock = format!("BEGIN; SELECT FROM operations WHERE id IN ('{held}', '{locked}') FOR UPDATE");
    holder.batch_execute(&lock).await.expect("locked");
    no_attempt_runs().await;
    for _ in 0..3 {
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(fixture.create(steps(1, 1)).await);
        }
        for id in ids {
            fixture.until_state(id, State::Succeeded).await;
        }
    }
    assert_eq!(fixture.get(held).await.state, State::Running);
    holder.batch_execute("COMMIT").await.expect("unlocked");
    assert_eq!(fixture.until_state(held, State::Succeeded).await.attempt.0, 1);
    worker.end().await;
}

/// How many were given up in this process, by its own metrics.
fn given_up(what: &str, labels: &str) -> u32 {
    let name = format!("safepoint_{what}_given_up_total{{{labels}kind=\"demo.steps\"}} ");
    let metrics = runtime::metrics::render();
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().expect("a number"))
}
