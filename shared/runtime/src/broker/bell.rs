//! "There is work": rung by hints, heard by the loop that claims.

use operation::Kind;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Rings for kinds of operations. Rung a thousand times before it is heard, it says no more than once.
#[derive(Debug, Default)]
pub struct Bell {
    kinds: Mutex<BTreeSet<Kind>>,
    rung: Notify,
}

impl Bell {
    /// There may be work of these kinds.
    pub fn ring(&self, kinds: impl IntoIterator<Item = Kind>) {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).extend(kinds);
        self.rung.notify_one();
    }

    /// Waits until it has rung since it was heard last; for which kinds. Nothing is lost where the wait is dropped.
    pub async fn heard(&self) -> BTreeSet<Kind> {
        self.rung.notified().await;
        std::mem::take(&mut *self.kinds.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn what_was_rung_is_heard_once() {
        let bell = Bell::default();
        assert_eq!(bell.heard().now_or_never(), None);
        bell.ring([Kind::from_static("acme.reindex")]);
        bell.ring([Kind::from_static("acme.export")]);
        bell.ring([Kind::from_static("acme.reindex")]);
        drop(bell.heard());
        assert_eq!(
            bell.heard().await,
            BTreeSet::from([Kind::from_static("acme.export"), Kind::from_static("acme.reindex")])
        );
        assert_eq!(bell.heard().now_or_never(), None);
    }
}
