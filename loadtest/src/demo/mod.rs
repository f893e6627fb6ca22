//! The main job on real data, for a person who watches: two exports that complete and are checked, one that is
//! cancelled while it runs, and a transfer that is paused, resumed, cancelled and run again. Plain HTTP calls, each shown before it is made.

mod checks;
mod summary;
mod transfer;
mod watch;

use crate::client::{Client, Export};
use crate::settings::Settings;
use crate::text::{self, thousands};
use crate::wire::Operation;
use crate::{files, postgres};
use anyhow::{Context, Result, bail, ensure};
use std::time::Instant;
use summary::Line;
use tokio_postgres::Config;
use uuid::Uuid;
use watch::View;

const TABLE: &str = "pgbench_accounts";

/// Shows it; ends with an error that tells what did not hold.
pub async fn run(settings: &Settings) -> Result<()> {
    let mut config = postgres::config(&settings.customer_url)?;
    config.dbname(&settings.database);
    let run = text::run_name();
    // What earlier runs left for a look.
    files::remove_folder(&settings.file_of("demo"))?;
    checks::drop_leftovers(&config).await?;
    let demo = Demo { settings, client: Client::new(settings)?, source: config, folder: format!("demo/{run}"), run };
    let mut lines = vec![demo.csv().await?, demo.sql().await?, demo.cancelled().await?];
    lines.extend(transfer::show(&demo).await?);
    println!("\n{}", summary::table(&lines));
    println!("\nAll of it held. The two exports lie in {}", settings.file_of(&demo.folder).display());
    Ok(())
}

struct Demo<'a> {
    settings: &'a Settings,
    client: Client,
    /// The database that is exported.
    source: Config,
    /// Names this run.
    run: String,
    /// Where its objects go, in the bucket.
    folder: String,
}

/// An export that has been started.
struct Started {
    id: Uuid,
    name: String,
    at: Instant,
}

impl Demo<'_> {
    /// An export to CSV: the file must have as many rows as the table.
    async fn csv(&self) -> Result<Line> {
        say("1/4", &format!("Export the table {TABLE} to CSV, then count the rows of the file and of the table"));
        let object = format!("{}/accounts.csv", self.folder);
        let started = self.start(&object, &Export::Csv(format!("SELECT * FROM {TABLE}"))).await?;
        let operation = watch::until(&self.client, started.id, &mut View::new("CSV export"), |o| o.done).await?;
        let took = started.at.elapsed();
        self.succeeded(&operation, &started.name).await?;

        let source = postgres::connect(&self.source).await?;
        let file = self.settings.file_of(&object);
        let (in_table, in_file) = tokio::try_join!(postgres::count(&source, TABLE), files::csv_rows(&file))?;
        ensure!(in_file == in_table, "the file has {} rows, the table {}", thousands(in_file), thousands(in_table));
        ok(&format!("the file has {} rows, as the table", thousands(in_file)));
        Ok(Line { title: "CSV export", operation, took, rows: Some(in_file) })
    }

    /// A dump: restored into an empty database, that must become equal.
    async fn sql(&self) -> Result<Line> {
        let source = postgres::connect(&self.source).await?;
        let tables = postgres::tables(&source).await?;
        let shop = &self.settings.database;
        say(
            "2/4",
            &format!("Export {shop} as an SQL dump, restore that with psql and compare each table with its source"),
        );
        let object = format!("{}/dump.sql", self.folder);
        let started = self.start(&object, &Export::Sql(tables.clone())).await?;
        let operation = watch::until(&self.client, started.id, &mut View::new("SQL export"), |o| o.done).await?;
        let took = started.at.elapsed();
        self.succeeded(&operation, &started.name).await?;
        let file = self.settings.file_of(&object);
        println!("     restoring it into a scratch database, and comparing sums over the hashes of all rows …");
        let rows = checks::dump_equals_source(&self.source, &file, &tables, &self.run).await?;
        ok(&format!(
            "{} tables with {} rows are restored: each has as many rows as its source, with the same hashes",
            tables.len(),
            thousands(rows)
        ));
        Ok(Line { title: "SQL export", operation, took, rows: Some(rows) })
    }

    /// An export that is cancelled once it has moved rows: it must end as cancelled, and leave nothing behind.
    async fn cancelled(&self) -> Result<Line> {
        say("3/4", "Start an export that would take many minutes, and cancel it once rows have moved");
        let before = files::below(&self.settings.data_dir)?;
        let object = format!("{}/cancelled.csv", self.folder);
        let query = format!("SELECT a.* FROM {TABLE} a CROSS JOIN pgbench_branches");
        let started = self.start(&object, &Export::Csv(query)).await?;
        let mut view = View::new("CSV export, cancelled");
        let running =
            watch::until(&self.client, started.id, &mut view, |o| o.done || o.progress.items_done > 0).await?;
        ensure!(!running.done, "it ended before it could be cancelled: {}", running.ending());
        view.say(&self.call("POST", &Client::alloy_cancel_path(&started.name)));
        self.client.alloy_cancel(&started.name).await?;
        let operation = watch::until(&self.client, started.id, &mut view, |o| o.done).await?;
        let took = started.at.elapsed();

        ensure!(operation.state == "CANCELLED", "it ended otherwise than cancelled: {}", operation.ending());
        checks::shown_as_cancelled(&self.client, &started.name).await?;
        ok("get and list show it as done, with error code 1, and requestedCancellation");
        let after = files::below(&self.settings.data_dir)?;
        let left: Vec<_> = after.difference(&before).collect();
        ensure!(left.is_empty(), "the cancelled export left files behind: {left:?}");
        ok("the bucket has neither a file of it nor a temporary one");
        Ok(Line { title: "CSV export, cancelled", operation, took, rows: None })
    }

    /// Shows the call, makes it.
    async fn start(&self, object: &str, export: &Export) -> Result<Started> {
        let (path, body) = self.client.export_call(object, export);
        println!("{} {body}", self.call("POST", &path));
        let at = Instant::now();
        let operation = self.client.export(object, export).await?;
        let id = operation.id().with_context(|| format!("the operation's name has no id: {}", operation.name))?;
        println!("     {}", operation.name);
        Ok(Started { id, name: operation.name, at })
    }

    fn call(&self, method: &str, path: &str) -> String {
        format!("     {method} {}{path}", self.settings.url)
    }

    /// Both APIs agree that it succeeded.
    async fn succeeded(&self, operation: &Operation, name: &str) -> Result<()> {
        if operation.state != "SUCCEEDED" {
            bail!("the export did not succeed: {}", operation.ending());
        }
        let alloy = self.client.alloy(name).await?;
        ensure!(alloy.done && alloy.error.is_none(), "the AlloyDB dialect shows it otherwise: {alloy:?}");
        Ok(())
    }
}

fn say(place: &str, what: &str) {
    println!("\n{place}  {what}");
}

fn ok(what: &str) {
    println!("     ok: {what}");
}
