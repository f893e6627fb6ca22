//! The command line and the environment of the process.

use crate::server::certificate::CertificateFiles;
use clap::Parser;
use runtime::config::Secret;
use runtime::sealing::{InvalidKeyRing, KeyRing, bytes_from_hex};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The HTTP api of Safepoint: creates, shows, cancels long-running operations.
#[derive(Debug, Parser)]
#[command(
    name = "safepoint-api",
    version,
    after_help = "safepoint-api routes: prints all routes with the scopes that they ask for"
)]
pub struct Settings {
    /// The configuration file (TOML): tokens, clusters, buckets.
    #[arg(long, env = "SAFEPOINT_CONFIG", hide_env_values = true)]
    pub config: PathBuf,

    /// Our own database: postgres://user:password@host:port/database, by TLS with ?sslmode=verify-full&sslrootcert=FILE.
    #[arg(long, env = "SAFEPOINT_DATABASE_URL", hide_env_values = true, value_parser = secret)]
    pub database_url: Secret,

    /// The broker: amqp://user:password@host:port/vhost, or amqps:// by TLS.
    #[arg(long, env = "SAFEPOINT_BROKER_URL", hide_env_values = true, value_parser = secret)]
    pub broker_url: Secret,

    /// The file of the authorities to trust for the broker (PEM), where they are not those that the machine trusts.
    #[arg(long, env = "SAFEPOINT_BROKER_CA", hide_env_values = true)]
    pub broker_ca: Option<PathBuf>,

    /// What the broker's exchanges are named after: deployments that share a broker differ in it.
    #[arg(long, env = "SAFEPOINT_BROKER_NAMESPACE", hide_env_values = true, default_value = "safepoint")]
    pub broker_namespace: String,

    /// Where to listen for calls.
    #[arg(long, env = "SAFEPOINT_LISTEN", hide_env_values = true, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Speak TLS there: the file of the certificate and those between it and its authority (PEM). Read again when it changes.
    #[arg(long, env = "SAFEPOINT_TLS_CERTIFICATE", hide_env_values = true, requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// The file of the certificate's key (PEM, not encrypted).
    #[arg(long, env = "SAFEPOINT_TLS_KEY", hide_env_values = true, requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// Where to listen for health checks and metrics alone.
    #[arg(long, env = "SAFEPOINT_ADMIN_LISTEN", hide_env_values = true)]
    pub admin_listen: Option<SocketAddr>,

    /// The key that seals page tokens: 64 hexadecimal digits, the same for all replicas (openssl rand -hex 32).
    #[arg(long, env = "SAFEPOINT_PAGE_TOKEN_KEY", hide_env_values = true, value_parser = secret)]
    page_token_key: Secret,

    /// The keys that seal the secrets that come with requests: NAME=KEY,NAME=KEY (openssl rand -hex 32). The first one
    /// seals, all open; the workers have the same. Without, operations that need a secret are refused.
    #[arg(long, env = "SAFEPOINT_SECRET_KEYS", hide_env_values = true, value_parser = secret, default_value = "")]
    secret_keys: Secret,

    /// Threads that serve calls.
    #[arg(long, env = "SAFEPOINT_API_THREADS", hide_env_values = true, default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,

    /// Seconds that requests under way get after SIGTERM. 5 s later the process is ended whatever hangs.
    #[arg(long, env = "SAFEPOINT_DRAIN_SECONDS", hide_env_values = true, default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub drain_seconds: u64,

    /// Which logs to write, e.g. `info,safepoint_store=debug`.
    #[arg(long, env = "SAFEPOINT_LOG", hide_env_values = true, default_value = "info")]
    pub log: String,
}

impl Settings {
    /// Where the listener's certificate lies, if it is to speak TLS. There is none without the other: clap sees to that.
    pub fn certificate(&self) -> Option<CertificateFiles> {
        let (certificate, key) = self.tls_certificate.clone().zip(self.tls_key.clone())?;
        Some(CertificateFiles { certificate, key })
    }

    /// The key that seals page tokens. Not parsed by clap, whose error would repeat a mistyped key.
    ///
    /// # Errors
    /// It is no key.
    pub fn page_token_key(&self) -> Result<[u8; 32], PageTokenKeyError> {
        bytes_from_hex(self.page_token_key.expose()).ok_or(PageTokenKeyError)
    }

    /// The keys that seal secrets; for the same reason not parsed by clap.
    ///
    /// # Errors
    /// They are none.
    pub fn key_ring(&self) -> Result<KeyRing, InvalidKeyRing> {
        self.secret_keys.expose().parse()
    }
}

/// The key that seals page tokens is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SAFEPOINT_PAGE_TOKEN_KEY must be 64 hexadecimal digits (openssl rand -hex 32)")]
pub struct PageTokenKeyError;

#[expect(clippy::unnecessary_wraps, reason = "the signature of clap's value parsers")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        assert_eq!(bytes_from_hex(&"0f".repeat(32)), Some([15; 32]));
        for wrong in ["", "0f", &"0g".repeat(32), &"0f".repeat(33), &"ä".repeat(32), &"+f".repeat(32)] {
            assert_eq!(bytes_from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_key_its_certificate() {
        let parse = |more: &[&str]| {
            let given = ["safepoint-api", "--config=c", "--database-url=d", "--broker-url=b", "--page-token-key=k"];
            Settings::try_parse_from(given.iter().chain(more))
        };
        assert!(parse(&[]).expect("no TLS").certificate().is_none());
        assert!(parse(&["--tls-certificate=c", "--tls-key=k"]).expect("TLS").certificate().is_some());
        for (alone, missing) in [("--tls-certificate=c", "--tls-key"), ("--tls-key=k", "--tls-certificate")] {
            let error = parse(&[alone]).expect_err(alone).to_string();
            assert!(error.contains(missing), "{error}");
        }
    }

    #[test]
    fn help_shows_no_secret() {
        use clap::CommandFactory;
        let command = Settings::command();
        assert!(command.get_arguments().filter(|arg| arg.get_env().is_some()).all(clap::Arg::is_hide_env_values_set));
    }
}
