//! Deletes: what is deleted is hidden for good. What has not ended goes on, and can be cancelled until it has.

use crate::audit::{Actor, by};
use crate::operations::at;
use crate::{Address, Asked, Requester, Store, StoreError};
use operation::State;

pub(crate) const DELETE: &str = include_str!("../sql/delete.sql");

/// What a delete of an ended operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is hidden.
    Now,
    /// It has not ended, and was left as it stands.
    NotDone(State),
}

impl Store {
    /// Hides an operation for good, whether it has ended or not. Returns whether there was one. It does not cancel.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete(&self, address: &Address, actor: &Actor) -> Result<bool, StoreError> {
        self.hide(address, actor, false).await
    }

    /// Hides an operation for good if it has ended. `None` where there is no such operation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_ended(&self, address: &Address, actor: &Actor) -> Result<Option<Deleted>, StoreError> {
        loop {
            if self.hide(address, actor, true).await? {
                return Ok(Some(Deleted::Now));
            }
            match self.get(address).await? {
                None => return Ok(None),
                // It ended after the statement had looked: ends are final, so the second turn is the last.
                Some(operation) if operation.state.is_done() => {}
                Some(operation) => return Ok(Some(Deleted::NotDone(operation.state))),
            }
        }
    }

    /// Records a cancel, and that the operation is hidden for good by its end: at once where nobody runs it. What has ended
    /// is left as it is. `None` where there is no such operation.
    ///
    /// # Errors
    /// [`StoreError`]. After UNAVAILABLE it may be recorded; asking again is harmless.
    pub async fn cancel_and_delete(
        &self,
        address: &Address,
        requester: &Requester,
    ) -> Result<Option<Asked>, StoreError> {
        self.record_cancel(address, requester, true).await
    }

    async fn hide(&self, address: &Address, actor: &Actor, ended_only: bool) -> Result<bool, StoreError> {
        Ok(self.fetch_optional(by(at(DELETE, address), actor).bind(ended_only)).await?.is_some())
    }
}
