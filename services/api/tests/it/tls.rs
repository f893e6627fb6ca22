//! The listener by TLS: who is served, with which certificate, and who does not get to keep a place.

use crate::event_stream::EventStream;
use crate::fixture::{Fixture, NATIVE};
use reqwest::tls::Version;
use reqwest::{Client, ClientBuilder};
use safepoint_api::server::certificate::{Certificate, CertificateFiles};
use std::fs;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::{Authority, Issued, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);
const NAME: &str = "IP:127.0.0.1";

/// Trusts these authorities and nobody else.
fn trusting(authorities: &[&Authority]) -> ClientBuilder {
    let certificate = |authority: &&Authority| {
        let pem = fs::read(authority.certificate()).expect("read");
        reqwest::Certificate::from_pem(&pem).expect("a certificate")
    };
    Client::builder().tls_certs_only(authorities.iter().map(certificate)).timeout(LIMIT)
}

/// An api that serves this certificate, and looks at its files all the time.
async fn serving(issued: &Issued, authority: &Authority) -> (Fixture, CertificateFiles, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = CertificateFiles { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
    issued.install(&files.certificate, &files.key);
    let certificate = Certificate::follow(files.clone(), Duration::from_millis(10), CancellationToken::new());
    let http = trusting(&[authority]).build().expect("a client");
    (Fixture::with_certificate(certificate.expect("a pair"), http).await, files, folder)
}

async fn connect(fixture: &Fixture) -> TcpStream {
    TcpStream::connect(fixture.url.trim_start_matches("https://")).await.expect("a connection")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_trusts_the_certificate_is_served_by_both_versions() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (fixture, _, _folder) = serving(&authority.issue(NAME), &authority).await;
    assert_eq!(fixture.get(NATIVE).await.status, 200);
    let url = format!("{}/healthz", fixture.url);
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        let http = trusting(&[&authority]).tls_version_min(version).tls_version_max(version).build().expect("a client");
        assert_eq!(http.get(&url).send().await.expect("an answer").status(), 200, "{version:?}");
    }
    let stranger = trusting(&[&other]).build().expect("a client");
    assert!(stranger.get(&url).send().await.expect_err("another authority").is_connect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_for_new_connections_and_no_call_fails_meanwhile() {
    let (old, new) = (Authority::new(), Authority::new());
    let (fixture, files, _folder) = serving(&old.issue(NAME), &old).await;
    // Both stand before the change: the fixture's connection, and a stream of events.
    let steps = fixture.steps().await;
    let mut events = EventStream::open(&fixture, &steps, None).await;
    events.next().await.expect("the first");

    let url = format!("{}/healthz", fixture.url);
    let stop = CancellationToken::new();
    let mut load = JoinSet::new();
    for _ in 0..4 {
        // A connection for each call.
        let http = trusting(&[&old, &new]).pool_max_idle_per_host(0).build().expect("a client");
        let (url, stop) = (url.clone(), stop.clone());
        load.spawn(async move {
            let mut calls = 0;
            while !stop.is_cancelled() {
                assert_eq!(http.get(&url).send().await.expect("an answer").status(), 200);
                calls += 1;
            }
            calls
        });
    }
    new.issue(NAME).install(&files.certificate, &files.key);
    eventually("the new certificate", LIMIT, async || {
        let http = trusting(&[&new]).build().expect("a client");
        http.get(&url).send().await.ok()
    })
    .await;
    stop.cancel();
    let calls: Vec<u32> = load.join_all().await;
    assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");

    // Who trusts the old one alone would fail if it had to connect anew, as others now do.
    assert_eq!(fixture.get(NATIVE).await.status, 200);
    assert_eq!(fixture.delete(&format!("{steps}?cancel=true")).await.status, 200);
    assert!(events.next().await.is_some(), "the stream goes on");
    let late = trusting(&[&old]).build().expect("a client");
    assert!(late.get(&url).send().await.expect_err("the old authority").is_connect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stays_silent_holds_nobody_up_and_is_put_out() {
    let authority = Authority::new();
    let (fixture, _, _folder) = serving(&authority.issue(NAME), &authority).await;
    // More than actix-tls lets shake hands at a time when it is not told otherwise.
    let start = Instant::now();
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut stream = connect(&fixture).await;
        if number % 2 == 0 {
            // The first half of a record, and no more.
            stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.expect("sent");
        }
        silent.push(stream);
    }
    assert_eq!(fixture.get(NATIVE).await.status, 200);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "served after {:?}: the silent ones were waited for",
        start.elapsed()
    );
    for mut stream in silent {
        let end = tokio::time::timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await;
        assert!(end.is_ok(), "one that never finishes its handshake stays");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_is_turned_away_at_once() {
    let authority = Authority::new();
    let (fixture, _, _folder) = serving(&authority.issue(NAME), &authority).await;
    let mut stream = connect(&fixture).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    // Sooner than the time for a handshake.
    let end = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer)).await;
    assert!(end.is_ok(), "the connection stays");
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1 200"), "served without TLS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_away_leaves_its_place() {
    let authority = Authority::new();
    let (fixture, _, _folder) = serving(&authority.issue(NAME), &authority).await;
    let steps = fixture.steps().await;
    let mut events = EventStream::open(&fixture, &steps, None).await;
    events.next().await.expect("the first");
    fixture.watchers(1).await;
    let gone = Instant::now();
    drop(events);
    fixture.watchers(0).await;
    // Its end is seen, and not only that nothing can be sent to it any more.
    assert!(gone.elapsed() < Duration::from_secs(8), "after {:?}", gone.elapsed());
}
