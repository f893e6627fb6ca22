//! The executors that come with the product: a folder a kind, and the table of them.

pub mod demo_steps;
mod guarded;
pub mod operations_cancel;
pub mod postgres_export;
pub mod services;
pub mod sink;
pub mod storage_transfer;

use crate::executors::Executors;
use runtime::config::{Cluster, Config};
use services::Services;
use std::sync::Arc;
use tls::TrustError;

/// Whether they can work on what is configured: a mistake shows at the start.
///
/// # Errors
/// The cluster's name, and what is wrong with whom it is to be trusted by.
pub fn check(config: &Config) -> Result<(), (String, TrustError)> {
    let wrong = |cluster: &Cluster| postgres_export::check(cluster).map_err(|error| (cluster.name.clone(), error));
    config.clusters.iter().try_for_each(wrong)
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
