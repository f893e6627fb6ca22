//! Reads a JSON object as a protobuf message is read (<https://protobuf.dev/programming-guides/json/>): names in
//! camelCase or `snake_case`, null and the empty text are absent, numbers may be texts. Stricter in one thing: what
//! is left over is refused by name. All that is wrong is collected, so that one answer tells it all. No object, list or text
//! is longer than [`crate::wire::bounds`] says, so what is done with one afterwards costs little.

use crate::wire::bounds::{LONGEST_TEXT, MOST_ITEMS, MOST_NAMES};
use crate::wire::error::{ApiError, Violations};
use crate::wire::time_text::thousands;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
        Ok(Self { path: String::new(), members: members(body, "(body)")? })
    }

    /// Parses a parameter that holds a JSON object. Its members are named after it.
    ///
    /// # Errors
    /// As [`Fields::parse`].
    pub fn of_parameter(name: &str, text: &str) -> Result<Self, ApiError> {
        Ok(Self { path: name.to_owned(), members: members(text.as_bytes(), name)? })
    }

    /// An object without members, at the place where one is missing: what is required in it is named there.
    pub fn missing(path: &str) -> Self {
        Self { path: path.to_owned(), members: Map::new() }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// All that is left, and the path of it: for members whose names are not known here.
    pub fn into_members(self) -> (String, Map<String, Value>) {
        (self.path, self.members)
    }

    /// The path of it.
    pub fn own_path(&self) -> &str {
        &self.path
    }

    /// The path of a member, as errors name it.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A text.
    pub fn text(&mut self, name: &str, violations: &mut Violations) -> Option<String> {
        self.long_text(name, LONGEST_TEXT, violations)
    }

    /// A text of at most so many characters.
    pub fn long_text(&mut self, name: &str, most: usize, violations: &mut Violations) -> Option<String> {
        let value = self.take(name, violations)?;
        let Value::String(text) = value else {
            return self.wrong(name, "a string", &value, violations);
        };
        if text.is_empty() { None } else { checked(&self.path(name), text, most, violations) }
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

    /// One of some words, by its name or its number in the vendor's list, which begins with the word for none: that is absent.
    pub fn word<T: Copy>(&mut self, name: &str, words: &Words<T>, violations: &mut Violations) -> Option<T> {
        let value = self.take(name, violations)?;
        let path = self.path(name);
        words.read(&value, path, violations)
    }

    /// A list of such words.
    pub fn words<T: Copy>(&mut self, name: &str, words: &Words<T>, violations: &mut Violations) -> Vec<T> {
        let items = self.list(name, violations).unwrap_or_default();
        let item =
            |(index, item): (usize, &Value)| words.read(item, self.path(&format!("{name}[{index}]")), violations);
        items.iter().enumerate().filter_map(item).collect()
    }

    /// A list of texts. An empty text in it is handed on: what it means is the caller's business.
    pub fn texts(&mut self, name: &str, violations: &mut Violations) -> Option<Vec<String>> {
        let items = self.list(name, violations)?;
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let indexed = format!("{name}[{index}]");
            if let Value::String(text) = item {
                texts.extend(checked(&self.path(&indexed), text, LONGEST_TEXT, violations));
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
                let text = checked(&self.path(name), text.clone(), LONGEST_TEXT, violations);
                let name = checked(&self.path(name), name.clone(), LONGEST_TEXT, violations);
                texts.extend(name.zip(text));
            } else {
                let _: Option<()> = self.wrong(name, "a string", value, violations);
            }
        }
        texts
    }

    /// Whether there is such a member. Null is none.
    pub fn has(&self, name: &str) -> bool {
        let there = |name: &str| self.members.get(name).is_some_and(|value| !value.is_null());
        there(name) || there(&snake_case(name))
    }

    /// Takes members that are of no concern, whatever they hold: what a vendor's answer says and its requests need not.
    pub fn pass_over(&mut self, names: &[&str]) {
        for name in names {
            self.members.remove(*name);
            self.members.remove(&snake_case(name));
        }
    }

    /// Refuses what nobody has taken.
    pub fn finish(self, violations: &mut Violations) {
        for name in self.members.keys() {
            violations.add(self.path(name), "is not a field of this message");
        }
    }

    fn list(&mut self, name: &str, violations: &mut Violations) -> Option<Vec<Value>> {
        let value = self.take(name, violations)?;
        let Value::Array(items) = value else {
            return self.wrong(name, "a list of strings", &value, violations);
        };
        if items.len() > MOST_ITEMS {
            let most = thousands(MOST_ITEMS as u64);
            violations.add(self.path(name), format!("holds more than {most} items"));
            return None;
        }
        Some(items)
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

/// The words of a protobuf enum in the order of their numbers, which begin with 0 for none of them.
#[derive(Debug)]
pub struct Words<T: 'static> {
    /// The word for none.
    pub none: &'static str,
    /// The others, from 1 on.
    pub others: &'static [(&'static str, T)],
}

