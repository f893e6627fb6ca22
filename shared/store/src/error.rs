//! What can go wrong with our own database, in a fixed vocabulary: driver texts can hold hosts and users.

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, is shutting down, or no connection came free in time. Passes by itself.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A statement or its answer is not what this binary expects: another schema version, or a bug.
    #[error("the database refused a statement")]
    Unexpected(#[source] sqlx::Error),
    /// A row holds what this binary can't read: written by a newer version.
    #[error("the row of operation {id} cannot be read: {what}")]
    Unreadable {
        /// The operation.
        id: uuid::Uuid,
        /// Which part of it.
        what: &'static str,
    },
}

impl StoreError {
    /// Whether the same call may work a moment later.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_stale_plan(&error) {
            crate::pool::renew_connections();
            return Self::Unavailable(error);
        }
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Unexpected(error) }
    }
}

/// The connection's: it passes.
impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        sqlx::Error::Io(error).into()
    }
}

/// A migration has changed what a prepared statement answers with: the connection can't run it any more, a new one can.
fn is_stale_plan(error: &sqlx::Error) -> bool {
    let database = error.as_database_error();
    database.is_some_and(|error| error.code().as_deref() == Some("0A000") && error.message().contains("cached plan"))
}

fn is_unavailable(error: &sqlx::Error) -> bool {
    if let Some(database) = error.as_database_error() {
        // Class 08 connection, 53 resources (too many connections, disk full), 57 shutdown and timeouts, 58 I/O;
        // 40 is a deadlock or a serialization failure; 55P03 a lock timeout; 28 is a rotated password.
        return database.code().is_some_and(|code| {
            ["08", "53", "57", "58", "40", "55P03", "28"].iter().any(|class| code.starts_with(class))
        });
    }
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
    )
}
