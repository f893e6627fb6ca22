//! JSON whose member names are not ours: the limits of texts and lists apply to it too.

use super::bounds::MOST_ITEMS;
use super::error::Violations;
use super::time_text::thousands;
use serde_json::{Map, Value};

/// How deep objects and lists may lie in one another: what a schema makes of them may cost more with each level.
const DEEPEST: usize = 32;

/// Refuses lists that are too long or lie too deep, and NUL, which Postgres cannot store.
pub fn check(path: &str, members: &Map<String, Value>, violations: &mut Violations) {
    check_object(path, members, DEEPEST, violations);
}

fn check_object(path: &str, members: &Map<String, Value>, depth: usize, violations: &mut Violations) {
    for (name, value) in members {
        let path = format!("{path}.{name}");
        if name.contains('\0') {
            violations.add(&path, "must not contain the character \\u0000");
        }
        check_value(&path, value, depth, violations);
    }
}

fn check_value(path: &str, value: &Value, depth: usize, violations: &mut Violations) {
    match value {
        Value::Object(_) | Value::Array(_) if depth == 0 => {
            violations.add(path, format!("lies deeper than {DEEPEST} levels"));
        }
        Value::Object(members) => check_object(path, members, depth - 1, violations),
        Value::Array(items) if items.len() > MOST_ITEMS => {
            violations.add(path, format!("holds more than {} items", thousands(MOST_ITEMS as u64)));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(&format!("{path}[{index}]"), item, depth - 1, violations);
            }
        }
        Value::String(text) if text.contains('\0') => violations.add(path, "must not contain the character \\u0000"),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_and_list_is_looked_at() {
        let complaints = |value: Value| {
            let mut violations = Violations::default();
            check("spec", value.as_object().expect("an object"), &mut violations);
            violations.into_result().err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(complaints(json!({ "a": { "b": ["x", 1, null, vec![0; MOST_ITEMS]] } })), "");
        assert_eq!(
            complaints(json!({ "a": [{ "b": "\0" }] })),
            "INVALID_ARGUMENT: spec.a[0].b: must not contain the character \\u0000"
        );
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(complaints(json!({ "a": nested(DEEPEST) })), "");
        let complaint = complaints(json!({ "a": nested(DEEPEST + 1) }));
        assert!(complaint.ends_with(": lies deeper than 32 levels"), "{complaint}");
        assert_eq!(
            complaints(json!({ "a": [vec![0; MOST_ITEMS + 1]] })),
            "INVALID_ARGUMENT: spec.a[0]: holds more than 1,000 items"
        );
    }
}
