//! A server that a caller named: reached by what was judged, and only as it may be.

use super::world::{World, csv, sql};
use kinds::postgres_export::{PostgresServer, SqlDump};
use operation::Code;
use runtime::destination::AllowedDestinations;
use runtime::sealing::KeyRing;
use safepoint_worker::executor::postgres_export::server::Finder;
use safepoint_worker::safepoint::Ended;
use serde_json::json;
use std::path::Path;

/// Nobody looks the name up once more, be it for rows or by `pg_dump`; an address where nobody answers is not the last.
#[tokio::test]
async fn a_server_is_reached_by_the_addresses_that_were_judged() {
    let world = World::new().await;
    world.sql("CREATE TABLE t AS SELECT 42 AS a").await;
    for (format, object) in [(csv("SELECT a FROM t"), "t.csv"), (sql(SqlDump::default()), "t.sql")] {
        let mut run = world.begin(world.spec(format, object)).await;
        run.cluster.host = "moved.invalid".to_owned();
        run.cluster.host_addresses = vec!["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        run.succeeds().await;
        assert!(String::from_utf8_lossy(&world.object(object)).contains("42"), "{object}");
    }
}

/// Whoever is on the way to a public address could ask for the password.
#[tokio::test]
async fn no_password_goes_to_a_public_address_in_clear() {
    let world = World::new().await;
    let run = world.csv("SELECT 1", "x.csv").await;
    let networks = json!([{"projects": ["p"], "network": "8.8.8.8/32", "ports": [5432]}]);
    let (allowed, store) = (serde_json::from_value::<AllowedDestinations>(networks).unwrap(), world.store.store());
    let find = async |host: &str, authorities: Option<&Path>| {
        let server = PostgresServer { host: host.to_owned(), port: 5432, user: "u".to_owned() };
        let finder = Finder { allowed: &allowed, authorities, secret_keys: &KeyRing::EMPTY, store: &store };
        let ended = finder.find(&server, &"p".parse().unwrap(), &run.cx).await;
        let Err(Ended::Failure(failure)) = ended else { panic!("{ended:?}") };
        failure
    };
    let refused = find("8.8.8.8", None).await;
    assert_eq!((refused.code, refused.retryable), (Code::FailedPrecondition, false), "{refused}");
    // By TLS it may be reached: what is missing then is the secret.
    assert!(find("8.8.8.8", Some(Path::new("/ca.pem"))).await.message.contains("no secret"));
    assert_eq!(find("8.8.4.4", None).await.code, Code::PermissionDenied);
}
