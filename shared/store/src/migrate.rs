//! Migrations, run by refinery on a connection of its own (it has no sqlx backend).

use crate::link::{DatabaseUrlError, Link, without_tls};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

/// How long it may take to reach the database, including its answer to our startup message.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Above the server's limit for a statement of a migrator, which also bounds the wait for the lock.
pub(crate) const STATEMENT_WITHIN: Duration = Duration::from_secs(62);
/// Above what all migrations together can take. A silent peer is found much earlier: see [`connect`].
const MIGRATE_WITHIN: Duration = Duration::from_mins(30);
/// When a peer that does not acknowledge is given up.
const SILENT_AFTER: Duration = Duration::from_secs(10);

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Why the database could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Its URL can't be used.
    #[error(transparent)]
    Url(#[from] DatabaseUrlError),
    /// It can't be reached. The URL is not repeated: it holds a password.
    #[error("the database cannot be reached")]
    Connect(#[source] tokio_postgres::Error),
    /// It was reached, and then did not answer within the deadline.
    #[error("the database does not answer")]
    Silent,
    /// Another process migrates, and did not end in time.
    #[error("another process holds the migration lock")]
    Locked(#[source] tokio_postgres::Error),
    /// A migration failed, or the database was migrated by a newer version.
    #[error("a migration failed")]
    Migrate(#[source] Box<refinery::Error>),
    /// A role could not be given its rights: it is not there, or the one who migrates may not give them.
    #[error("a role was not given its rights (roles are made before: CREATE ROLE … LOGIN)")]
    Grant(#[source] tokio_postgres::Error),
    /// One role for two processes would have the rights of the last one, and the owner none.
    #[error("the role {0} is the owner's, or stands for two processes: each needs one of its own")]
    SharedRole(String),
}

/// Brings the database to this binary's schema. Any number of processes may call it at once: one works, others wait.
/// Returns the names of the migrations that ran.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(database_url: &str) -> Result<Vec<String>, MigrateError> {
    let (mut client, connection) = connect(database_url).await?;
    let report = timeout(MIGRATE_WITHIN, embedded::migrations::runner().run_async(&mut client))
        .await
        .map_err(|_| MigrateError::Silent)?
        .map_err(|error| MigrateError::Migrate(Box::new(error)))?;
    drop(client);
    // The session has ended when its task has: the next migrator finds the lock free.
    let _ = timeout(SILENT_AFTER, connection).await;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// A session that is alone in changing what belongs to the schema. The lock goes with it, so a killed migrator never leaves
/// it behind.
pub(crate) async fn connect(
    database_url: &str,
) -> Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>), MigrateError> {
    let link = Link::of(database_url)?.tls;
    let mut config: tokio_postgres::Config = without_tls(database_url).parse().map_err(MigrateError::Connect)?;
    config.application_name("safepoint migrate").connect_timeout(CONNECT_WITHIN);
    // What sqlx can't set: the kernel gives up a peer that is gone.
    config.keepalives_idle(SILENT_AFTER).keepalives_interval(Duration::from_secs(2)).keepalives_retries(3);
    config.tcp_user_timeout(SILENT_AFTER);
    let connected = timeout(CONNECT_WITHIN, link.connect(&config)).await.map_err(|_| MigrateError::Silent)?;
    let (client, connection) = connected.map_err(MigrateError::Connect)?;
    let connection = tokio::spawn(connection);
    let lock = client
        .batch_execute("SET statement_timeout = '60s'; SELECT pg_advisory_lock(7350220571); SET lock_timeout = '5s'");
    timeout(STATEMENT_WITHIN, lock).await.map_err(|_| MigrateError::Silent)?.map_err(MigrateError::Locked)?;
    Ok((client, connection))
}
