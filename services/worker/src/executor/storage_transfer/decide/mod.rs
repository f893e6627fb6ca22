//! What is to be done: from two listings to decisions, from decisions to batches. And what a source object must have proven
//! for it before it is deleted.

pub mod delta;
pub mod plan;
pub mod proof;
