//! Notifications: whoever is told that the broker has one can rely on it, and what it may not have is sent again.

use safepoint_runtime::broker::{BrokerSettings, NotConfirmed, Notification, Notifier};
use safepoint_runtime::config::Secret;
use serde_json::json;
use std::time::Duration;
use testkit::{Inbox, Mode, Proxy, broker_settings, eventually};
use tokio_util::sync::CancellationToken;
use url::Url;

const LIMIT: Duration = Duration::from_secs(30);

fn notification(number: u32) -> Notification {
    Notification {
        routing_key: "p.ends".to_owned(),
        id: format!("id-{number}"),
        content_type: "application/json",
        headers: vec![("number", number.to_string())],
        body: number.to_string().into_bytes(),
    }
}

/// The broker behind a link that can be cut.
async fn behind_a_link() -> (BrokerSettings, Proxy) {
    let settings = broker_settings();
    let mut url: Url = settings.url.expose().parse().expect("a URL");
    let link = Proxy::to(format!("127.0.0.1:{}", url.port().expect("a port"))).await;
    url.set_port(Some(link.address().port())).expect("a port");
    (BrokerSettings { url: Secret::new(url.as_str()), ..settings }, link)
}

async fn started(settings: &BrokerSettings) -> (Notifier, CancellationToken) {
    let shutdown = CancellationToken::new();
    let mut notifier = Notifier::start(settings.clone(), shutdown.clone()).expect("a URL");
    tokio::time::timeout(LIMIT, notifier.wait_up()).await.expect("a link");
    (notifier, shutdown)
}

#[tokio::test]
async fn whoever_is_bound_gets_it_once_and_lasting() {
    let settings = broker_settings();
    let exchange = settings.notifications_exchange();
    let (inbox, other) = (Inbox::bind(&exchange, "p.#").await, Inbox::bind(&exchange, "q.#").await);
    let (notifier, _shutdown) = started(&settings).await;
    let sent = futures_util::future::join_all((0..300).map(|number| notifier.send(notification(number)))).await;
    assert!(sent.iter().all(Result::is_ok));
    let mut letters = inbox.take().await;
    // They were sent side by side: no order is promised.
    letters.sort_by_key(|letter| letter.body.as_u64());
    let came: Vec<_> = letters.iter().map(|letter| letter.body.clone()).collect();
    assert_eq!(came, (0..300).map(|number| json!(number)).collect::<Vec<_>>());
    let properties = json!({
        "content_type": "application/json", "delivery_mode": 2, "message_id": "id-7", "headers": { "number": "7" },
    });
    assert_eq!((letters[7].routing_key.as_str(), &letters[7].properties), ("p.ends", &properties));
    assert_eq!(other.take().await, []);
}

/// As for a topic that nobody subscribes to.
#[tokio::test]
async fn what_nobody_is_bound_to_counts_as_sent() {
    let (notifier, _shutdown) = started(&broker_settings()).await;
    assert_eq!(notifier.send(notification(1)).await, Ok(()));
    assert!(safepoint_runtime::metrics::render().contains("safepoint_notifications_total{result=\"unrouted\"} 1"));
}

/// Its full queue says no, and then yes.
#[tokio::test]
async fn what_the_broker_refuses_is_not_sent() {
    let settings = broker_settings();
    let full = json!({ "x-max-length": 1, "x-overflow": "reject-publish" });
    let inbox = Inbox::bind_with(&settings.notifications_exchange(), "p.ends", &full).await;
    let (notifier, _shutdown) = started(&settings).await;
    assert_eq!(notifier.send(notification(1)).await, Ok(()));
    assert_eq!(notifier.send(notification(2)).await, Err(NotConfirmed));
    assert_eq!(inbox.take().await.len(), 1);
    assert_eq!(notifier.send(notification(2)).await, Ok(()), "the link stands");
    assert_eq!(inbox.take().await[0].body, json!(2));
}

/// The broker has it, and its answer is lost: who sent it is not told that it arrived, and sends it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_breaks_before_the_answer_confirms_nothing() {
    let (settings, link) = behind_a_link().await;
    let inbox = Inbox::bind(&settings.notifications_exchange(), "p.ends").await;
    let (mut notifier, _shutdown) = started(&settings).await;
    // Long enough for a look at the queue before the answer has come back.
    link.set(Mode::Delay(Duration::from_secs(2)));
    let sending = tokio::spawn({
        let notifier = notifier.clone();
        async move { notifier.send(notification(1)).await }
    });
    let first = eventually("the message", LIMIT, async || inbox.take().await.pop()).await;
    link.cut();
    assert_eq!(sending.await.expect("no panic"), Err(NotConfirmed));
    eventually("a link that is known to be down", LIMIT, async || (!notifier.is_up()).then_some(())).await;
    assert_eq!(notifier.send(notification(2)).await, Err(NotConfirmed), "at once");

    link.mend();
    tokio::time::timeout(LIMIT, notifier.wait_up()).await.expect("a link");
    assert_eq!(notifier.send(notification(1)).await, Ok(()));
    assert_eq!(inbox.take().await, [first], "the same once more, and none of those that were given up");
}

/// Whoever waits for an answer learns of the end, be the broker there or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_leaves_nobody_waiting() {
    let (settings, link) = behind_a_link().await;
    let (notifier, shutdown) = started(&settings).await;
    link.set(Mode::Blackhole);
    let sending = tokio::spawn(async move { notifier.send(notification(1)).await });
    shutdown.cancel();
    assert_eq!(tokio::time::timeout(LIMIT, sending).await.expect("in time").expect("no panic"), Err(NotConfirmed));
}
