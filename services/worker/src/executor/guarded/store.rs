//! A store by its interfaces, each with a client that sends a request again or does not.

use super::headers::ConditionalConnector;
use super::request::{Dialect, Once};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// A store that takes uploads in parts, by the interfaces it has.
#[derive(Clone)]
pub struct CloudStore {
    /// Whole objects.
    pub objects: Arc<dyn ObjectStore>,
    /// Uploads in parts.
    pub uploads: Arc<dyn MultipartStore>,
    /// Listings, a page at a time.
    pub pages: Arc<dyn PaginatedListStore>,
    /// For what changes the objects that are visible.
    pub once: Once,
}

impl CloudStore {
    /// A store that speaks S3's language.
    ///
    /// # Errors
    /// The configuration's.
    pub fn s3(builder: AmazonS3Builder, conditional: bool) -> object_store::Result<Self> {
        let store = Arc::new(builder.clone().with_retry(retry()).build()?);
        let once = builder
            // The bulk request has no header for a condition.
            .with_disable_bulk_delete(true)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_credentials(store.credentials().clone())
            .with_retry(no_retry())
            .with_http_connector(ConditionalConnector);
        let once = Arc::new(once.build()?);
        let once = Once { objects: once.clone(), uploads: once, dialect: Dialect::S3, conditional };
        Ok(Self { objects: store.clone(), uploads: store.clone(), pages: store, once })
    }

    /// A bucket of Google's.
    ///
    /// # Errors
    /// The configuration's.
    pub fn gcs(builder: GoogleCloudStorageBuilder, conditional: bool) -> object_store::Result<Self> {
        let store = Arc::new(builder.clone().with_retry(retry()).build()?);
        let once = builder
            .with_credentials(store.credentials().clone())
            .with_retry(no_retry())
            .with_http_connector(ConditionalConnector);
        let once = Arc::new(once.build()?);
        let once = Once { objects: once.clone(), uploads: once, dialect: Dialect::Gcs, conditional };
        Ok(Self { objects: store.clone(), uploads: store.clone(), pages: store, once })
    }
}

/// Requests that change nothing visible are repeated for a minute at most: a store that is away for longer fails the
/// attempt, and the operation's own retries take over.
fn retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 8, retry_timeout: Duration::from_mins(1) }
}

/// A request that changes what is visible is sent once: a repetition could come after the next attempt's.
fn no_retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 0, retry_timeout: Duration::ZERO }
}
