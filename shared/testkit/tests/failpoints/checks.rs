//! What holds after each case, whatever fired in it.

use crate::cases::Case;
use crate::lane::Lane;
use crate::stories::{ROWS, Told};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

pub async fn check(lane: &Lane, case: &Case, name: &str, told: &[Told]) -> Result<()> {
    for told in told {
        operation(lane, case, told).with_context(|| told.ended.to_string())?;
    }
    rows(lane, name).await?;
    counts(lane).await?;
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in tr%'";
    let idle: i64 = lane.client.query_one(idle, &[]).await?.get(0);
    ensure!(idle == 0, "{idle} sessions stand idle in a transaction");
    Ok(())
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// Shape, bounds, and what stands at the destination.
fn operation(lane: &Lane, case: &Case, told: &Told) -> Result<()> {
    let Told { ended, object, with } = told;
    let state = ended["state"].as_str().unwrap_or_default();
    ensure!(ended["response"].is_null() != (state == "SUCCEEDED"), "a response, and SUCCEEDED: both or neither");
    ensure!(ended["error"].is_null() == (state == "SUCCEEDED"), "an error unless SUCCEEDED");
    ensure!(ended["cancel"].is_null() != (state == "CANCELLED"), "asked for, and CANCELLED: both or neither here");
    let (attempt, failures) = (number(&ended["attempt"]), number(&ended["failures"]));
    ensure!(failures <= number(&ended["retry"]["maxAttempts"]), "{failures} failures");
    ensure!(attempt <= failures + 4, "{attempt} attempts");
    let reported = number(&ended["progress"]["itemsDone"]);
    let (steps, temporary) = shown(&lane.folder(object), ended, with)?;
    if state == "SUCCEEDED" {
        ensure!((steps, reported) == (number(&ended["spec"]["steps"]), steps), "{steps} steps, {reported} reported");
    }
    // Steps of two operations in one folder: none reports those of both.
    if with.is_empty() {
        let more = u64::from(case.loses_a_step());
        ensure!(steps >= reported, "{steps} steps, {reported} reported");
        ensure!(is_unknown(ended) || steps <= reported + more, "{steps} steps, {reported} reported");
    }
    ensure!(temporary == 0 || is_unknown(ended), "{temporary} temporary files are left");
    Ok(())
}

/// Whether a worker was lost at its end, so that nobody could tell what it left: it says so. A busy machine may lose one in
/// any case.
fn is_unknown(ended: &Value) -> bool {
    let lost = ended["error"]["message"].as_str().is_some_and(|message| message.contains("lost"));
    // Late while it waited, after a lost attempt: only a cancel has a receipt.
    let late = ended["error"]["code"] == 4 && number(&ended["failures"]) > 0;
    lost || late || ended["cancel"]["cleanup"]["status"] == "unknown"
}

/// How many steps a folder shows, each one once and in order, and how many temporary files.
fn shown(folder: &Path, ended: &Value, with: &[String]) -> Result<(u64, u64)> {
    let Ok(files) = std::fs::read_dir(folder) else { return Ok((0, 0)) };
    let (mut steps, mut temporary) = (BTreeMap::new(), 0);
    for file in files {
        let file = file?;
        match file.file_name().to_string_lossy().strip_prefix("step-") {
            Some(step) => drop(steps.insert(step.parse::<u64>()?, std::fs::read_to_string(file.path())?)),
            None => temporary += 1,
        }
    }
    for ((step, line), expected) in steps.iter().zip(1..) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [number, id, _attempt] = words[..] else { anyhow::bail!("step {step} holds {line:?}") };
        ensure!(*step == expected && number == expected.to_string(), "step {step} holds {line:?} in place {expected}");
        ensure!(ended["id"] == id || with.iter().any(|other| other == id), "step {step} is another's: {line:?}");
    }
    Ok((steps.len() as u64, temporary))
}

/// The whole of one, and nothing of the other, which says so.
pub fn exports(lane: &Lane, case: &Case, name: &str, cancelled: &Value) -> Result<()> {
    let rows: Vec<_> = (1..=ROWS).map(|row| format!("{row},{}\n", "x".repeat(10_000))).collect();
    let expected = rows.concat();
    let found = std::fs::read_to_string(lane.folder(&format!("{name}/export.csv")))?;
    ensure!(found == expected, "the export is not what was asked for: {} bytes", found.len());
    let unheard = case.point == "worker.export_abort" && ["error", "lost"].contains(&case.action);
    let told = cancelled["cancel"]["cleanup"]["status"].as_str();
    ensure!(told == Some("removed") || unheard || is_unknown(cancelled), "what was left? {cancelled}");
    for file in std::fs::read_dir(lane.folder(name))? {
        let file = file?;
        let file_name = file.file_name().to_string_lossy().into_owned();
        let whole = file.file_type()?.is_dir() || file_name == "export.csv";
        // Nobody takes over what was cancelled with its worker lost.
        let left = is_unknown(cancelled) && !unheard && file_name.starts_with(".export-cancelled.csv.");
        ensure!(whole || left, "{file_name} is left");
    }
    Ok(())
}

/// One operation a key, and none that goes on.
async fn rows(lane: &Lane, name: &str) -> Result<()> {
    let query = "SELECT request_id, count(o.id) FROM create_requests LEFT JOIN operations o ON o.id = operation_id
                 WHERE request_id LIKE $1 GROUP BY 1 HAVING count(o.id) <> 1";
    let wrong = lane.client.query(query, &[&format!("{name}/%")]).await?;
    ensure!(wrong.is_empty(), "{} keys without an operation of their own", wrong.len());
    let query = "SELECT count(*) FROM operations o WHERE project_id = 'p' AND (NOT done OR NOT (
                     EXISTS (SELECT FROM create_requests WHERE operation_id = o.id)
                     OR EXISTS (SELECT FROM resources j WHERE j.project_id = o.project_id AND j.name = o.target)))";
    let wrong: i64 = lane.client.query_one(query, &[]).await?.get(0);
    ensure!(wrong == 0, "{wrong} operations that go on, or that nobody asked for");
    let query =
        "SELECT count(*) FROM resources WHERE project_id = 'p' AND (state <> 'DELETED' OR latest_operation IS NULL)";
    let wrong: i64 = lane.client.query_one(query, &[]).await?.get(0);
    ensure!(wrong == 0, "{wrong} transfer jobs that did not run, or are still there");
    Ok(())
}

/// What is told is what is there.
async fn counts(lane: &Lane) -> Result<()> {
    let query = "SELECT kind, state, count(*) FROM operations WHERE project_id = 'p' AND (delete_time IS NULL OR NOT done) GROUP BY 1, 2";
    let there: BTreeMap<(String, String), u64> = (lane.client.query(query, &[]).await?.iter())
        .map(|row| ((row.get(0), row.get(1)), row.get::<_, i64>(2).unsigned_abs()))
        .collect();
    let told = lane.must(Method::GET, ":counts", None).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told: BTreeMap<_, _> = (told["counts"].as_array().into_iter().flatten())
        .map(|count| ((text(&count["kind"]), text(&count["state"])), number(&count["count"])))
        .collect();
    ensure!(there == told, "counted {told:?}, and there are {there:?}");
    Ok(())
}