impl<T: Copy> Words<T> {
    fn read(&self, value: &Value, path: String, violations: &mut Violations) -> Option<T> {
        let number = match value {
            Value::String(text) if text == self.none || text.is_empty() => Some(0),
            Value::String(text) => self.others.iter().position(|(word, _)| word == text).map(|index| index + 1),
            Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let found = match number {
            Some(0) => return None,
            Some(number) => self.others.get(number - 1).map(|(_, meaning)| *meaning),
            None => None,
        };
        if found.is_none() {
            let words: Vec<_> = self.others.iter().map(|(word, _)| *word).collect();
            violations.add(path, format!("must be one of {}", words.join(", ")));
        }
        found
    }
}

/// The members of what is a JSON object, and nothing else.
fn members(text: &[u8], whole: &str) -> Result<Map<String, Value>, ApiError> {
    // serde_json's own limit on nesting (128) holds here.
    let Unambiguous(value) = serde_json::from_slice(text)
        .map_err(|error| ApiError::invalid_field(whole, format!("is not valid JSON: {error}")))?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(ApiError::invalid_field(whole, format!("must be a JSON object, not {}", describe(&value))))
        }
    }
}

/// NUL can stand in no text of Postgres.
fn checked(path: &str, text: String, most: usize, violations: &mut Violations) -> Option<String> {
    if text.chars().nth(most).is_some() {
        violations.add(path, format!("is longer than {} characters", thousands(most as u64)));
        return None;
    }
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
            // One too many: it will be refused by the name of its field. What else is in it is not kept.
            if list.len() > MOST_ITEMS {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
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
            if object.len() == MOST_NAMES {
                return Err(de::Error::custom(format_args!("an object has more than {MOST_NAMES} names")));
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
    fn what_is_too_long_is_named_and_not_repeated() {
        let check = |body: String, expected: &str| assert_eq!(complaints(&body), expected);
        let text = |count: usize| "ä".repeat(count);
        check(format!(r#"{{"selectQuery":"{}"}}"#, text(LONGEST_TEXT)), "");
        check(
            format!(r#"{{"selectQuery":"{}"}}"#, text(LONGEST_TEXT + 1)),
            "INVALID_ARGUMENT: selectQuery: is longer than 2,048 characters",
        );
        check(format!(r#"{{"tables":[{}"a"]}}"#, r#""a","#.repeat(MOST_ITEMS - 1)), "");
        check(
            format!(r#"{{"tables":[{}0]}}"#, "0,".repeat(MOST_ITEMS)),
            "INVALID_ARGUMENT: tables: holds more than 1,000 items",
        );
        check(
            format!(r#"{{"tables":["a","{}"]}}"#, text(LONGEST_TEXT + 1)),
            "INVALID_ARGUMENT: tables[1]: is longer than 2,048 characters",
        );
    }

    #[test]
    fn of_a_list_that_is_too_long_no_more_is_kept_than_shows_it() {
        let kept = |items: usize| {
            let text = format!("[{}0]", "0,".repeat(items - 1));
            let Unambiguous(value) = serde_json::from_str(&text).expect("JSON");
            value.as_array().expect("a list").len()
        };
        assert_eq!(kept(MOST_ITEMS), MOST_ITEMS);
        assert_eq!(kept(MOST_ITEMS + 1), MOST_ITEMS + 1);
        assert_eq!(kept(60_000), MOST_ITEMS + 1);
        let broken = format!(r#"{{"tables":[{}"a"}}"#, r#""a","#.repeat(MOST_ITEMS + 9));
        assert!(complaints(&broken).contains("is not valid JSON"));
    }

    #[test]
    fn words_are_read_by_name_and_by_number() {
        const WORDS: Words<char> = Words { none: "LETTER_UNSPECIFIED", others: &[("A", 'a'), ("B", 'b')] };
        let read = |value: &str| {
            let mut violations = Violations::default();
            let mut fields = Fields::parse(format!("{{\"x\":{value}}}").as_bytes()).expect("JSON");
            let word = fields.word("x", &WORDS, &mut violations);
            fields.finish(&mut violations);
            violations.into_result().map(|()| word).map_err(|error| error.to_string())
        };
        for (value, expect) in [
            ("\"A\"", Some('a')),
            ("2", Some('b')),
            ("0", None),
            ("\"LETTER_UNSPECIFIED\"", None),
            ("\"\"", None),
            ("null", None),
        ] {
            assert_eq!(read(value), Ok(expect), "{value}");
        }
        for value in ["3", "-1", "1.5", "\"a\"", "\"1\"", "true", "[]", "{}"] {
            assert_eq!(read(value), Err("INVALID_ARGUMENT: x: must be one of A, B".to_owned()), "{value}");
        }
    }

    #[test]
    fn a_parameter_is_named_before_its_members() {
        let mut violations = Violations::default();
        Fields::of_parameter("filter", "{\"x\": 1}").expect("JSON").finish(&mut violations);
        let error = violations.into_result().expect_err("x").to_string();
        assert_eq!(error, "INVALID_ARGUMENT: filter.x: is not a field of this message");
        let error = Fields::of_parameter("filter", "").expect_err("no JSON").to_string();
        assert!(error.starts_with("INVALID_ARGUMENT: filter: is not valid JSON"), "{error}");
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
        let names: Vec<_> = (0..=MOST_NAMES).map(|index| format!("\"n{index}\":0")).collect();
        check(&format!("{{{}}}", names.join(",")), "an object has more than 128 names at line 1");
        check(&format!("{{\"a\":[{{{}}}]}}", names.join(",")), "an object has more than 128 names at line 1");
        check("{\"a\":\"\\ud800\"}", "is not valid JSON");
        check(&"[".repeat(100_000), "recursion limit");
        check("{} {}", "trailing characters");
    }

    #[test]
    fn invalid_utf_8_is_refused() {
        assert!(Fields::parse(b"{\"a\":\"\xff\"}").is_err());
    }
}
