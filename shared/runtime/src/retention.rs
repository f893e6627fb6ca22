//! How long operations, and what was done to them, are kept.

use operation::Kind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// How long operations are kept after they have ended, and what was done to them. What has not ended is kept whatever its age.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days, where the kind has none of its own.
    pub default_days: NonZeroU32,
    /// Days, by kind.
    pub kinds: BTreeMap<Kind, NonZeroU32>,
    /// Days that an entry of the audit log is kept.
    pub audit_log_days: NonZeroU32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            default_days: const { NonZeroU32::new(30).expect("30 is not 0") },
            kinds: BTreeMap::new(),
            audit_log_days: const { NonZeroU32::new(400).expect("400 is not 0") },
        }
    }
}

impl Retention {
    /// How long operations of a kind are kept.
    pub fn of(&self, kind: &Kind) -> Duration {
        DAY * self.kinds.get(kind).unwrap_or(&self.default_days).get()
    }

    /// How long an entry of the audit log is kept.
    pub fn audit_log(&self) -> Duration {
        DAY * self.audit_log_days.get()
    }

    /// How long the longest kept are kept.
    pub fn longest(&self) -> Duration {
        self.kinds.keys().map(|kind| self.of(kind)).fold(DAY * self.default_days.get(), Duration::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> Option<(u64, u64, u64)> {
        let retention: Retention = toml::from_str(text).ok()?;
        let days = |kept: Duration| kept.as_secs() / DAY.as_secs();
        let of = |kind| days(retention.of(&Kind::from_static(kind)));
        Some((of("acme.reindex"), of("acme.export"), days(retention.longest())))
    }

    #[test]
    fn a_kind_has_its_own_time_or_the_default() {
        assert_eq!(days(""), Some((30, 30, 30)));
        assert_eq!(days("default_days = 7"), Some((7, 7, 7)));
        assert_eq!(days("[kinds]\n\"acme.reindex\" = 1"), Some((1, 30, 30)));
        assert_eq!(days("default_days = 7\n[kinds]\n\"acme.export\" = 90"), Some((7, 90, 90)));
        // Other kinds have the default.
        assert_eq!(days("[kinds]\n\"acme.reindex\" = 1\n\"acme.export\" = 2"), Some((1, 2, 30)));
    }

    #[test]
    fn what_would_keep_nothing_or_names_no_kind_is_refused() {
        for wrong in ["default_days = 0", "default_days = -1", "days = 1", "[kinds]\n\"reindex\" = 1"] {
            assert_eq!(days(wrong), None, "{wrong}");
        }
    }
}
