//! The customer's Postgres: connections, and the programs that come with the server.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

/// A connection; it ends when the client is dropped.
pub async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await.with_context(|| {
        let database = config.get_dbname().unwrap_or_default();
        format!("no connection to the Postgres database {database}: does the system run (make up)?")
    })?;
    tokio::spawn(async move {
        // What broke the connection also fails the statement that waits for it, and is told there.
        let _ = connection.await;
    });
    Ok(client)
}

/// Reads a `postgres://` address.
pub fn config(url: &str) -> Result<Config> {
    // The parser's error may quote the address, and with it the password.
    url.parse().map_err(|_| anyhow::anyhow!("the Postgres address is not valid"))
}

/// A name as SQL takes it, whatever characters it holds.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The database's tables in the schema `public`, but for those of the bench.
pub async fn tables(client: &Client) -> Result<Vec<String>> {
    let rows = client
        .query(
            "SELECT tablename::text FROM pg_tables
             WHERE schemaname = 'public' AND tablename NOT LIKE 'bench\\_%' ORDER BY tablename",
            &[],
        )
        .await
        .context("the tables cannot be listed")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// How many rows a table has.
pub async fn count(client: &Client, table: &str) -> Result<u64> {
    let statement = format!("SELECT count(*) FROM public.{}", quoted(table));
    let row = client.query_one(&statement, &[]).await.with_context(|| format!("{table} cannot be counted"))?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

/// A table's row count and a sum over the hashes of its rows, which does not depend on their order.
pub async fn fingerprint(client: &Client, table: &str) -> Result<(u64, String)> {
    let statement = format!(
        "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM public.{} t",
        quoted(table)
    );
    let row = client.query_one(&statement, &[]).await.with_context(|| format!("{table} cannot be summed"))?;
    Ok((row.get::<_, i64>(0).unsigned_abs(), row.get(1)))
}

/// `psql` or `pg_dump`, told by its environment where the database is: a password on a command line is seen by all.
pub fn program(name: &str, config: &Config) -> Command {
    let mut command = Command::new(path_of(name));
    if let Some(Host::Tcp(host)) = config.get_hosts().first() {
        command.env("PGHOST", host);
    }
    if let Some(port) = config.get_ports().first() {
        command.env("PGPORT", port.to_string());
    }
    let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    let texts = [
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
        ("PGPASSWORD", password),
    ];
    for (variable, value) in texts {
        if let Some(value) = value {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a program to its end; returns what it said.
///
/// # Errors
/// What it wrote to its standard error.
pub async fn run(mut command: Command) -> Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.output().await.with_context(|| format!("{name} does not start: is it installed?"))?;
    if !output.status.success() {
        bail!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The program itself. The one in Debian's PATH is a script that guesses a version first, and takes its time.
fn path_of(program: &str) -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|version| {
            Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin").join(program)))
        })
        .filter(|(_, path)| path.is_file())
        .collect();
    versions.sort();
    versions.pop().map_or_else(|| program.into(), |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_name() {
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }

    #[test]
    fn the_password_goes_by_the_environment() {
        let command = program("psql", &config("postgres://shop:secret@127.0.0.1:5433/shop").unwrap());
        let command = command.as_std();
        assert_eq!(command.get_args().count(), 0);
        let variable = |name: &str| {
            let (_, value) = command.get_envs().find(|(key, _)| *key == name).unwrap();
            value.unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(variable("PGPASSWORD"), "secret");
        assert_eq!(variable("PGPORT"), "5433");
        assert_eq!(variable("PGDATABASE"), "shop");
    }
}
