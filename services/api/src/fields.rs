//! Reads a JSON object as a protobuf message is read (<https://protobuf.dev/programming-guides/json/>): names in
//! camelCase or `snake_case`, null and the empty text are absent, numbers may be texts. Stricter in one thing: what
//! is left over is refused by name. All that is wrong is collected, so that one answer tells it all.

use crate::error::{ApiError, Violations};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// The members of an object that nobody has taken yet. End with [`Fields::finish`].
#[derive(Debug, Default)]
#[must_use = "what is left must be refused: call finish"]
pub struct Fields {
    path: String,
    members: Map<String, Value>,
}

impl Fields {
    /// Parses a whole body. No body at all is an empty object.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, with line and column, for what is no JSON object, or names a field twice.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        // serde_json's own limit on nesting (128) holds here.
        let Unambiguous(value) = serde_json::from_slice(body)
            .map_err(|error| ApiError::invalid_field("(body)", format!("is not valid JSON: {error}")))?;
        match value {
            Value::Object(members) => Ok(Self { path: String::new(), members }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(ApiError::invalid_field("(body)", format!("must be a JSON object, not {}", describe(&value))))
            }
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The path of a member, as errors name it.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A text.
    pub fn text(&mut self, name: &str, violations: &mut Violations) -> Option<String> {
        let value = self.take(name, violations)?;
        let Value::String(text) = value else {
            return self.wrong(name, "a string", &value, violations);
        };
        if text.is_empty() { None } else { checked(&self.path(name), text, violations) }
    }

    /// A truth value.
    pub fn flag(&mut self, name: &str, violations: &mut Violations) -> Option<bool> {
        let value = self.take(name, violations)?;
        value.as_bool().or_else(|| self.wrong(name, "true or false", &value, violations))
    }

    /// A whole number, written as a number or as a text.
    pub fn integer(&mut self, name: &str, violations: &mut Violations) -> Option<i64> {
        let value = self.take(name, violations)?;
        let number = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        number.or_else(|| self.wrong(name, "a whole number", &value, violations))
    }

    /// A list of texts. An empty text in it is handed on: what it means is the caller's business.
    pub fn texts(&mut self, name: &str, violations: &mut Violations) -> Option<Vec<String>> {
        let value = self.take(name, violations)?;
        let Value::Array(items) = value else {
            return self.wrong(name, "a list of strings", &value, violations);
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let indexed = format!("{name}[{index}]");
            if let Value::String(text) = item {
                texts.extend(checked(&self.path(&indexed), text, violations));
            } else {
                let _: Option<()> = self.wrong(&indexed, "a string", &item, violations);
            }
        }
        Some(texts)
    }

    /// A message inside this one. Present also when it is empty.
    pub fn object(&mut self, name: &str, violations: &mut Violations) -> Option<Self> {
        let value = self.take(name, violations)?;
        let Value::Object(members) = value else {
            return self.wrong(name, "an object", &value, violations);
        };
        Some(Self { path: self.path(name), members })
    }

    /// All members, as a map of texts: a protobuf `map<string, string>`. Its names are data, and taken as they are.
    pub fn into_texts(self, violations: &mut Violations) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (name, value) in &self.members {
            if let Value::String(text) = value {
                let text = checked(&self.path(name), text.clone(), violations);
                let name = checked(&self.path(name), name.clone(), violations);
                texts.extend(name.zip(text));
            } else {
                let _: Option<()> = self.wrong(name, "a string", value, violations);
            }
        }
        texts
    }

    /// Refuses what nobody has taken.
    pub fn finish(self, violations: &mut Violations) {
        for name in self.members.keys() {
            violations.add(self.path(name), "is not a field of this message");
        }
    }

    fn take(&mut self, name: &str, violations: &mut Violations) -> Option<Value> {
        let snake = snake_case(name);
        let camel_value = self.members.remove(name);
        let snake_value = if snake == name { None } else { self.members.remove(&snake) };
        if camel_value.is_some() && snake_value.is_some() {
            violations.add(self.path(name), format!("is given twice, also as {snake}"));
        }
        camel_value.or(snake_value).filter(|value| !value.is_null())
    }

