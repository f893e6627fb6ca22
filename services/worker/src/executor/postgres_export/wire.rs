//! The half of a connection that moves the bytes, and what broke it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use tls::Driver;
use tokio_postgres::Error;

/// The half of a connection that moves the bytes. Polled by whoever waits for an answer, in the same task: a row is
/// not handed from thread to thread.
pub(super) struct Wire {
    /// Dropped as soon as it has ended: only then do the requests that still wait for it fail.
    driver: Option<Driver>,
    ended: Option<Result<(), Error>>,
}

impl Wire {
    /// Nothing was moved yet.
    pub(super) fn new(driver: Driver) -> Self {
        Self { driver: Some(driver), ended: None }
    }

    /// Moves what can be moved. Ready when the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(driver) = &mut self.driver
            && let Poll::Ready(ended) = driver.as_mut().poll(cx)
        {
            self.driver = None;
            self.ended = Some(ended);
        }
        if self.ended.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What broke the connection, if something did.
    pub(super) fn broken(&self) -> Option<&Error> {
        self.ended.as_ref().and_then(|ended| ended.as_ref().err())
    }

    /// Runs requests. Safe to drop: an answer that nobody waits for any more is skipped.
    pub(super) async fn drive<F: Future>(&mut self, requests: F) -> F::Output {
        let mut requests = pin!(requests);
        poll_fn(|cx| {
            if let Poll::Ready(output) = requests.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            // The connection's end shows in the requests: they fail.
            let _ = self.poll(cx);
            requests.as_mut().poll(cx)
        })
        .await
    }
}
