//! The links to our own database by TLS: the pool's and the migrations', to the server's own certificate and to bad ones.

use safepoint_store::{PoolSettings, Store, migrate};
use std::path::Path;
use testkit::{Authority, Issued, TestDatabase, TlsFront, server_authorities};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn pool_reaches(url: &str) -> bool {
    let store = Store::new(url, PoolSettings::new("tls test").connections(1)).expect("a URL");
    store.ping().await.is_ok()
}

#[tokio::test]
async fn a_verified_link_is_encrypted_and_the_usual_one_is_not() {
    let database = TestDatabase::create().await;
    let (mut client, verified) =
        (database.client().await, database.url_by_tls("localhost", None, &server_authorities()));
    for (url, encrypted) in [(database.url(), false), (verified.clone(), true)] {
        let store = Store::new(&url, PoolSettings::new("tls test").connections(1)).expect("a URL");
        store.ping().await.expect("an answer");
        let seen = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                     WHERE datname = current_database() AND application_name = 'tls test'";
        let ssl: bool = client.query_one(seen, &[]).await.expect("one connection").get(0);
        assert_eq!(ssl, encrypted);
        store.close().await;
        client = database.client().await;
    }
    assert!(migrate(&verified).await.expect("migrated").is_empty(), "the template has all migrations");
}

#[tokio::test]
async fn a_server_that_is_not_whom_it_should_be_is_refused() {
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
        check(what, issued, host, &trusted.certificate(), accepted).await;
    }
}

async fn check(what: &str, issued: &Issued, host: &str, trusted: &Path, accepted: bool) {
    let database = TestDatabase::create().await;
    let front = TlsFront::to_postgres(database.address(), issued).await;
    let url = database.url_by_tls(host, Some(front.port()), trusted);
    assert_eq!(pool_reaches(&url).await, accepted, "the pool: {what}");
    let migrated = migrate(&url).await;
    assert_eq!(migrated.is_ok(), accepted, "the migrations: {what}: {migrated:?}");
    assert_eq!((front.encrypted() > 0, front.refused() > 0, front.plain()), (accepted, !accepted, 0), "{what}");
}

#[tokio::test]
async fn the_real_servers_certificate_is_held_against_its_name_and_its_authority() {
    let database = TestDatabase::create().await;
    for (host, trusted) in [("127.0.0.1", server_authorities()), ("localhost", Authority::new().certificate())] {
        let url = database.url_by_tls(host, None, &trusted);
        assert!(!pool_reaches(&url).await, "{url}");
        assert!(migrate(&url).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_by_a_verified_link() {
    let database = TestDatabase::create().await;
    let refusing = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = refusing.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = refusing.accept().await {
            let mut request = [0; 8];
            if near.read_exact(&mut request).await.is_ok() {
                let _ = near.write_all(b"N").await;
            }
        }
    });
    let url = database.url_by_tls("localhost", Some(port), &server_authorities());
    assert!(!pool_reaches(&url).await);
    let refused = migrate(&url).await.expect_err("no TLS");
    let cause = std::error::Error::source(&refused).expect("a cause").to_string();
    assert!(cause.contains("TLS"), "{cause}");
}
