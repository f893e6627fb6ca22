//! What sort of work an operation is.

use crate::id::InvalidId;
use serde::{Deserialize, Serialize};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What sort of work an operation is: decides which executor runs it. A name of two or three lower-case words with dots
/// between them, such as `acme.reindex`; at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Kind(Cow<'static, str>);

impl Kind {
    /// The kind of this name.
    ///
    /// # Panics
    /// The name is not valid; in a constant the build fails.
    pub const fn from_static(name: &'static str) -> Self {
        assert!(is_valid(name.as_bytes()), "a kind is two or three lower-case words with dots");
        Self(Cow::Borrowed(name))
    }

    /// The name in rows, messages, metrics and the native API.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const LONGEST: usize = 63;

const fn is_valid(name: &[u8]) -> bool {
    let (mut at, mut dots, mut begins_word) = (0, 0, true);
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' => begins_word = false,
            b'0'..=b'9' if !begins_word => {}
            b'.' if !begins_word => {
                dots += 1;
                begins_word = true;
            }
            _ => return false,
        }
        at += 1;
    }
    name.len() <= LONGEST && !begins_word && (dots == 1 || dots == 2)
}

impl FromStr for Kind {
    type Err = InvalidId;

    fn from_str(name: &str) -> Result<Self, InvalidId> {
        if is_valid(name.as_bytes()) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(InvalidId::new(name, "a kind of operation: two or three lower-case words with dots between them"))
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = InvalidId;

    fn try_from(name: String) -> Result<Self, InvalidId> {
        name.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.0.into_owned()
    }
}

/// For lookups by name.
impl Borrow<str> for Kind {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What holds for every operation of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindInfo {
    /// Its name.
    pub kind: Kind,
    /// What the items are that its progress counts: a plural, such as `rows`.
    pub unit: Cow<'static, str>,
    /// The longest that its executor promises to go without a safe point. A watchdog reports what exceeds it.
    pub safe_point_bound: Duration,
    /// How long its executor may take to stop, from the moment at which its attempt hears of it until it has undone what
    /// it must. Then it is aborted. Far above what it needs, also on a busy machine.
    pub stop_bound: Duration,
    /// Whether its operations count against what a project may have queued and running.
    pub counts_against_quotas: bool,
    /// Whether it can be used only where the operator has switched it on.
    pub opt_in: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_two_or_three_words() {
        for name in ["acme.reindex", "acme.index.rebuild2", "a.b"] {
            assert_eq!(name.parse::<Kind>().expect(name).as_str(), name);
        }
        let long = format!("acme.{}", "a".repeat(59));
        for name in ["", "acme", "acme.", ".acme", "a..b", "a.b.c.d", "Acme.x", "a.1b", "a.b-c", "a.b ", "a.b\0", &long]
        {
            assert!(name.parse::<Kind>().is_err(), "{name:?}");
        }
        assert_eq!(long[..63].parse::<Kind>().expect("63 characters").as_str().len(), 63);
    }
}
