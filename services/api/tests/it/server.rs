//! The server itself: what no dialect should have to think of.

use crate::fixture::{Fixture, LOCATION, NATIVE, answer, csv};
use serde_json::json;
use std::time::{Duration, Instant};
use testkit::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_paths_and_methods_are_json_too() {
    let fixture = Fixture::new().await;
    for path in
        ["/", "/v1", "/v2/projects/mine", "/v1/projects/mine", "/api/v1/projects/mine/things", "/v1//", "/%2e%2e/etc"]
    {
        let got = answer(fixture.request("GET", path)).await;
        assert_eq!(got.error(), (404, "NOT_FOUND", "METHOD_NOT_FOUND"), "{path}");
    }
    for (method, path, allow) in [
        ("PUT", format!("{LOCATION}/operations/operation-x"), "GET, DELETE"),
        ("POST", format!("{LOCATION}/operations/operation-x:frobnicate"), "GET, DELETE"),
        ("GET", format!("{LOCATION}/operations/operation-x:cancel"), "POST"),
        ("POST", format!("{LOCATION}/clusters"), "GET"),
        ("DELETE", NATIVE.to_owned(), "GET, POST"),
        ("PATCH", "/healthz".to_owned(), "GET"),
        ("FROBNICATE", LOCATION.to_owned(), "GET"),
    ] {
        let got = answer(fixture.request(method, &path)).await;
        assert_eq!(got.error(), (405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED"), "{method} {path}");
        assert_eq!(got.headers["allow"], allow, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_names_its_request() {
    let fixture = Fixture::new().await;
    let with = async |id: &str| {
        let got = answer(fixture.request("GET", &format!("{LOCATION}/operations")).header("x-request-id", id)).await;
        got.headers["x-request-id"].to_str().expect("ASCII").to_owned()
    };
    assert_eq!(with("my-request.1").await, "my-request.1");
    for unfit in ["", "two words", &"x".repeat(129)] {
        let fresh = with(unfit).await;
        assert!(fresh != unfit && fresh.len() == 36, "{unfit}: {fresh}");
    }
    let failed = answer(fixture.request("GET", "/nothing").header("x-request-id", "r-7")).await;
    assert_eq!((failed.error().0, &failed.headers["x-request-id"]), (404, &"r-7".parse().expect("a header")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_refused_unread() {
    let fixture = Fixture::new().await;
    let path = format!("{LOCATION}/clusters/main:export");
    let too_large = (400, "INVALID_ARGUMENT", "BODY_TOO_LARGE");
    // 10 MiB, announced: refused before a byte of it is sent.
    let mut stream = TcpStream::connect(fixture.url.trim_start_matches("http://")).await.expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine-token\r\ncontent-length: 10485760\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut first = vec![0; 4096];
    let read = stream.read(&mut first).await.expect("an answer");
    let text = String::from_utf8_lossy(&first[..read]).into_owned();
    assert!(text.starts_with("HTTP/1.1 400") && text.contains("BODY_TOO_LARGE"), "{text}");
    // A little too large, sent whole, with and without its length.
    for body in [reqwest::Body::from(vec![b' '; 256 * 1024 + 1]), chunked(300)] {
        let got = answer(fixture.request("POST", &path).body(body)).await;
        assert_eq!(got.error(), too_large);
        assert!(got.message().contains("larger than 256 KiB"), "{}", got.message());
    }
    // Just within: read, and found to be no JSON object with what it needs.
    let got = answer(fixture.request("POST", &path).body(vec![b' '; 256 * 1024])).await;
    assert_eq!(got.error(), (400, "INVALID_ARGUMENT", "INVALID_FIELD"));
    assert_eq!(fixture.count().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_an_end_is_not_read_for_ever() {
    let fixture = Fixture::new().await;
    for (token, path, status) in [
        ("mine-token", format!("{LOCATION}/clusters/main:export"), "400"),
        ("wrong-token", format!("{LOCATION}/clusters/main:export"), "401"),
        ("mine-token", format!("{LOCATION}/operations/x:cancel"), "404"),
        ("mine-token", "/nothing".to_owned(), "404"),
    ] {
        let mut stream = TcpStream::connect(fixture.url.trim_start_matches("http://")).await.expect("a connection");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let (mut answer, mut writer) = stream.into_split();
        let chunk = format!("2000\r\n{}\r\n", " ".repeat(0x2000));
        // Ends when the server closes the connection, and not before.
        let endless = tokio::spawn(async move { while writer.write_all(chunk.as_bytes()).await.is_ok() {} });
        let mut text = vec![0; 12];
        answer.read_exact(&mut text).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&text), format!("HTTP/1.1 {status}"), "{path}");
        tokio::time::timeout(Duration::from_secs(10), endless).await.expect("the server closes").expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunked_body_that_is_read_leaves_the_connection_open() {
    let fixture = Fixture::new().await;
    let mut stream = TcpStream::connect(fixture.url.trim_start_matches("http://")).await.expect("a connection");
    let body = csv("SELECT 1").to_string();
    let request = format!(
        "POST {LOCATION}/clusters/main:export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine-token\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = vec![0; 8192];
        let read = stream.read(&mut text).await.expect("an answer");
        let text = String::from_utf8_lossy(&text[..read]).into_owned();
        assert!(text.starts_with("HTTP/1.1 200") && !text.contains("connection: close"), "{text}");
    }
    assert_eq!(fixture.count().await, 3);
}

/// A body of so many KiB whose length is not announced.
fn chunked(kib: usize) -> reqwest::Body {
    let chunks = (0..kib).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024]));
    reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_given_up() {
    let fixture = Fixture::new().await;
    let mut stream = TcpStream::connect(fixture.url.trim_start_matches("http://")).await.expect("a connection");
    let head = format!(
        "POST {LOCATION}/clusters/main:export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine-token\r\ncontent-length: 50\r\n\r\n{{"
    );
    let started = Instant::now();
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut first = vec![0; 4096];
    let read = stream.read(&mut first).await.expect("an answer");
    let text = String::from_utf8_lossy(&first[..read]).into_owned();
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("BODY_TOO_SLOW"), "{text}");
    let took = started.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(15)).contains(&took), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_the_api_says_so_soon() {
    let fixture = Fixture::without_database();
    let id = "0193a5a0-0000-7000-8000-000000000001";
    for (method, path) in [
        ("GET", format!("{LOCATION}/operations")),
        ("GET", format!("{NATIVE}/{id}")),
        ("POST", format!("{NATIVE}/{id}:cancel")),
        ("DELETE", format!("{LOCATION}/operations/operation-{id}")),
    ] {
        let started = Instant::now();
        let got = answer(fixture.request(method, &path)).await;
        assert_eq!(got.error(), (503, "UNAVAILABLE", "DATABASE_UNAVAILABLE"), "{method} {path}");
        assert_eq!(got.headers["retry-after"], "1");
        assert_eq!(got.body["error"]["details"][1]["retryDelay"], "1s");
        assert!(!got.body.to_string().contains("canary"), "no host, user or password");
        assert!(started.elapsed() < Duration::from_secs(4), "{method} {path}: {:?}", started.elapsed());
    }
    let got = fixture.post(&format!("{LOCATION}/clusters/main:export"), &csv("SELECT 1")).await;
    assert_eq!(got.error(), (503, "UNAVAILABLE", "DATABASE_UNAVAILABLE"));
    let ready = answer(fixture.bare("GET", "/readyz")).await;
    assert_eq!((ready.status, ready.body), (503, json!({"status": "not ready", "database": "down"})));
    assert_eq!(answer(fixture.bare("GET", "/healthz")).await.status, 200);
    assert_eq!(answer(fixture.bare("GET", "/metrics")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_falls_silent_is_given_up_soon_and_served_again_when_it_speaks() {
    let (fixture, open) = Fixture::behind_a_link().await;
    let list = format!("{LOCATION}/operations");
    assert_eq!(fixture.get(&list).await.status, 200);
    open.send_replace(false);
    // More calls than connections: some hold one, some wait for one.
    let started = Instant::now();
    let calls = (0..6).map(|_| fixture.get(&list));
    for got in futures_util::future::join_all(calls).await {
        assert_eq!(got.error(), (503, "UNAVAILABLE", "DATABASE_UNAVAILABLE"));
    }
    let created = fixture.post(&format!("{LOCATION}/clusters/main:export"), &csv("SELECT 1")).await;
    assert_eq!(created.error(), (503, "UNAVAILABLE", "DATABASE_UNAVAILABLE"));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    open.send_replace(true);
    eventually("answers", Duration::from_secs(10), async || (fixture.get(&list).await.status == 200).then_some(()))
        .await;
    assert_eq!(fixture.post(&format!("{LOCATION}/clusters/main:export"), &csv("SELECT 1")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics_ask_for_no_token() {
    let fixture = Fixture::new().await;
    let ready = answer(fixture.bare("GET", "/readyz")).await;
    assert_eq!((ready.status, ready.body), (200, json!({"status": "degraded", "broker": "down"})));
    let alive = answer(fixture.bare("GET", "/healthz")).await;
    assert_eq!((alive.status, alive.body), (200, json!({"status": "alive"})));
    fixture.export().await;
    let metrics = answer(fixture.bare("GET", "/metrics")).await;
    let text = metrics.body.as_str().expect("text");
    // The registry is the process's: other tests may count in it too.
    for line in [
        "safepoint_http_requests_total{method=\"POST\",route=\"/v1/projects/{project}/locations/{location}/clusters/{cluster}:export\",status=\"200\"}",
        "safepoint_http_request_seconds_bucket{method=\"POST\",route=\"/v1/projects/{project}/locations/{location}/clusters/{cluster}:export\"",
        "safepoint_queue_pending{kind=\"postgres.export\"}",
        "safepoint_queue_running{kind=\"postgres.export\"}",
        "safepoint_queue_cancelling{kind=\"postgres.export\"}",
        "safepoint_queue_oldest_pending_seconds{kind=\"postgres.export\"}",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_leave_whole_operations_and_a_whole_pool() {
    let fixture = Fixture::new().await;
    let body = csv("SELECT 1").to_string();
    let request = format!(
        "POST {LOCATION}/clusters/main:export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer mine-token\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for cut in (0..=request.len()).step_by(9).chain([request.len(); 40]) {
        let mut stream = TcpStream::connect(fixture.url.trim_start_matches("http://")).await.expect("a connection");
        stream.write_all(&request.as_bytes()[..cut]).await.expect("sent");
        drop(stream);
    }
    // Whatever was created can be read, and the pool serves as before.
    let created = eventually("answers", Duration::from_secs(10), async || {
        let page = fixture.get(&format!("{LOCATION}/operations?pageSize=1000")).await;
        (page.status == 200).then_some(page.body)
    })
    .await;
    assert!(created["operations"].as_array().expect("operations").iter().all(|operation| operation["done"] == false));
    let client = fixture.database.as_ref().expect("a database").client().await;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(client.query_one(open, &[]).await.expect("a count").get::<_, i64>(0), 0);
}
