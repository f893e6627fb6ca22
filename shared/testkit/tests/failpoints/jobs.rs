//! What the keeper finds to do about transfer jobs when it starts: one whose time has come, one whose run goes on, and an end
//! that somebody is to be told of.

use crate::cases::Role;
use crate::lane::Lane;
use anyhow::{Context, Result};
use kinds::Parameters;
use kinds::storage_transfer::{PayloadFormat, StorageTransfer, TransferNotification};
use runtime::clock;
use safepoint_testkit::{hourly, new_transfer_job, transfer};

/// While no keeper is there: it looks each second.
pub async fn plant(lane: &Lane, case: &str) -> Result<()> {
    let store = lane.system.database.store();
    for story in ["runs", "goes-on"] {
        let job = new_transfer_job("jobs", &format!("{story}-{case}"), Some(hourly()));
        store.create_resource(&job).await?.context("a free name")?;
    }
    let notification = TransferNotification {
        topic: "projects/jobs/topics/ends".to_owned(),
        events: Vec::new(),
        payload: PayloadFormat::Json,
    };
    let spec = StorageTransfer { notification: Some(notification), ..transfer() }.to_spec();
    let spec = serde_json::to_value(spec)?;
    let insert =
        "INSERT INTO operations (id, project_id, collection, kind, target, spec, state, finish_time, error_code,
                                          error_message)
                  SELECT $1::text::uuid, 'jobs', 'transferOperations', 'storage.transfer', $2, $3::text::jsonb, state,
                         CASE state WHEN 'FAILED' THEN now() END, CASE state WHEN 'FAILED' THEN 13 END,
                         CASE state WHEN 'FAILED' THEN 'x' END
                  FROM (SELECT $4::text) s (state)";
    let paused = clock::new_operation_id().to_string();
    for (id, story, state) in
        [(&paused, "goes-on", "PAUSED"), (&clock::new_operation_id().to_string(), "told", "FAILED")]
    {
        let target = format!("transferJobs/{story}-{case}");
        lane.client.execute(insert, &[id, &target, &spec.to_string(), &state]).await?;
    }
    let come = format!(
        "UPDATE resources SET next_run_time = now() - interval '1 minute' WHERE name LIKE '%-{case}';
         UPDATE resources SET latest_operation = '{paused}' WHERE name = 'transferJobs/goes-on-{case}'"
    );
    Ok(lane.client.batch_execute(&come).await?)
}

/// All of it is done, and once: whoever had taken on the end and died is waited for.
pub async fn check(lane: &Lane, case: &str) -> Result<()> {
    let next = format!("SELECT bool_and(next_run_time > now()) FROM resources WHERE name LIKE '%-{case}'");
    lane.until_row(&next).await.context("each job has its next time")?;
    let told = format!("SELECT notify_time IS NOT NULL FROM operations WHERE target = 'transferJobs/told-{case}'");
    lane.until_row(&told).await.context("the end is told")?;
    lane.stop(Role::Keeper);
    let runs = format!(
        "SELECT count(*) = 2 FROM operations WHERE target IN ('transferJobs/runs-{case}', 'transferJobs/goes-on-{case}')"
    );
    lane.until_row(&runs).await.context("one run, and the one that went on")?;
    lane.arm(Role::Keeper, None)
}
