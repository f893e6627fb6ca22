//! What is wrong with a request, field by field. A caller chooses how much that is, so the work for each and the size of the
//! whole answer are bounded.

use crate::wire::bounds::cut;
use crate::wire::error::ApiError;
use operation::Code;
use std::collections::HashSet;

/// Violations in one answer, the last of which then says that there are more.
const MOST: usize = 100;
/// Bytes of all fields and descriptions in one answer.
const MOST_TEXT: usize = 12 * 1024;
/// Bytes of a field's path. A path holds names that the caller chose.
const LONGEST_FIELD: usize = 256;
/// Bytes of a description, which may repeat what the caller wrote.
const LONGEST_DESCRIPTION: usize = 1_024;

/// A field of a request, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, e.g. `csvExportOptions.selectQuery`.
    pub field: String,
    /// What is wrong, as the end of a sentence that begins with the field.
    pub description: String,
}

impl Violation {
    /// Cuts both to what an answer may repeat.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        let (field, description) = (field.into(), description.into());
        Self { field: cut(field, LONGEST_FIELD), description: cut(description, LONGEST_DESCRIPTION) }
    }
}

/// What is wrong with a request; all of it in one answer where possible.
#[derive(Debug, Default)]
pub struct Violations {
    wrong: Noted,
    not_implemented: Noted,
}

impl Violations {
    /// Notes one more. The first one of a field stands: what follows from it is noise.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if !self.wrong.more {
            self.wrong.add(Violation::new(field, description));
        }
    }

    /// Notes a field that asks for what the vendor has and we have not. `instead` says what to do.
    pub fn not_implemented(&mut self, field: impl Into<String>, instead: &str) {
        if !self.not_implemented.more {
            self.not_implemented.add(Violation::new(field, format!("is not implemented: {instead}")));
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.wrong.list.is_empty() && self.not_implemented.list.is_empty()
    }

    /// An error where something is wrong.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with all that is wrong, or else UNIMPLEMENTED with all that we have not.
    pub fn into_result(self) -> Result<(), ApiError> {
        let (wrong, not_implemented) = (self.wrong.into_list(), self.not_implemented.into_list());
        if !wrong.is_empty() {
            return Err(ApiError::invalid(wrong));
        }
        if !not_implemented.is_empty() {
            return Err(ApiError::of_fields(Code::Unimplemented, "FIELD_NOT_IMPLEMENTED", not_implemented));
        }
        Ok(())
    }
}

/// The first violations, at most one for each field.
#[derive(Debug, Default)]
struct Noted {
    list: Vec<Violation>,
    fields: HashSet<String>,
    bytes: usize,
    /// Others were left out.
    more: bool,
}

impl Noted {
    fn add(&mut self, violation: Violation) {
        if self.fields.contains(&violation.field) {
            return;
        }
        let bytes = self.bytes + violation.field.len() + violation.description.len();
        if self.list.len() + 1 == MOST || bytes > MOST_TEXT {
            self.more = true;
            return;
        }
        self.bytes = bytes;
        self.fields.insert(violation.field.clone());
        self.list.push(violation);
    }

    fn into_list(mut self) -> Vec<Violation> {
        if self.more {
            self.list.push(Violation::new("(request)", "has more fields that are wrong: correct these first"));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use actix_web::body::MessageBody;

    fn answer(violations: Violations) -> (usize, usize) {
        let error = violations.into_result().expect_err("violations");
        let body = error.error_response().into_body().try_into_bytes().expect("error bodies are whole");
        let json: serde_json::Value = serde_json::from_slice(&body).expect("error bodies are JSON");
        let told = json["error"]["details"][1]["fieldViolations"].as_array().expect("violations").len();
        (told, body.len())
    }

    #[test]
    fn an_answer_holds_at_most_100_violations_and_64_kib() {
        let check = |name: &str, field: &dyn Fn(usize) -> String, description: &str, least: usize| {
            for not_implemented in [false, true] {
                let mut violations = Violations::default();
                for index in 0..2_000 {
                    if not_implemented {
                        violations.not_implemented(field(index), description);
                    } else {
                        violations.add(field(index), description);
                    }
                }
                let (told, bytes) = answer(violations);
                assert!(
                    (least..=MOST).contains(&told) && bytes < 64 * 1024,
                    "{name}: {told} violations, {bytes} bytes"
                );
            }
        };
        check("distinct", &|index| format!("field{index}"), "is not a field of this message", MOST);
        check("the same", &|_| "field".to_owned(), "is wrong", 1);
        check("long names", &|index| format!("{index}{}", "x".repeat(5_000)), "is wrong", 10);
        check("long descriptions", &|index| index.to_string(), &"x".repeat(5_000), 10);
        check("quotes", &|index| format!("{index}{}", "\"".repeat(5_000)), &"\\".repeat(5_000), 5);
        check("control characters", &|index| format!("{index}{}", "\u{1}".repeat(5_000)), &"\u{7f}".repeat(500), 3);
        check("four bytes each", &|index| format!("{index}{}", "💥".repeat(5_000)), &"💥".repeat(5_000), 5);
    }

    #[test]
    fn the_hundredth_says_that_there_are_more() {
        let told = |count: usize| {
            let mut violations = Violations::default();
            (0..count).for_each(|index| violations.add(format!("f{index}"), "x"));
            let list = violations.wrong.into_list();
            (list.len(), list.last().map(|violation| violation.field.clone()))
        };
        assert_eq!(told(MOST - 1), (MOST - 1, Some("f98".to_owned())));
        assert_eq!(told(MOST), (MOST, Some("(request)".to_owned())));
        assert_eq!(told(MOST + 1), (MOST, Some("(request)".to_owned())));
    }
}
