//! Deletes: of what has ended, of anything as the vendors have it, and of what is to be cancelled first.

use super::{Actor, Address, Operations, OperationsError, apart, tell_of_change, tell_worker};
use operation::CancelMode;
use runtime::broker::Hint;
use runtime::{failpoint, telemetry};
use store::{Asked, Deleted, Requester};

impl Operations {
    /// Hides an operation for good, as the vendors' APIs do. It does not cancel: what has not ended goes on, unseen, and
    /// cancels reach it until it has ended.
    ///
    /// # Errors
    /// [`OperationsError`].
    pub async fn delete(&self, address: Address, by: Actor) -> Result<(), OperationsError> {
        self.hide(address, by, true).await
    }

    /// Hides an operation for good if it has ended.
    ///
    /// # Errors
    /// [`OperationsError`]: `NotDone` where it has not.
    pub async fn delete_ended(&self, address: Address, by: Actor) -> Result<(), OperationsError> {
        self.hide(address, by, false).await
    }

    async fn hide(&self, address: Address, by: Actor, also_open: bool) -> Result<(), OperationsError> {
        let Self { store, publisher, .. } = self.clone();
        let deleted = apart(Some(address.id), async move {
            let delete = async || {
                if also_open {
                    Ok(store.delete(&address, &by).await?.then_some(Deleted::Now))
                } else {
                    store.delete_ended(&address, &by).await
                }
            };
            let deleted = failpoint::around!("api.delete", delete().await)?;
            if let Some(Deleted::Now) = &deleted {
                publisher.send(Hint::Changed { operations: vec![address.id] });
            }
            Ok(deleted)
        });
        match deleted.await? {
            None => Err(OperationsError::NotFound),
            Some(Deleted::Now) => Ok(()),
            Some(Deleted::NotDone(state)) => Err(OperationsError::NotDone(state)),
        }
    }

    /// Cancels an operation and hides it for good when it has ended: at once where nobody runs it.
    ///
    /// # Errors
    /// [`OperationsError`]. Asking again is harmless; once it is hidden, it is not found.
    pub async fn cancel_and_delete(&self, address: Address, by: Actor) -> Result<(), OperationsError> {
        let requester = Requester { by: by.clone(), reason: None, mode: CancelMode::Now };
        let (place, trace_parent) = (address.clone(), telemetry::current_trace_parent());
        let Self { store, publisher, .. } = self.clone();
        let asked = apart(Some(address.id), async move {
            let asked = failpoint::around!("api.cancel_and_delete", store.cancel_and_delete(&place, &requester).await)?;
            tell_worker(&publisher, asked.as_ref(), trace_parent);
            tell_of_change(&publisher, asked.as_ref());
            Ok(asked)
        });
        match asked.await? {
            None => Err(OperationsError::NotFound),
            // There was nothing to cancel, and ends are final: it is deleted as it is.
            Some(Asked::Unchanged(operation)) if operation.state.is_done() => self.delete_ended(address, by).await,
            Some(Asked::Recorded(_) | Asked::Unchanged(_)) => Ok(()),
        }
    }
}
