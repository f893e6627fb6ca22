//! What an export must be, however it was asked for. Each check names the field as the caller wrote it.

use crate::kinds::catalog::Catalog;
use crate::kinds::select_query;
use crate::wire::error::Violations;
use kinds::postgres_export::{CsvFormat, SqlDump};
use operation::ProjectId;
use runtime::destination::DestinationError;

/// Postgres cuts longer names.
const LONGEST_NAME: usize = 63;
/// The longest object name of Cloud Storage and S3, in bytes.
const LONGEST_OBJECT: usize = 1024;

/// A bucket and an object's name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The bucket's configured name.
    pub bucket: String,
    /// The object's name.
    pub object: String,
}

/// Parses `gs://bucket/object`, and checks both.
pub fn destination(
    uri: &str,
    field: &str,
    catalog: &Catalog,
    project: &ProjectId,
    violations: &mut Violations,
) -> Option<Destination> {
    let Some((bucket, object)) = uri.strip_prefix("gs://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    else {
        violations.add(field, "must have the form gs://bucket/object");
        return None;
    };
    if bucket.is_empty() || object.is_empty() {
        let missing = if bucket.is_empty() { "bucket" } else { "object" };
        violations.add(field, format!("names no {missing}: the form is gs://bucket/object"));
        return None;
    }
    check_bucket(bucket, field, catalog, project, violations);
    check_object(object, field, violations);
    Some(Destination { bucket: bucket.to_owned(), object: object.to_owned() })
}

/// A bucket that the project may write to.
pub fn check_bucket(bucket: &str, field: &str, catalog: &Catalog, project: &ProjectId, violations: &mut Violations) {
    if !catalog.has_bucket(project, bucket) {
        violations.add(field, format!("names the bucket {bucket:?}, which is not configured for this project"));
    }
}

/// An object's name that means the same in a folder as in an object store.
pub fn check_object(object: &str, field: &str, violations: &mut Violations) {
    let mut segments = object.split('/');
    let wrong = if object.len() > LONGEST_OBJECT {
        "names an object longer than 1,024 bytes"
    } else if object.chars().any(char::is_control) {
        "names an object with control characters"
    } else if object.ends_with('/') {
        "names a folder, not an object: it ends with /"
    } else if segments.clone().any(str::is_empty) {
        "names an object with an empty segment (// or a / at its start)"
    } else if segments.any(|segment| segment == "." || segment == "..") {
        "names an object with a segment . or .."
    } else {
        return;
    };
    violations.add(field, wrong);
}

/// A database's name.
pub fn check_database(database: Option<String>, field: &str, violations: &mut Violations) -> String {
    let database = database.unwrap_or_default();
    if database.is_empty() {
        violations.add(field, "is required");
    } else if database.len() > LONGEST_NAME {
        violations.add(field, "is longer than the 63 bytes of a Postgres name");
    }
    database
}

/// A role's name.
pub fn check_role(role: &str, field: &str, violations: &mut Violations) {
    if role.len() > LONGEST_NAME {
        violations.add(field, "is longer than the 63 bytes of a Postgres name");
    } else if role.chars().any(char::is_control) {
        violations.add(field, "has control characters");
    }
}

/// Why a server that the caller names is not connected to, as the end of a sentence that begins with the field.
pub fn not_reached(error: &DestinationError) -> String {
    match error {
        DestinationError::Malformed { expected } => format!("is not what it should be: expected {expected}"),
        DestinationError::NotAllowed
        | DestinationError::Forbidden
        | DestinationError::Unresolved(_)
        | DestinationError::Unconnected(_) => {
            "names a server that this project may not reach by this port: its operator allows destinations".to_owned()
        }
    }
}

/// The names of a CSV export's fields, as the caller wrote them.
#[derive(Debug, Clone)]
pub struct CsvFields {
    /// Of the query.
    pub select_query: String,
    /// Of the delimiter.
    pub delimiter: String,
    /// Of the quote.
    pub quote: String,
    /// Of the escape.
    pub escape: String,
}

/// The characters of a CSV export; `None` where the caller named none.
#[derive(Debug, Clone, Copy, Default)]
pub struct CsvCharacters {
    /// Between fields: a comma by default.
    pub delimiter: Option<char>,
    /// Around fields: a double quote by default.
    pub quote: Option<char>,
    /// Before a quote: the quote by default.
    pub escape: Option<char>,
}

/// A CSV export, with its defaults.
pub fn csv(
    query: Option<&str>,
    characters: CsvCharacters,
    fields: &CsvFields,
    violations: &mut Violations,
) -> CsvFormat {
    let delimiter = characters.delimiter.unwrap_or(',');
    let quote = characters.quote.unwrap_or('"');
    let escape = characters.escape.unwrap_or(quote);
    for (character, field) in [(delimiter, &fields.delimiter), (quote, &fields.quote), (escape, &fields.escape)] {
        if !character.is_ascii() || matches!(character, '\0' | '\n' | '\r') {
            violations.add(field, "must be one ASCII character, not NUL, a line feed or a carriage return");
        }
    }
    if quote == delimiter {
        violations.add(&fields.quote, "must differ from the field delimiter");
    } else if escape == delimiter {
        violations.add(&fields.escape, "must differ from the field delimiter");
    }
    let select_query = match query.map(select_query::check) {
        Some(Ok(query)) => query,
        Some(Err(why)) => {
            violations.add(&fields.select_query, why);
            String::new()
        }
        None => {
            violations.add(&fields.select_query, "is required");
            String::new()
        }
    };
    CsvFormat { select_query, delimiter, quote, escape }
}

