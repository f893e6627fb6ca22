//! What the executors that come with the product work on.

use runtime::broker::Publisher;
use runtime::config::Config;
use runtime::sealing::KeyRing;
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
