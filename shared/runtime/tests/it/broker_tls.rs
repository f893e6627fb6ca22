//! The broker by TLS: to RabbitMQ's own certificate, and to bad ones.

use operation::OperationId;
use safepoint_runtime::broker::{BrokerSettings, Changes, Hint, Publisher};
use safepoint_runtime::config::Secret;
use std::path::PathBuf;
use std::time::Duration;
use testkit::{Authority, Issued, TlsFront, broker_settings, eventually, server_authorities};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(30);

fn real() -> Url {
    let url = std::env::var("TEST_BROKER_TLS_URL").expect("TEST_BROKER_TLS_URL: run the tests by `make test`");
    url.parse().expect("a URL")
}

fn settings(url: &Url, authorities: PathBuf) -> BrokerSettings {
    BrokerSettings { url: Secret::new(url.as_str()), authorities: Some(authorities), ..broker_settings() }
}

/// Ends its links when dropped.
struct Links {
    publisher: Publisher,
    changes: Changes,
    shutdown: CancellationToken,
}

impl Links {
    fn start(settings: BrokerSettings) -> Self {
        let shutdown = CancellationToken::new();
        let publisher = Publisher::start(settings.clone(), shutdown.clone()).expect("a URL");
        let changes = Changes::start(settings, shutdown.clone()).expect("a URL");
        Self { publisher, changes, shutdown }
    }

    /// A hint goes out by one link and comes in by the other.
    async fn carry_a_hint(&mut self) {
        tokio::time::timeout(LIMIT, self.publisher.wait_up()).await.expect("a link");
        tokio::time::timeout(LIMIT, self.changes.up.wait_for(|up| *up)).await.expect("a link").expect("a sender");
        let operations = vec![OperationId::from_uuid(Uuid::now_v7())];
        self.publisher.send(Hint::Changed { operations: operations.clone() });
        let heard = tokio::time::timeout(LIMIT, self.changes.operations.recv()).await;
        assert_eq!(heard.expect("in time"), Some(operations));
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_go_by_tls_to_the_real_broker() {
    Links::start(settings(&real(), server_authorities())).carry_a_hint().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_what_it_should_be_gets_no_password() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = authority.issue("DNS:localhost");
    let cases = [
        ("good", &good, "localhost", &authority, true),
        ("another name", &good, "127.0.0.1", &authority, false),
        ("another authority", &good, "localhost", &stranger, false),
        ("its own authority", &stranger.issue("DNS:localhost"), "localhost", &authority, false),
        ("expired", &authority.issue_expired("DNS:localhost"), "localhost", &authority, false),
    ];
    for (what, issued, host, trusted, accepted) in cases {
        check(what, issued, host, trusted, accepted).await;
    }
}

async fn check(what: &str, issued: &Issued, host: &str, trusted: &Authority, accepted: bool) {
    let mut url: Url = broker_settings().url.expose().parse().expect("a URL");
    let front = TlsFront::to(format!("127.0.0.1:{}", url.port().expect("a port")), issued).await;
    url = url.as_str().replacen("amqp:", "amqps:", 1).parse().expect("a URL");
    url.set_host(Some(host)).expect("a host");
    url.set_port(Some(front.port())).expect("a port");
    let mut links = Links::start(settings(&url, trusted.certificate()));
    if accepted {
        links.carry_a_hint().await;
        assert!(front.encrypted() >= 2, "{what}");
    } else {
        // Both links, and again: it is no passing thing to them, and never a plain connection instead.
        eventually(what, LIMIT, async || (front.refused() >= 4).then_some(())).await;
        assert_eq!(
            (front.encrypted(), links.publisher.is_up(), *links.changes.up.borrow()),
            (0, false, false),
            "{what}"
        );
    }
}

/// The real one under its other name, and by another authority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_brokers_certificate_is_held_against_its_name_and_its_authority() {
    let mut by_address = real();
    by_address.set_host(Some("127.0.0.1")).expect("a host");
    let other = Authority::new();
    for (url, authorities) in [(by_address, server_authorities()), (real(), other.certificate())] {
        // Whoever may connect is up within a moment: the first test's links are.
        let links = Links::start(settings(&url, authorities));
        let up = tokio::time::timeout(Duration::from_secs(2), links.publisher.clone().wait_up()).await;
        assert!(up.is_err(), "connected");
    }
}
