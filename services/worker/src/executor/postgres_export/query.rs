//! The statements of a CSV export, as text.

use kinds::postgres_export::CsvFormat;
use serde_json::Value;

/// How long a query may wait for a lock on a table.
pub(super) const LOCK_TIMEOUT_SECONDS: u32 = 60;

/// What stands before the query in the statement: positions of errors are counted from its start.
const BEFORE: &str = "COPY (";

/// The query without the one semicolon that may end it.
pub(super) fn without_semicolon(query: &str) -> &str {
    let query = query.trim_end();
    query.strip_suffix(';').unwrap_or(query)
}

/// The statement that streams the rows.
///
/// The server has parsed the query alone before: it is one whole statement, with no open comment, quote or
/// parenthesis. Only a trailing `--` comment could still swallow what follows, hence the line break.
pub(super) fn copy_statement(query: &str, format: &CsvFormat) -> String {
    format!(
        "{BEFORE}{query}\n) TO STDOUT WITH (FORMAT csv, DELIMITER {}, QUOTE {}, ESCAPE {}, ENCODING 'UTF8')",
        literal(format.delimiter),
        literal(format.quote),
        literal(format.escape),
    )
}

/// Where an error in the statement is in the query, in characters from 1.
pub(super) fn position_in_query(position: u32) -> Option<u32> {
    position.checked_sub(BEFORE.len() as u32).filter(|position| *position > 0)
}

/// One character as an SQL literal. The session's `standard_conforming_strings` is on.
fn literal(character: char) -> String {
    if character == '\'' { "''''".to_owned() } else { format!("'{character}'") }
}

/// How many rows the planner expects, from `EXPLAIN (FORMAT JSON)`.
pub(super) fn plan_rows(explained: &[u8]) -> Option<u64> {
    let plan: Value = serde_json::from_slice(explained).ok()?;
    plan.get(0)?.get("Plan")?.get("Plan Rows")?.as_f64().filter(|rows| *rows >= 0.0).map(|rows| rows as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_semicolon_is_taken_off() {
        for (query, expect) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT 1;", "SELECT 1"),
            (" SELECT 1 ; \n", " SELECT 1 "),
            // Two stay two: the server refuses what is left.
            ("SELECT 1;;", "SELECT 1;"),
            ("SELECT 1; -- end", "SELECT 1; -- end"),
        ] {
            assert_eq!(without_semicolon(query), expect);
        }
    }

    #[test]
    fn the_statement_quotes_its_options_and_survives_a_trailing_comment() {
        let format = CsvFormat { select_query: String::new(), delimiter: '\t', quote: '\'', escape: '\\' };
        assert_eq!(
            copy_statement("SELECT 1 -- all", &format),
            "COPY (SELECT 1 -- all\n) TO STDOUT WITH (FORMAT csv, DELIMITER '\t', QUOTE '''', ESCAPE '\\', ENCODING 'UTF8')"
        );
        assert_eq!(position_in_query(7), Some(1));
        assert_eq!(position_in_query(6), None);
        assert_eq!(position_in_query(1), None);
    }

    #[test]
    fn the_planners_rows_are_read() {
        for (explained, expect) in [
            (r#"[{"Plan": {"Node Type": "Seq Scan", "Plan Rows": 5000000}}]"#, Some(5_000_000)),
            (r#"[{"Plan": {"Plan Rows": 1.5}}]"#, Some(1)),
            (r#"[{"Plan": {}}]"#, None),
            ("[]", None),
            ("nonsense", None),
        ] {
            assert_eq!(plan_rows(explained.as_bytes()), expect, "{explained}");
        }
    }
}
