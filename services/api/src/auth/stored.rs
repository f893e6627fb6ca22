//! The tokens of our own database, as of a moment ago: no call asks the database for its token.

use super::Principal;
use crate::error::ApiError;
use operation::Code;
use runtime::clock;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use store::{Store, StoredToken};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// What is revoked is refused within about this time.
const EVERY: Duration = Duration::from_secs(2);

/// By their hashes; with the end of each.
type Known = HashMap<Vec<u8>, (Principal, Option<Instant>)>;

/// The tokens of our own database.
#[derive(Debug)]
pub struct StoredTokens {
    store: Store,
    /// `None` until they were read once.
    known: RwLock<Option<Arc<Known>>>,
    /// The version of what is known. Held while they are read.
    version: Mutex<i64>,
}

impl StoredTokens {
    /// Follows what changes until `ended`.
    pub fn follow(store: Store, ended: CancellationToken) -> Arc<Self> {
        let this = Arc::new(Self { store, known: RwLock::new(None), version: Mutex::new(0) });
        let follower = this.clone();
        tokio::spawn(ended.run_until_cancelled_owned(async move {
            loop {
                follower.read().await;
                tokio::time::sleep(EVERY.mul_f64(0.75 + clock::jitter() / 2.0)).await;
            }
        }));
        this
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// UNAVAILABLE: they could not be read yet.
    pub async fn find(&self, token: &str) -> Result<Option<Principal>, ApiError> {
        if self.known().is_none() {
            self.read().await;
        }
        let known = self.known().ok_or_else(|| {
            let message = "the tokens cannot be read yet; try again";
            ApiError::new(Code::Unavailable, "TOKENS_UNAVAILABLE", message).with_retry_after(1)
        })?;
        let found = known.get(Sha256::digest(token).as_slice());
        Ok(found.filter(|(_, end)| end.is_none_or(|end| Instant::now() < end)).map(|(principal, _)| principal.clone()))
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self) {
        let mut version = self.version.lock().await;
        match self.store.tokens_since(*version).await {
            Ok(None) => {}
            Ok(Some((newest, tokens))) => {
                let known: Known = tokens.into_iter().map(entry).collect();
                tracing::info!(tokens = known.len(), version = newest, "the tokens are read");
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
                *version = newest;
            }
            Err(error) => tracing::warn!(%error, "the tokens cannot be read; those known are used on"),
        }
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
