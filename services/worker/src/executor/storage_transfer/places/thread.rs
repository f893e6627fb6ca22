//! Work with files, which blocks and so goes to a thread.

use super::miss::Miss;
use crate::work::Work;
use operation::{Code, Failure};

/// Does something with files on a thread.
pub async fn blocking<T: Send + 'static>(
    work: &Work,
    step: impl FnOnce() -> Result<T, Miss> + Send + 'static,
) -> Result<T, Miss> {
    work.blocking(step).await.unwrap_or_else(|_| Err(died()))
}

/// A step of ours died.
pub fn died() -> Miss {
    let message = "a step of the transfer died".to_owned();
    Miss::All(Failure { code: Code::Internal, message, retryable: true })
}
