//! What goes over the wire, whoever speaks: errors, bodies, fields, queries, and how much of each is taken.

pub mod body;
pub mod bounds;
pub mod error;
pub mod fields;
pub mod members;
pub mod merge_patch;
pub mod own_json;
pub mod page_token;
pub mod query;
pub mod request;
pub mod time_text;
mod violations;
