//! What an operator configures: one TOML file for all processes, secrets by the environment.

use crate::callers::{InvalidIssuer, Issuer, Token, is_name};
use crate::destination::AllowedDestinations;
use crate::kind_settings::KindsConfig;
use crate::limits::Limits;
use crate::retention::Retention;
use crate::worker_config::WorkerConfig;
use ipnet::IpNet;
use operation::{InvalidLease, Kind, ProjectId};
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

/// A text that must not be seen: it has no `Display`, its `Debug` is a placeholder, and it can't be serialized.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that must not be seen.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the configuration file {path:?} cannot be read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be; the source names line, column and field.
    #[error("the configuration file {path:?} is not valid: {source}")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Why, with line and field.
        source: Box<toml::de::Error>,
    },
    /// A cluster names a variable that is not set.
    #[error("the cluster {cluster} takes its password from the environment variable {variable}, which is not set")]
    MissingPassword {
        /// The cluster.
        cluster: String,
        /// The variable.
        variable: String,
    },
    /// A cluster says how it is to be verified, but not by whom, or the other way round.
    #[error("the cluster {cluster} needs both tls = \"verify-full\" and ca_file, or neither")]
    ClusterTls {
        /// The cluster.
        cluster: String,
    },
    /// A bucket names a variable that is not set.
    #[error("the bucket {bucket} takes its key from the environment variable {variable}, which is not set")]
    MissingBucketKey {
        /// The bucket.
        bucket: String,
        /// The variable.
        variable: String,
    },
    /// A bucket's settings do not fit one another.
    #[error("the bucket {bucket} {problem}")]
    Bucket {
        /// The bucket.
        bucket: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A folder that could be anywhere.
    #[error("the folder {path:?} must be an absolute path without . and ..")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The lease can't hold.
    #[error("[worker] {0}")]
    Lease(#[from] InvalidLease),
    /// An issuer whose tokens could not be trusted.
    #[error(transparent)]
    Issuer(#[from] InvalidIssuer),
    /// A token's name does not tell it from others.
    #[error("the token {name:?} needs a name of its own, without a colon, of at most 100 characters")]
    TokenName {
        /// The token's name.
        name: String,
    },
    /// A token's hash is not one.
    #[error("the token {name:?} has no valid sha256: 64 hexadecimal digits (printf %s TOKEN | sha256sum)")]
    TokenHash {
        /// The token's name.
        name: String,
    },
}

/// The whole configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who may call.
    #[serde(default)]
    pub tokens: Vec<Token>,
    /// Whose signed tokens are accepted beside these.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// How often they may call.
    #[serde(default)]
    pub limits: Limits,
    /// Networks of the proxies before the api, whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Servers that users may name in their requests, by project.
    #[serde(default)]
    pub destinations: AllowedDestinations,
    /// The file of the authorities to trust for these servers (PEM): then they are reached by TLS alone. Without, none is
    /// reached at a public address.
    #[serde(default)]
    pub destinations_ca_file: Option<PathBuf>,
    /// Postgres servers that may be exported.
    #[serde(default)]
    pub clusters: Vec<Cluster>,
    /// Where exports may go.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
    /// Folders of the workers' file system that transfers may read and write.
    #[serde(default)]
    pub folders: Vec<Folder>,
    /// How a worker works.
    #[serde(default)]
    pub worker: WorkerConfig,
    /// Which kinds of operations there are, and for whom.
    #[serde(default)]
    pub kinds: KindsConfig,
    /// How long operations are kept.
    #[serde(default)]
    pub retention: Retention,
}

/// A Postgres server that may be exported.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its resource name: `projects/*/locations/*/clusters/*`.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// The addresses that `host` was found to have, where nothing may look it up anew; never in the file.
    #[serde(skip)]
    pub host_addresses: Vec<IpAddr>,
    /// Port.
    #[serde(default = "postgres_port")]
    pub port: u16,
    /// Whether its certificate is asked for.
    #[serde(default)]
    pub tls: ClusterTls,
    /// The file of the authorities to trust for it (PEM); needed with `tls = "verify-full"`.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The role exports run as: not a superuser, no rights to files of the server.
    pub user: String,
    /// The environment variable that holds the role's password, where it has one.
    #[serde(default)]
    pub password_env: Option<String>,
    /// The password, filled in from `password_env`.
    #[serde(skip)]
    pub password: Option<Secret>,
}

/// How a cluster is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterTls {
    /// Without TLS.
    #[default]
    Disable,
    /// By TLS alone, and only if its certificate is for its `host`, by an authority in its `ca_file`.
    VerifyFull,
}

