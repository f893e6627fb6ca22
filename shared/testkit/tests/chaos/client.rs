//! One caller of the api's replicas, over HTTP. What it asks and hears is recorded.

use crate::history::{Call, Event, History, Outcome, Seen};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longer than any answer of the api's takes: after it the outcome is unknown.
const PATIENCE: Duration = Duration::from_secs(6);
const OPERATIONS: &str = "/api/v1/projects/p/operations";

/// A caller. Cheap to clone: all clones write one history.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    replicas: Arc<Vec<String>>,
    pub history: Arc<History>,
    created: Arc<AtomicU64>,
    session: u64,
}

impl Client {
    pub fn new(replicas: Vec<String>, history: Arc<History>) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        Self { http, replicas: Arc::new(replicas), history, created: Arc::default(), session: 0 }
    }

    /// The caller of another session.
    pub fn session(&self, session: u64) -> Self {
        Self { session, ..self.clone() }
    }

    /// A number for a create, used for no other.
    pub fn next_number(&self) -> u64 {
        self.created.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn replicas(&self) -> usize {
        self.replicas.len()
    }

    /// Creates; `body` is the whole request.
    pub async fn create(&self, replica: usize, call: Call, body: &Value) -> Event {
        let request = self.request(replica, Method::POST, "").json(body);
        self.send(replica, call, request).await
    }

    pub async fn get(&self, replica: usize, id: &str) -> Event {
        let request = self.request(replica, Method::GET, &format!("/{id}"));
        self.send(replica, Call::Get { id: id.to_owned() }, request).await
    }

    pub async fn cancel(&self, replica: usize, id: &str) -> Event {
        let request = self.request(replica, Method::POST, &format!("/{id}:cancel")).json(&json!({}));
        self.send(replica, Call::Cancel { id: id.to_owned() }, request).await
    }

    pub async fn pause(&self, replica: usize, id: &str) -> Event {
        let request = self.request(replica, Method::POST, &format!("/{id}:pause")).json(&json!({}));
        self.send(replica, Call::Pause { id: id.to_owned() }, request).await
    }

    pub async fn resume(&self, replica: usize, id: &str) -> Event {
        let request = self.request(replica, Method::POST, &format!("/{id}:resume")).json(&json!({}));
        self.send(replica, Call::Resume { id: id.to_owned() }, request).await
    }

    /// Deletes what has ended, or cancels it first.
    pub async fn delete(&self, replica: usize, id: &str, cancel: bool) -> Event {
        let query = if cancel { "?cancel=true" } else { "" };
        let request = self.request(replica, Method::DELETE, &format!("/{id}{query}"));
        self.send(replica, Call::Delete { id: id.to_owned(), cancel }, request).await
    }

    /// A page of a walk through the list; the first one without a token.
    pub async fn list(&self, replica: usize, walk: u64, size: u32, token: Option<&str>) -> Event {
        let token = token.map(|token| format!("&pageToken={token}")).unwrap_or_default();
        let query = format!("?pageSize={size}{token}");
        let request = self.request(replica, Method::GET, &query);
        self.send(replica, Call::List { walk }, request).await
    }

    fn request(&self, replica: usize, method: Method, rest: &str) -> RequestBuilder {
        let url = format!("{}{OPERATIONS}{rest}", self.replicas[replica]);
        self.http.request(method, url).bearer_auth(safepoint_testkit::TOKEN)
    }

    async fn send(&self, replica: usize, call: Call, request: RequestBuilder) -> Event {
        let sent = History::now();
        let outcome = match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                match answer.json::<Value>().await {
                    Ok(body) => outcome(&call, status, &body),
                    Err(error) => Outcome::Unknown { why: error.to_string() },
                }
            }
            Err(error) => Outcome::Unknown { why: error.to_string() },
        };
        let event = Event { session: self.session, replica, call, sent, answered: History::now(), outcome };
        self.history.record(event.clone());
        event
    }
}

fn outcome(call: &Call, status: u16, body: &Value) -> Outcome {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    match (status, call) {
        (200, Call::Delete { .. }) => Outcome::Done { seen: Vec::new(), answer: None, next: None },
        (200, Call::List { .. }) => {
            let seen = body["operations"].as_array().into_iter().flatten().filter_map(Seen::read).collect();
            Outcome::Done { seen, answer: None, next: text(&body["nextPageToken"]) }
        }
        (200, Call::Cancel { .. } | Call::Pause { .. } | Call::Resume { .. }) => {
            let seen = Seen::read(&body["operation"]).into_iter().collect();
            Outcome::Done { seen, answer: text(&body["answer"]), next: None }
        }
        (200, Call::Create { .. } | Call::Get { .. }) => {
            Outcome::Done { seen: Seen::read(body).into_iter().collect(), answer: None, next: None }
        }
        (400..=499, _) => {
            Outcome::Refused { status, reason: body["error"]["message"].as_str().unwrap_or_default().to_owned() }
        }
        _ => Outcome::Unknown { why: format!("{status} {}", body["error"]["message"].as_str().unwrap_or_default()) },
    }
}
