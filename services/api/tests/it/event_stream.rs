//! A client of server-sent events, as a browser's is one.

use crate::fixture::Fixture;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Response;
use serde_json::Value;
use std::time::Duration;

/// What comes later than this does not come.
const LIMIT: Duration = Duration::from_secs(30);

/// An event as it was sent.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub name: String,
    /// The revision.
    pub id: Option<i64>,
    pub data: Value,
}

/// A stream under way.
pub struct EventStream {
    bytes: BoxStream<'static, Vec<u8>>,
    text: String,
    /// Lines that say nothing, so far.
    pub comments: usize,
}

impl EventStream {
    /// Follows an operation; `last` is the id of the last event that was seen.
    pub async fn open(fixture: &Fixture, path: &str, last: Option<i64>) -> Self {
        let mut request = fixture.request("GET", &format!("{path}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response: Response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let bytes = response.bytes_stream().map(|part| part.map(|bytes| bytes.to_vec()).unwrap_or_default()).boxed();
        Self { bytes, text: String::new(), comments: 0 }
    }

    /// The next event, or nothing where the stream ends.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(LIMIT, self.read()).await.expect("an event, or the end")
    }

    /// Reads on until a comment has come.
    pub async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before {
            let block = tokio::time::timeout(LIMIT, self.block()).await.expect("a comment").expect("no end");
            assert_eq!(self.event(&block), None);
        }
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if let Some(event) = self.event(&block) {
                return Some(event);
            }
        }
    }

    /// The lines up to the next empty one.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            self.text.push_str(&String::from_utf8(self.bytes.next().await?).expect("UTF-8"));
        }
    }

    fn event(&mut self, block: &str) -> Option<Event> {
        self.comments += block.lines().filter(|line| line.starts_with(':')).count();
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        Some(Event {
            name: field("event: ")?.to_owned(),
            id: field("id: ").map(|id| id.parse().expect("a revision")),
            data: serde_json::from_str(field("data: ").expect("data")).expect("JSON"),
        })
    }
}
