//! What operators see: readiness, metrics, traces.

use safepoint_testkit::{GATE, System, eventually};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn readiness_and_metrics_tell_the_truth() {
    let system = System::start(1, 4).await;
    let name = system.export_csv("SELECT 1", "one.csv").await;
    system.until(&name, "done", |operation| operation["done"] == true).await;
    let _gate = system.customer.close_gate().await;
    let slow = system.export_csv(&format!("SELECT {GATE}"), "slow.csv").await;
    system.until(&slow, "running", |operation| operation["state"] == "RUNNING").await;
    system.call("POST", &format!("/v1/{slow}:cancel"), None).await;
    system.until(&slow, "done", |operation| operation["done"] == true).await;
    // The private listener first: it looks at the queue itself.
    let (_, private) = system.text(&format!("{}/metrics", system.others[0].admin)).await;
    assert!(private.contains("safepoint_queue_running"), "{private}");
    let (_, api) = system.text(&format!("{}/metrics", system.url)).await;
    let (_, worker) = system.text(&format!("{}/metrics", system.workers[0].admin)).await;
    for metric in ["safepoint_queue_oldest_pending_seconds", "safepoint_queue_running", "safepoint_hints_total"] {
        assert!(api.contains(metric), "{metric} is missing:\n{api}");
    }
    for metric in [
        "safepoint_safe_point_gap_seconds_count{kind=\"postgres.export\"}",
        "safepoint_cancel_seconds_count{kind=\"postgres.export\"} 1",
        "safepoint_attempts_total{ending=\"succeeded\",kind=\"postgres.export\"} 1",
    ] {
        assert!(worker.contains(metric), "{metric} is missing:\n{worker}");
    }
    // By one road: a renewal that happens to run at that moment may be there before the push.
    let delivered = worker.lines().filter(|line| line.starts_with("safepoint_cancel_delivered_seconds_count{road="));
    assert_eq!(delivered.filter(|line| line.ends_with(" 1")).count(), 1, "{worker}");
    // Degraded without the broker, on the public and the private listener of each process.
    system.broker_link.cut();
    for url in [system.url.clone(), system.workers[0].admin.clone()] {
        eventually("degraded", safepoint_testkit::LIMIT, async || {
            let (status, text) = system.text(&format!("{url}/readyz")).await;
            (status == 200 && text.contains("degraded")).then_some(())
        })
        .await;
        assert_eq!(system.text(&format!("{url}/healthz")).await.0, 200);
    }
}

/// The trace of the create request is stored with the operation, and the attempt's span links to it.
#[tokio::test]
async fn a_trace_leads_from_the_request_to_the_attempt() {
    let (endpoint, received) = collector().await;
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned())];
    let system = System::start_with(1, 4, &environment).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = json!({ "kind": "demo.steps", "spec": { "steps": 1, "stepMillis": 0 } });
    let created =
        system.post_traced("/api/v1/projects/p/operations", &body, &format!("00-{trace}-00f067aa0ba902b7-01")).await;
    let id = created["id"].as_str().expect("an id");
    let client = system.database.client().await;
    let row = client.query_one("SELECT trace_parent FROM operations", &[]).await.expect("one row");
    assert!(row.get::<_, String>(0).contains(trace), "{id}: the trace is not stored");
    let trace = u128::from_str_radix(trace, 16).expect("a trace id").to_be_bytes();
    for (what, text) in [("the request's span", "/api/v1/projects/"), ("the attempt's span", "attempt")] {
        eventually(what, Duration::from_secs(30), async || {
            let received = received.lock().expect("no panic");
            // Protobuf keeps names and trace ids as they are; a link holds the trace it leads to.
            received.iter().find(|body| contains(body, text.as_bytes()) && contains(body, &trace)).map(|_| ())
        })
        .await;
    }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// An OTLP collector that keeps what it gets.
async fn collector() -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut body = Vec::new();
                let mut buffer = [0; 8192];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    body.extend_from_slice(&buffer[..length]);
                    if is_whole(&body) {
                        kept.lock().expect("no panic").push(std::mem::take(&mut body));
                        let answer =
                            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                        let _ = stream.write_all(answer).await;
                    }
                }
            });
        }
    });
    (format!("http://{address}"), received)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= head + 4 + length.unwrap_or(0)
}
