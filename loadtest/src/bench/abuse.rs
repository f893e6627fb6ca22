//! What a project that sends requests which are dear to judge, as fast as the replica takes them, costs the cancels of another
//! project on the same replica.

use super::report::{Figure, Judged, Target};
use super::stats::{Latencies, Spread, ratio};
use super::waiters::both;
use super::{Bench, say};
use crate::client::Client;
use crate::text::millis;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Fields, names or columns of a request, as many as fit into the largest body that the api reads.
const MANY: usize = 60_000;
/// How many requests are under way at a time, each on a connection of its own.
const CONNECTIONS: usize = 8;
/// The rate limit that operators start with: so many calls of one caller each second.
const CALLS_PER_SECOND: u32 = 500;
const METHOD: &str = "the neighbour sends, over 8 connections and at up to 500 calls a second, creates with a query of 20 to 40 nested \
    functions or of 60,000 columns, and bodies of 240 KB with unknown fields, tables or names of jobs. \
    Meanwhile another client creates and cancels back to back on one kept connection, by turns without and with them";

/// Rounds by turns: without, with; with, without; and so on.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    let neighbour = bench.settings.neighbour()?;
    let requests = Arc::new(requests(&neighbour.project));
    let abuser = Client::new(&neighbour)?;
    let mut rounds = Vec::new();
    for number in 0..=bench.rounds {
        let (without, with) = if number % 2 == 0 {
            let without = cancels(bench).await?;
            (without, among(bench, &abuser, &requests).await?)
        } else {
            let with = among(bench, &abuser, &requests).await?;
            (cancels(bench).await?, with)
        };
        let counted = if number == 0 { "warming up" } else { "counted" };
        say(&format!(
            "abuse {number}/{} ({counted}), cancel p50 / p99: {}, beside the abuse {}",
            bench.rounds,
            both(&without),
            both(&with)
        ));
        if number > 0 {
            rounds.push((without, with));
        }
    }
    report(bench, &rounds);
    Ok(())
}

/// The same cancels while the neighbour sends what is dear to judge.
async fn among(bench: &Bench, abuser: &Client, requests: &Arc<Vec<Request>>) -> Result<Latencies> {
    let abuse = Abuse::begin(abuser, requests);
    let latencies = cancels(bench).await;
    let answered = abuse.end().await?;
    say(&format!("abuse: {answered} of the neighbour's requests were answered meanwhile"));
    let latencies = latencies?;
    ensure!(answered > 0, "none of the neighbour's requests was answered");
    Ok(latencies)
}

async fn cancels(bench: &Bench) -> Result<Latencies> {
    let samples = if bench.quick { 100 } else { 500 };
    let mut latencies = Latencies::new();
    for _ in 0..samples {
        let id = bench.client.create_steps(1_000, 10).await?.id;
        let begun = Instant::now();
        bench.client.cancel(id).await?;
        latencies.record(begun.elapsed());
    }
    Ok(latencies)
}

/// A request that is dear to judge.
struct Request {
    path: String,
    /// Whether it is a GET whose parameters came as the form of a POST.
    form: bool,
    body: String,
}

fn requests(project: &str) -> Vec<Request> {
    let native = format!("/api/v1/projects/{project}/operations");
    let nested = |depth: usize| format!("SELECT {}1{}", "position(".repeat(depth), ")".repeat(depth));
    let unknown: Map<String, Value> = names(MANY / 2).map(|name| (name, json!(1))).collect();
    let short = vec!["a"; MANY];
    let export = |format: Value| {
        let spec = json!({"cluster": "none", "database": "none", "bucket": "none", "object": "none", "format": format});
        json!({"kind": "postgres.export", "spec": spec}).to_string()
    };
    let csv = |query: String| export(json!({"csv": {"selectQuery": query}}));
    let post = |body: String| Request { path: native.clone(), form: false, body };
    let get = |path: &str, body: String| Request { path: path.to_owned(), form: true, body };
    vec![
        post(csv(nested(20))),
        post(csv(nested(40))),
        post(csv(format!("SELECT 1{}", ",1".repeat(MANY)))),
        post(export(json!({"sql": {"tables": &short}}))),
        post(json!({"kind": "demo.steps", "spec": &unknown}).to_string()),
        post(Value::Object(unknown).to_string()),
        get(&native, names(MANY).map(|name| name + "&").collect()),
        get("/v1/transferJobs", format!("filter={}", json!({"projectId": project, "jobNames": &short}))),
    ]
}

/// Different names of three bytes each, as short as so many can be.
fn names(count: usize) -> impl Iterator<Item = String> {
    (0x800..).filter_map(char::from_u32).map(String::from).take(count)
}

/// The neighbour's senders.
struct Abuse {
    senders: JoinSet<()>,
    answered: Arc<AtomicU64>,
}

impl Abuse {
    fn begin(abuser: &Client, requests: &Arc<Vec<Request>>) -> Self {
        let answered = Arc::new(AtomicU64::new(0));
        let mut senders = JoinSet::new();
        for sender in 0..CONNECTIONS {
            let (client, requests, answered) = (abuser.clone(), requests.clone(), answered.clone());
            senders.spawn(async move {
                let mut pace = tokio::time::interval(Duration::from_secs(1) * CONNECTIONS as u32 / CALLS_PER_SECOND);
                for number in sender.. {
                    pace.tick().await;
                    let Request { path, form, body } = &requests[number % requests.len()];
                    if client.is_answered(path, *form, body.clone()).await {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        Self { senders, answered }
    }

    /// How many of the requests had an answer, a refusal for the most part.
    async fn end(mut self) -> Result<u64> {
        if let Some(ended) = self.senders.try_join_next() {
            ended.context("a sender broke off")?;
        }
        self.senders.shutdown().await;
        Ok(self.answered.load(Ordering::Relaxed))
    }
}

fn report(bench: &mut Bench, rounds: &[(Latencies, Latencies)]) {
    let (mut without, mut with) = (Latencies::new(), Latencies::new());
    for (one, other) in rounds {
        without.add(one);
        with.add(other);
    }
    for (percent, target) in [(50.0, Target::None), (99.0, Target::AtMost(2.0))] {
        let at = |latencies: &Latencies| latencies.percentile(percent);
        let Some(judged) = Spread::of(rounds.iter().map(|(without, with)| ratio(at(with), at(without)))) else {
            continue;
        };
        let millis_of = |latencies: &Latencies| at(latencies).as_secs_f64() * 1e3;
        bench.report.add(Figure {
            name: format!("cancel, while another project sends requests that are dear to judge, p{percent}"),
            ours: millis(at(&with)),
            reference: format!("without: {}", millis(at(&without))),
            judged: Judged::Ratio(judged),
            target,
            note: if percent < 99.0 { METHOD.to_owned() } else { String::new() },
            rounds: rounds
                .iter()
                .map(|(without, with)| json!({"oursMillis": millis_of(with), "referenceMillis": millis_of(without)}))
                .collect(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Larger ones are refused before anything in them is judged.
    #[test]
    fn requests_are_as_large_as_the_api_reads() {
        for Request { path, body, .. } in requests("demo-neighbour") {
            let length = body.len();
            assert!(length < 1_000 || (100_000..=256 * 1024).contains(&length), "{path}: {length}");
        }
    }
}
