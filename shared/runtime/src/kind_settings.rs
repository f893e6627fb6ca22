//! What the operator says of kinds.

use operation::{Kind, KindInfo, ProjectId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the operator says of one kind: `[kinds."acme.reindex"]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KindSettings {
    /// Whether its operations are created and run. If absent, they are, unless the kind has to be switched on.
    pub enabled: Option<bool>,
    /// The projects that may create them; all if absent.
    pub projects: Option<Vec<ProjectId>>,
}

/// What the operator says of all kinds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct KindsConfig(BTreeMap<Kind, KindSettings>);

impl KindsConfig {
    /// Whether operations of a kind are created and run at all.
    pub fn is_enabled(&self, info: &KindInfo) -> bool {
        self.0.get(&info.kind).and_then(|settings| settings.enabled).unwrap_or(!info.opt_in)
    }

    /// Whether a project may create operations of a kind that is enabled.
    pub fn may_create(&self, project: &ProjectId, kind: &Kind) -> bool {
        let projects = self.0.get(kind).and_then(|settings| settings.projects.as_ref());
        projects.is_none_or(|projects| projects.contains(project))
    }

    /// Sets what holds for a kind.
    pub fn set(&mut self, kind: Kind, settings: KindSettings) {
        self.0.insert(kind, settings);
    }

    /// Switches a kind on.
    pub fn enable(&mut self, kind: Kind) {
        self.0.entry(kind).or_default().enabled = Some(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;
    use std::time::Duration;

    fn info(kind: &'static str, opt_in: bool) -> KindInfo {
        KindInfo {
            kind: Kind::from_static(kind),
            unit: Cow::Borrowed("rows"),
            safe_point_bound: Duration::from_secs(1),
            stop_bound: Duration::from_secs(5),
            counts_against_quotas: true,
            opt_in,
        }
    }

    #[test]
    fn a_kind_is_enabled_unless_it_has_to_be_switched_on_or_is_switched_off() {
        let text = "[\"a.on\"]\nenabled = true\n[\"a.off\"]\nenabled = false\n[\"a.some\"]\nprojects = [\"p\"]";
        let config: KindsConfig = toml::from_str(text).expect("a configuration");
        for (kind, opt_in, enabled) in [
            ("a.on", true, true),
            ("a.on", false, true),
            ("a.off", false, false),
            ("a.some", false, true),
            ("a.some", true, false),
            ("a.other", false, true),
            ("a.other", true, false),
        ] {
            assert_eq!(config.is_enabled(&info(kind, opt_in)), enabled, "{kind} {opt_in}");
        }
        let may =
            |project: &str, kind| config.may_create(&project.parse().expect("a project"), &Kind::from_static(kind));
        assert!(may("p", "a.some") && !may("q", "a.some") && may("q", "a.on"));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for wrong in ["[\"a.on\"]\nenable = true", "[on]\nenabled = true", "[\"a.on\"]\nprojects = [\"p q\"]"] {
            assert!(toml::from_str::<KindsConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
