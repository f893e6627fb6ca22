//! The executor `storage.transfer` on real folders and a real S3, without the worker around it.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions, but not what they call")]

mod cloud;
#[cfg(feature = "failpoints")]
mod failpoints;
mod folders;
mod http;
mod measures;
pub mod moto;
mod moves;
mod moves_cloud;
mod options;
mod refusals;
mod stops;
pub mod world;
