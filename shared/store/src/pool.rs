//! The pools. Each lane (requests, renewals, final writes) has its own, so that load on one can't starve another.

use crate::StoreError;
use crate::link::{DatabaseUrlError, Link};
use sqlx::Connection;
use sqlx::postgres::{PgPool, PgPoolOptions};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How our statements are planned: once a connection, for planning over the partitions costs more than running.
///
/// Such a plan must hold whatever the table looked like that day, and a queue's looks change quicker than its
/// statistics. So there is one way for each statement, loops over indexes, also when the table is empty. A test looks at
/// the plans.
pub const PLANNING: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    // It leaves index entries of dead rows as they are, where an index scan marks them for the next one.
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    // A plan that can't do without a walk is then called endlessly dear, and would be compiled for a second first.
    ("jit", "off"),
];

/// How long after its last use a connection is taken to live. After a restart of the database, only those used within
/// this time before it fail once.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Above all that the server and a pool for requests grant a statement: who waits longer has a connection that fell silent,
/// and goes on [`afresh`](Store::afresh).
pub const SILENT_AFTER: Duration = Duration::from_secs(8);

/// When connections were last found to be of before a migration, by this process's clock.
static RENEWED: Mutex<Option<Instant>> = Mutex::new(None);

/// All connections there are now are closed when they are next taken: a migration has changed what their statements answer
/// with. A call or two has failed by then, and is told to try again.
pub(crate) fn renew_connections() {
    *RENEWED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

fn is_of_before(age: Duration) -> bool {
    RENEWED.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|renewed| renewed.elapsed() < age)
}

/// How a pool behaves.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// What it is for; shown by Postgres as `application_name`.
    pub name: &'static str,
    /// At most so many connections. More than about 8 make Postgres slower on small machines.
    pub connections: u32,
    /// How long the server lets one statement run. Limits are the server's: a statement dropped by its caller would
    /// leave the connection in the middle of an answer.
    pub statement_timeout: Duration,
}

impl PoolSettings {
    /// A pool for requests: 8 connections, 5 s a statement.
    pub const fn new(name: &'static str) -> Self {
        Self { name, connections: 8, statement_timeout: Duration::from_secs(5) }
    }

    /// The same with another number of connections.
    pub const fn connections(self, connections: u32) -> Self {
        Self { connections, ..self }
    }
}

/// Our own database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: PgPool,
}

impl Store {
    /// A pool that connects when it is first needed: a process starts, and says "not ready", without its database.
    ///
    /// # Errors
    /// [`DatabaseUrlError`].
    pub fn new(database_url: &str, settings: PoolSettings) -> Result<Self, DatabaseUrlError> {
        let millis = settings.statement_timeout.as_millis().to_string();
        let options = Link::of(database_url)?
            .options
            .application_name(settings.name)
            .options([
                ("statement_timeout", millis.as_str()),
                ("lock_timeout", "2000"),
                // No statement of ours opens a transaction; should one ever stand open, the server ends it.
                ("idle_in_transaction_session_timeout", "5000"),
                // A connection whose worker is gone must not hold row locks.
                ("tcp_user_timeout", "10000"),
                ("client_connection_check_interval", "2000"),
            ])
            .options(PLANNING)
            .statement_cache_capacity(64);
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(Duration::from_secs(2))
            .max_lifetime(Duration::from_mins(30))
            .idle_timeout(Duration::from_mins(5))
            // sqlx asks each connection whether it lives each time it is taken: as many round trips again as statements.
            .test_before_acquire(false)
            .before_acquire(|connection, taken| {
                Box::pin(async move {
                    if is_of_before(taken.age) {
                        return Ok(false);
                    }
                    if taken.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The same database by new connections, none of which is made yet: for when those there are fall silent.
    pub fn afresh(&self) -> Self {
        let options = (*self.pool.connect_options()).clone();
        Self { pool: self.pool.options().clone().connect_lazy_with(options) }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes the pool: waits for statements under way.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
