//! What sockets of slow clients cost the others, on one replica.

use super::report::{Figure, Judged, Target};
use super::slow_socket::SlowSockets;
use super::stats::{Latencies, Spread, ratio};
use super::waiters::{both, gets, raise_file_limit};
use super::{Bench, say};
use crate::client::Client;
use crate::text::{millis, thousands};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(30);
const METHOD: &str = "one sixth each: silent; a head, a byte a second; a body, a byte a second; large answers asked for and not \
    read; idle after a call; half a head after a call. What the server ends is opened anew, so that all are there all the time. \
    Another client makes calls back to back on one kept connection, by turns without and with them";

/// The calls of one round, without slow sockets or with them.
struct Round {
    get: Latencies,
    cancel: Latencies,
}

/// Rounds by turns: without, with; with, without; and so on.
pub async fn measure(bench: &mut Bench) -> Result<()> {
    raise_file_limit()?;
    let sockets = if bench.quick { 500 } else { 2_000 };
    let address = address(&bench.settings.url)?;
    let mut rounds = Vec::new();
    for number in 0..=bench.rounds {
        let (without, with) = if number % 2 == 0 {
            let without = calls(bench).await?;
            (without, among(bench, address, sockets).await?)
        } else {
            let with = among(bench, address, sockets).await?;
            (calls(bench).await?, with)
        };
        let counted = if number == 0 { "warming up" } else { "counted" };
        say(&format!(
            "slow {number}/{} ({counted}), p50 / p99: get {}, among slow ones {}; cancel {}, among slow ones {}",
            bench.rounds,
            both(&without.get),
            both(&with.get),
            both(&without.cancel),
            both(&with.cancel)
        ));
        if number > 0 {
            rounds.push((without, with));
        }
    }
    report(bench, sockets, "get", &rounds, |round| &round.get);
    report(bench, sockets, "cancel", &rounds, |round| &round.cancel);
    Ok(())
}

fn address(url: &str) -> Result<SocketAddr> {
    let rest = url.strip_prefix("http://").context("slow sockets speak no TLS")?;
    let found = rest.to_socket_addrs().with_context(|| format!("{rest} is no address"))?.next();
    found.with_context(|| format!("{rest} is no address"))
}

/// The same calls while slow sockets are open; they are closed again.
async fn among(bench: &Bench, address: SocketAddr, count: usize) -> Result<Round> {
    let sockets = SlowSockets::open(&bench.client, address, count);
    let begun = Instant::now();
    // A few are always being opened anew.
    let most = count * 19 / 20;
    while sockets.held() < most {
        ensure!(begun.elapsed() < PATIENCE, "only {} slow sockets are open", sockets.held());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let round = calls(bench).await?;
    let (held, opened) = (sockets.held(), sockets.opened());
    sockets.close().await;
    ensure!(held >= most, "only {held} slow sockets were open at the end");
    say(&format!("slow: {held} were open at the end, {opened} were opened in all"));
    Ok(round)
}

async fn calls(bench: &Bench) -> Result<Round> {
    let (samples, cancels) = if bench.quick { (2_000, 100) } else { (10_000, 500) };
    let id = bench.client.create_steps(1, 0).await?.id;
    gets(&bench.client, &[id], samples / 10).await?;
    let get = gets(&bench.client, &[id], samples).await?;
    let mut cancel = Latencies::new();
    for _ in 0..cancels {
        cancel.record(cancelled(&bench.client).await?);
    }
    Ok(Round { get, cancel })
}

/// How long the call takes that cancels; whether it waits or runs by then.
async fn cancelled(client: &Client) -> Result<Duration> {
    let id: Uuid = client.create_steps(1_000, 10).await?.id;
    let begun = Instant::now();
    client.cancel(id).await?;
    Ok(begun.elapsed())
}

fn report(bench: &mut Bench, sockets: usize, call: &str, rounds: &[(Round, Round)], of: fn(&Round) -> &Latencies) {
    let (mut without, mut with) = (Latencies::new(), Latencies::new());
    for (one, other) in rounds {
        without.add(of(one));
        with.add(of(other));
    }
    let sockets = thousands(sockets as u64);
    for (percent, target) in [(50.0, Target::None), (99.0, Target::AtMost(2.0))] {
        let at = |round: &Round| of(round).percentile(percent);
        let Some(judged) = Spread::of(rounds.iter().map(|(without, with)| ratio(at(with), at(without)))) else {
            continue;
        };
        let millis_of = |round: &Round| at(round).as_secs_f64() * 1e3;
        bench.report.add(Figure {
            name: format!("{call}, among {sockets} slow sockets on the same replica, p{percent}"),
            ours: millis(with.percentile(percent)),
            reference: format!("without: {}", millis(without.percentile(percent))),
            judged: Judged::Ratio(judged),
            target,
            note: if percent < 99.0 && call == "get" { METHOD.to_owned() } else { String::new() },
            rounds: rounds
                .iter()
                .map(|(without, with)| json!({"oursMillis": millis_of(with), "referenceMillis": millis_of(without)}))
                .collect(),
        });
    }
}