    fn wrong<T>(&self, name: &str, expected: &str, got: &Value, violations: &mut Violations) -> Option<T> {
        violations.add(self.path(name), format!("must be {expected}, not {}", describe(got)));
        None
    }
}

/// NUL can stand in no text of Postgres.
fn checked(path: &str, text: String, violations: &mut Violations) -> Option<String> {
    if text.contains('\0') {
        violations.add(path, "must not contain the character \\u0000");
        return None;
    }
    Some(text)
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(crate) fn snake_case(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// A JSON value in which no object names a member twice: a proxy in front of us may have read the other one.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Self)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Unambiguous(value) = members.next_value()?;
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!("the field {name:?} is given twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message with one text, one flag, one number, one list and one object says of a body.
    fn complaints(body: &str) -> String {
        let mut fields = match Fields::parse(body.as_bytes()) {
            Ok(fields) => fields,
            Err(error) => return error.to_string(),
        };
        let mut violations = Violations::default();
        fields.text("selectQuery", &mut violations);
        fields.flag("schemaOnly", &mut violations);
        fields.integer("priority", &mut violations);
        fields.texts("tables", &mut violations);
        if let Some(mut inner) = fields.object("gcsDestination", &mut violations) {
            inner.text("uri", &mut violations);
            inner.finish(&mut violations);
        }
        fields.finish(&mut violations);
        violations.into_result().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let check = |body: &str, expected: &str| assert_eq!(complaints(body), expected, "{body}");
        check("", "");
        check("  \n", "");
        check("{}", "");
        check(r#"{"selectQuery":"x","schemaOnly":true,"priority":"7","tables":["a"],"gcsDestination":{}}"#, "");
        check(r#"{"select_query":"x","schema_only":null,"gcs_destination":{"uri":""}}"#, "");
        check(
            r#"{"selectQuery":"x","select_query":"y"}"#,
            "INVALID_ARGUMENT: selectQuery: is given twice, also as select_query",
        );
        check(r#"{"selectQuerry":1}"#, "INVALID_ARGUMENT: selectQuerry: is not a field of this message");
        check(
            r#"{"gcsDestination":{"url":1}}"#,
            "INVALID_ARGUMENT: gcsDestination.url: is not a field of this message",
        );
        check(
            r#"{"selectQuery":1,"schemaOnly":"true"}"#,
            "INVALID_ARGUMENT: selectQuery: must be a string, not a number; schemaOnly: must be true or false, not a string",
        );
        check(r#"{"priority":1.5}"#, "INVALID_ARGUMENT: priority: must be a whole number, not a number");
        check(r#"{"tables":["a",2]}"#, "INVALID_ARGUMENT: tables[1]: must be a string, not a number");
        check(r#"{"selectQuery":"a\u0000b"}"#, "INVALID_ARGUMENT: selectQuery: must not contain the character \\u0000");
    }

    #[test]
    fn what_is_no_json_object_is_refused_with_its_place() {
        let check = |body: &str, expected: &str| {
            let got = complaints(body);
            assert!(got.starts_with("INVALID_ARGUMENT: (body): ") && got.contains(expected), "{body}: {got}");
        };
        check("[1]", "must be a JSON object, not a list");
        check("{\n \"a\": }", "line 2 column 7");
        check("{\"a\":1,\"a\":2}", "the field \"a\" is given twice");
        check("{\"a\":{\"b\":1,\"b\":2}}", "the field \"b\" is given twice");
        check("{\"a\":\"\\ud800\"}", "is not valid JSON");
        check(&"[".repeat(100_000), "recursion limit");
        check("{} {}", "trailing characters");
    }

    #[test]
    fn invalid_utf_8_is_refused() {
        assert!(Fields::parse(b"{\"a\":\"\xff\"}").is_err());
    }
}
