//! The pools. Each lane (requests, renewals, final writes) has its own, so that load on one can't starve another.
//!
//! Nothing here waits for a silent peer without a bound. The longest that one connection can hold up a call is
//! [`ACQUIRE_WITHIN`], the pool's statement timeout, and [`GRACE`].

mod lent;
mod statements;

use crate::StoreError;
use crate::link::{DatabaseUrlError, Link};
use lent::PING_WITHIN;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Error, Row};
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

/// How long a call waits for a connection, including the time to make one.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(2);
/// How much longer than the server this process waits for the end of a statement. Then the peer is silent, and its connection is
/// closed. sqlx sets neither keepalive nor `TCP_USER_TIMEOUT`, and neither would see a backend that is stopped.
const GRACE: Duration = Duration::from_secs(2);
/// At most so long a statement waits for a lock.
const LONGEST_LOCK_WAIT: Duration = Duration::from_secs(2);
/// How often a connection to a server that takes no writes looks whether it does now.
const WRITABLE_EVERY: Duration = Duration::from_millis(200);

/// Connections opened before this moment, by this process's clock, are closed when they are next taken.
static RENEWED: Mutex<Option<Instant>> = Mutex::new(None);

/// Closes each connection of this process when it is next taken. A migration has changed what their statements answer
/// with, or their server has stopped to take writes. A call or two has failed by then, and was told to try again.
fn renew_connections() {
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
    /// How long the server lets one statement run. This process waits [`GRACE`] longer.
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

    /// The same with another limit for a statement: a short one for lanes that a cancel waits for.
    pub const fn statement_timeout(self, statement_timeout: Duration) -> Self {
        Self { statement_timeout, ..self }
    }
}

/// Our own database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    /// The deadline of a statement on this process's clock.
    answer_within: Duration,
}

impl Store {
    /// A pool that connects when it is first needed: a process starts, and says "not ready", without its database.
    ///
    /// # Errors
    /// [`DatabaseUrlError`].
    pub fn new(database_url: &str, settings: PoolSettings) -> Result<Self, DatabaseUrlError> {
        let statement_timeout = settings.statement_timeout.as_millis().to_string();
        let lock_timeout = settings.statement_timeout.min(LONGEST_LOCK_WAIT).as_millis().to_string();
        let options = Link::of(database_url)?
            .options
            .application_name(settings.name)
            .options([
                ("statement_timeout", statement_timeout.as_str()),
                ("lock_timeout", lock_timeout.as_str()),
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
            .acquire_timeout(ACQUIRE_WITHIN)
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
                        // Leaves time to make a new one where this one is silent.
                        let ping = tokio::time::timeout(PING_WITHIN, connection.ping());
                        ping.await.map_err(|_| Error::PoolTimedOut)??;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| Box::pin(until_writable(connection)))
            .connect_lazy_with(options);
        Ok(Self { pool, answer_within: settings.statement_timeout + GRACE })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.execute(sqlx::query("SELECT 1")).await?;
        Ok(())
    }

    /// Closes the pool: waits for statements under way, each of which has its deadline.
    pub async fn close(&self) {
        // A good-bye to a silent peer may hang as well.
        let _ = tokio::time::timeout(ACQUIRE_WITHIN + self.answer_within + PING_WITHIN, self.pool.close()).await;
    }
}

/// Returns when the server takes writes. A standby does not, and neither does a server that a failover has set read-only:
/// reads from it could be older than what was read before. The pool's limit for making a connection ends the wait, and the
/// next one is made to whatever server the address leads to then.
async fn until_writable(connection: &mut PgConnection) -> Result<(), Error> {
    let mut told = false;
    loop {
        let row = sqlx::raw_sql("SHOW transaction_read_only").fetch_one(&mut *connection).await?;
        if row.try_get::<&str, _>(0)? == "off" {
            return Ok(());
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("the database is read-only: waiting for one that takes writes");
        }
        tokio::time::sleep(WRITABLE_EVERY).await;
    }
}
