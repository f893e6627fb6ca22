//! How much one worker asks of one host at a time, over all its transfers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Objects that are read from, or written to, one host at a time.
const AT_A_TIME: usize = 64;

/// The hosts that are in use. Of the process: its transfers know nothing of each other.
static IN_USE: Mutex<Option<HashMap<String, Arc<Semaphore>>>> = Mutex::new(None);

/// Waits until one more object may be read from, or written to, each of these hosts. Always in one order, so that no two
/// wait for each other.
pub async fn take(hosts: [Option<&str>; 2]) -> Vec<OwnedSemaphorePermit> {
    let mut hosts: Vec<_> = hosts.into_iter().flatten().collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut taken = Vec::with_capacity(hosts.len());
    for host in hosts {
        // Nobody closes it.
        taken.extend(of(host).acquire_owned().await.ok());
    }
    taken
}

fn of(host: &str) -> Arc<Semaphore> {
    let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let in_use = in_use.get_or_insert_default();
    // Who waits or works holds one more.
    in_use.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
    in_use.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_A_TIME))).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use tokio::task::unconstrained;

    #[tokio::test]
    async fn a_host_is_asked_for_so_much_and_no_more() {
        let mut taken = Vec::new();
        for _ in 0..AT_A_TIME {
            taken.push(take([Some("busy"), Some("other")]).await);
        }
        // Without the runtime's own budget, which would have it wait for fairness.
        let now = |hosts| unconstrained(take(hosts)).now_or_never().map(|taken| taken.len());
        assert_eq!(now([None, Some("busy")]), None);
        assert_eq!(now([Some("idle"), Some("idle")]), Some(1));
        taken.pop();
        assert_eq!(now([None, Some("busy")]), Some(1));
        assert_eq!(now([None, None]), Some(0));
    }
}
