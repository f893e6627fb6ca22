//! Declares what a request may say once: its members, their limits and their documentation. The reader and the schema are both
//! made of it.

use super::fields::Fields;
use super::members::Member;
use super::violations::Violations;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Object, RefOr, Schema};

/// An object of a request, read by its declaration.
pub trait Message: ToSchema + Sized {
    /// Reads it; what is wrong is noted, each mistake by its path.
    fn read(fields: Fields, violations: &mut Violations) -> Self;

    /// Where it stands in the request; empty for the body.
    fn path(&self) -> &str;

    /// The path of a member, as errors name it.
    fn at(&self, name: &str) -> String {
        if self.path().is_empty() { name.to_owned() } else { format!("{}.{name}", self.path()) }
    }
}

/// An object of a request that has exactly one of several members.
pub trait Choice: ToSchema + Sized {
    /// Reads it; nothing where there are none. Where there are several, that is noted, and each can be judged.
    fn read(fields: Fields, violations: &mut Violations) -> Option<Vec<Self>>;
}

/// Declares messages, choices and lists of words:
///
/// ```text
/// request! {
///     /// What it is.
///     pub struct Name {
///         /// What the member is, and what else holds for it.
///         member_name: Type = integer(1..=10),
///     }
/// }
/// ```
///
/// The type of a member is the `Value` of its [`Member`]. In JSON its name is in camelCase.
macro_rules! request {
    (
        $(#[doc = $doc:literal])+
        $vis:vis struct $name:ident $(as $shown:literal)? {
            $($(#[doc = $about:literal])* $member:ident: $type:ty = $how:expr),* $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        #[allow(missing_docs, clippy::allow_attributes, reason = "what a name says needs no words")]
        $vis struct $name {
            own_path: String,
            $($(#[doc = $about])* $vis $member: $type,)*
        }

        impl $crate::wire::request::Message for $name {
            fn read(mut fields: $crate::wire::fields::Fields, violations: &mut $crate::wire::error::Violations) -> Self {
                let own_path = fields.own_path().to_owned();
                $(let $member = $crate::wire::members::Member::read(
                    &$crate::wire::members::of_type::<$type, _>($how), &mut fields, &$crate::wire::request::camel_case(stringify!($member)), violations,
                );)*
                fields.finish(violations);
                Self { own_path, $($member,)* }
            }

            fn path(&self) -> &str {
                &self.own_path
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let mut message = $crate::wire::request::described(&[$($doc),+]);
                $($crate::wire::request::describe(
                    &mut message, stringify!($member), &$crate::wire::members::of_type::<$type, _>($how), &[$($about),*],
                );)*
                utoipa::openapi::RefOr::T(utoipa::openapi::Schema::Object(message))
            }
        }

        $crate::wire::request::request!(@named $name $($shown)? { $($type = $how),* });
    };
    (
        $(#[doc = $doc:literal])+
        $vis:vis enum $name:ident $(as $shown:literal)? {
            $($(#[doc = $about:literal])* $member:ident($type:ty) = $how:expr),* $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        #[allow(missing_docs, clippy::allow_attributes, reason = "what a name says needs no words")]
        $vis enum $name {
            $($(#[doc = $about])* $member($type),)*
        }

        impl $crate::wire::request::Choice for $name {
            fn read(
                mut fields: $crate::wire::fields::Fields,
                violations: &mut $crate::wire::error::Violations,
            ) -> Option<Vec<Self>> {
                let mut found = Vec::new();
                let mut names = Vec::new();
                $(
                    let name = $crate::wire::request::camel_case(stringify!($member));
                    let how = $crate::wire::members::of_type::<Option<$type>, _>($how);
                    let value = $crate::wire::members::Member::read(&how, &mut fields, &name, violations);
                    found.extend(value.map(Self::$member));
                    names.push(name);
                )*
                $crate::wire::request::chosen(found, &names, fields, violations)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::wire::request::choice(&[$($doc),+], vec![
                    $($crate::wire::request::alternative(
                        stringify!($member), &$crate::wire::members::of_type::<Option<$type>, _>($how), &[$($about),*],
                    )),*
                ])
            }
        }

        $crate::wire::request::request!(@named $name $($shown)? { $(Option<$type> = $how),* });
    };
    (
        $(#[doc = $doc:literal])+
        $vis:vis words $name:ident: $meaning:ty { $($word:literal = $value:expr),+ $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        $vis struct $name;

        impl $crate::wire::members::NamedWords for $name {
            type Meaning = $meaning;
            const WORDS: $crate::wire::fields::Words<$meaning> =
                $crate::wire::fields::Words { none: "", others: &[$(($word, $value)),+] };
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::wire::request::words(&[$($doc),+], &[$($word),+])
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
    (@named $name:ident $($shown:literal)? { $($type:ty = $how:expr),* }) => {
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                [stringify!($name) $(, $shown)?].into_iter().last().unwrap_or_default().into()
            }

            #[allow(unused_variables, clippy::allow_attributes, reason = "a message may have no members")]
            fn schemas(schemas: &mut $crate::wire::members::Schemas) {
                $($crate::wire::members::Member::add_schemas(
                    &$crate::wire::members::of_type::<$type, _>($how), schemas,
                );)*
            }
        }
    };
}
pub(crate) use request;

/// An object without members so far, which takes none of other names.
pub fn described(about: &[&str]) -> Object {
    let object = ObjectBuilder::new().schema_type(Type::Object).description(text(about));
    object.additional_properties(Some(AdditionalProperties::FreeForm(false))).build()
}

/// Describes a member of it.
pub fn describe<M: Member>(message: &mut Object, name: &str, how: &M, about: &[&str]) {
    let name = camel_case(name);
    let mut schema = how.schema();
    match &mut schema {
        RefOr::T(Schema::Object(object)) => object.description = text(about),
        RefOr::T(Schema::Array(list)) => list.description = text(about),
        RefOr::Ref(reference) if M::REQUIRED => reference.description = text(about).unwrap_or_default(),
        RefOr::Ref(_) | RefOr::T(_) => {}
    }
    if M::REQUIRED {
        message.required.push(name.clone());
    } else {
        schema = nullable(schema);
    }
    message.properties.insert(name, schema);
}

/// What may also be null, which is absent.
fn nullable(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    let or_null = |only: &mut SchemaType| {
        if let SchemaType::Type(one) = only {
            *only = SchemaType::Array(vec![one.clone(), Type::Null]);
        }
    };
    match &mut schema {
        RefOr::T(Schema::Object(object)) => or_null(&mut object.schema_type),
        RefOr::T(Schema::Array(list)) => or_null(&mut list.schema_type),
        RefOr::Ref(_) | RefOr::T(_) => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            return OneOfBuilder::new().item(schema).item(null).into();
        }
    }
    schema
}

/// One of the objects that a choice can be.
pub fn alternative<M: Member>(name: &str, how: &M, about: &[&str]) -> Object {
    let name = camel_case(name);
    let mut schema = how.schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.description = text(about);
    }
    let object = ObjectBuilder::new().schema_type(Type::Object).description(text(about));
    object.required(&name).property(name, schema).build()
}

/// Exactly one of some objects.
pub fn choice(about: &[&str], alternatives: Vec<Object>) -> RefOr<Schema> {
    let one_of = OneOfBuilder::new().description(text(about));
    alternatives.into_iter().fold(one_of, OneOfBuilder::item).into()
}

/// The words of a closed list.
pub fn words(about: &[&str], words: &[&str]) -> RefOr<Schema> {
    let word = ObjectBuilder::new().schema_type(Type::String).description(text(about));
    word.enum_values(Some(words.iter().copied())).into()
}

/// Those of several that are there, of which there must be one.
pub fn chosen<T>(found: Vec<T>, names: &[String], fields: Fields, violations: &mut Violations) -> Option<Vec<T>> {
    let path = fields.own_path().to_owned();
    fields.finish(violations);
    if found.len() != 1
        && let [others @ .., last] = names
    {
        violations.add(path, format!("must hold exactly one of {} and {last}", others.join(", ")));
    }
    (!found.is_empty()).then_some(found)
}

/// The one that is there, if it is one.
pub fn only<T>(found: impl Iterator<Item = Option<T>>) -> Option<T> {
    // Each is judged, so that all that is wrong is told.
    let mut found: Vec<_> = found.collect();
    if found.len() == 1 { found.pop().flatten() } else { None }
}

/// A documentation comment as the document has it.
fn text(about: &[&str]) -> Option<String> {
    let lines: Vec<_> = about.iter().map(|line| line.trim()).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A name of Rust's as JSON has it: `step_millis` and `StepMillis` are `stepMillis`.
pub fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut begins_word = false;
    for character in name.chars() {
        if character == '_' {
            begins_word = true;
        } else if camel.is_empty() {
            camel.push(character.to_ascii_lowercase());
        } else {
            camel.push(if begins_word { character.to_ascii_uppercase() } else { character });
            begins_word = false;
        }
    }
    camel
}

#[cfg(test)]
#[expect(dead_code, reason = "what was read is looked at as a whole")]
mod tests {
    use super::*;
    use crate::wire::members::{flag, integer, one_of, secret, text};
    use runtime::config::Secret;

    request! {
        /// A message.
        struct Whole {
            /// Of two
            /// lines.
            step_count: Option<u8> = integer(1..=10).required(),
            is_dry: bool = flag(),
            password: Option<Secret> = secret(),
            place: Option<Vec<Place>> = one_of().required(),
        }
    }

    request! {
        /// A place.
        enum Place {
            Folder(String) = text().at_most(3),
            HttpList(String) = text(),
        }
    }

    fn complaints(body: &str) -> String {
        let mut violations = Violations::default();
        let read = Whole::read(Fields::parse(body.as_bytes()).expect("JSON"), &mut violations);
        let told = violations.into_result().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!format!("{read:?}{told}").contains("canary"), "{told}");
        told.trim_start_matches("INVALID_ARGUMENT: ").to_owned()
    }

    #[test]
    fn all_mistakes_are_named_by_their_path_and_no_secret_is_told() {
        assert_eq!(complaints(r#"{"stepCount":"3","place":{"folder":"a"},"isDry":null,"password":"canary"}"#), "");
        assert_eq!(complaints(r#"{"step_count":3,"place":{"http_list":"a"}}"#), "");
        assert_eq!(
            complaints(r#"{"stepCount":11,"isDry":"canary","password":["canary"],"place":{"folder":"abcd","x":1}}"#),
            "stepCount: must be between 1 and 10; isDry: must be true or false, not a string; password: must be a string, \
             not a list; place.folder: is longer than 3 characters; place.x: is not a field of this message; place: must \
             hold exactly one of folder and httpList"
        );
        let several = r#"{"place":{"folder":"a","httpList":"b"}}"#;
        assert_eq!(complaints(several), "stepCount: is required; place: must hold exactly one of folder and httpList");
    }

    #[test]
    fn what_is_declared_is_described() {
        let described = serde_json::to_value(<Whole as utoipa::PartialSchema>::schema()).expect("JSON");
        assert_eq!(
            (&described["required"], &described["additionalProperties"]),
            (&serde_json::json!(["stepCount", "place"]), &false.into())
        );
        let count = serde_json::json!({
            "type": "integer", "format": "int32", "description": "Of two\nlines.", "minimum": 1, "maximum": 10,
        });
        assert_eq!(described["properties"]["stepCount"], count);
        assert_eq!(described["properties"]["isDry"]["type"], serde_json::json!(["boolean", "null"]));
        assert_eq!(described["properties"]["password"]["writeOnly"], true);
        assert_eq!(described["properties"]["place"]["$ref"], "#/components/schemas/Place");
    }
}
