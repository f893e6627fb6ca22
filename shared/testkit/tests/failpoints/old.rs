//! What the keeper takes away: operations of long ago, their keys and labels.

use crate::lane::Lane;
use anyhow::{Context, Result};
use operation::{DemoSteps, OperationId, RetryPolicy, Spec};
use runtime::clock;
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
            id,
            project: "old".parse().context("a project")?,
            collection: "native".to_owned(),
            target: "nothing".to_owned(),
            spec: Spec::DemoSteps(DemoSteps::new(1, 1)),
            priority: 0,
            labels: [("age".to_owned(), "old".to_owned())].into(),
            deadline: None,
            retry: RetryPolicy::default(),
            trace_parent: None,
            request: Some(CreateRequest { id: id.to_string(), fingerprint: [7; 32] }),
        };
        store.create(&new).await?;
    }
    lane.until_row("SELECT count(*) = 2 FROM operations WHERE project_id = 'old' AND done").await?;
    for (table, column) in [("operations", "finish_time"), ("create_requests", "create_time")] {
        let age = format!("UPDATE {table} SET {column} = now() - interval '49 days' WHERE project_id = 'old'");
        lane.client.batch_execute(&age).await?;
    }
    Ok(())
}

fn id_at(unix_seconds: i64) -> Result<OperationId> {
    // The time of one, the random rest of another.
    let millis = format!("{:012x}", unix_seconds * 1000);
    let fresh = clock::new_operation_id().to_string();
    format!("{}-{}{}", &millis[..8], &millis[8..], &fresh[13..]).parse().ok().context("a UUID")
}
