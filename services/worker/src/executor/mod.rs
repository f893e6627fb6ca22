//! The executors that come with the product: a folder a kind, and the table of them.

pub mod demo_steps;
mod guarded;
pub mod operations_cancel;
pub mod postgres_export;
pub mod sink;
pub mod storage_transfer;

use crate::executors::Executors;
use operation::{Code, Failure};
use runtime::broker::Publisher;
use runtime::config::Config;
use runtime::sealing::KeyRing;
use std::sync::Arc;
use store::Store;

/// What these executors work on: what is configured, and our own operations.
#[derive(Debug)]
pub struct Services {
    /// The configured clusters, buckets and folders.
    pub config: Config,
    /// What opens the secrets that come with operations.
    pub secret_keys: KeyRing,
    /// Our own operations: the lane for work.
    pub store: Store,
    /// Tells the owners of operations.
    pub publisher: Publisher,
}

/// The executor of each kind that comes with the product.
pub fn built_in(services: &Arc<Services>) -> Executors {
    let mut executors = Executors::default();
    executors.register(postgres_export::PostgresExporter::new(services.clone()));
    executors.register(storage_transfer::StorageTransferrer::new(services.clone()));
    executors.register(demo_steps::DemoStepper::new(services.clone()));
    executors.register(operations_cancel::OperationsCanceller::new(services.clone()));
    executors
}

fn gone(what: &str, name: &str) -> Failure {
    Failure::fatal(Code::FailedPrecondition, format!("The {what} {name} is no longer configured for this project."))
}
