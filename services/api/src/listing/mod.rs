//! Lists: their pages, the tokens of those, and the filters that they serve.

pub mod filter;
pub mod page_token;
pub mod paging;
