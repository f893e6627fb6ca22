//! Waiting for what other processes do.

use std::future::Future;
use std::time::Duration;

/// Looks again and again until `look` finds something, and panics after `limit`: the bound of a promise, far above
/// what a healthy machine needs.
///
/// # Panics
/// Nothing was found within `limit`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, limit: Duration, look: impl Fn() -> F) -> T {
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    let found = async {
        loop {
            tick.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    let Ok(found) = tokio::time::timeout(limit, found).await else {
        panic!("{what}: not seen within {limit:?}");
    };
    found
}
