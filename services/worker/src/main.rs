//! The worker of the kinds that come with the product.

use std::process::ExitCode;
use worker::Worker;

fn main() -> anyhow::Result<ExitCode> {
    Worker::builder().built_in_kinds().run()
}
