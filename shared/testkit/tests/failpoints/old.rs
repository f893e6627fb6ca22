//! What the keeper finds to do when it starts: operations of long ago, their keys and labels, a worker that was lost long
//! ago, and a partition that is missing.

use crate::cases::Role;
use crate::lane::Lane;
use anyhow::{Context, Result};
use kinds::Parameters;
use kinds::demo_steps::DemoSteps;
use operation::OperationId;
use runtime::clock;
use safepoint_testkit::new_operation;
use std::time::Duration;
use store::{CreateRequest, NewOperation};

/// Two operations of long ago, one in a partition of its week and one in that for all others; run, and ended then.
pub async fn plant(lane: &Lane) -> Result<()> {
    let store = lane.system.database.store();
    for (days, own_partition) in [(50, true), (200, false)] {
        let at = clock::now() - Duration::from_hours(24) * days;
        if own_partition {
            store.ensure_partitions(at, 0).await?;
        }
        let id = id_at(at.unix_timestamp())?;
        let new = NewOperation {
            labels: [("age".to_owned(), "old".to_owned())].into(),
            request: Some(CreateRequest { id: id.to_string(), fingerprint: [7; 32] }),
            ..new_operation(id, "old", DemoSteps::new(1, 1).to_spec())
        };
        store.create(&new).await?;
    }
    lane.until_row("SELECT count(*) = 2 FROM operations WHERE project_id = 'old' AND done").await?;
    let others =
        "INSERT INTO workers (id, host, expires_at) VALUES (gen_random_uuid(), 'old', now() - interval '1 day');
                  DO $$ BEGIN
                      EXECUTE (SELECT 'DROP TABLE ' || max(inhrelid::regclass::text) FROM pg_inherits
                               WHERE inhparent = 'operations'::regclass AND inhrelid::regclass::text ~ '^operations_2');
                  END $$";
    lane.client.batch_execute(others).await?;
    // It comes before all others, as one of long ago does: the oldest thousand are looked at.
    let entry = "INSERT INTO audit_log (sequence, time, project_id, principal, verb) OVERRIDING SYSTEM VALUE
                 SELECT least(min(sequence), 0) - 1, now() - interval '401 days', 'old', 'somebody', 'CREATE'
                 FROM audit_log";
    lane.client.batch_execute(entry).await?;
    for (table, column) in [("operations", "finish_time"), ("create_requests", "create_time")] {
        let age = format!("UPDATE {table} SET {column} = now() - interval '49 days' WHERE project_id = 'old'");
        lane.client.batch_execute(&age).await?;
    }
    Ok(())
}

/// All of it is done: after a restart, for the keeper looks when it starts.
pub async fn check(lane: &Lane) -> Result<()> {
    lane.stop(Role::Keeper);
    lane.arm(Role::Keeper, None)?;
    for table in ["operations", "create_requests", "operation_labels"] {
        lane.until_row(&format!("SELECT count(*) = 0 FROM {table} WHERE project_id = 'old'")).await?;
    }
    lane.until_row("SELECT count(*) = 0 FROM workers WHERE host = 'old'").await?;
    lane.until_row("SELECT count(*) = 0 FROM audit_log WHERE time < now() - interval '400 days'").await?;
    // This week and four more, and the default.
    let ahead = "SELECT count(*) = 6 FROM pg_inherits WHERE inhparent = 'operations'::regclass";
    lane.until_row(ahead).await
}

fn id_at(unix_seconds: i64) -> Result<OperationId> {
    // The time of one, the random rest of another.
    let millis = format!("{:012x}", unix_seconds * 1000);
    let fresh = clock::new_operation_id().to_string();
    format!("{}-{}{}", &millis[..8], &millis[8..], &fresh[13..]).parse().ok().context("a UUID")
}
