//! Identifiers, each its own type, each valid once it exists.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct InvalidId {
    value: String,
    expected: &'static str,
}

impl InvalidId {
    pub(crate) fn new(value: &str, expected: &'static str) -> Self {
        Self { value: value.chars().take(120).collect(), expected }
    }
}

/// A project: the tenant. Nothing of one project is visible to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(String);

impl ProjectId {
    /// The project's name as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectId {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        // Google allows "example.com:project" for domain-scoped projects; nobody needs more than these characters.
        let valid = (1..=100).contains(&value.len())
            && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
        if valid {
            Ok(Self(value.to_owned()))
        } else {
            Err(InvalidId::new(value, "a project id: 1 to 100 letters, digits or -_.:"))
        }
    }
}

impl TryFrom<String> for ProjectId {
    type Error = InvalidId;
    fn try_from(value: String) -> Result<Self, InvalidId> {
        value.parse()
    }
}

impl From<ProjectId> for String {
    fn from(id: ProjectId) -> Self {
        id.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID that was made for this purpose.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID, for binding to SQL.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(value).map(Self).map_err(|_| InvalidId::new(value, $expected))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// An operation: a `UUIDv7`, so that ids sort by the time of creation (RFC 9562 section 5.7).
    OperationId,
    "an operation id: a UUID"
);
uuid_id!(
    /// One life of one worker process, random at each start: a restarted worker is another worker.
    WorkerId,
    "a worker id: a UUID"
);
uuid_id!(
    /// The random half of an attempt's fence. The attempt number alone can be handed out twice after an
    /// asynchronous failover of the database; this can not.
    Nonce,
    "a nonce: a UUID"
);

/// One run of an operation. Rises by exactly one with each claim, is never reset; 0 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptNumber(pub u32);

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What every write of a worker carries. A row that does not match it any more belongs to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The operation.
    pub id: OperationId,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The attempt's random nonce.
    pub nonce: Nonce,
}
