//! CSV: `COPY (query) TO STDOUT`, in a read-only transaction.

use super::copy_out::Rows;
use super::session::Session;
use super::source::Filled;
use super::{failure, query};
use crate::executor::sink::Output;
use crate::safepoint::Ended;
use kinds::postgres_export::CsvFormat;
use operation::{Code, Failure};
use runtime::config::Cluster;
use tokio_postgres::types::{FromSql, Type};

/// Fills the output with the rows of the query.
pub(super) async fn export(
    format: &CsvFormat,
    cluster: &Cluster,
    database: &str,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    let operation = output.safepoint().fence().id;
    let connecting = Session::connect(cluster, database, operation);
    let mut session = output.wait("connecting to the cluster", connecting).await??;
    let exported = copy(format, &mut session, output).await;
    // On success the transaction is over and the session only says good-bye; else its query is cancelled until it is
    // seen gone. Never is the connection used again.
    if exported.is_ok() {
        session.close().await;
    } else {
        session.abandon().await;
    }
    exported
}

async fn copy(format: &CsvFormat, session: &mut Session, output: &mut Output<'_>) -> Result<(), Ended> {
    let query = query::without_semicolon(&format.select_query);
    judge(query, session, output).await?;
    output.progress.items_total = estimate(query, session, output).await?;
    output.reach("query planned")?;

    let Session { client, wire, cluster, .. } = session;
    let statement = query::copy_statement(query, format);
    let request = async {
        client.batch_execute("BEGIN READ ONLY").await?;
        client.copy_out(&statement).await
    };
    let started = output.wait("waiting for the query to start", wire.drive(request)).await?;
    let cx = output.safepoint();
    let mut rows = Rows::new(started.map_err(|error| failure::of_copy(cluster, &error, wire))?);
    loop {
        let size = output.block_size();
        let filling = rows.fill(wire, &mut output.block, size);
        let filled = cx.or_stop("waiting for rows", filling).await?;
        output.progress.items_done = rows.count();
        match filled.map_err(|error| failure::of_copy(cluster, &error, wire))? {
            Filled::Block => output.hand_over().await?,
            Filled::Pulse => output.reach("waiting for rows")?,
            Filled::End => break,
        }
    }
    // Shows that the server got to the end in good order, and takes back what a function may have written although the
    // transaction is read-only (large objects, before Postgres 16).
    let ended = output.wait("waiting for the end", wire.drive(client.batch_execute("ROLLBACK"))).await?;
    Ok(ended.map_err(|error| failure::of_error(cluster, &error, wire))?)
}

/// Lets the server's own parser judge the query, alone: the extended protocol takes exactly one statement, so nothing
/// that only makes sense inside our `COPY (…)` gets past.
async fn judge(query: &str, session: &mut Session, output: &Output<'_>) -> Result<(), Ended> {
    let Session { client, wire, cluster, .. } = session;
    let prepared = output.wait("waiting for the query's parsing", wire.drive(client.prepare(query))).await?;
    let prepared = prepared.map_err(|error| failure::of_error(cluster, &error, wire))?;
    let objection = if prepared.columns().is_empty() {
        "the query returns no columns: only a SELECT can be exported"
    } else if !prepared.params().is_empty() {
        "the query has parameters ($1), and there are no values for them"
    } else {
        return Ok(());
    };
    Err(Failure::fatal(Code::InvalidArgument, objection).into())
}

/// How many rows the planner expects. If it can't tell, the export still may do.
async fn estimate(query: &str, session: &mut Session, output: &Output<'_>) -> Result<Option<u64>, Ended> {
    let Session { client, wire, .. } = session;
    let explain = format!("EXPLAIN (FORMAT JSON) {query}");
    let explained = output.wait("waiting for the query's plan", wire.drive(client.query_one(&explain, &[]))).await?;
    let plan = explained.and_then(|row| row.try_get::<_, Json>(0).map(|Json(plan)| query::plan_rows(&plan)));
    Ok(plan.unwrap_or_default())
}

/// A value of type `json`, as its text.
struct Json(Vec<u8>);

impl<'a> FromSql<'a> for Json {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_owned()))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSON
    }
}
