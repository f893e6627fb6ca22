//! All that the checker looks at: what clients saw, what the database holds and held, and what stands at the destination.

use crate::faults::Window;
use crate::history::{Event, Micros};
use crate::world::World;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tokio_postgres::Client;

/// An operation's row at the end of the run.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: String,
    /// The number of the create that asked for it.
    pub number: u64,
    pub state: String,
    pub attempt: u32,
    pub failures: u32,
    pub failure_limit: u32,
    pub items: u64,
    pub steps: u64,
    pub error_code: Option<i32>,
    pub error_message: Option<String>,
    pub cancelled_at: Option<Micros>,
    pub ended_at: Option<Micros>,
    pub cleanup: Option<String>,
    pub road: Option<String>,
    pub ended_by: Option<String>,
    pub deleted: bool,
    /// What the audit log tells of it.
    pub audited: Vec<String>,
}

/// One change of a row, as the database saw it. The facts before are missing where it was made.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    pub id: String,
    pub at: Micros,
    pub before: Option<Facts>,
    pub after: Facts,
    /// Whether anything but the mark of its deletion changed.
    pub visible: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub state: String,
    pub attempt: u32,
    pub failures: u32,
    pub cancel: bool,
}

/// A step that is to be seen at the destination.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub number: u64,
    pub line: String,
    /// When it became visible.
    pub at: Micros,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub events: Vec<Event>,
    pub rows: Vec<Row>,
    pub log: Vec<Change>,
    /// By the number of the create.
    pub shown: HashMap<u64, Vec<Step>>,
    pub windows: Vec<Window>,
}

impl Facts {
    pub fn done(&self) -> bool {
        matches!(self.state.as_str(), "SUCCEEDED" | "FAILED" | "CANCELLED")
    }
}

impl Row {
    pub const fn done(&self) -> bool {
        self.ended_at.is_some()
    }
}

impl Evidence {
    /// Reads rows, log and destination of a run that has ended.
    pub async fn gather(world: &World, events: Vec<Event>, windows: Vec<Window>) -> Result<Self> {
        let client = world.database().await?;
        let (rows, log) = (rows(&client).await?, log(&client).await?);
        let shown = shown(&world.bucket.join(crate::plans::FOLDER))?;
        Ok(Self { events, rows, log, shown, windows })
    }

    /// Writes it down, a line each, for people who look for what went wrong.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        write_lines(&folder.join("history.jsonl"), &self.events)?;
        write_lines(&folder.join("rows.jsonl"), &self.rows)?;
        write_lines(&folder.join("log.jsonl"), &self.log)?;
        write_lines(&folder.join("faults.jsonl"), &self.windows)?;
        let shown: Vec<_> = self.shown.iter().collect();
        write_lines(&folder.join("shown.jsonl"), &shown)
    }
}

fn write_lines<T: Serialize>(path: &Path, items: &[T]) -> Result<()> {
    let lines: Vec<_> = items.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(fs::write(path, lines.join("\n"))?)
}

async fn rows(client: &Client) -> Result<Vec<Row>> {
    let rows = client.query(include_str!("rows.sql"), &[]).await?;
    rows.iter()
        .map(|row| {
            let object: String = row.get("object");
            let number = object.rsplit_once('/').and_then(|(_, number)| number.parse().ok());
            Ok(Row {
                id: row.get("id"),
                number: number.context("an object of ours")?,
                state: row.get("state"),
                attempt: row.get::<_, i32>("attempt").unsigned_abs(),
                failures: row.get::<_, i32>("failures").unsigned_abs(),
                failure_limit: row.get::<_, i32>("failure_limit").unsigned_abs(),
                items: row.get::<_, i64>("items_done").unsigned_abs(),
                steps: row.get::<_, i64>("steps").unsigned_abs(),
                error_code: row.get("error_code"),
                error_message: row.get("error_message"),
                cancelled_at: row.get("cancelled_at"),
                ended_at: row.get("ended_at"),
                cleanup: row.get("cleanup"),
                road: row.get("road"),
                ended_by: row.get("ended_by"),
                deleted: row.get("deleted"),
                audited: row.get("audited"),
            })
        })
        .collect()
}

async fn log(client: &Client) -> Result<Vec<Change>> {
    let query = "SELECT *, id::text AS operation, (extract(epoch FROM at) * 1000000)::bigint AS micros FROM chaos_log ORDER BY seq";
    let rows = client.query(query, &[]).await?;
    let facts = |row: &tokio_postgres::Row, age: &str| {
        let column = |name: &str| format!("{age}_{name}");
        Some(Facts {
            state: row.get::<_, Option<String>>(column("state").as_str())?,
            attempt: row.get::<_, i32>(column("attempt").as_str()).unsigned_abs(),
            failures: row.get::<_, i32>(column("failures").as_str()).unsigned_abs(),
            cancel: row.get(column("cancel").as_str()),
        })
    };
    rows.iter()
        .map(|row| {
            Ok(Change {
                id: row.get("operation"),
                at: row.get("micros"),
                before: facts(row, "old"),
                after: facts(row, "new").context("facts after a change")?,
                visible: row.get("visible"),
            })
        })
        .collect()
}

/// What is visible: temporary files are not.
fn shown(folder: &Path) -> Result<HashMap<u64, Vec<Step>>> {
    let mut shown = HashMap::new();
    let Ok(folders) = fs::read_dir(folder) else { return Ok(shown) };
    for folder in folders {
        let folder = folder?;
        let number = folder.file_name().to_string_lossy().parse().context("a folder of ours")?;
        let mut steps = Vec::new();
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let Some(step) = name.strip_prefix("step-") else { continue };
            let facts = file.metadata()?;
            // A rename sets the time of the last change of status.
            let at = facts.ctime() * 1_000_000 + facts.ctime_nsec() / 1_000;
            steps.push(Step { number: step.parse()?, line: fs::read_to_string(file.path())?, at });
        }
        steps.sort_by_key(|step| step.number);
        shown.insert(number, steps);
    }
    Ok(shown)
}
