//! SQL: `pg_dump` as a child process, its output streamed.

use super::dump_rows::RowCounter;
use super::session::Session;
use super::source::{Filled, pulse};
use super::{failure, pg_dump, tables};
use crate::executor::sink::Output;
use crate::safepoint::Ended;
use crate::work::Work;
use bytes::{BufMut, BytesMut};
use kinds::postgres_export::SqlDump;
use operation::{Code, Failure};
use runtime::config::Cluster;
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::io::{AsyncReadExt, copy, sink};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Interval, sleep};

/// How long a child has to end after SIGTERM. It cancels its query at the server and goes.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// How much of what the child complains about is kept.
const COMPLAINTS: usize = 8 * 1024;
/// How much the pipe holds: the child writes 4 KiB at a time and must not wait for each to be taken.
const PIPE: usize = 1024 * 1024;

/// A read that brought less than this has emptied the pipe: the child gets a moment to write more than its 4 KiB.
/// Without it, each of its writes wakes this side.
const SHORT: usize = 128 * 1024;
const NAP: Duration = Duration::from_millis(1);

/// Fills the output with a dump of the database.
pub(super) async fn export(
    dump: &SqlDump,
    cluster: &Cluster,
    database: &str,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    let operation = output.safepoint().fence().id;
    // On a connection of its own first: a wrong database or table fails here, with the server's own code.
    let connecting = Session::connect(cluster, database, operation);
    let mut session = output.wait("connecting to the cluster", connecting).await??;
    let selected = tables::select(&dump.tables, &mut session, output).await;
    if selected.is_ok() {
        session.close().await;
    } else {
        session.abandon().await;
    }
    let selection = selected?;
    output.progress.items_total = if dump.schema_only { Some(0) } else { selection.rows };
    output.reach("tables looked up")?;

    let program =
        pg_dump::find(std::env::var_os("PATH").as_deref(), Path::new(pg_dump::VERSIONS)).ok_or_else(no_pg_dump)?;
    let arguments = pg_dump::arguments(dump, &selection.tables);
    let mut child =
        PgDump::start(pg_dump::command(&program, cluster, database, operation, &arguments), output.safepoint().work())?;
    match child.stream(cluster, output).await {
        Ok(()) => Ok(()),
        Err(ended) => {
            child.end().await;
            Err(ended)
        }
    }
}

/// A running `pg_dump`. Whoever holds it ends it: dropped (a panic, an abort), the child is killed and reaped by the runtime.
struct PgDump {
    child: Child,
    stdout: ChildStdout,
    complaints: JoinHandle<String>,
    rows: RowCounter,
    pulse: Interval,
}

impl PgDump {
    fn start(mut command: Command, work: &Work) -> Result<Self, Failure> {
        let mut child = command.spawn().map_err(|error| could_not_start(&error))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Failure::fatal(Code::Internal, "pg_dump was started without pipes"));
        };
        if let Err(error) = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE) {
            // It works with the usual 64 KiB as well: there is a limit on the pipes of one user.
            tracing::debug!(%error, "the pipe could not be made larger");
        }
        let complaints = work.spawn(tail(stderr));
        Ok(Self { child, stdout, complaints, rows: RowCounter::default(), pulse: pulse() })
    }

    /// Takes all the child writes, and looks how it ended.
    async fn stream(&mut self, cluster: &Cluster, output: &mut Output<'_>) -> Result<(), Ended> {
        let cx = output.safepoint();
        loop {
            let size = output.block_size();
            let filling = self.fill(&mut output.block, size);
            let filled = cx.or_stop("waiting for pg_dump", filling).await?;
            output.progress.items_done = self.rows.rows();
            match filled.map_err(|error| could_not_read(&error))? {
                Filled::Block => output.hand_over().await?,
                Filled::Pulse => output.reach("waiting for pg_dump")?,
                Filled::End => break,
            }
        }
        let ended = output.wait("waiting for pg_dump to end", self.child.wait()).await?;
        let status = ended.map_err(|error| could_not_read(&error))?;
        if status.success() {
            return Ok(());
        }
        let complaints = output.wait("waiting for pg_dump's complaints", &mut self.complaints).await?;
        Err(failed(cluster, status, &complaints.unwrap_or_default()).into())
    }

    /// Fills the block up to `size`. Safe to drop: what was read is in the block.
    async fn fill(&mut self, block: &mut BytesMut, size: usize) -> io::Result<Filled> {
        loop {
            let before = block.len();
            let Some(room) = size.checked_sub(before).filter(|room| *room > 0) else { return Ok(Filled::Block) };
            let mut room = (&mut *block).limit(room);
            tokio::select! {
                biased;
                read = self.stdout.read_buf(&mut room) => {
                    if read? == 0 {
                        return Ok(Filled::End);
                    }
                    self.rows.scan(&block[before..]);
                    if block.len() - before < SHORT && block.len() < size {
                        sleep(NAP).await;
                    }
                }
                _ = self.pulse.tick() => return Ok(Filled::Pulse),
            }
        }
    }

    /// Asks the child to end, takes what it still writes, kills it if it does not, and reaps it in any case.
    async fn end(&mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid
            && let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::TERM)
        {
            tracing::warn!(%error, "pg_dump could not be told to end");
        }
        let ended = async {
            // A child that is blocked in writing would not end. What it writes is not wanted any more.
            let _ = copy(&mut self.stdout, &mut sink()).await;
            self.child.wait().await
        };
        let in_time = tokio::select! {
            biased;
            ended = ended => ended.is_ok(),
            () = sleep(ENDS_WITHIN) => false,
        };
        if !in_time && let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "pg_dump could not be killed");
        }
        self.complaints.abort();
    }
}

/// The last of what the child complains about.
async fn tail(mut stderr: ChildStderr) -> String {
    let mut tail = Vec::new();
    while let Ok(1..) = stderr.read_buf(&mut tail).await {
        let too_long = tail.len().saturating_sub(COMPLAINTS);
        tail.drain(..too_long);
    }
    String::from_utf8_lossy(&tail).into_owned()
}

fn failed(cluster: &Cluster, status: ExitStatus, complaints: &str) -> Failure {
    // Only the first line of a complaint: the details quote statements.
    for line in complaints.lines().filter(|line| line.contains("error: ")) {
        tracing::warn!(cluster = cluster.name, line, "pg_dump failed");
    }
    failure::of_pg_dump(&cluster.name, complaints, status.code().is_none())
}

fn no_pg_dump() -> Failure {
    let message = "this worker has no pg_dump: tell the operator to install the PostgreSQL client".to_owned();
    Failure { code: Code::FailedPrecondition, message, retryable: true }
}

fn could_not_start(error: &io::Error) -> Failure {
    tracing::error!(%error, "pg_dump could not be started");
    Failure { code: Code::Internal, message: "pg_dump could not be started".to_owned(), retryable: true }
}

fn could_not_read(error: &io::Error) -> Failure {
    tracing::warn!(%error, "pg_dump's output could not be read");
    Failure { code: Code::Internal, message: "pg_dump's output could not be read".to_owned(), retryable: true }
}
