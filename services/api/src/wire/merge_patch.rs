//! JSON merge patches (RFC 7396): from one state of a document to the next. The crate `json-patch` applies them, and the
//! tests do so with it; none makes them.

use serde_json::{Map, Value};

/// What makes `new` of `old`. `None` where no merge patch can: it has no way to say that a member is null.
pub fn between(old: &Map<String, Value>, new: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut patch = Map::new();
    for (name, value) in new {
        let changed = match (old.get(name), value) {
            (Some(before), value) if before == value => continue,
            (Some(Value::Object(before)), Value::Object(value)) => Value::Object(between(before, value)?),
            (_, value) if is_lossy(value) => return None,
            (_, value) => value.clone(),
        };
        patch.insert(name.clone(), changed);
    }
    patch.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null)));
    Some(patch)
}

/// Whether a patch with this value would say something else: a member that is null counts as absent. Lists are taken as
/// they are.
fn is_lossy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().any(is_lossy),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_makes_the_new_of_the_old_and_says_no_more() {
        let check = |old: Value, new: Value, patch: Option<Value>| {
            let (from, to) = (old.as_object().expect("an object"), new.as_object().expect("an object"));
            let got = between(from, to).map(Value::Object);
            assert_eq!(got, patch, "{old} → {new}");
            if let Some(got) = got {
                let mut applied = old.clone();
                json_patch::merge(&mut applied, &got);
                assert_eq!(applied, new);
            }
        };
        check(json!({}), json!({}), Some(json!({})));
        check(json!({"a": 1, "b": 2}), json!({"a": 1, "c": 3}), Some(json!({"b": null, "c": 3})));
        check(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1, "c": 3}}), Some(json!({"a": {"c": 3}})));
        check(json!({"a": {"b": 1}}), json!({"a": {}}), Some(json!({"a": {"b": null}})));
        check(json!({"a": {"b": 1}}), json!({"a": [1, null]}), Some(json!({"a": [1, null]})));
        check(json!({"a": [1]}), json!({"a": {"b": {}}}), Some(json!({"a": {"b": {}}})));
        // It was null and still is: nothing to be said.
        check(json!({"a": null, "b": 1}), json!({"a": null, "b": 2}), Some(json!({"b": 2})));
        for lossy in [json!({"a": null}), json!({"a": {"b": {"c": null}}})] {
            check(json!({"a": {"b": {"c": 1}}}), lossy, None);
        }
    }
}
