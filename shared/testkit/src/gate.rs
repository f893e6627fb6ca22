//! Queries that wait until a test lets them go on, instead of for a time.

use crate::TestDatabase;
use tokio_postgres::Client;

/// What a query says where it is to wait for its database's [`Gate`]. It has no value.
pub const GATE: &str = "pg_advisory_xact_lock_shared(1)";

/// A closed gate in a database: what comes to [`GATE`] waits there until this is dropped, or until its query is cancelled.
#[derive(Debug)]
pub struct Gate {
    /// The lock goes with its connection.
    _client: Client,
}

impl TestDatabase {
    /// Closes the gate.
    ///
    /// # Panics
    /// The server is gone, or the gate is closed already.
    pub async fn close_gate(&self) -> Gate {
        let client = self.client().await;
        let row = client.query_one("SELECT pg_try_advisory_lock(1)", &[]).await.expect("an answer");
        assert!(row.get::<_, bool>(0), "somebody is in the gate");
        Gate { _client: client }
    }
}
