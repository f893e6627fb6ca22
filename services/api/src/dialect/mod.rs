//! The vendors' own words for our operations, one folder each: `routes` (handlers), `wire` (their JSON, field for
//! field), `translate` (from ours to theirs and back).

pub mod alloydb;
pub mod storage_transfer;
