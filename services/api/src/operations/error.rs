//! Why a use case failed, and what a caller is told of it.

use crate::wire::error::ApiError;
use operation::{Code, State};

/// Why a use case failed. What the store said was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperationsError {
    /// There is no such operation in this project and collection.
    #[error("there is no such operation")]
    NotFound,
    /// The key of an idempotent create was used for another request.
    #[error("the key was used for another request")]
    KeyTaken,
    /// Only what failed or was cancelled is tried again.
    #[error("an operation that is {0} is not tried again")]
    NotRetryable(State),
    /// Only what has ended is deleted.
    #[error("an operation that is {0} is not deleted")]
    NotDone(State),
    /// A secret came, and there are no keys to keep it with.
    #[error("no secret can be kept")]
    NoSecretKeys,
    /// The database is not there, or too slow. What was asked for may still happen.
    #[error("the database is not available")]
    Unavailable,
    /// A bug, or a schema of another version.
    #[error("an error of ours")]
    Internal,
}

impl From<OperationsError> for ApiError {
    fn from(error: OperationsError) -> Self {
        match error {
            OperationsError::NotFound => Self::new(Code::NotFound, "OPERATION_NOT_FOUND", "operation not found"),
            OperationsError::KeyTaken => Self::new(
                Code::Aborted,
                "REQUEST_ID_REUSED",
                "this requestId (or Idempotency-Key) was used for another request: use a fresh one",
            ),
            OperationsError::NotRetryable(state) => Self::new(
                Code::FailedPrecondition,
                "OPERATION_NOT_RETRYABLE",
                format!("only an operation that is FAILED or CANCELLED is tried again; this one is {state}"),
            )
            .with("state", state.as_str()),
            OperationsError::NotDone(state) => Self::new(
                Code::FailedPrecondition,
                "OPERATION_NOT_DONE",
                format!(
                    "the operation is {state}: only one that has ended can be deleted. Wait for its end, or use ?cancel=true \
                     to cancel it and delete it when it has ended"
                ),
            )
            .with("state", state.as_str()),
            OperationsError::NoSecretKeys => Self::new(
                Code::Unimplemented,
                "SECRETS_SWITCHED_OFF",
                "this service keeps no secrets: its operator has set no keys for them (SAFEPOINT_SECRET_KEYS)",
            ),
            OperationsError::Unavailable => {
                Self::new(Code::Unavailable, "DATABASE_UNAVAILABLE", "the database is not available; try again")
                    .with_retry_after(1)
            }
            OperationsError::Internal => Self::internal(),
        }
    }
}
