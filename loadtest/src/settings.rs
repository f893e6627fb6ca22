//! Where the running system is: the variables that `make up` writes to `.dev/env`.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Where the running system is, and what to use there.
#[derive(Clone)]
pub struct Settings {
    /// Base address of one api.
    pub url: String,
    /// Bearer token.
    pub token: String,
    /// The project.
    pub project: String,
    /// The location of the cluster.
    pub region: String,
    /// The cluster's short name.
    pub cluster: String,
    /// The database to export.
    pub database: String,
    /// The bucket to export to.
    pub bucket: String,
    /// The bucket's folder on this machine.
    pub data_dir: PathBuf,
    /// The server of `database`, by a role that may create databases.
    pub customer_url: String,
    others: Variables,
}

impl Settings {
    /// Takes the variables from the environment, and those not set from the file, where there is one.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn load(file: &Path) -> Result<Self> {
        let variables = Variables { file: file.to_owned(), lines: read(file)? };
        Ok(Self {
            url: variables.get("SAFEPOINT_URL")?.trim_end_matches('/').to_owned(),
            token: variables.get("SAFEPOINT_TOKEN")?,
            project: variables.get("SAFEPOINT_PROJECT")?,
            region: variables.get("SAFEPOINT_REGION")?,
            cluster: variables.get("SAFEPOINT_CLUSTER")?,
            database: variables.get("SAFEPOINT_DATABASE")?,
            bucket: variables.get("SAFEPOINT_BUCKET")?,
            data_dir: variables.get("SAFEPOINT_DATA_DIR")?.into(),
            customer_url: variables.get("SAFEPOINT_CUSTOMER_URL")?,
            others: variables,
        })
    }

    /// The product's own Postgres: where the floor has its table.
    pub fn database_url(&self) -> Result<String> {
        self.others.get("SAFEPOINT_DATABASE_URL")
    }

    /// The product's broker: the floor uses it too.
    pub fn broker_url(&self) -> Result<String> {
        self.others.get("SAFEPOINT_BROKER_URL")
    }

    /// What transfers show: the bucket that is slow to read, and the one that they fill.
    pub fn transfer_buckets(&self) -> Result<(String, String)> {
        Ok((self.others.get("SAFEPOINT_STS_SLOW_SOURCE_BUCKET")?, self.others.get("SAFEPOINT_STS_SINK_BUCKET")?))
    }

    /// The folder of a demo's bucket.
    pub fn bucket_dir(&self, bucket: &str) -> Result<PathBuf> {
        Ok(PathBuf::from(self.others.get("SAFEPOINT_BUCKETS_DIR")?).join(bucket))
    }

    /// A bucket in memory, and its folder.
    pub fn memory(&self) -> Result<(String, PathBuf)> {
        Ok((self.others.get("SAFEPOINT_MEMORY_BUCKET")?, self.others.get("SAFEPOINT_MEMORY_DIR")?.into()))
    }

    /// The folder with one file a process, named `api-1`, `worker-1`, …, that holds its pid.
    pub fn pid_dir(&self) -> Result<PathBuf> {
        self.others.get("SAFEPOINT_PID_DIR").map(PathBuf::from)
    }

    /// The same system as another project's: the one that a load test sets against `project`, by the same token.
    pub fn neighbour(&self) -> Result<Self> {
        Ok(Self { project: self.others.get("SAFEPOINT_NEIGHBOUR")?, ..self.clone() })
    }

    /// The file of an object of the bucket.
    pub fn file_of(&self, object: &str) -> PathBuf {
        self.data_dir.join(object)
    }
}

#[derive(Clone)]
struct Variables {
    file: PathBuf,
    lines: HashMap<String, String>,
}

impl Variables {
    fn get(&self, name: &str) -> Result<String> {
        std::env::var(name).ok().or_else(|| self.lines.get(name).cloned()).with_context(|| {
            format!("{name} is neither set nor in {}: start the system first (make up)", self.file.display())
        })
    }
}

fn read(file: &Path) -> Result<HashMap<String, String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HashMap::new()),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", file.display())),
    }
}

/// The lines as they stand: a value may hold any character, `=` included.
fn parse(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_the_separator() {
        let lines = parse("# A=1\nURL=amqp://a:b@c/%2f?heartbeat=10\n\nEMPTY=\nnot a line\n");
        assert_eq!(lines.len(), 2);
        assert_eq!(lines["URL"], "amqp://a:b@c/%2f?heartbeat=10");
        assert_eq!(lines["EMPTY"], "");
    }
}
