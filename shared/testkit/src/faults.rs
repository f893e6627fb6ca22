//! Faults of the database's sessions.

use crate::wait::eventually;
use std::process::Command;
use std::time::Duration;
use tokio_postgres::Client;

/// Sessions of the database that are stopped (SIGSTOP): their connections stand, and nothing comes. They go on when this
/// is dropped.
#[derive(Debug)]
pub struct Frozen(Vec<i32>);

impl Frozen {
    /// Freezes the idle sessions of a pool in the client's database.
    ///
    /// # Panics
    /// It has none, or they can't be signalled.
    pub async fn sessions(client: &Client, pool: &str) -> Self {
        eventually("idle sessions to freeze", Duration::from_secs(30), async || {
            let frozen = Self(idle(client, pool).await);
            frozen.signal("STOP");
            // One that was at work may hold a lock inside the server, for which all others would wait.
            let still = idle(client, pool).await;
            (!frozen.0.is_empty() && frozen.0.iter().all(|pid| still.contains(pid))).then_some(frozen)
        })
        .await
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    fn signal(&self, name: &str) {
        for pid in &self.0 {
            // It may have ended.
            let _ = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

async fn idle(client: &Client, pool: &str) -> Vec<i32> {
    let sessions = "SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = $1 AND state = 'idle'";
    client.query(sessions, &[&pool]).await.expect("sessions").iter().map(|row| row.get(0)).collect()
}

/// Ends the sessions of our pools in a database.
///
/// # Panics
/// They can't be ended.
pub async fn terminate(client: &Client, database: &str) {
    let sessions =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name <> ''";
    client.query(sessions, &[&database]).await.expect("ended");
}
