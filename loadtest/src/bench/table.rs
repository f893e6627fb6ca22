//! The table that exports are measured on: made once, kept in the customer's database.

use super::{Bench, say};
use crate::postgres;
use crate::text::thousands;
use anyhow::{Context, Result, ensure};

/// A table of rows of about 130 bytes as CSV: numbers, a time, some text.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name, in the schema `public`.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
}

impl Table {
    /// The query that exports all of it.
    pub fn query(&self) -> String {
        format!("SELECT * FROM {}", self.name)
    }
}

/// The table, made now if it is not there yet.
pub async fn ensure(bench: &Bench) -> Result<Table> {
    let table = if bench.quick {
        Table { name: "bench_rows_quick", rows: 1_000_000 }
    } else {
        Table { name: "bench_rows", rows: 10_000_000 }
    };
    let client = postgres::connect(&bench.source).await?;
    // Set when all rows are there: an interrupted fill is begun anew.
    let mark = format!("loadtest, {} rows, form 1", table.rows);
    let found = client
        .query_one("SELECT obj_description(to_regclass($1), 'pg_class')", &[&table.name])
        .await
        .context("the tables cannot be looked at")?
        .get::<_, Option<String>>(0);
    if found.as_deref() != Some(&mark) {
        say(&format!("filling the table {} with {} rows (once)", table.name, thousands(table.rows)));
        client.batch_execute(&fill(&table)).await.context("the table cannot be filled")?;
        // Frozen, so that no reader has to write to the table; alone, for VACUUM has no place in a transaction.
        let settle = format!("VACUUM (FREEZE, ANALYZE) {}", table.name);
        client.batch_execute(&settle).await.context("the table cannot be vacuumed")?;
        let done = format!("COMMENT ON TABLE {} IS '{mark}'", table.name);
        client.batch_execute(&done).await.context("the table cannot be marked as filled")?;
    }
    let rows = postgres::count(&client, table.name).await?;
    ensure!(rows == table.rows, "{} has {rows} rows, not {}: drop it, it is made anew", table.name, table.rows);
    Ok(table)
}

fn fill(table: &Table) -> String {
    let Table { name, rows } = table;
    format!(
        "DROP TABLE IF EXISTS {name};
         CREATE TABLE {name} (
             id bigint PRIMARY KEY, customer integer NOT NULL, amount numeric(12, 2) NOT NULL,
             created_at timestamptz NOT NULL, note text NOT NULL
         );
         INSERT INTO {name}
         SELECT i, (i * 7919) % 100000, (i % 1000000) / 100.0, timestamptz '2026-01-01 00:00Z' + i * interval '1 second',
                md5(i::text) || ' ' || md5((i + 1)::text) || ' ' || left(md5((i + 2)::text), 16)
         FROM generate_series(1::bigint, {rows}) i;"
    )
}
