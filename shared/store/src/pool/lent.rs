//! A connection on loan from the pool.
//!
//! sqlx returns a dropped connection to its pool after a ping that has no deadline: a connection whose peer is silent
//! would keep its place in the pool forever, and one whose call was dropped half way would wait for that call's end.

use super::renew_connections;
use crate::StoreError;
use crate::sqlstate::{Session, session_after};
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{Error, Postgres};
use std::time::Duration;

/// How long a connection may take to prove that it is ready for the next statement.
pub(super) const PING_WITHIN: Duration = Duration::from_secs(1);

/// A connection on loan. Unless its answer is [settled](Lent::settle), dropping it closes its socket: the call was
/// dropped or its deadline passed, so nobody knows what the server would send next.
pub(super) struct Lent(Option<PoolConnection<Postgres>>);

impl Lent {
    pub(super) const fn new(connection: PoolConnection<Postgres>) -> Self {
        Self(Some(connection))
    }

    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("it is taken out only when it is settled or dropped")
    }

    /// Takes the answer, and returns the connection to the pool if it can serve another statement.
    pub(super) fn settle<T>(mut self, answer: Result<T, Error>) -> Result<T, StoreError> {
        match answer.as_ref().err().map_or(Session::Good, session_after) {
            Session::Good => self.give_back(),
            Session::Ended => {}
            Session::AllEnded => renew_connections(),
        }
        answer.map_err(StoreError::from)
    }

    fn give_back(&mut self) {
        if let Some(mut connection) = self.0.take() {
            // When the deadline passes, sqlx's future is dropped, which closes the socket and frees the place.
            tokio::spawn(tokio::time::timeout(PING_WITHIN, connection.return_to_pool()));
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            // Frees the place in the pool at once, and does no I/O.
            drop(connection.detach());
        }
    }
}
