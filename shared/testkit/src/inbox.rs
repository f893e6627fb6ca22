//! A consumer of notifications, who speaks to the broker from outside: by its management API, without our code.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

/// A durable queue that is bound to a topic exchange; gone with the test.
#[derive(Debug)]
pub struct Inbox {
    http: Client,
    broker: String,
    exchange: String,
    queue: String,
}

/// A message as its consumer sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The key that it was sent with.
    pub routing_key: String,
    /// Its content type, delivery mode, message id and headers.
    pub properties: Value,
    /// What it says.
    pub body: Value,
}

impl Inbox {
    /// Binds a new queue; makes the exchange where it is not there yet, as a consumer who comes first does.
    ///
    /// # Panics
    /// Without `TEST_BROKER_ADMIN_URL`: run the tests by `make test`.
    pub async fn bind(exchange: &str, binding: &str) -> Self {
        Self::bind_with(exchange, binding, &json!({})).await
    }

    /// The same, with arguments of the queue.
    ///
    /// # Panics
    /// As [`Inbox::bind`].
    pub async fn bind_with(exchange: &str, binding: &str, arguments: &Value) -> Self {
        let broker =
            std::env::var("TEST_BROKER_ADMIN_URL").expect("TEST_BROKER_ADMIN_URL: run the tests by `make test`");
        let inbox = Self {
            http: Client::new(),
            broker,
            exchange: exchange.to_owned(),
            queue: format!("inbox-{}", Uuid::new_v4().simple()),
        };
        let Self { queue, .. } = &inbox;
        let topic = json!({ "type": "topic", "durable": true });
        inbox.ask(Method::PUT, &format!("exchanges/%2F/{exchange}"), &topic).await;
        inbox
            .ask(Method::PUT, &format!("queues/%2F/{queue}"), &json!({ "durable": true, "arguments": arguments }))
            .await;
        let key = json!({ "routing_key": binding });
        inbox.ask(Method::POST, &format!("bindings/%2F/e/{exchange}/q/{queue}"), &key).await;
        inbox
    }

    /// Takes out what has come, the oldest first.
    ///
    /// # Panics
    /// The broker does not answer, or a message is not JSON.
    pub async fn take(&self) -> Vec<Letter> {
        let all = json!({ "count": 10_000, "ackmode": "ack_requeue_false", "encoding": "auto" });
        let came = self.ask(Method::POST, &format!("queues/%2F/{}/get", self.queue), &all).await;
        came.as_array().expect("a list").iter().map(letter).collect()
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/{path}", self.broker);
        let answer = self.http.request(method, &url).json(body).send().await.expect("an answer of the broker");
        let status = answer.status();
        let text = answer.text().await.expect("an answer of the broker");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn letter(message: &Value) -> Letter {
    let text = |name: &str| message[name].as_str().expect(name).to_owned();
    let body = serde_json::from_str(&text("payload")).expect("JSON");
    Letter { routing_key: text("routing_key"), properties: message["properties"].clone(), body }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let (broker, paths) =
            (self.broker.clone(), [format!("queues/%2F/{}", self.queue), format!("exchanges/%2F/{}", self.exchange)]);
        // A test's runtime may be ending: a thread with a runtime of its own does the work.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async {
                for path in paths {
                    Client::new().delete(format!("{broker}/api/{path}")).send().await.ok()?;
                }
                Some(())
            })
        });
        let _ = dropped.join();
    }
}
