//! One file a kind: from a native request to its spec. Next to them, the rules that requests of several dialects share.

pub mod catalog;
pub mod demo_steps;
pub mod export;
pub mod postgres_export;
pub mod select_query;
pub mod storage_transfer;
pub mod transfer;