impl Cluster {
    /// The file of the authorities to trust for it, if it is to be reached by TLS.
    pub fn authorities(&self) -> Option<&Path> {
        match self.tls {
            ClusterTls::Disable => None,
            // [`Config::load`] sees to it that there is a file. An empty path can't be read, so nobody would be trusted.
            ClusterTls::VerifyFull => Some(self.ca_file.as_deref().unwrap_or(Path::new(""))),
        }
    }
}

/// Where exports may go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The name in `gs://name/object`.
    pub name: String,
    /// `file:///folder/`, `s3://bucket/prefix` or `gs://bucket/prefix`; credentials of the latter two come from
    /// the environment, as `object_store` reads it, unless they are named here.
    pub url: String,
    /// The endpoint of a store that speaks S3's language, with its scheme. `s3://` alone.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The store's region. `s3://` alone.
    #[serde(default)]
    pub region: Option<String>,
    /// The key by which the bucket is used, where it is not that of the environment. `s3://` alone.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// The environment variable that holds the secret of `access_key_id`; needed with it.
    #[serde(default)]
    pub secret_access_key_env: Option<String>,
    /// The secret, filled in from `secret_access_key_env`.
    #[serde(skip)]
    pub secret_access_key: Option<Secret>,
    /// How many bytes a second one transfer reads from it at most; as many as it can if absent.
    #[serde(default)]
    pub transfer_bytes_per_second: Option<u64>,
    /// Whether requests that write or delete objects name what they replace, so that a late one of a worker that lost its
    /// lease is refused. `false` for a store that does not support that; `docs/object-stores.md` says what it gives up.
    #[serde(default = "yes")]
    pub conditional_writes: bool,
    /// The projects that may read it and write to it.
    pub projects: Vec<ProjectId>,
}

impl Bucket {
    /// A bucket with the credentials of the environment.
    pub fn new(name: impl Into<String>, url: impl Into<String>, projects: Vec<ProjectId>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key_env: None,
            secret_access_key: None,
            transfer_bytes_per_second: None,
            conditional_writes: true,
            projects,
        }
    }
}

const fn yes() -> bool {
    true
}

/// A folder of the workers' file system, on all of them the same, that transfers may read and write (`posixDataSource`,
/// `posixDataSink`). What lies beneath it is found without following symbolic links.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Its absolute path.
    pub path: PathBuf,
    /// The projects that may use it.
    pub projects: Vec<ProjectId>,
}

const fn postgres_port() -> u16 {
    5432
}

impl Config {
    /// Reads the file, and the passwords from the environment through `env`.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the field.
    pub fn load(path: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = Self::load_without_passwords(path)?;
        for cluster in &mut config.clusters {
            if let Some(variable) = &cluster.password_env {
                let password = env(variable).ok_or_else(|| ConfigError::MissingPassword {
                    cluster: cluster.name.clone(),
                    variable: variable.clone(),
                })?;
                cluster.password = Some(Secret::new(password));
            }
        }
        for bucket in &mut config.buckets {
            if let Some(variable) = &bucket.secret_access_key_env {
                let key = env(variable).ok_or_else(|| ConfigError::MissingBucketKey {
                    bucket: bucket.name.clone(),
                    variable: variable.clone(),
                })?;
                bucket.secret_access_key = Some(Secret::new(key));
            }
        }
        Ok(config)
    }

