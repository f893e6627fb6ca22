//! What a worker takes from its command line and environment.

use clap::Parser;
use runtime::config::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Runs operations: claims them, executes them, stops them at safe points.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "safepoint-worker",
    version,
    after_help = "Exit codes:\n  0    ended in order after SIGTERM or SIGINT\n  70   gave itself up: work of a stopped \
                  operation does not return. Start it again\n  130  ended by a second signal\n  1, 2 not started: wrong settings"
)]
pub struct Settings {
    /// The configuration file: clusters, buckets, slots.
    #[arg(long, env = "SAFEPOINT_CONFIG", default_value = "safepoint.toml")]
    pub config: PathBuf,
    /// Our own database: `postgres://user:password@host:port/name`, by TLS with
    /// `?sslmode=verify-full&sslrootcert=FILE`. Better given by the environment.
    #[arg(long, env = "SAFEPOINT_DATABASE_URL", hide_env_values = true, value_parser = secret)]
    pub database_url: Secret,
    /// The broker: `amqp://user:password@host:port/%2f`, or `amqps://…` by TLS. Better given by the environment.
    #[arg(long, env = "SAFEPOINT_BROKER_URL", hide_env_values = true, value_parser = secret)]
    pub broker_url: Secret,
    /// The file of the authorities to trust for the broker (PEM), where they are not those that the machine trusts.
    #[arg(long, env = "SAFEPOINT_BROKER_CA")]
    pub broker_ca: Option<PathBuf>,
    /// Stands before the names of exchanges, for several deployments on one broker.
    #[arg(long, env = "SAFEPOINT_BROKER_NAMESPACE", default_value = "safepoint")]
    pub broker_namespace: String,
    /// Where /healthz, /readyz and /metrics are served, e.g. 127.0.0.1:9101. Nowhere if absent.
    #[arg(long, env = "SAFEPOINT_ADMIN_LISTEN")]
    pub admin_listen: Option<SocketAddr>,
    /// How many operations of a kind run at a time; overrides `worker.slots` of the configuration.
    #[arg(long, env = "SAFEPOINT_WORKER_SLOTS")]
    pub slots: Option<u32>,
    /// The keys that open the secrets that come with operations: NAME=KEY,NAME=KEY, as the api has them. Without, operations
    /// that need one fail.
    #[arg(long, env = "SAFEPOINT_SECRET_KEYS", hide_env_values = true, value_parser = secret, default_value = "")]
    pub secret_keys: Secret,
    /// What is logged, e.g. `info,safepoint_worker=debug`.
    #[arg(long, env = "SAFEPOINT_LOG", default_value = "info")]
    pub log: String,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of clap's value parsers")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}
