//! A thin HTTP client of both APIs: one method a call, nothing remembered, nothing retried.

use crate::settings::Settings;
use crate::wire::{AlloyOperation, AlloyPage, BulkCancel, Counts, Operation};
use anyhow::{Context, Result, bail, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// Longer than any wait.
const LONG: Duration = Duration::from_mins(6);

/// What an export writes.
#[derive(Debug, Clone)]
pub enum Export {
    /// The rows of a query.
    Csv(String),
    /// A dump of these tables.
    Sql(Vec<String>),
}

/// A client of one api, with connections that are kept alive.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
    /// `projects/*/locations/*`.
    location: String,
    cluster: String,
    database: String,
    bucket: String,
    /// `/api/v1/projects/*/operations`.
    native: String,
}

impl Client {
    /// A client of the running system.
    pub fn new(settings: &Settings) -> Result<Self> {
        let http = reqwest::Client::builder()
            // The system is on this machine: a proxy of the user's shell has no part in it.
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .pool_idle_timeout(None)
            .build()
            .context("the HTTP client cannot be built")?;
        Ok(Self {
            http,
            url: settings.url.clone(),
            token: settings.token.clone(),
            location: format!("projects/{}/locations/{}", settings.project, settings.region),
            cluster: settings.cluster.clone(),
            database: settings.database.clone(),
            bucket: settings.bucket.clone(),
            native: format!("/api/v1/projects/{}/operations", settings.project),
        })
    }

    /// The path and body of an export, in the `AlloyDB` dialect.
    pub fn export_call(&self, object: &str, export: &Export) -> (String, Value) {
        let mut body = json!({
            "database": self.database,
            "gcsDestination": {"uri": format!("gs://{}/{object}", self.bucket)},
        });
        match export {
            Export::Csv(query) => body["csvExportOptions"] = json!({"selectQuery": query}),
            Export::Sql(tables) => body["sqlExportOptions"] = json!({"tables": tables}),
        }
        (format!("/v1/{}/clusters/{}:export", self.location, self.cluster), body)
    }

    /// Starts an export; returns its `AlloyDB` name.
    pub async fn export(&self, object: &str, export: &Export) -> Result<AlloyOperation> {
        let (path, body) = self.export_call(object, export);
        self.call(Method::POST, &path, Some(&body)).await
    }

    /// One operation, in the `AlloyDB` dialect.
    pub async fn alloy(&self, name: &str) -> Result<AlloyOperation> {
        self.call(Method::GET, &format!("/v1/{name}"), None).await
    }

    /// One page of the location's operations, newest first.
    pub async fn alloy_page(&self, token: &str) -> Result<AlloyPage> {
        let path = format!("/v1/{}/operations?pageSize=100&pageToken={token}", self.location);
        self.call(Method::GET, &path, None).await
    }

    /// The path that cancels, in the `AlloyDB` dialect.
    pub fn alloy_cancel_path(name: &str) -> String {
        format!("/v1/{name}:cancel")
    }

    /// Cancels, in the `AlloyDB` dialect.
    pub async fn alloy_cancel(&self, name: &str) -> Result<Value> {
        self.call(Method::POST, &Self::alloy_cancel_path(name), None).await
    }

    /// One operation, with all that is known of it.
    pub async fn operation(&self, id: Uuid) -> Result<Operation> {
        self.call(Method::GET, &format!("{}/{id}", self.native), None).await
    }

    /// Starts an operation of `steps` steps that do nothing for `millis` ms each.
    pub async fn create_steps(&self, steps: u32, millis: u32) -> Result<Operation> {
        let body = json!({"kind": "demo.steps", "spec": {"steps": steps, "stepMillis": millis}});
        self.call(Method::POST, &self.native, Some(&body)).await
    }

    /// Asks an operation to stop.
    pub async fn cancel(&self, id: Uuid) -> Result<Value> {
        let body = json!({"reason": "loadtest"});
        self.call(Method::POST, &format!("{}/{id}:cancel", self.native), Some(&body)).await
    }

    /// How many operations the project has.
    pub async fn counts(&self) -> Result<Counts> {
        self.call(Method::GET, &format!("{}:counts", self.native), None).await
    }

    /// Asks all operations of the project that a filter selects to stop.
    pub async fn cancel_many(&self, filter: &str) -> Result<BulkCancel> {
        let body = json!({"filter": filter, "reason": "loadtest"});
        self.call(Method::POST, &format!("{}:cancel", self.native), Some(&body)).await
    }

    /// Whether a POST is answered, by whatever status; or a GET whose parameters are sent as its form.
    pub async fn is_answered(&self, path: &str, form: bool, body: String) -> bool {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token).body(body);
        let request = if form {
            request.header("x-http-method-override", "GET").header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        } else {
            request.header(CONTENT_TYPE, "application/json")
        };
        let Ok(response) = request.send().await else { return false };
        response.bytes().await.is_ok()
    }

    /// The head of a call as it goes over the wire, without the empty line that ends it.
    pub fn head(&self, method: &Method, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nhost: loadtest\r\nauthorization: Bearer {}\r\n", self.token)
    }

    /// The path that creates.
    pub fn create_path(&self) -> &str {
        &self.native
    }

    /// Waits by a long poll until an operation has ended; returns it.
    pub async fn wait(&self, id: Uuid) -> Result<Operation> {
        let request =
            self.http.post(format!("{}{}/{id}:wait", self.url, self.native)).json(&json!({"timeout": "300s"}));
        let operation: Operation = answer(request.bearer_auth(&self.token).timeout(LONG)).await?;
        ensure!(operation.done, "{id} has not ended within 300 s");
        Ok(operation)
    }

    /// Follows an operation's events until they tell its end.
    pub async fn follow(&self, id: Uuid) -> Result<()> {
        let request = self.http.get(format!("{}{}/{id}/events", self.url, self.native));
        let mut response = request.bearer_auth(&self.token).timeout(LONG).send().await?.error_for_status()?;
        let mut last = Vec::new();
        while let Some(part) = response.chunk().await? {
            last.extend_from_slice(&part);
            last.drain(..last.len().saturating_sub(64));
        }
        ensure!(String::from_utf8_lossy(&last).contains("event: end\n"), "the events of {id} broke off");
        Ok(())
    }

    /// How many clients wait, by the api's metrics.
    pub async fn watchers(&self) -> Result<usize> {
        let text = self.http.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let count = text.lines().find_map(|line| line.strip_prefix("safepoint_watchers "));
        // The gauge appears with the first of them.
        Ok(count.map(str::parse).transpose()?.unwrap_or(0))
    }

    /// One call with its answer.
    pub async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<&Value>) -> Result<T> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(request).await.with_context(|| format!("{method} {path}"))
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T> {
    let response = request.send().await.context("no answer: does the system run (make up)?")?;
    let status = response.status();
    let bytes = response.bytes().await.context("the answer broke off")?;
    if !status.is_success() {
        bail!("answered {status}: {}", error_message(&bytes));
    }
    serde_json::from_slice(&bytes)
        .with_context(|| format!("the answer is not what it should be: {}", String::from_utf8_lossy(&bytes)))
}

/// The message of an AIP-193 error, or else the body as it is.
fn error_message(body: &[u8]) -> String {
    serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|json| json["error"]["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_an_error_is_found() {
        assert_eq!(error_message(br#"{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}"#), "gone");
        assert_eq!(error_message(b"<html>"), "<html>");
    }
}
