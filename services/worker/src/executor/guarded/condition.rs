//! What a request expects at its destination, and what is found there.

use operation::{AttemptNumber, Fence, OperationId};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Identifies one content of one name in a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// The entity tag. S3 compares it.
    pub tag: Option<String>,
    /// The generation. GCS compares it.
    pub generation: Option<String>,
}

/// What must be at the destination for a request to take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Absent,
    /// This version.
    Version(Version),
    /// Anything: the bucket's store does not compare.
    Any,
}

/// What the caller knows of the destination, from a listing or from the work itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Expected {
    /// Nothing was there.
    #[default]
    Absent,
    /// An object was there.
    Version(Version),
    /// The destination must be looked at first.
    Unknown,
}

/// What is at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// An object, and who wrote it if that was one of our attempts.
    Object(Version, Option<Mark>),
    /// The store does not let us see it.
    Hidden,
}

/// Names the write that an object comes from. It is stored in the object's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The operation.
    pub operation: OperationId,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Random, and not the attempt's nonce: who reads a bucket must not learn that.
    pub write: Uuid,
}

/// The name of the metadata entry that holds a [`Mark`].
pub const METADATA: &str = "safepoint-write";

impl Mark {
    /// The mark of an attempt's next write.
    pub fn new(fence: Fence) -> Self {
        Self { operation: fence.id, attempt: fence.attempt, write: Uuid::new_v4() }
    }

    /// Whether this write is from a later attempt of the same operation.
    pub fn is_later_than(&self, other: &Self) -> bool {
        self.operation == other.operation && self.attempt > other.attempt
    }

    /// Whether both writes are from the same operation.
    pub fn is_same_operation(&self, other: &Self) -> bool {
        self.operation == other.operation
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.operation, self.attempt, self.write.simple())
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.split('.');
        let mut next = || fields.next().ok_or(());
        let (operation, attempt, write) = (next()?, next()?, next()?);
        if next().is_ok() {
            return Err(());
        }
        Ok(Self {
            operation: operation.parse().map_err(|_| ())?,
            attempt: AttemptNumber(attempt.parse().map_err(|_| ())?),
            write: write.parse().map_err(|_| ())?,
        })
    }
}

impl Version {
    /// What a listing of S3 or GCS tells of it.
    pub fn tagged(tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), generation: None }
    }
}

impl Found {
    /// What a request must name to replace this. Nothing is assumed where the store hides the object: a conditional
    /// request then creates, and is refused if there is something.
    pub fn condition(&self) -> Condition {
        match self {
            Self::Absent | Self::Hidden => Condition::Absent,
            Self::Object(version, _) => Condition::Version(version.clone()),
        }
    }

    /// Its entity tag.
    pub fn into_tag(self) -> Option<String> {
        match self {
            Self::Object(version, _) => version.tag,
            Self::Absent | Self::Hidden => None,
        }
    }

    /// Which of our writes it comes from.
    pub fn mark(&self) -> Option<&Mark> {
        match self {
            Self::Object(_, mark) => mark.as_ref(),
            Self::Absent | Self::Hidden => None,
        }
    }
}

impl From<Found> for Expected {
    fn from(found: Found) -> Self {
        match found {
            Found::Absent | Found::Hidden => Self::Absent,
            Found::Object(version, _) => Self::Version(version),
        }
    }
}

/// Whether two entity tags are one. Listings and headers quote them differently.
pub fn same_tag(one: &str, other: &str) -> bool {
    one.trim_matches('"') == other.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_as_it_was_written() {
        let mark = Mark {
            operation: Uuid::from_u128(7).to_string().parse().unwrap(),
            attempt: AttemptNumber(3),
            write: Uuid::from_u128(9),
        };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for other in ["", "x", "a.b.c", &format!("{mark}.1"), &mark.to_string()[..40]] {
            assert_eq!(other.parse::<Mark>(), Err(()), "{other}");
        }
    }

    #[test]
    fn tags_are_equal_with_and_without_quotes() {
        assert!(same_tag("\"abc\"", "abc") && same_tag("\"abc\"", "\"abc\""));
        assert!(!same_tag("\"abc\"", "\"abd\""));
    }
}
