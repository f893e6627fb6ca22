//! Connections between two statements of ours. sqlx asks each whether it lives whenever it is given back to its pool, which
//! costs the server and us about as much again as a short statement, beside those who wait for theirs. So they are kept
//! for the next statement. The pool makes them, looks at those that have lain idle, and closes the old ones.

use crate::Store;
use crate::pool::{TRUSTED_FOR, is_of_before};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{Error, Postgres};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long one is kept in all: then the pool sees whether it has become too old.
const AT_MOST: Duration = Duration::from_secs(30);

/// What is kept of a pool.
#[derive(Debug)]
pub(crate) struct Kept {
    /// As many as the pool has connections: whoever has a turn finds one kept, or free in the pool.
    turns: Semaphore,
    /// The one used last is the last.
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Connection {
    pooled: PoolConnection<Postgres>,
    since: Instant,
    last_used: Instant,
}

impl Connection {
    fn is_fresh(&self) -> bool {
        let kept = self.since.elapsed();
        self.last_used.elapsed() <= TRUSTED_FOR && kept <= AT_MOST && !is_of_before(kept)
    }
}

/// A connection for one statement. Dropped before the statement has come to its end, or when that failed, it goes back to
/// the pool, which looks at it.
struct Taken<'a> {
    connection: Connection,
    _turn: SemaphorePermit<'a>,
}

impl Kept {
    pub(crate) fn of(pool: &PgPool) -> Self {
        let turns = Semaphore::new(pool.options().get_max_connections() as usize);
        Self { turns, idle: Mutex::default() }
    }

    async fn take(&self, pool: &PgPool) -> Result<Taken<'_>, Error> {
        let turn = tokio::time::timeout(pool.options().get_acquire_timeout(), self.turns.acquire()).await;
        let turn = turn.map_err(|_| Error::PoolTimedOut)?.map_err(|_| Error::PoolClosed)?;
        let kept = self.lock().pop().filter(Connection::is_fresh);
        let connection = if let Some(kept) = kept {
            kept
        } else {
            let now = Instant::now();
            // Boxed: its future is large, and each attempt would hold room for it.
            Connection { pooled: Box::pin(pool.acquire()).await?, since: now, last_used: now }
        };
        Ok(Taken { connection, _turn: turn })
    }

    fn keep(&self, pool: &PgPool, taken: Taken<'_>) {
        let mut idle = self.lock();
        // One at a time: those that lie below are needed no more when load has gone.
        if idle.first().is_some_and(|longest| !longest.is_fresh()) {
            idle.remove(0);
        }
        if !pool.is_closed() {
            idle.push(Connection { last_used: Instant::now(), ..taken.connection });
        }
    }

    /// The pool is closed: it waits for what is kept.
    pub(crate) fn give_back(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    /// The last of its stores may go when there is no runtime any more, which a connection that is given back needs.
    fn drop(&mut self) {
        for kept in self.lock().drain(..) {
            drop(kept.pooled.leak());
        }
    }
}

/// A statement on a store's connections. `fetch_all` and the like, on its pool, would know nothing of what is kept.
pub(crate) trait On: Sized {
    /// All rows.
    async fn all(self, store: &Store) -> Result<Vec<PgRow>, Error>;
    /// The first row, if there is one.
    async fn optional(self, store: &Store) -> Result<Option<PgRow>, Error>;
    /// The first row.
    async fn one(self, store: &Store) -> Result<PgRow, Error>;
    /// How many rows it has changed.
    async fn changed(self, store: &Store) -> Result<u64, Error>;
}

impl On for Query<'_, Postgres, PgArguments> {
    async fn all(self, store: &Store) -> Result<Vec<PgRow>, Error> {
        let mut taken = store.kept.take(&store.pool).await?;
        let rows = self.fetch_all(&mut *taken.connection.pooled).await?;
        store.kept.keep(&store.pool, taken);
        Ok(rows)
    }

    async fn optional(self, store: &Store) -> Result<Option<PgRow>, Error> {
        let mut taken = store.kept.take(&store.pool).await?;
        let row = self.fetch_optional(&mut *taken.connection.pooled).await?;
        store.kept.keep(&store.pool, taken);
        Ok(row)
    }

    async fn one(self, store: &Store) -> Result<PgRow, Error> {
        self.optional(store).await?.ok_or(Error::RowNotFound)
    }

    async fn changed(self, store: &Store) -> Result<u64, Error> {
        let mut taken = store.kept.take(&store.pool).await?;
        let result = self.execute(&mut *taken.connection.pooled).await?;
        store.kept.keep(&store.pool, taken);
        Ok(result.rows_affected())
    }
}
