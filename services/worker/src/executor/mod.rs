//! The executors that come with the product: a folder a kind, and the table of them.

pub mod demo_steps;
mod guarded;
pub mod operations_cancel;
pub mod postgres_export;
pub mod services;
pub mod sink;
pub mod storage_transfer;

use crate::executors::Executors;
use services::Services;
use std::sync::Arc;

/// The executor of each kind that comes with the product.
pub fn built_in(services: &Arc<Services>) -> Executors {
    let mut executors = Executors::default();
    executors.register(postgres_export::PostgresExporter::new(services.clone()));
    executors.register(storage_transfer::StorageTransferrer::new(services.clone()));
    executors.register(demo_steps::DemoStepper::new(services.clone()));
    executors.register(operations_cancel::OperationsCanceller::new(services.clone()));
    executors
}
