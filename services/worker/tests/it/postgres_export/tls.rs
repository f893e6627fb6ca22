//! A cluster that is reached by TLS: with all that goes there, and with servers that are not it.

use super::world::{PATIENCE, Run, World, csv, sql};
use kinds::postgres_export::SqlDump;
use operation::{CancelMode, Road};
use runtime::config::ClusterTls;
use safepoint_worker::attempt::Stop;
use safepoint_worker::safepoint::Ended;
use std::path::PathBuf;
use testkit::{Authority, GATE, TlsFront, eventually, server_authorities};

fn verified(run: &mut Run, host: &str, port: Option<u16>, authorities: PathBuf) {
    let cluster = &mut run.cluster;
    host.clone_into(&mut cluster.host);
    cluster.port = port.unwrap_or(cluster.port);
    cluster.tls = ClusterTls::VerifyFull;
    cluster.ca_file = Some(authorities);
}

/// Rows and a dump, `pg_dump` included, come by TLS and no byte without.
#[tokio::test]
async fn a_verified_cluster_is_exported_by_tls_alone() {
    let (world, authority) = (World::new().await, Authority::new());
    world.sql("CREATE TABLE t AS SELECT 42 AS a").await;
    let front = TlsFront::to_postgres(world.source.address(), &authority.issue("DNS:localhost")).await;
    for (format, object) in [(csv("SELECT a FROM t"), "t.csv"), (sql(SqlDump::default()), "t.sql")] {
        let mut run = world.begin(world.spec(format, object)).await;
        verified(&mut run, "localhost", Some(front.port()), authority.certificate());
        run.succeeds().await;
        assert!(String::from_utf8_lossy(&world.object(object)).contains("42"), "{object}");
    }
    // One for the rows; one for the list of tables, and pg_dump's own.
    assert_eq!((front.encrypted(), front.plain(), front.refused()), (3, 0, 0));
}

/// A cancel is a connection of its own: it goes by TLS, too, and ends the query.
#[tokio::test]
async fn a_query_is_cancelled_by_tls() {
    let (world, authority) = (World::new().await, Authority::new());
    let front = TlsFront::to_postgres(world.source.address(), &authority.issue("DNS:localhost")).await;
    let _gate = world.source.close_gate().await;
    let mut run = world.csv(&format!("SELECT {GATE}"), "x.csv").await;
    verified(&mut run, "localhost", Some(front.port()), authority.certificate());
    let task = run.start();
    world.backend_is(&run, "state = 'active' AND wait_event = 'advisory'").await;
    run.attempt.deliver_cancel(Road::Push, CancelMode::Now);
    let ended = task.await.unwrap();
    assert!(matches!(ended, Err(Ended::Stop(Stop::Cancel))), "{ended:?}");
    world.no_query_goes_on(&run).await;
    assert_eq!((front.encrypted() >= 2, front.plain()), (true, 0));
}

/// Nobody but the cluster gets the password or a query.
#[tokio::test]
async fn a_server_that_is_not_the_cluster_is_refused() {
    let (world, authority, stranger) = (World::new().await, Authority::new(), Authority::new());
    let good = authority.issue("DNS:localhost");
    let cases = [
        ("another name", &good, "127.0.0.1", &authority),
        ("another authority", &good, "localhost", &stranger),
        ("its own authority", &stranger.issue("DNS:localhost"), "localhost", &authority),
        ("expired", &authority.issue_expired("DNS:localhost"), "localhost", &authority),
    ];
    for (what, issued, host, trusted) in cases {
        let front = TlsFront::to_postgres(world.source.address(), issued).await;
        for format in [csv("SELECT 1"), sql(SqlDump::default())] {
            let mut run = world.begin(world.spec(format, "x")).await;
            verified(&mut run, host, Some(front.port()), trusted.certificate());
            let failure = run.fails().await;
            assert!(failure.message.ends_with("cannot be reached") && failure.retryable, "{what}: {failure:?}");
            world.again(run).await;
        }
        eventually(what, PATIENCE, async || (front.refused() == 2).then_some(())).await;
        assert_eq!((front.encrypted(), front.plain()), (0, 0), "{what}");
    }
    assert!(world.files().is_empty());
}

/// The real server's own TLS, which asks for the password by another protocol than it does without.
#[tokio::test]
async fn a_real_server_is_reached_by_its_own_tls() {
    let world = World::new().await;
    let gate = world.source.close_gate().await;
    let mut run = world.csv(&format!("SELECT {GATE}"), "x.csv").await;
    verified(&mut run, "localhost", None, server_authorities());
    let task = run.start();
    world.backend_is(&run, "pid IN (SELECT pid FROM pg_stat_ssl WHERE ssl)").await;
    drop(gate);
    task.await.unwrap().unwrap();
}
