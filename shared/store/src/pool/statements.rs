//! The only place through which statements reach the pool: each has a deadline on this process's clock, too.

use super::Store;
use super::lent::Lent;
use crate::StoreError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow};
use sqlx::query::Query;
use sqlx::{Error, Postgres};
use std::io;

/// A statement with its parameters.
type Statement<'q> = Query<'q, Postgres, PgArguments>;

impl Store {
    /// All rows.
    pub(crate) async fn fetch_all(&self, statement: Statement<'_>) -> Result<Vec<PgRow>, StoreError> {
        let mut lent = self.lend().await?;
        let answer = self.in_time(statement.fetch_all(lent.connection())).await;
        lent.settle(answer)
    }

    /// The only row, if there is one.
    pub(crate) async fn fetch_optional(&self, statement: Statement<'_>) -> Result<Option<PgRow>, StoreError> {
        let mut lent = self.lend().await?;
        let answer = self.in_time(statement.fetch_optional(lent.connection())).await;
        lent.settle(answer)
    }

    /// The only row of a statement that always returns one.
    pub(crate) async fn fetch_one(&self, statement: Statement<'_>) -> Result<PgRow, StoreError> {
        let mut lent = self.lend().await?;
        let answer = self.in_time(statement.fetch_one(lent.connection())).await;
        lent.settle(answer)
    }

    /// How many rows were affected.
    pub(crate) async fn execute(&self, statement: Statement<'_>) -> Result<PgQueryResult, StoreError> {
        let mut lent = self.lend().await?;
        let answer = self.in_time(statement.execute(lent.connection())).await;
        lent.settle(answer)
    }

    /// The pool bounds this: the wait for a place, the ping of an idle connection, and the making of a new one.
    async fn lend(&self) -> Result<Lent, StoreError> {
        // An error of connecting says nothing about the statement, so it passes, whatever its code.
        // Boxed: to connect takes kilobytes of state, which every statement's future would hold.
        Box::pin(self.pool.acquire()).await.map(Lent::new).map_err(StoreError::Unavailable)
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let silent = || Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time"));
        tokio::time::timeout(self.answer_within, answer).await.unwrap_or_else(|_| Err(silent()))
    }
}
