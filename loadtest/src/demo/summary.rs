//! The table at the end.

use crate::text::{megabytes, seconds, thousands};
use crate::wire::{Cleanup, Operation, Receipt};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use std::time::Duration;

/// One operation, as it ended.
pub struct Line {
    /// What it was.
    pub title: &'static str,
    /// How it ended.
    pub operation: Operation,
    /// From the create call to the end, as the client saw it.
    pub took: Duration,
    /// Rows counted in the output, where there is one; objects of a transfer.
    pub rows: Option<u64>,
}

/// One line an operation.
pub fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "operation",
        "state",
        "rows or\nobjects",
        "bytes",
        "time",
        "cancel requested →\ndelivered → observed → stopped",
        "road",
    ]);
    for line in lines {
        let receipt = line.operation.cancel.as_ref();
        table.add_row([
            line.title.to_owned(),
            line.operation.state.clone(),
            thousands(line.rows.unwrap_or(line.operation.progress.items_done)),
            megabytes(line.operation.progress.bytes_done),
            seconds(line.took),
            receipt.map_or_else(|| "–".to_owned(), stages),
            receipt.and_then(|receipt| receipt.delivered_by.clone()).unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    for column in table.column_iter_mut().skip(2).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Milliseconds since the request; then where it stopped and what became of its output.
fn stages(receipt: &Receipt) -> String {
    let since_request = receipt
        .stages()
        .map(|stage| stage.map_or_else(|| "?".to_owned(), |stage| format!("{:.1}", stage.as_secs_f64() * 1e3)))
        .join(" → ");
    let mut lines = vec![format!("{since_request} ms")];
    lines.extend(receipt.safe_point.as_ref().map(|safe_point| format!("at the safe point: {safe_point}")));
    lines.extend(receipt.cleanup.as_ref().map(|Cleanup { status, outputs }| {
        format!("partial output: {status} {}", outputs.join(", ")).trim_end().to_owned()
    }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_the_stages_of_a_cancel() {
        let json = r#"{"id":"01920000-0000-7000-8000-000000000001","state":"CANCELLED","done":true,"createTime":"2026-11-23T07:00:00Z",
            "progress":{"itemsDone":"1234567","bytesDone":"2500000"},
            "cancel":{"requestedAt":"2026-11-23T07:00:00Z","deliveredAt":"2026-11-23T07:00:00.0021Z","deliveredBy":"push",
            "observedAt":"2026-11-23T07:00:00.003Z","safePoint":"waiting for rows","stoppedAt":"2026-11-23T07:00:00.0107Z",
            "cleanup":{"status":"removed","outputs":[]}}}"#;
        let operation = serde_json::from_str(json).unwrap();
        let line = Line { title: "CSV export", operation, took: Duration::from_millis(1500), rows: None };
        let text = table(&[line]).to_string();
        for part in ["1,234,567", "2.5 MB", "1.50 s", "2.1 → 3.0 → 10.7 ms", "push", "waiting for rows", "removed"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
