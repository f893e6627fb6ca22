//! In streams: where one side, or both, is no folder.

pub mod batch;
mod compare;
mod reader;
pub mod upload;
mod writer;
