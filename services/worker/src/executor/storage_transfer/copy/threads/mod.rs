//! From folder to folder, on threads.

pub mod batch;
mod compare;
mod copy;