/// A character in hexadecimal ASCII code, as `AlloyDB` takes it: `2C` is a comma.
pub fn hex_character(hex: Option<&str>, field: &str, violations: &mut Violations) -> Option<char> {
    let hex = hex?;
    let code = (hex.len() == 2 && hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(hex, 16).ok())
        .flatten()
        .filter(u8::is_ascii);
    if code.is_none() {
        violations.add(field, "must be one character in hexadecimal ASCII code: two digits, 00 to 7F, such as 2C");
    }
    code.map(char::from)
}

/// A dump's options.
pub fn check_dump(dump: &SqlDump, tables_field: &str, if_exist_field: &str, violations: &mut Violations) {
    for (index, table) in dump.tables.iter().enumerate() {
        let field = format!("{tables_field}[{index}]");
        if table.trim().is_empty() {
            violations.add(field, "is empty");
        } else if table.len() > 2 * LONGEST_NAME + 1 {
            violations.add(field, "is longer than schema.table can be");
        } else if table.chars().any(char::is_control) {
            violations.add(field, "has control characters");
        }
    }
    if dump.if_exist_target_objects && !dump.clean_target_objects {
        violations.add(if_exist_field, "needs cleanTargetObjects: without DROP there is nothing to make conditional");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::config::{Bucket, Config};

    fn told(check: impl FnOnce(&mut Violations)) -> String {
        let mut violations = Violations::default();
        check(&mut violations);
        violations.into_result().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_destination_stays_in_its_bucket() {
        let bucket = |name: &str, project: &str| Bucket::new(name, "file:///nowhere/", vec![project.parse().unwrap()]);
        let config = Config { buckets: vec![bucket("mine", "p"), bucket("theirs", "q")], ..Config::default() };
        let catalog = Catalog::new(&config).unwrap();
        let project = "p".parse().unwrap();
        let check = |uri: &str, expected: &str| {
            let got = told(|violations| {
                destination(uri, "uri", &catalog, &project, violations);
            });
            assert!(if expected.is_empty() { got.is_empty() } else { got.contains(expected) }, "{uri:?}: {got}");
        };
        check("gs://mine/a.csv", "");
        check("gs://mine/a/b c/ä..b/.c.csv.gz", "");
        check("gs://mine/a?b#c", "");
        check("s3://mine/a", "must have the form gs://bucket/object");
        check("mine/a", "must have the form");
        check("GS://mine/a", "must have the form");
        check("gs://", "names no bucket");
        check("gs:///a", "names no bucket");
        check("gs://mine", "names no object");
        check("gs://mine/", "names no object");
        check("gs://theirs/a", "\"theirs\", which is not configured for this project");
        check("gs://nobodys/a", "\"nobodys\", which is not configured for this project");
        check("gs://mine/../a", "a segment . or ..");
        check("gs://mine/a/../../etc/passwd", "a segment . or ..");
        check("gs://mine/./a", "a segment . or ..");
        check("gs://mine//a", "an empty segment");
        check("gs://mine/a//b", "an empty segment");
        check("gs://mine/a/", "names a folder");
        check("gs://mine/a\nb", "control characters");
        check("gs://mine/a\u{7f}", "control characters");
        check(&format!("gs://mine/{}", "x".repeat(1024)), "");
        check(&format!("gs://mine/{}", "x".repeat(1025)), "longer than 1,024 bytes");
    }

    #[test]
    fn csv_characters_are_one_ascii_character_each() {
        let check = |delimiter: Option<&str>, quote: Option<&str>, escape: Option<&str>, expected: &str| {
            let got = told(|violations| {
                let characters = CsvCharacters {
                    delimiter: hex_character(delimiter, "delimiter", violations),
                    quote: hex_character(quote, "quote", violations),
                    escape: hex_character(escape, "escape", violations),
                };
                let name = ToOwned::to_owned;
                let fields = CsvFields {
                    select_query: name("query"),
                    delimiter: name("delimiter"),
                    quote: name("quote"),
                    escape: name("escape"),
                };
                csv(Some("SELECT 1"), characters, &fields, violations);
            });
            assert!(
                if expected.is_empty() { got.is_empty() } else { got.contains(expected) },
                "{delimiter:?} {quote:?} {escape:?}: {got}"
            );
        };
        check(None, None, None, "");
        check(Some("2C"), Some("22"), Some("5c"), "");
        check(Some("09"), None, None, "");
        for wrong in ["2", "2C2C", "0x2C", ",", "GG", "+1", "80", "FF", "é"] {
            check(Some(wrong), None, None, "delimiter: must be one character in hexadecimal ASCII code");
        }
        for wrong in ["00", "0A", "0D"] {
            check(None, Some(wrong), None, "quote: must be one ASCII character, not NUL");
        }
        check(Some("22"), None, None, "quote: must differ from the field delimiter");
        check(None, None, Some("2C"), "escape: must differ from the field delimiter");
    }

    #[test]
    fn a_dump_names_its_tables_and_cleans_before_it_asks_whether_they_exist() {
        let check = |dump: SqlDump, expected: &str| {
            let got = told(|violations| check_dump(&dump, "tables", "ifExist", violations));
            assert!(if expected.is_empty() { got.is_empty() } else { got.contains(expected) }, "{dump:?}: {got}");
        };
        check(SqlDump::default(), "");
        check(SqlDump { tables: vec!["public.a".to_owned()], ..SqlDump::default() }, "");
        check(SqlDump { tables: vec!["a".to_owned(), " ".to_owned()], ..SqlDump::default() }, "tables[1]: is empty");
        check(SqlDump { if_exist_target_objects: true, ..SqlDump::default() }, "ifExist: needs cleanTargetObjects");
        check(SqlDump { if_exist_target_objects: true, clean_target_objects: true, ..SqlDump::default() }, "");
    }
}
