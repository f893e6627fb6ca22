//! One connection, kept up for ever.

use super::BrokerSettings;
use super::tls::Verified;
use crate::clock;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};
use prometheus::{IntGaugeVec, register_int_gauge_vec};
use rustls::pki_types::ServerName;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tls::{TrustError, refusal, trusting, trusting_the_machines};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Seconds between heartbeats, where the URL names none: a silent partition is noticed after two.
const HEARTBEAT_SECONDS: u16 = 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

static UP: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    register_int_gauge_vec!("safepoint_broker_up", "1 while the connection to the broker stands", &["link"])
        .expect("the metric's name is ours alone")
});

/// The broker's URL can't be used. Its text is not repeated: it holds a password.
#[derive(Debug, thiserror::Error)]
pub enum BrokerUrlError {
    /// It is none.
    #[error("the broker's URL is not valid: amqp://user:password@host:port/vhost is expected, or amqps://")]
    Invalid,
    /// Authorities that nobody would be held against.
    #[error("there is a file of trusted authorities for the broker, but its URL is not amqps://")]
    UnusedAuthorities,
    /// The file of authorities can't be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Where the broker is.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// With the scheme of a plain connection, always: lapin must not look for TLS of its own.
    uri: AMQPUri,
    /// By TLS, if so.
    verified: Option<Verified>,
}

/// Parses the URL, and reads the authorities, once, at the start of the process.
pub(crate) fn parse(settings: &BrokerSettings) -> Result<Target, BrokerUrlError> {
    let mut uri: AMQPUri = settings.url.expose().parse().map_err(|_| BrokerUrlError::Invalid)?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    let verified = match (std::mem::replace(&mut uri.scheme, AMQPScheme::AMQP), &settings.authorities) {
        (AMQPScheme::AMQP, None) => None,
        (AMQPScheme::AMQP, Some(_)) => return Err(BrokerUrlError::UnusedAuthorities),
        (AMQPScheme::AMQPS, authorities) => {
            let client = authorities.as_deref().map_or_else(trusting_the_machines, trusting)?;
            let name = ServerName::try_from(uri.authority.host.clone()).map_err(|_| BrokerUrlError::Invalid)?;
            Some(Verified { client: Arc::new(client), name })
        }
    };
    Ok(Target { uri, verified })
}

/// Why a session ended: always to be followed by another.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionEnd {
    #[error("the broker refused or dropped the connection")]
    Lapin(#[from] lapin::Error),
    #[error("the broker did not answer in time")]
    Timeout,
    #[error("the broker ended a consumer")]
    ConsumerEnded,
    #[error("the worker has a new identity")]
    NewIdentity,
}

impl From<std::io::Error> for SessionEnd {
    fn from(error: std::io::Error) -> Self {
        Self::Lapin(error.into())
    }
}

/// Connects, runs `session` until it ends, and connects again, until `shutdown`. Any number of failures is endured.
pub(crate) async fn keep_up<S: Future<Output = Result<(), SessionEnd>>>(
    link: &'static str,
    target: Target,
    process: &'static str,
    up: watch::Sender<bool>,
    shutdown: CancellationToken,
    session: impl Fn(Arc<Connection>, watch::Sender<bool>) -> S,
) {
    let mut failures = 0u32;
    while !shutdown.is_cancelled() {
        let ended = match connect(&target, format!("safepoint {process} {link}")).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                let ended = tokio::select! {
                    ended = session(connection.clone(), up.clone()) => ended,
                    () = shutdown.cancelled() => Ok(()),
                };
                // The farewell is a courtesy: the broker may be gone.
                let farewell = connection.close(200, "bye".into());
                let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
                ended
            }
            Err(error) => Err(error),
        };
        let was_up = up.send_replace(false);
        UP.with_label_values(&[link]).set(0);
        failures = if was_up { 0 } else { failures.saturating_add(1) };
        let Err(error) = ended else { continue };
        // One line when it breaks, then one in about a minute.
        if failures % 12 <= 1 {
            let refused = refusal(&error).map(|refused| format!(": {refused}")).unwrap_or_default();
            let reason = format!("{error}{refused}");
            tracing::warn!(link, failures, reason, "the broker is not there; cancels take the slower road meanwhile");
        }
        tokio::select! {
            () = tokio::time::sleep(wait_after(failures, clock::jitter())) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Says that a session stands.
pub(crate) fn mark_up(link: &'static str, up: &watch::Sender<bool>) {
    UP.with_label_values(&[link]).set(1);
    if !up.send_replace(true) {
        tracing::info!(link, "connected to the broker");
    }
}

async fn connect(target: &Target, name: String) -> Result<Connection, SessionEnd> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let uri = target.uri.clone();
    let connecting = async {
        match &target.verified {
            None => Connection::connect_uri(uri, properties).await,
            Some(verified) => {
                let runtime = verified.runtime();
                Connection::connect_uri_with_config(uri, properties, OwnedTLSConfig::default(), runtime).await
            }
        }
    };
    // Dropping an unfinished connect closes its socket: nothing else has begun.
    Ok(tokio::time::timeout(CONNECT_TIMEOUT, connecting).await.map_err(|_| SessionEnd::Timeout)??)
}

/// Full jitter: replicas that lost the broker together do not come back together.
fn wait_after(failures: u32, jitter: f64) -> Duration {
    let doubled = SHORTEST_WAIT.saturating_mul(2u32.saturating_pow(failures)).min(LONGEST_WAIT);
    SHORTEST_WAIT.max(doubled.mul_f64(jitter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn waits_grow_and_are_bounded() {
        assert_eq!(wait_after(0, 0.0), SHORTEST_WAIT);
        assert_eq!(wait_after(3, 1.0), Duration::from_millis(800));
        assert_eq!(wait_after(u32::MAX, 1.0), LONGEST_WAIT);
    }

    #[test]
    fn a_url_without_heartbeat_gets_ours_and_errors_hide_it() {
        let settings = |url: &str| BrokerSettings {
            url: crate::config::Secret::new(url),
            authorities: None,
            namespace: "test".to_owned(),
            process: "test",
        };
        let uri = parse(&settings("amqp://u:p@127.0.0.1:5672/%2f")).expect("a valid URL");
        assert_eq!(uri.uri.query.heartbeat, Some(HEARTBEAT_SECONDS));
        let error = parse(&settings("canary-password")).expect_err("no URL");
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn what_the_scheme_asks_for_is_done_or_refused() {
        let authority = testkit::Authority::new();
        let parsed = |url: &str, authorities: Option<PathBuf>| {
            let url = crate::config::Secret::new(url);
            parse(&BrokerSettings { url, authorities, namespace: "test".to_owned(), process: "test" })
        };
        let by_tls = |url, authorities| parsed(url, authorities).expect(url).verified.is_some();
        assert!(!by_tls("amqp://u:p@h/%2f", None));
        assert!(by_tls("amqps://u:p@h/%2f", Some(authority.certificate())));
        assert!(by_tls("amqps://u:p@127.0.0.1:1/%2f", None), "by the machine's own authorities");
        for (url, authorities, says) in [
            ("amqp://u:p@h/%2f", Some(authority.certificate()), "not amqps"),
            ("amqps://u:p@h/%2f", Some("/nowhere.pem".into()), r#""/nowhere.pem" cannot be read"#),
            ("amqps://u:p@h/%2f", Some("/dev/null".into()), r#""/dev/null" must hold certificates"#),
        ] {
            let error = parsed(url, authorities).expect_err(says).to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
