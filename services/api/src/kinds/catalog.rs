//! What the configuration offers to exports and transfers: clusters by project and location, buckets, and folders.

use operation::ProjectId;
use runtime::config::{Bucket, Config};
use std::path::Path;

/// A cluster's resource name, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterName {
    /// The project.
    pub project: ProjectId,
    /// The location (gcloud says region).
    pub location: String,
    /// The cluster.
    pub cluster: String,
}

impl ClusterName {
    /// Parses `projects/*/locations/*/clusters/*`.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('/');
        let mut labelled = |label: &str| (parts.next() == Some(label)).then(|| parts.next()).flatten();
        let (project, location, cluster) = (labelled("projects")?, labelled("locations")?, labelled("clusters")?);
        if parts.next().is_some() || !is_id(location) || !is_id(cluster) {
            return None;
        }
        Some(Self { project: project.parse().ok()?, location: location.to_owned(), cluster: cluster.to_owned() })
    }
}

impl std::fmt::Display for ClusterName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "projects/{}/locations/{}/clusters/{}", self.project, self.location, self.cluster)
    }
}

/// Whether a text can be the last part of a resource name. `-` alone is the wildcard, never a name.
pub fn is_id(text: &str) -> bool {
    text != "-"
        && (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A cluster of the configuration has no valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cluster name {0:?} is not valid: projects/PROJECT/locations/LOCATION/clusters/CLUSTER is expected")]
pub struct ClusterNameError(String);

/// What the configuration offers to exports and transfers.
#[derive(Debug)]
pub struct Catalog {
    clusters: Vec<ClusterName>,
    /// Its buckets and folders alone.
    places: Config,
}

impl Catalog {
    /// Takes what is configured.
    ///
    /// # Errors
    /// A cluster's name is not valid.
    pub fn new(config: &Config) -> Result<Self, ClusterNameError> {
        let mut clusters = config
            .clusters
            .iter()
            .map(|cluster| ClusterName::parse(&cluster.name).ok_or_else(|| ClusterNameError(cluster.name.clone())))
            .collect::<Result<Vec<_>, _>>()?;
        clusters.sort_by_key(ToString::to_string);
        let (buckets, folders) = (config.buckets.clone(), config.folders.clone());
        Ok(Self { clusters, places: Config { buckets, folders, ..Config::default() } })
    }

    /// The clusters of a project, in one location or (`None`) all of them, by name.
    pub fn clusters(&self, project: &ProjectId, location: Option<&str>) -> impl Iterator<Item = &ClusterName> {
        self.clusters
            .iter()
            .filter(move |name| name.project == *project && location.is_none_or(|location| name.location == location))
    }

    /// One cluster.
    pub fn cluster(&self, project: &ProjectId, location: &str, cluster: &str) -> Option<&ClusterName> {
        self.clusters(project, Some(location)).find(|name| name.cluster == cluster)
    }

    /// The locations where a project has clusters, by name.
    pub fn locations(&self, project: &ProjectId) -> Vec<&str> {
        let mut locations: Vec<_> = self.clusters(project, None).map(|name| name.location.as_str()).collect();
        locations.sort_unstable();
        locations.dedup();
        locations
    }

    /// Whether the project may write to a bucket of this name.
    pub fn has_bucket(&self, project: &ProjectId, name: &str) -> bool {
        self.bucket(project, name).is_some()
    }

    /// One bucket, if the project may use it.
    pub fn bucket(&self, project: &ProjectId, name: &str) -> Option<&Bucket> {
        self.places.bucket(project, name)
    }

    /// Whether a path is, or lies beneath, a folder that the project may use.
    pub fn has_folder(&self, project: &ProjectId, path: &str) -> bool {
        self.places.folder(project, Path::new(path)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_names_are_parsed_whole() {
        let check = |name: &str, valid: bool| {
            let parsed = ClusterName::parse(name);
            assert_eq!(parsed.is_some(), valid, "{name}");
            if let Some(parsed) = parsed {
                assert_eq!(parsed.to_string(), name);
            }
        };
        check("projects/p/locations/l/clusters/c", true);
        check("projects/example.com:p/locations/us-central1/clusters/main_1", true);
        for wrong in [
            "",
            "projects/p/locations/l/clusters",
            "projects/p/locations/l/clusters/",
            "projects/p/locations/l/clusters/c/",
            "projects/p/locations/-/clusters/c",
            "projects/p/locations/l/instances/c",
            "projects//locations/l/clusters/c",
            "projects/p/locations/l/clusters/a:b",
        ] {
            check(wrong, false);
        }
    }
}
