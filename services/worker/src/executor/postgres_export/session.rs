//! One connection to the cluster: opened, driven, and ended so that its query is seen gone.

use super::failure;
use super::query::LOCK_TIMEOUT_SECONDS;
use super::wire::Wire;
use crate::work::Work;
use operation::{Failure, OperationId};
use runtime::config::Cluster;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use tls::{PostgresLink, TrustError};
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_postgres::SimpleQueryMessage::Row;
use tokio_postgres::{CancelToken, Client, Config};

/// How long connecting may take, from the first packet to a session that can be used.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// How often a query is cancelled until it is seen gone: a cancel that comes between two statements is lost.
const CANCEL_EVERY: Duration = Duration::from_millis(500);
/// How many cancels are under way at a time. Each one is a connection, for which the server starts a process: hundreds
/// of them at once would hold up the delivery of the very next cancel.
static CANCELS: Semaphore = Semaphore::const_new(4);
/// How long one may take: a mute server must not hold up the cancels at others. It is repeated.
const CANCEL_WITHIN: Duration = Duration::from_secs(2);
/// How long a cancelled query is waited for.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// What every session sets, and whether its role is one for exports, in one message. Long exports are wanted; idle or
/// locked ones are not.
///
/// `client_connection_check_interval` (since Postgres 14) ends a silent query whose worker was killed.
fn settings() -> String {
    format!(
        "SET standard_conforming_strings = on;
         SET default_transaction_read_only = on;
         SET statement_timeout = 0;
         SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s';
         SET idle_in_transaction_session_timeout = '60s';
         SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'client_connection_check_interval';
         {REACHES_FILES}"
    )
}

/// A connection for one operation. It is never used for another: end it with [`Session::close`] or
/// [`Session::abandon`].
pub(super) struct Session {
    /// Sends requests. Their answers come only while the wire is driven.
    pub(super) client: Client,
    /// Moves bytes between the client and the server.
    pub(super) wire: Wire,
    /// The cluster's resource name, for messages.
    pub(super) cluster: String,
    canceller: Canceller,
}

/// Cancels what is under way on a session. Dropped (a panic, an abort) before the session has ended, it does so once: the
/// server would notice a closed connection only when it sends something.
struct Canceller {
    /// How the session was reached: its cancels must go the same way.
    link: PostgresLink,
    token: CancelToken,
    ended: bool,
}

impl Canceller {
    /// On a connection of its own. Whether it worked is seen on the wire.
    fn cancel(&self) {
        let (link, token) = (self.link.clone(), self.token.clone());
        Work::clean_up(async move {
            let _turn = CANCELS.acquire().await;
            let _ = timeout(CANCEL_WITHIN, link.cancel(&token)).await;
        });
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        if !self.ended && tokio::runtime::Handle::try_current().is_ok() {
            self.cancel();
        }
    }
}

/// How a cluster is reached. Its file of authorities is read each time, so that it can be renewed.
pub(super) fn link(cluster: &Cluster) -> Result<PostgresLink, TrustError> {
    cluster.authorities().map_or_else(|| Ok(PostgresLink::plain()), PostgresLink::verified)
}

/// Whether the role gets at files or programs of the server's machine: by a SELECT of one's choice (`pg_read_file`) it would
/// hand them to whoever may export. A superuser is a member of all. <https://www.postgresql.org/docs/15/predefined-roles.html>
const REACHES_FILES: &str = "
    SELECT EXISTS (SELECT FROM pg_roles
                   WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
                     AND pg_has_role(oid, 'MEMBER'))
        OR EXISTS (SELECT FROM pg_proc
                   WHERE proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'lo_import', 'lo_export')
                     AND pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege(oid, 'EXECUTE'))";

impl Session {
    /// Connects with the cluster's own role, and nothing from the environment.
    pub(super) async fn connect(cluster: &Cluster, database: &str, operation: OperationId) -> Result<Self, Failure> {
        // A server that accepts and then says nothing must not keep a slot for ever.
        let opened = timeout(OPEN_WITHIN, Box::pin(Self::open(cluster, database, operation))).await;
        opened.unwrap_or_else(|_| Err(failure::cannot_be_reached(&cluster.name)))
    }

    async fn open(cluster: &Cluster, database: &str, operation: OperationId) -> Result<Self, Failure> {
        let mut config = Config::new();
        config
            .port(cluster.port)
            .user(&cluster.user)
            .dbname(database)
            .application_name(format!("safepoint {operation}"))
            .connect_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        if cluster.host_addresses.is_empty() {
            config.host(&cluster.host);
        }
        for address in &cluster.host_addresses {
            // Connected to as it is, and so are the cancels; the name is for its certificate.
            config.host(&cluster.host).hostaddr(*address);
        }
        if let Some(password) = &cluster.password {
            config.password(password.expose());
        }
        let link = link(cluster).map_err(|error| failure::of_trust(&cluster.name, &error))?;
        let connected = link.connect(&config).await;
        let (client, driver) = connected.map_err(|error| failure::of_connect(&cluster.name, &error))?;
        let canceller = Canceller { link, token: client.cancel_token(), ended: false };
        let mut wire = Wire::new(driver);
        let asked = wire.drive(client.simple_query(&settings())).await;
        let answers = asked.map_err(|error| failure::of_error(&cluster.name, &error, &wire))?;
        let rows = answers.iter().filter_map(|answer| if let Row(row) = answer { Some(row) } else { None });
        if rows.last().is_none_or(|row| row.get(0) != Some("f")) {
            return Err(failure::of_role(&cluster.name));
        }
        Ok(Self { client, wire, cluster: cluster.name.clone(), canceller })
    }

    /// Says good-bye after the last answer.
    pub(super) async fn close(self) {
        self.end(CANCEL_EVERY).await;
    }

    /// Cancels what is under way, until the server is seen to have ended it.
    pub(super) async fn abandon(self) {
        self.end(Duration::ZERO).await;
    }

    /// Waits for the end of the connection, which comes after the answer to the last request; cancels that request
    /// again and again. The wire is driven all the while: a server that is blocked in sending sees no cancel.
    async fn end(self, first_cancel: Duration) {
        let Self { client, mut wire, cluster, mut canceller } = self;
        // Without a client the connection ends itself as soon as nothing is under way.
        drop(client);
        let mut given_up = pin!(sleep(GONE_WITHIN));
        let mut repeat = interval_at(Instant::now() + first_cancel, CANCEL_EVERY);
        repeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|cx| wire.poll(cx)) => {
                    canceller.ended = true;
                    return;
                }
                () = &mut given_up => break,
                _ = repeat.tick() => canceller.cancel(),
            }
        }
        tracing::warn!(cluster, "a cancelled query was not seen to end; its connection is cut");
    }
}
