//! Google's Storage Transfer API, as far as the demo and the benchmark call it.

use crate::client::Client;
use crate::wire::Status;
use anyhow::{Context, Result};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// A place in a bucket: `gs://bucket/path`.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// What the names of its objects begin with: empty, or with a slash at the end.
    pub path: &'a str,
}

impl Place<'_> {
    fn json(self) -> Value {
        json!({"bucketName": self.bucket, "path": self.path})
    }
}

/// A job, as far as it is read.
#[derive(Debug, Deserialize)]
struct Job {
    name: String,
}

/// `google.longrunning.Operation` with `google.storagetransfer.v1.TransferOperation` as its metadata.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    /// `transferOperations/…`.
    pub name: String,
    /// Whether it has ended.
    #[serde(default)]
    pub done: bool,
    /// Why it failed; code 1 is a cancel.
    pub error: Option<Status>,
    /// All else.
    pub metadata: Metadata,
}

/// `google.storagetransfer.v1.TransferOperation`
#[derive(Debug, Clone, Deserialize)]
pub struct Metadata {
    /// `IN_PROGRESS`, `PAUSED`, …
    #[serde(default)]
    pub status: String,
    /// 64-bit numbers as text; what is 0 may be absent.
    #[serde(default)]
    counters: Value,
}

impl Run {
    /// The id that the native API knows it by.
    pub fn id(&self) -> Result<Uuid> {
        let id = self.name.len().checked_sub(36).and_then(|start| self.name.get(start..));
        id.and_then(|id| Uuid::try_parse(id).ok()).with_context(|| format!("{} ends with no id", self.name))
    }

    /// One of `google.storagetransfer.v1.TransferCounters`.
    pub fn counter(&self, name: &str) -> u64 {
        self.metadata.counters[name].as_str().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// Calls for the transfers of one project.
#[derive(Clone)]
pub struct Transfers {
    client: Client,
    project: String,
}

impl Transfers {
    /// By this client.
    pub fn new(client: Client, project: &str) -> Self {
        Self { client, project: project.to_owned() }
    }

    /// The body that makes a job without a schedule.
    pub fn job_body(&self, source: Place<'_>, sink: Place<'_>, prefixes: &[&str]) -> Value {
        let mut spec = json!({"gcsDataSource": source.json(), "gcsDataSink": sink.json()});
        if !prefixes.is_empty() {
            spec["objectConditions"] = json!({"includePrefixes": prefixes});
        }
        json!({"projectId": self.project, "status": "ENABLED", "transferSpec": spec})
    }

    /// Makes a job; returns its name.
    pub async fn create_job(&self, body: &Value) -> Result<String> {
        Ok(self.client.call::<Job>(Method::POST, "/v1/transferJobs", Some(body)).await?.name)
    }

    /// Starts a run of a job.
    pub async fn run(&self, job: &str) -> Result<Run> {
        let body = json!({"projectId": self.project});
        self.client.call(Method::POST, &format!("/v1/{job}:run"), Some(&body)).await
    }

    /// One run.
    pub async fn get(&self, name: &str) -> Result<Run> {
        self.client.call(Method::GET, &format!("/v1/{name}"), None).await
    }

    /// `:pause`, `:resume` or `:cancel`.
    pub async fn ask(&self, name: &str, verb: &str) -> Result<Value> {
        self.client.call(Method::POST, &format!("/v1/{name}:{verb}"), Some(&json!({}))).await
    }

    /// Deletes a job. Its runs stay.
    pub async fn delete_job(&self, job: &str) -> Result<Value> {
        self.client.call(Method::DELETE, &format!("/v1/{job}?projectId={}", self.project), None).await
    }
}
