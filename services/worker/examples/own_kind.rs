//! A worker with a kind of its own: `acme.primes` counts the prime numbers below a limit, a range at a time.
//!
//! Run it with the other processes, with a worker's settings: `cargo run -p safepoint-worker --example own_kind -- --help`. Then create
//! an operation as of any other kind: `{"kind": "acme.primes", "spec": {"below": 1000000}}`.

use operation::{Kind, KindInfo, Progress};
use safepoint_worker::Worker;
use safepoint_worker::executors::Executor;
use safepoint_worker::safepoint::{Ended, Safepoint};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::process::ExitCode;
use std::time::Duration;

/// What a caller asks for. The api checks it against the schema below, and the worker reads it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Primes {
    below: u64,
}

/// Where the next attempt goes on, should this one end early.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Checkpoint {
    looked_below: u64,
    found: u64,
}

/// What the operation answers in the end.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    /// As a text: JSON's numbers are exact up to 2^53 only.
    primes: String,
}

struct CountPrimes;

/// A range is looked through in milliseconds; between two, the attempt can be stopped.
const RANGE: u64 = 10_000;

impl Executor for CountPrimes {
    type Spec = Primes;
    type Response = Response;

    fn info(&self) -> KindInfo {
        KindInfo {
            kind: Kind::from_static("acme.primes"),
            unit: Cow::Borrowed("numbers"),
            safe_point_bound: Duration::from_secs(1),
            stop_bound: Duration::from_secs(5),
            counts_against_quotas: true,
            opt_in: false,
        }
    }

    fn spec_schema(&self) -> Option<serde_json::Value> {
        Some(serde_json::json!({
            "type": "object",
            "properties": { "below": { "type": "integer", "minimum": 2, "maximum": 10_000_000 } },
            "required": ["below"],
            "additionalProperties": false,
        }))
    }

    async fn run(&self, spec: &Primes, cx: &Safepoint) -> Result<Response, Ended> {
        let mut done: Checkpoint = cx.checkpoint()?.unwrap_or_default();
        while done.looked_below < spec.below {
            let range = done.looked_below..spec.below.min(done.looked_below + RANGE);
            done.looked_below = range.end;
            // Work that keeps a processor busy goes to a thread of its own. It is done before the stop is looked at.
            let found = cx.work().blocking(move || range.filter(|number| is_prime(*number)).count() as u64);
            done.found += found.await.map_err(std::io::Error::other)?;
            let progress = Progress { items_done: done.looked_below, items_total: Some(spec.below), bytes_done: 0 };
            cx.reach_with("range counted", &done, progress)?;
        }
        // The last look at the lease and at a cancel before the result is there to be seen.
        cx.commit_point().await?;
        Ok(Response { primes: done.found.to_string() })
    }
}

fn is_prime(number: u64) -> bool {
    number > 1 && (2..=number.isqrt()).all(|divisor| !number.is_multiple_of(divisor))
}

fn main() -> anyhow::Result<ExitCode> {
    Worker::builder().executor(CountPrimes).run()
}
