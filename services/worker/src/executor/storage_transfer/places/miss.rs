//! Why an object is not where it should be.

use super::halt::Halted;
use operation::{Code, Failure};
use std::borrow::Cow;

/// Why an object is not where it should be.
#[derive(Debug)]
pub enum Miss {
    /// Something is wrong with it alone.
    Object(Code, Cow<'static, str>),
    /// Something is wrong with all of them.
    All(Failure),
    /// It was undone for a stop.
    Halted,
}

impl Miss {
    /// Something is wrong with one object.
    pub fn object(code: Code, details: impl Into<Cow<'static, str>>) -> Self {
        Self::Object(code, details.into())
    }
}

impl From<Halted> for Miss {
    fn from(_: Halted) -> Self {
        Self::Halted
    }
}
