//! What can be read and written: a folder, a bucket in a store, a list of URLs. What is there, what goes wrong there, and
//! the stop, which everything that changes a place looks at.

pub mod cloud;
pub mod entry;
pub mod find;
pub mod folder;
pub mod halt;
pub mod http_list;
pub mod miss;
pub mod thread;
