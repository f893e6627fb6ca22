//! What must hold at the end of a step.

use crate::client::Client;
use crate::postgres::{self, quoted};
use crate::wire::AlloyOperation;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use tokio_postgres::Config;
use tokio_postgres::error::SqlState;

const SCRATCH: &str = "safepoint_demo_";

/// Drops the scratch databases of runs that were interrupted.
pub async fn drop_leftovers(source: &Config) -> Result<()> {
    let server = postgres::connect(source).await?;
    let names = server
        .query("SELECT datname::text FROM pg_database WHERE starts_with(datname::text, $1)", &[&SCRATCH])
        .await
        .context("the databases cannot be listed")?;
    for name in names {
        drop_database(&server, name.get(0)).await?;
    }
    Ok(())
}

/// Restores the dump into a scratch database, compares each table with its source; returns the rows compared.
///
/// # Errors
/// Names the table that differs. The scratch database is dropped in any case.
pub async fn dump_equals_source(source: &Config, dump: &Path, tables: &[String], run: &str) -> Result<u64> {
    let scratch = format!("{SCRATCH}{run}");
    let server = postgres::connect(source).await?;
    let create = format!("CREATE DATABASE {} TEMPLATE template0", quoted(&scratch));
    server.batch_execute(&create).await.with_context(|| format!("the database {scratch} cannot be created"))?;
    let compared = restore_and_compare(source, &scratch, dump, tables).await;
    let dropped = drop_database(&server, &scratch).await;
    // What did not hold matters more than what could not be cleaned up.
    let rows = compared?;
    dropped?;
    Ok(rows)
}

async fn drop_database(server: &tokio_postgres::Client, name: &str) -> Result<()> {
    let drop = format!("DROP DATABASE {}", quoted(name));
    let dropped = match server.batch_execute(&drop).await {
        // What an interrupted run left behind is still at it. Not by force from the start: that also asks for the right
        // to end an autovacuum that happens to be there, which the plain one waits for.
        Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {
            server.batch_execute(&format!("{drop} WITH (FORCE)")).await
        }
        dropped => dropped,
    };
    dropped.with_context(|| format!("the database {name} cannot be dropped"))
}

async fn restore_and_compare(source: &Config, scratch: &str, dump: &Path, tables: &[String]) -> Result<u64> {
    let mut copy = source.clone();
    copy.dbname(scratch);
    let mut psql = postgres::program("psql", &copy);
    psql.args(["-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-f"]).arg(dump);
    postgres::run(psql).await.context("the dump cannot be restored")?;

    let (source, copy) = tokio::try_join!(postgres::connect(source), postgres::connect(&copy))?;
    let mut rows = 0;
    for table in tables {
        let (theirs, ours) =
            tokio::try_join!(postgres::fingerprint(&source, table), postgres::fingerprint(&copy, table))?;
        ensure!(theirs == ours, "{table} differs: {theirs:?} (rows, sum of hashes) in the source, {ours:?} restored");
        rows += ours.0;
    }
    Ok(rows)
}

/// The `AlloyDB` dialect shows it as cancelled, by get and in the list.
pub async fn shown_as_cancelled(client: &Client, name: &str) -> Result<()> {
    is_cancelled(&client.alloy(name).await?).context("get")?;
    let mut token = String::new();
    loop {
        let page = client.alloy_page(&token).await?;
        if let Some(operation) = page.operations.iter().find(|operation| operation.name == name) {
            return is_cancelled(operation).context("list");
        }
        if page.next_page_token.is_empty() {
            bail!("list does not show {name}");
        }
        token = page.next_page_token;
    }
}

fn is_cancelled(operation: &AlloyOperation) -> Result<()> {
    let code = operation.error.as_ref().map(|error| error.code);
    ensure!(operation.done && code == Some(1), "it is not shown as done with error code 1: {operation:?}");
    let requested = operation.metadata["requestedCancellation"] == true;
    ensure!(requested, "its metadata does not say requestedCancellation: {}", operation.metadata);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An autovacuum may be in the scratch database: a superuser's process, which the customer's role may not end.
    #[tokio::test]
    async fn a_database_is_dropped_when_a_superusers_process_has_left_it() {
        let superuser = postgres::config(&std::env::var("TEST_DATABASE_URL").expect("make test names one")).unwrap();
        let server = postgres::connect(&superuser).await.unwrap();
        let name = format!("dropped_{}", uuid::Uuid::now_v7().simple());
        server
            .batch_execute(&format!(
                "CREATE ROLE {name} LOGIN CREATEDB PASSWORD '{name}'; GRANT {name} TO CURRENT_USER"
            ))
            .await
            .unwrap();
        server.batch_execute(&format!("CREATE DATABASE {name} OWNER {name}")).await.unwrap();
        let mut customer = superuser.clone();
        let customer = postgres::connect(customer.user(&name).password(&name).application_name(&name)).await.unwrap();
        let mut inside = superuser.clone();
        let inside = postgres::connect(inside.dbname(&name)).await.unwrap();
        let leaves = async {
            let drops = "SELECT FROM pg_stat_activity
                WHERE application_name = $1 AND state = 'active' AND query LIKE 'DROP DATABASE%'";
            while server.query_opt(drops, &[&name]).await.unwrap().is_none() {}
            drop(inside);
        };
        let mut dropping = Box::pin(drop_database(&customer, &name));
        tokio::select! {
            dropped = &mut dropping => panic!("nobody was waited for: {dropped:?}"),
            () = leaves => dropping.await.unwrap(),
        }
        drop(customer);
        server.batch_execute(&format!("DROP ROLE {name}")).await.unwrap();
    }

    #[test]
    fn cancelled_is_done_with_code_1_and_says_that_it_was_asked() {
        let check = |json: &str| is_cancelled(&serde_json::from_str(json).unwrap()).is_ok();
        assert!(check(
            r#"{"name":"n","done":true,"error":{"code":1,"message":"m"},"metadata":{"requestedCancellation":true}}"#
        ));
        assert!(!check(r#"{"name":"n","done":true,"error":{"code":1}}"#));
        assert!(!check(r#"{"name":"n","done":true,"error":{"code":13},"metadata":{"requestedCancellation":true}}"#));
        assert!(!check(r#"{"name":"n","metadata":{"requestedCancellation":true}}"#));
    }
}
