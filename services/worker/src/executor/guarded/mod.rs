//! Requests that change what is visible under a name in a store: put an object, complete an upload, delete an object.
//!
//! A worker that lost its lease may still have such a request on its way, and the store may execute it long after the next
//! attempt has succeeded. So each of these requests
//! - names what it replaces (`If-Match`, `If-None-Match` or a generation). Once the next attempt has written, the late
//!   request is refused;
//! - is sent once. The HTTP client does not retry it; [`publish`] looks at the destination before it sends again, and
//!   [`decide`] is what it then does;
//! - is dropped when the lease ends, which closes its connection.
//!
//! `docs/object-stores.md` says what a late request can still do in each store.

mod condition;
mod decide;
mod delete;
mod headers;
mod look;
mod publish;
mod request;
mod store;

pub use condition::{Expected, Version};
pub use delete::{Look, NotDeleted, delete};
pub use look::look;
pub use publish::{Author, Content, NotPublished, publish};
pub use request::status;
#[cfg(test)]
pub use request::{Dialect, Once};
pub use store::CloudStore;

/// What a user reads where a store does not know conditional requests.
pub const UNSUPPORTED: &str = "the store does not support conditional requests: set conditional_writes = false for this \
                               bucket in the configuration (docs/object-stores.md says what that gives up)";

/// What a user reads where the worker may write an object but not read the one that it replaces.
pub const HIDDEN: &str = "an object of this name exists and the worker's credentials cannot read it: grant them to read \
                          what they replace (s3:GetObject, storage.objects.get)";

/// What a user reads where an upload was aborted, or completed unheard and then replaced.
pub const UPLOAD_GONE: &str = "the upload no longer existed when it was to be completed";
