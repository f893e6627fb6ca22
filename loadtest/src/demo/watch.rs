//! One operation, watched: a bar on a terminal, a line about once a second elsewhere.

use crate::client::Client;
use crate::text::{megabytes, thousands};
use crate::wire::Operation;
use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use uuid::Uuid;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const LINE_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(15);
const PATIENCE_PENDING: Duration = Duration::from_mins(1);

/// Looks at the operation until it is as wanted, and shows it meanwhile.
///
/// # Errors
/// It takes too long, or no worker takes it up.
pub async fn until(
    client: &Client,
    id: Uuid,
    view: &mut View,
    wanted: impl Fn(&Operation) -> bool,
) -> Result<Operation> {
    let begun = Instant::now();
    loop {
        let operation = client.operation(id).await?;
        view.show(&operation);
        if wanted(&operation) {
            return Ok(operation);
        }
        if operation.state == "PENDING" && begun.elapsed() > PATIENCE_PENDING {
            bail!("the operation {id} waits for a worker for a minute: does one run?");
        }
        if begun.elapsed() > PATIENCE {
            bail!("the operation {id} is {} after {} minutes", operation.state, PATIENCE.as_secs() / 60);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What is seen of one operation.
pub struct View {
    title: &'static str,
    begun: Instant,
    /// Bytes, and how long it took to write them: taken together, for the count stands still between two reports.
    written: (u64, Duration),
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Option<(Instant, String)> },
}

impl View {
    /// A bar, or lines where nobody looks at a terminal.
    pub fn new(title: &'static str) -> Self {
        let shown = if std::io::stdout().is_terminal() {
            Shown::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout()).with_style(style(false)))
        } else {
            Shown::Lines { last: None }
        };
        Self { title, begun: Instant::now(), written: (0, Duration::ZERO), shown }
    }

    /// A line of its own, above the bar.
    pub fn say(&self, line: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(line),
            Shown::Lines { .. } => println!("{line}"),
        }
    }

    fn show(&mut self, operation: &Operation) {
        let bytes = operation.progress.bytes_done;
        if bytes != self.written.0 || operation.done {
            self.written = (bytes, operation.run_time().unwrap_or_else(|| self.begun.elapsed()));
        }
        let text = describe(operation, self.written.1);
        match &mut self.shown {
            Shown::Bar(bar) => draw(bar, self.title, operation, text),
            Shown::Lines { last } => {
                let news = match last {
                    None => true,
                    Some((at, state)) => *state != operation.state || at.elapsed() >= LINE_EVERY,
                };
                if news {
                    println!("     {}: {text}", self.title);
                    *last = Some((Instant::now(), operation.state.clone()));
                }
            }
        }
    }
}

fn draw(bar: &ProgressBar, title: &'static str, operation: &Operation, text: String) {
    let progress = &operation.progress;
    if let Some(total) = progress.items_total
        && bar.length().is_none()
    {
        bar.set_length(total);
        bar.set_style(style(true));
    }
    // The total may be the planner's guess.
    if progress.items_total.is_some_and(|total| total < progress.items_done) || operation.state == "SUCCEEDED" {
        bar.set_length(progress.items_done);
    }
    bar.set_prefix(title);
    bar.set_position(progress.items_done);
    bar.set_message(text);
    if operation.done {
        bar.abandon();
    }
}

fn style(with_bar: bool) -> ProgressStyle {
    let template = if with_bar { "     {prefix} {bar:16} {wide_msg}" } else { "     {prefix} {spinner} {wide_msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `RUNNING  1,200,000 of 5,000,000 rows, 112.4 MB, 98.7 MB/s`.
fn describe(operation: &Operation, elapsed: Duration) -> String {
    let progress = &operation.progress;
    if progress.items_done == 0 && progress.bytes_done == 0 {
        return operation.state.clone();
    }
    let unit = progress.unit.as_deref().unwrap_or("items");
    let total = match progress.items_total {
        // At the end the guess has no more to say.
        Some(total) if !operation.done => format!(" of {}", thousands(total)),
        _ => String::new(),
    };
    let rate = progress.bytes_done as f64 / 1e6 / elapsed.as_secs_f64().max(0.001);
    format!(
        "{}  {}{total} {unit}, {}, {rate:.1} MB/s",
        operation.state,
        thousands(progress.items_done),
        megabytes(progress.bytes_done)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_tells_rows_bytes_and_rate() {
        let check = |state: &str, progress: &str, expect: &str| {
            let text = format!(
                r#"{{"id":"{}","state":"{state}","done":{},"createTime":"2026-11-23T07:00:00Z","progress":{progress}}}"#,
                Uuid::nil(),
                state == "SUCCEEDED"
            );
            let operation = serde_json::from_str(&text).unwrap();
            assert_eq!(describe(&operation, Duration::from_secs(2)), expect);
        };
        let running = r#"{"itemsDone":"1200","itemsTotal":"5000","unit":"rows","bytesDone":"4000000"}"#;
        check("RUNNING", running, "RUNNING  1,200 of 5,000 rows, 4.0 MB, 2.0 MB/s");
        check("SUCCEEDED", running, "SUCCEEDED  1,200 rows, 4.0 MB, 2.0 MB/s");
        check("PENDING", "{}", "PENDING");
    }
}
