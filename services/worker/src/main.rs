//! The worker of the kinds that come with the product.

use safepoint_worker::Worker;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    Worker::builder().built_in_kinds().run()
}
