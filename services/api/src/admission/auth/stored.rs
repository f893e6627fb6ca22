//! The tokens of our own database, as of a moment ago: no call asks the database for its token.

use super::Principal;
use crate::wire::error::ApiError;
use operation::Code;
use runtime::clock;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, StoredToken};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What is revoked is refused within about this time, while the database answers.
const EVERY: Duration = Duration::from_secs(2);
/// How long a call waits for the first read.
const PATIENCE: Duration = Duration::from_secs(2);

/// By their hashes; with the end of each.
type Known = HashMap<Vec<u8>, (Principal, Option<Instant>)>;

/// The tokens of our own database.
#[derive(Debug)]
pub struct StoredTokens(watch::Receiver<Option<Arc<Known>>>);

impl StoredTokens {
    /// Follows what changes until `ended`.
    pub fn follow(store: Store, ended: CancellationToken) -> Self {
        let (known, seen) = watch::channel(None);
        tokio::spawn(ended.run_until_cancelled_owned(read_on(store, known)));
        Self(seen)
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// UNAVAILABLE: they could not be read yet.
    pub async fn find(&self, token: &str) -> Result<Option<Principal>, ApiError> {
        let mut seen = self.0.clone();
        let Ok(Ok(known)) =
            timeout(PATIENCE, seen.wait_for(Option::is_some)).await.map(|known| known.map(|k| k.clone()))
        else {
            let message = "the tokens cannot be read yet; try again";
            return Err(ApiError::new(Code::Unavailable, "TOKENS_UNAVAILABLE", message).with_retry_after(1));
        };
        let known = known.unwrap_or_default();
        let found = known.get(Sha256::digest(token).as_slice());
        Ok(found.filter(|(_, end)| end.is_none_or(|end| Instant::now() < end)).map(|(principal, _)| principal.clone()))
    }
}

async fn read_on(store: Store, known: watch::Sender<Option<Arc<Known>>>) {
    let mut version = 0;
    loop {
        match store.tokens_since(version).await {
            Ok(None) => {}
            Ok(Some((newest, tokens))) => {
                let tokens: Known = tokens.into_iter().map(entry).collect();
                tracing::info!(tokens = tokens.len(), version = newest, "the tokens are read");
                known.send_replace(Some(Arc::new(tokens)));
                version = newest;
            }
            Err(error) => tracing::warn!(%error, "the tokens cannot be read; those known are used on"),
        }
        tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)).await;
    }
}

/// What a newer version knows and this one does not, it does not grant.
fn entry(token: StoredToken) -> (Vec<u8>, (Principal, Option<Instant>)) {
    let principal = Principal {
        name: token.name,
        projects: token.projects.iter().filter_map(|project| project.parse().ok()).collect(),
        scopes: token.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
    };
    // Beyond what the clock can count: never.
    let end = token.expires_in.and_then(|after| Instant::now().checked_add(after));
    (token.sha256, (principal, end))
}
