//! What tests stand on: a database a test, a broker namespace a test, a link that can be cut, real processes.
//!
//! `make test` starts the servers and sets `TEST_DATABASE_URL`, `TEST_BROKER_URL` and `TEST_BROKER_ADMIN_URL`.

mod authority;
mod commits;
mod database;
pub mod events;
mod faults;
mod gate;
mod google;
mod inbox;
mod operations;
mod process;
mod proxy;
mod replicated;
mod s3_front;
mod system;
mod tls_front;
mod transfer_jobs;
mod wait;

pub use authority::{Authority, Issued, server_authorities};
pub use database::{EXPORT_ROLE, Role, TestDatabase, broker_settings};
pub use faults::{Frozen, terminate};
pub use gate::{GATE, Gate};
pub use inbox::{Inbox, Letter};
pub use operations::{actor, new_operation};
pub use process::{Launcher, Process, binary_path, free_address};
pub use proxy::{Mode, Proxy};
pub use replicated::Replicated;
pub use s3_front::{Conditions, HeldRequest, S3Front};
pub use system::{LEASE_TTL, LIMIT, System, TOKEN, TOKEN_SHA256};
pub use tls_front::TlsFront;
pub use transfer_jobs::{hourly, new_transfer_job, transfer, transfer_job};
pub use wait::eventually;
