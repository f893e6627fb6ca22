//! What clients do in each case: a life of each sort, all at once. A story fails when its operation does not end as it was
//! asked to.

use crate::lane::Lane;
use anyhow::{Result, ensure};
use reqwest::Method;
use runtime::clock;
use safepoint_testkit::GATE;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use tokio::try_join;

/// The rows that the small export has.
pub const ROWS: u32 = 300;
/// The steps of what ends by a stop alone.
pub const LONG: u32 = 100_000;

/// An operation whose destination is looked at in the end.
#[derive(Debug)]
pub struct Told {
    pub ended: Value,
    pub object: String,
    /// Operations whose steps stand in the same folder.
    pub with: Vec<String>,
}

/// The stories of one case. Objects and keys bear its name.
pub struct Stories<'a> {
    pub lane: &'a Lane,
    pub case: String,
}

impl Stories<'_> {
    /// All at once; what is to be looked at in the end, and the cancelled export.
    pub async fn all(&self) -> Result<(Vec<Told>, Value)> {
        let (mut told, again, (), (), (), export) = try_join!(
            self.of_one_operation(),
            self.fails_and_is_retried(),
            self.is_deleted(),
            self.is_transferred(),
            self.exports(),
            self.export_is_cancelled(),
        )?;
        told.extend(again);
        Ok((told, export))
    }

    async fn of_one_operation(&self) -> Result<Vec<Told>> {
        let told = try_join!(
            self.succeeds(),
            self.is_cancelled_running(),
            self.is_cancelled_waiting(),
            self.is_paused(),
            self.is_late("late", None),
            self.is_late("late-waiting", Some(1)),
            self.is_cancelled_with_others(),
        );
        let told: [Told; 7] = told?.into();
        Ok(told.into())
    }

    fn object(&self, story: &str) -> String {
        format!("{}/{story}", self.case)
    }

    async fn steps(&self, story: &str, steps: u32, fail_at: Option<u32>, more: Value) -> Result<String> {
        let mut spec = json!({ "steps": steps, "stepMillis": 50, "bucket": "exports", "object": self.object(story) });
        if let Some(step) = fail_at {
            spec["failAt"] = json!(step);
            spec["failRetryable"] = json!(true);
        }
        let mut body = json!({ "kind": "demo.steps", "spec": spec, "retry": { "initialBackoff": "0.1s" } });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.lane.create(&self.object(story), body).await
    }

    fn told(&self, story: &str, ended: Value) -> Told {
        Told { ended, object: self.object(story), with: Vec::new() }
    }

    async fn under_way(&self, id: &str) -> Result<Value> {
        self.lane.operation(id, "a step", |seen| seen["done"] == true || seen["progress"]["itemsDone"] != "0").await
    }

    async fn post(&self, id: &str, verb: &str) -> Result<Value> {
        self.lane.must(Method::POST, &format!("/{id}:{verb}"), Some(json!({}))).await
    }

    async fn succeeds(&self) -> Result<Told> {
        let id = self.steps("succeeds", 5, None, json!({})).await?;
        Ok(self.told("succeeds", self.lane.ended(&id, "SUCCEEDED").await?))
    }

    /// Three times at its second step; tried again, it goes on from the first.
    async fn fails_and_is_retried(&self) -> Result<Vec<Told>> {
        let retry = json!({ "retry": { "initialBackoff": "0.1s", "maxAttempts": 3 } });
        let id = self.steps("fails", 3, Some(2), retry).await?;
        let first = self.lane.ended(&id, "FAILED").await?;
        let key = format!("{}/again", self.case);
        let again = self.lane.must(Method::POST, &format!("/{id}:retry"), Some(json!({ "requestId": key }))).await?;
        let again = again["operation"]["id"].as_str().unwrap_or_default().to_owned();
        let second = self.lane.ended(&again, "FAILED").await?;
        ensure!(second["retryOf"].as_str().is_some_and(|of| of.ends_with(&id)), "{second}");
        let mut told = vec![self.told("fails", first), self.told("fails", second)];
        told[0].with.push(again);
        told[1].with.push(id);
        Ok(told)
    }

    async fn is_cancelled_running(&self) -> Result<Told> {
        let id = self.steps("cancelled", LONG, None, json!({})).await?;
        self.under_way(&id).await?;
        self.post(&id, "cancel").await?;
        Ok(self.told("cancelled", self.lane.ended(&id, "CANCELLED").await?))
    }

    /// After a first failure it waits for a minute.
    async fn is_cancelled_waiting(&self) -> Result<Told> {
        let retry = json!({ "retry": { "initialBackoff": "60s", "maxBackoff": "60s" } });
        let id = self.steps("cancelled-waiting", 3, Some(1), retry).await?;
        // Not the wait after a worker was lost: that one is over at once.
        let waits = async || {
            let why = self.lane.must(Method::GET, &format!("/{id}/why"), None).await?;
            Ok(why["nextAttemptTime"].is_string().then_some(()))
        };
        self.lane.until("a wait after a failure", waits).await?;
        let answer = self.post(&id, "cancel").await?;
        let ended = self.lane.ended(&id, "CANCELLED").await?;
        ensure!(answer["operation"]["state"] == "CANCELLED", "in the same statement: {answer}");
        Ok(self.told("cancelled-waiting", ended))
    }

    async fn is_paused(&self) -> Result<Told> {
        let id = self.steps("paused", 30, None, json!({})).await?;
        self.under_way(&id).await?;
        self.post(&id, "pause").await?;
        self.lane.operation(&id, "a pause", |seen| seen["done"] == true || seen["state"] == "PAUSED").await?;
        self.post(&id, "resume").await?;
        Ok(self.told("paused", self.lane.ended(&id, "SUCCEEDED").await?))
    }

    async fn is_late(&self, story: &str, fail_at: Option<u32>) -> Result<Told> {
        let deadline = clock::now() + std::time::Duration::from_millis(1_500);
        let retry = json!({ "initialBackoff": "60s", "maxBackoff": "60s" });
        let mut more = json!({ "deadline": deadline.format(&Rfc3339)? });
        if fail_at.is_some() {
            more["retry"] = retry;
        }
        let id = self.steps(story, LONG, fail_at, more).await?;
        let ended = self.lane.ended(&id, "FAILED").await?;
        ensure!(ended["error"]["code"] == 4, "{ended}");
        Ok(self.told(story, ended))
    }

    async fn is_cancelled_with_others(&self) -> Result<Told> {
        let label = self.case.replace('.', "-");
        let id = self.steps("bulk", LONG, None, json!({ "labels": { "case": label } })).await?;
        self.under_way(&id).await?;
        let body = json!({ "filter": format!("labels.case = \"{label}\""), "requestId": format!("{}/bulk-cancel", self.case) });
        let answer = self.lane.must(Method::POST, ":cancel", Some(body)).await?;
        let bulk = answer["operation"]["id"].as_str().unwrap_or_default();
        self.lane.ended(bulk, "SUCCEEDED").await?;
        Ok(self.told("bulk", self.lane.ended(&id, "CANCELLED").await?))
    }

    async fn is_deleted(&self) -> Result<()> {
        let id = self.steps("deleted", 1, None, json!({})).await?;
        self.lane.ended(&id, "SUCCEEDED").await?;
        // Not there: an earlier try was answered to nobody.
        let (status, answer) = self.lane.ask(Method::DELETE, &format!("/{id}"), None).await?;
        ensure!(status == 200 || status == 404, "{status} {answer}");
        let (status, answer) = self.lane.ask(Method::GET, &format!("/{id}"), None).await?;
        ensure!(status == 404, "{status} {answer}");
        // One that runs goes when its worker has stopped.
        let id = self.steps("deleted-running", LONG, None, json!({})).await?;
        self.under_way(&id).await?;
        let (status, answer) = self.lane.ask(Method::DELETE, &format!("/{id}"), None).await?;
        ensure!(status == 400, "{status} {answer}");
        let (status, answer) = self.lane.ask(Method::DELETE, &format!("/{id}?cancel=true"), None).await?;
        ensure!(status == 200 || status == 404, "{status} {answer}");
        let gone = async || Ok((self.lane.ask(Method::GET, &format!("/{id}"), None).await?.0 == 404).then_some(()));
        self.lane.until("a deleted operation is gone", gone).await
    }

    /// A job is made, changed, run once, and deleted, whatever was answered to nobody.
    async fn is_transferred(&self) -> Result<()> {
        let name = format!("transferJobs/{}", self.case);
        let at = |rest: &str| format!("/v1/{name}{rest}");
        let spec = json!({
            "gcsDataSource": { "bucketName": "source" }, "gcsDataSink": { "bucketName": "sink", "path": format!("{}/", self.case) },
        });
        let job = json!({ "name": name, "projectId": "p", "status": "DISABLED", "transferSpec": spec });
        // Taken: an earlier try was answered to nobody.
        let (status, answer) = self.lane.ask_at(Method::POST, "/v1/transferJobs", Some(job)).await?;
        ensure!(status == 200 || status == 409, "{status} {answer}");
        let patch = json!({
            "projectId": "p", "transferJob": { "description": self.case }, "updateTransferJobFieldMask": "description",
        });
        let (status, answer) = self.lane.ask_at(Method::PATCH, &at(""), Some(patch)).await?;
        ensure!(status == 200 && answer["description"] == self.case, "{status} {answer}");
        let (status, answer) = self.lane.ask_at(Method::POST, &at(":run"), Some(json!({ "projectId": "p" }))).await?;
        ensure!(status == 200 || status == 409, "{status} {answer}");
        let (_, job) = self.lane.ask_at(Method::GET, &at("?projectId=p"), None).await?;
        let run = job["latestOperationName"]
            .as_str()
            .and_then(|run| run.get(run.len().checked_sub(36)?..))
            .unwrap_or_default();
        self.lane.operation(run, "an end", |seen| seen["done"] == true).await?;
        let (status, answer) = self.lane.ask_at(Method::DELETE, &at("?projectId=p"), None).await?;
        ensure!(status == 200, "{status} {answer}");
        Ok(())
    }

    async fn export(&self, story: &str, query: &str) -> Result<String> {
        let spec = json!({
            "cluster": "projects/p/locations/here/clusters/main", "database": self.lane.system.customer.name(),
            "bucket": "exports", "object": format!("{}/{story}.csv", self.case),
            "format": { "csv": { "selectQuery": query } },
        });
        let body = json!({ "kind": "postgres.export", "spec": spec, "retry": { "initialBackoff": "0.1s" } });
        self.lane.create(&self.object(story), body).await
    }

    /// Some rows, in more than one part.
    async fn exports(&self) -> Result<()> {
        let query = format!("SELECT g, repeat('x', 10000) FROM generate_series(1, {ROWS}) g");
        let id = self.export("export", &query).await?;
        self.lane.ended(&id, "SUCCEEDED").await?;
        Ok(())
    }

    async fn export_is_cancelled(&self) -> Result<Value> {
        let query =
            format!("SELECT g, repeat('x', 10000), CASE WHEN g > 100 THEN {GATE} END FROM generate_series(1, 1000) g");
        let _gate = self.lane.system.customer.close_gate().await;
        let id = self.export("export-cancelled", &query).await?;
        self.lane.operation(&id, "a run", |seen| seen["state"] == "RUNNING").await?;
        self.post(&id, "cancel").await?;
        self.lane.ended(&id, "CANCELLED").await
    }
}
