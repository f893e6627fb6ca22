//! Properties of what kinds share.

mod schedule;
