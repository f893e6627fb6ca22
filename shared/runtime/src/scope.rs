//! What a credential lets its bearer do in its projects: scopes, as OAuth 2.0 names them (RFC 6749 section 3.3).

use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::str::FromStr;

/// A scope. Those of Google are what Google's clients ask for by themselves; ours say it finer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// See operations.
    Read,
    /// Create, pause, resume and retry operations.
    Write,
    /// Cancel operations.
    Cancel,
    /// Delete operations.
    Delete,
    /// See what concerns a project as a whole: its audit log.
    Admin,
    /// All that the clients of Google Cloud do; not what [`Scope::Admin`] says.
    CloudPlatform,
    /// All that the clients of Google Vault do, and nothing else. No route asks for it yet.
    Ediscovery,
    /// What the clients of Google Vault read, and nothing else.
    EdiscoveryReadonly,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Cancel,
        Self::Delete,
        Self::Admin,
        Self::CloudPlatform,
        Self::Ediscovery,
        Self::EdiscoveryReadonly,
    ];

    /// Its name in tokens and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "operations.read",
            Self::Write => "operations.write",
            Self::Cancel => "operations.cancel",
            Self::Delete => "operations.delete",
            Self::Admin => "operations.admin",
            // https://developers.google.com/identity/protocols/oauth2/scopes
            Self::CloudPlatform => "https://www.googleapis.com/auth/cloud-platform",
            Self::Ediscovery => "https://www.googleapis.com/auth/ediscovery",
            Self::EdiscoveryReadonly => "https://www.googleapis.com/auth/ediscovery.readonly",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not one of operations.read, operations.write, operations.cancel, operations.delete, operations.admin, \
     https://www.googleapis.com/auth/cloud-platform, https://www.googleapis.com/auth/ediscovery, \
     https://www.googleapis.com/auth/ediscovery.readonly"
)]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("the scope {text:?} is {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert!(UnknownScope.to_string().contains(scope.as_str()));
        }
        assert_eq!("operations".parse::<Scope>(), Err(UnknownScope));
    }
}
