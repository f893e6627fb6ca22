//! Requests that try to cost much, made from the `OpenAPI` document.

use serde_json::{Map, Value, json};

/// Just below the largest body.
pub const LARGE: usize = 240_000;

/// A body with one hostile member, and what is hostile about it.
pub struct Attack {
    pub name: String,
    pub body: Value,
}

/// The schema behind references.
pub fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolved(document, document.pointer(reference.trim_start_matches('#')).expect("a schema")),
        None => schema,
    }
}

/// Bodies in each of which one member is hostile, at any depth.
pub fn attacks(document: &Value, schema: &Value) -> Vec<Attack> {
    let mut found = Vec::new();
    collect(document, schema, "(body)", &|value| value, &mut found);
    found
}

type Within<'a> = &'a dyn Fn(Value) -> Value;

fn collect(document: &Value, schema: &Value, at: &str, within: Within<'_>, found: &mut Vec<Attack>) {
    let schema = resolved(document, schema);
    let mut attack =
        |name: &str, value: Value| found.push(Attack { name: format!("{at}: {name}"), body: within(value) });
    let is =
        |name: &str| schema["type"] == name || schema["type"].as_array().is_some_and(|all| all.contains(&json!(name)));
    if is("object") {
        attack("names", Value::Object(names(LARGE / 10)));
        attack("as many names as may be", Value::Object(names(120)));
        let long = (0..100).map(|index| (format!("{index}{}", "n\u{1}\"".repeat(800)), json!(0)));
        attack("long names", Value::Object(long.collect()));
    }
    if is("array") {
        let most = usize::try_from(schema["maxItems"].as_u64().expect("maxItems")).expect("a length");
        attack("one item more", Value::Array(vec![json!("a"); most + 1]));
        attack("items", Value::Array((0..LARGE / 8).map(|index| json!(format!("{index:05}"))).collect()));
        attack("items of another type", Value::Array(vec![json!(0); LARGE / 2]));
        attack("as many items of another type as may be", Value::Array(vec![json!({}); most]));
        attack(
            "long items",
            Value::Array((0..100).map(|index| json!(format!("{index}{}", "\u{7}".repeat(380)))).collect()),
        );
        attack("lists", Value::Array(vec![json!([[], []]); LARGE / 8]));
    }
    if is("string") {
        if let Some(most) = schema["maxLength"].as_u64() {
            attack("one character more", json!("x".repeat(usize::try_from(most).expect("a length") + 1)));
        }
        attack("long", json!("x".repeat(LARGE)));
        attack("as long as may be, with quotes", json!("\"\\".repeat(1_000)));
        attack("as long as may be, with control characters", json!("\u{1}".repeat(2_000)));
        attack("long, of four bytes each", json!("💥".repeat(LARGE / 4)));
        // Not too long for the general limit.
        attack("commas", json!(",".repeat(2_000)));
        attack("slashes", json!("/".repeat(1_500)));
        attack("parentheses", json!("(".repeat(2_000)));
    } else {
        attack("a text", json!("x".repeat(LARGE)));
    }
    attack("deep", deep());
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let within = |value: Value| within(Value::Object(Map::from_iter([(name.clone(), value)])));
        collect(document, property, &format!("{at}.{name}"), &within, found);
    }
    if schema["additionalProperties"].is_object() {
        let within = |value: Value| within(Value::Object(Map::from_iter([("a".to_owned(), value)])));
        collect(document, &schema["additionalProperties"], &format!("{at}.*"), &within, found);
    }
    for part in ["oneOf", "anyOf", "allOf"].iter().flat_map(|name| schema[name].as_array().into_iter().flatten()) {
        collect(document, part, at, within, found);
    }
}

fn names(count: usize) -> Map<String, Value> {
    (0..count).map(|index| (format!("u{index}"), json!(0))).collect()
}

fn deep() -> Value {
    // Deeper than what is read, and no deeper than what this test can drop.
    (0..200).fold(json!(0), |inner, _| json!({"d": [inner]}))
}

/// A form of many parameters.
pub fn many_parameters() -> String {
    let names: Vec<_> = (0..LARGE / 6).map(|index| format!("{index:05x}")).collect();
    names.join("&")
}
