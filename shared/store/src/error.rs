//! What can go wrong with our own database, in a fixed vocabulary: driver texts can hold hosts and users.

use crate::sqlstate;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached, does not answer in time, takes no writes, or no connection came free. Passes by itself.
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

    /// Whether it passes, and only because another session holds what the statement wants: the same for other rows may work now.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Unavailable(error) => sqlstate::is_busy(error),
            Self::Unexpected(_) | Self::Unreadable { .. } => false,
        }
    }

    /// Whether the server refused a value, such as text with a NUL. Others of the same statement may be taken.
    pub fn refuses_a_value(&self) -> bool {
        match self {
            Self::Unexpected(error) => sqlstate::refuses_a_value(error),
            Self::Unavailable(_) | Self::Unreadable { .. } => false,
        }
    }

    /// The SQLSTATE of what the server refused: safe to log, where its message may repeat a value.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Unavailable(error) | Self::Unexpected(error) => sqlstate::code(error),
            Self::Unreadable { .. } => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if sqlstate::is_transient(&error) { Self::Unavailable(error) } else { Self::Unexpected(error) }
    }
}

/// The connection's: it passes.
impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        sqlx::Error::Io(error).into()
    }
}
