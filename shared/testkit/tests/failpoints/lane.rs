//! A system in which case after case runs: its processes are stopped, armed, and started again when they die.

use crate::cases::{Case, Role};
use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use safepoint_testkit::{Process, System, TOKEN};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// Far above what any promise needs.
const LIMIT: Duration = Duration::from_secs(40);
const OPERATIONS: &str = "/api/v1/projects/p/operations";

/// One of the three processes.
struct Place {
    process: Process,
    /// On purpose: it is not to be started again.
    stopped: bool,
}

pub struct Lane {
    pub system: System,
    pub client: Client,
    http: reqwest::Client,
    places: [Mutex<Place>; 3],
}

impl Lane {
    pub async fn start() -> Self {
        let mut system = System::start(1, 16).await;
        let mut take = |processes: fn(&mut System) -> &mut Vec<Process>| {
            let process = processes(&mut system).remove(0);
            Mutex::new(Place { process, stopped: false })
        };
        let places = [take(|s| &mut s.others), take(|s| &mut s.others), take(|s| &mut s.workers)];
        let http = reqwest::Client::builder().timeout(Duration::from_secs(6)).build().expect("a client");
        Self { client: system.database.client().await, system, http, places }
    }

    fn place(&self, role: Role) -> MutexGuard<'_, Place> {
        self.places[role as usize].lock().expect("no panic under it")
    }

    /// Ends a process in good order; it stays down.
    pub fn stop(&self, role: Role) {
        let mut place = self.place(role);
        place.stopped = true;
        if place.process.ended().is_none() {
            place.process.terminate();
        }
    }

    /// Kills a process; it stays down.
    pub fn kill(&self, role: Role) {
        let mut place = self.place(role);
        place.stopped = true;
        place.process.kill();
    }

    /// Asks a process to end; it is started again when it has.
    pub fn ask_to_end(&self, role: Role) {
        self.place(role).process.signal("TERM");
    }

    /// Starts a process that was stopped, with a failpoint or without.
    pub fn arm(&self, role: Role, failpoints: Option<String>) -> Result<()> {
        let mut place = self.place(role);
        place.stopped = false;
        let more: Vec<_> = failpoints.map(|points| ("FAILPOINTS", points)).into_iter().collect();
        place.process.restart_with(&more)
    }

    /// Starts again what has died, without its failpoint.
    fn revive(&self) -> Result<()> {
        for role in [Role::Api, Role::Keeper, Role::Worker] {
            let mut place = self.place(role);
            if !place.stopped && place.process.ended().is_some() {
                place.process.restart()?;
            }
        }
        Ok(())
    }

    /// How much a process has logged so far.
    pub fn logged(&self, role: Role) -> Result<usize> {
        Ok(std::fs::read(self.place(role).process.log())?.len())
    }

    /// Whether the case's point has fired since.
    pub fn fired(&self, case: &Case, since: usize) -> Result<bool> {
        let log = std::fs::read(self.place(case.role).process.log())?;
        let log = String::from_utf8_lossy(&log[since..]).into_owned();
        Ok(log.contains(&format!("\"failpoint\":\"{}\"", case.point)))
    }

    /// Waits until a look finds something. Who waits here starts again what has died.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
        let begun = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(40));
        while begun.elapsed() < LIMIT {
            tick.tick().await;
            self.revive()?;
            if let Some(found) = look().await? {
                return Ok(found);
            }
        }
        bail!("{what}: not seen within {LIMIT:?}")
    }

    /// Waits until a query says true.
    pub async fn until_row(&self, query: &str) -> Result<()> {
        self.until(query, async || Ok(self.client.query_one(query, &[]).await?.get::<_, bool>(0).then_some(()))).await
    }

    /// Asks until there is an answer that is not "try again": a caller's part of "idempotent".
    pub async fn ask(&self, method: Method, rest: &str, body: Option<Value>) -> Result<(u16, Value)> {
        self.ask_at(method, &format!("{OPERATIONS}{rest}"), body).await
    }

    /// The same, of a vendor's path.
    pub async fn ask_at(&self, method: Method, path: &str, body: Option<Value>) -> Result<(u16, Value)> {
        let url = format!("{}{path}", self.system.url);
        let answered = async || {
            let request = self.http.request(method.clone(), &url).bearer_auth(TOKEN);
            let request = if let Some(body) = &body { request.json(body) } else { request };
            let Ok(answer) = request.send().await else { return Ok(None) };
            let status = answer.status().as_u16();
            let Ok(body) = answer.json::<Value>().await else { return Ok(None) };
            ensure!(status != 500, "{url}: {body}");
            Ok((status < 500).then_some((status, body)))
        };
        self.until("an answer", answered).await
    }

    /// The same, and the answer is yes.
    pub async fn must(&self, method: Method, rest: &str, body: Option<Value>) -> Result<Value> {
        let (status, answer) = self.ask(method, rest, body).await?;
        ensure!(status == 200, "{rest}: {status} {answer}");
        Ok(answer)
    }

    /// Creates twice with one key: one operation.
    pub async fn create(&self, key: &str, mut body: Value) -> Result<String> {
        body["requestId"] = key.into();
        let first = self.must(Method::POST, "", Some(body.clone())).await?;
        let again = self.must(Method::POST, "", Some(body)).await?;
        ensure!(first["id"] == again["id"], "two operations of one key: {first} {again}");
        Ok(first["id"].as_str().context("an id")?.to_owned())
    }

    /// Waits until the operation is as wanted.
    pub async fn operation(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let look = async || {
            let seen = self.must(Method::GET, &format!("/{id}"), None).await?;
            Ok(wanted(&seen).then_some(seen))
        };
        self.until(what, look).await.with_context(|| format!("operation {id}"))
    }

    /// Waits until it has ended, as expected.
    pub async fn ended(&self, id: &str, state: &str) -> Result<Value> {
        let ended = self.operation(id, "an end", |seen| seen["done"] == true).await?;
        ensure!(ended["state"] == state, "{state} is expected: {ended}");
        Ok(ended)
    }

    pub fn folder(&self, object: &str) -> PathBuf {
        self.system.bucket.join(object)
    }
}