    /// Reads the file alone, for a process that speaks to no cluster.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the field.
    pub fn load_without_passwords(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })?;
        if config.worker.demo_steps {
            config.kinds.enable(Kind::from_static("demo.steps"));
        }
        for token in &config.tokens {
            if token.sha256.len() != 64 || !token.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(ConfigError::TokenHash { name: token.name.clone() });
            }
            let same = config.tokens.iter().filter(|other| other.name == token.name);
            if !is_name(&token.name) || same.count() > 1 {
                return Err(ConfigError::TokenName { name: token.name.clone() });
            }
        }
        for cluster in &config.clusters {
            if (cluster.tls == ClusterTls::VerifyFull) != cluster.ca_file.is_some() {
                return Err(ConfigError::ClusterTls { cluster: cluster.name.clone() });
            }
        }
        for bucket in &config.buckets {
            let (key, secret) = (&bucket.access_key_id, &bucket.secret_access_key_env);
            let of_s3 = [&bucket.endpoint, &bucket.region, key, secret].into_iter().any(Option::is_some);
            let problem = if key.is_some() != secret.is_some() {
                "needs both access_key_id and secret_access_key_env, or neither"
            } else if of_s3 && !bucket.url.starts_with("s3://") {
                "has settings that only an s3:// bucket has"
            } else {
                continue;
            };
            return Err(ConfigError::Bucket { bucket: bucket.name.clone(), problem });
        }
        for folder in &config.folders {
            let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
            if !folder.path.is_absolute() || !folder.path.components().all(plain) {
                return Err(ConfigError::Folder { path: folder.path.clone() });
            }
        }
        for issuer in &config.issuers {
            issuer.check(&config.issuers)?;
        }
        config.worker.lease_terms()?;
        Ok(config)
    }

    /// The cluster with this resource name.
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// The bucket with this name, if the project may write to it.
    pub fn bucket(&self, project: &ProjectId, name: &str) -> Option<&Bucket> {
        self.buckets.iter().find(|bucket| bucket.name == name && bucket.projects.contains(project))
    }

    /// The configured folder that a path is, or lies beneath, if the project may use it; and what of the path lies beneath.
    /// The longest one where several contain each other.
    pub fn folder<'a>(&self, project: &ProjectId, path: &'a Path) -> Option<(&Folder, &'a Path)> {
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let folders = self.folders.iter().filter(|folder| plain && folder.projects.contains(project));
        folders
            .filter_map(|folder| Some((folder, path.strip_prefix(&folder.path).ok()?)))
            .max_by_key(|(folder, _)| folder.path.as_os_str().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_says_both_how_and_by_whom_it_is_verified() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("safepoint.toml");
        let load = |lines: &str| {
            let text = format!("[[clusters]]\nname = \"c\"\nhost = \"h\"\nuser = \"u\"\n{lines}");
            std::fs::write(&path, text).expect("written");
            Config::load_without_passwords(&path).map(|config| config.clusters[0].authorities().map(Path::to_owned))
        };
        assert_eq!(load("").expect("valid"), None);
        assert_eq!(load(r#"tls = "disable""#).expect("valid"), None);
        let verified = load("tls = \"verify-full\"\nca_file = \"/ca.pem\"");
        assert_eq!(verified.expect("valid"), Some("/ca.pem".into()));
        for alone in [r#"tls = "verify-full""#, r#"ca_file = "/ca.pem""#] {
            let error = load(alone).expect_err(alone).to_string();
            assert_eq!(error, "the cluster c needs both tls = \"verify-full\" and ca_file, or neither");
        }
        assert!(load(r#"tls = "require""#).expect_err("no such mode").to_string().contains("verify-full"));
    }

    #[test]
    fn a_folder_is_found_for_what_lies_beneath_it() {
        let folder = |path: &str, project: &str| Folder {
            path: path.into(),
            projects: vec![project.parse().expect("a project")],
        };
        let folders = vec![folder("/data", "p"), folder("/data/deep", "p"), folder("/other", "q")];
        let config = Config { folders, ..Config::default() };
        let project = "p".parse().expect("a project");
        for (path, expect) in [
            ("/data", Some(("/data", ""))),
            ("/data/", Some(("/data", ""))),
            ("/data/a/b", Some(("/data", "a/b"))),
            ("/data/deep/a", Some(("/data/deep", "a"))),
            ("/database", None),
            ("/data/../other", None),
            ("/other/a", None),
            ("data", None),
        ] {
            let found = config.folder(&project, Path::new(path));
            let found = found.map(|(folder, rest)| (folder.path.to_str().unwrap(), rest.to_str().unwrap()));
            assert_eq!(found, expect, "{path}");
        }
    }

    #[test]
    fn a_bucket_has_settings_of_its_own_store_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("safepoint.toml");
        let load = |lines: &str| {
            std::fs::write(&path, format!("[[buckets]]\nname = \"b\"\nprojects = []\n{lines}")).expect("written");
            let key = |name: &str| (name == "KEY").then(|| "canary".to_owned());
            Config::load(&path, key).map(|config| config.buckets[0].secret_access_key.is_some())
        };
        assert!(!load(r#"url = "file:///a""#).expect("valid"));
        let conditional = |line| {
            load(&format!("url = \"s3://b\"\n{line}")).expect("valid");
            Config::load(&path, |_| None).expect("valid").buckets[0].conditional_writes
        };
        assert!(conditional("") && !conditional("conditional_writes = false"));
        assert!(!load("url = \"s3://b\"\nendpoint = \"http://localhost:1\"\nregion = \"r\"").expect("valid"));
        let keyed = "url = \"s3://b\"\naccess_key_id = \"k\"\nsecret_access_key_env = ";
        assert!(load(&format!("{keyed}\"KEY\"")).expect("valid"));
        for (lines, expect) in [
            (format!("{keyed}\"NONE\""), "environment variable NONE"),
            ("url = \"s3://b\"\naccess_key_id = \"k\"".to_owned(), "or neither"),
            ("url = \"file:///a\"\nregion = \"r\"".to_owned(), "only an s3:// bucket"),
        ] {
            let error = load(&lines).expect_err(&lines).to_string();
            assert!(error.contains(expect), "{error}");
        }
    }
}
