//! The command line and the environment of the process.

use clap::Parser;
use runtime::config::Secret;
use runtime::sealing::{InvalidKeyRing, KeyRing, bytes_from_hex};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The HTTP api of Safepoint: creates, shows, cancels long-running operations.
#[derive(Debug, Parser)]
#[command(name = "safepoint-api", version)]
pub struct Settings {
    /// The configuration file (TOML): tokens, clusters, buckets.
    #[arg(long, env = "SAFEPOINT_CONFIG", hide_env_values = true)]
    pub config: PathBuf,

    /// Our own database: postgres://user:password@host:port/database.
    #[arg(long, env = "SAFEPOINT_DATABASE_URL", hide_env_values = true, value_parser = secret)]
    pub database_url: Secret,

    /// The broker: amqp://user:password@host:port/vhost.
    #[arg(long, env = "SAFEPOINT_BROKER_URL", hide_env_values = true, value_parser = secret)]
    pub broker_url: Secret,

    /// What the broker's exchanges are named after: deployments that share a broker differ in it.
    #[arg(long, env = "SAFEPOINT_BROKER_NAMESPACE", hide_env_values = true, default_value = "safepoint")]
    pub broker_namespace: String,

    /// Where to listen for calls.
    #[arg(long, env = "SAFEPOINT_LISTEN", hide_env_values = true, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

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

    /// Which logs to write, e.g. info,store=debug.
    #[arg(long, env = "SAFEPOINT_LOG", hide_env_values = true, default_value = "info")]
    pub log: String,
}

impl Settings {
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
    fn help_shows_no_secret() {
        use clap::CommandFactory;
        let command = Settings::command();
        assert!(command.get_arguments().filter(|arg| arg.get_env().is_some()).all(clap::Arg::is_hide_env_values_set));
    }
}
