//! Cancels that come at the same moment: one statement and one commit for many.

use crate::{Address, Operation, Requester, Store, StoreError};
use uuid::Uuid;

pub(crate) const CANCEL_TOGETHER: &str = include_str!("../sql/cancel_together.sql");

impl Store {
    /// Records cancels: committed when this returns. Gives back the operations as they are after it, of those that were
    /// recorded. Of the others, [`Store::cancel`] tells why: another statement held the row, which this one waits for
    /// no more than for any; or there was nothing to record. Each operation may be named once.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE they may be recorded; asking again is harmless.
    pub async fn cancel_together(&self, cancels: &[(Address, Requester)]) -> Result<Vec<Operation>, StoreError> {
        let ids: Vec<Uuid> = cancels.iter().map(|(address, _)| address.id.as_uuid()).collect();
        let rows = self
            .fetch_all(
                sqlx::query(CANCEL_TOGETHER)
                    .bind(column(cancels, |address, _| address.project.as_str()))
                    .bind(ids)
                    .bind(column(cancels, |address, _| address.collection.as_deref()))
                    .bind(column(cancels, |_, requester| requester.by.principal.as_str()))
                    .bind(column(cancels, |_, requester| {
                        requester.by.source_address.map(|address| address.to_string())
                    }))
                    .bind(column(cancels, |_, requester| requester.by.request_id.as_str()))
                    .bind(column(cancels, |_, requester| requester.reason.as_deref()))
                    .bind(column(cancels, |_, requester| requester.mode.as_str())),
            )
            .await?;
        rows.iter().map(Operation::read).collect()
    }
}

/// One value of each.
fn column<'a, T>(cancels: &'a [(Address, Requester)], of: impl Fn(&'a Address, &'a Requester) -> T) -> Vec<T> {
    cancels.iter().map(|(address, requester)| of(address, requester)).collect()
}
