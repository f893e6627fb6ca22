//! Migrations, run by refinery on a connection of its own (it has no sqlx backend).

use crate::grants::{self, Roles};
use crate::link::{DatabaseUrlError, Link, without_tls};
use std::time::Duration;

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
    /// Another process migrates, and did not end in time.
    #[error("another process holds the migration lock")]
    Locked(#[source] tokio_postgres::Error),
    /// A migration failed, or the database was migrated by a newer version.
    #[error("a migration failed")]
    Migrate(#[source] Box<refinery::Error>),
    /// A role could not be given its rights: it is not there, or the one who migrates may not give them.
    #[error("a role was not given its rights (roles are made before: CREATE ROLE … LOGIN)")]
    Grant(#[source] tokio_postgres::Error),
}

/// Brings the database to this binary's schema, and the roles to their rights in it. Any number of processes may call it at once: one works, others wait.
/// Returns the names of the migrations that ran.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(database_url: &str, roles: &Roles) -> Result<Vec<String>, MigrateError> {
    let link = Link::of(database_url)?.tls;
    let mut config: tokio_postgres::Config = without_tls(database_url).parse().map_err(MigrateError::Connect)?;
    config.application_name("safepoint migrate").connect_timeout(Duration::from_secs(10));
    let (mut client, connection) = link.connect(&config).await.map_err(MigrateError::Connect)?;
    let connection = tokio::spawn(connection);
    // The lock goes with the session, so a killed migrator never leaves it behind.
    client
        .batch_execute("SET statement_timeout = '60s'; SELECT pg_advisory_lock(7350220571); SET lock_timeout = '5s'")
        .await
        .map_err(MigrateError::Locked)?;
    let report = embedded::migrations::runner()
        .run_async(&mut client)
        .await
        .map_err(|error| MigrateError::Migrate(Box::new(error)))?;
    grants::grant(&client, roles).await.map_err(MigrateError::Grant)?;
    drop(client);
    // The session has ended when its task has: the next migrator finds the lock free.
    let _ = connection.await;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}
