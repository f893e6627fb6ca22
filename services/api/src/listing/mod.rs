//! Lists: their pages, and the filters that they serve.

pub mod filter;
pub mod paging;
