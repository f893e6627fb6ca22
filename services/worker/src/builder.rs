//! A worker put together from executors: those of the product, and those of other crates.

use crate::executor;
use crate::executor::services::Services;
use crate::executors::{Executor, Executors};
use crate::settings::Settings;
use crate::worker::{StartError, Worker};
use runtime::config::Config;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Which executors a worker has. Start from [`Worker::builder`].
#[derive(Debug, Default)]
pub struct Builder {
    built_in: bool,
    own: Executors,
}

impl Builder {
    /// Adds the kinds that come with the product.
    pub const fn built_in_kinds(mut self) -> Self {
        self.built_in = true;
        self
    }

    /// Adds an executor, and with it its kind: the api takes operations of it as soon as this worker has started.
    pub fn executor(mut self, executor: impl Executor) -> Self {
        self.own.register(executor);
        self
    }

    /// The executors of all kinds that the operator has not switched off.
    fn executors(self, services: &Arc<Services>) -> Executors {
        let mut executors = if self.built_in { executor::built_in(services) } else { Executors::default() };
        executors.extend(self.own);
        executors.retain(|info| services.config.kinds.is_enabled(info));
        executors
    }

    /// Starts a worker within a process.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        self,
        settings: &Settings,
        config: Config,
        shutdown: CancellationToken,
    ) -> Result<Worker, StartError> {
        if let Some(taken) = kinds::ALL.iter().find(|info| self.own.get(&info.kind).is_some()) {
            return Err(StartError::ProductKind(taken.kind.clone()));
        }
        Worker::start(|services| self.executors(services), settings, config, shutdown).await
    }
}

impl Worker {
    /// A worker to be put together.
    pub fn builder() -> Builder {
        Builder::default()
    }
}
