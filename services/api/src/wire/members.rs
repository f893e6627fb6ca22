//! The members that a message of a request can have: how each is read, and how it is described, in one place.

use super::fields::{Fields, Words};
use super::request::{Choice, Message};
use super::violations::Violations;
use runtime::config::Secret;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Ref, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};

/// Schemas that are referred to, by name.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// The form of seconds as protobuf writes them, or nothing.
pub const SECONDS: &str = "^([0-9]{1,12}(\\.[0-9]{1,9})?s)?$";

/// How a member is read and described.
pub trait Member: Sized {
    /// What it comes to.
    type Value;

    /// Whether it must be there.
    const REQUIRED: bool = false;

    /// Takes it. What is wrong with it is noted.
    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Self::Value;

    /// What it is when it is there, without its documentation.
    fn schema(&self) -> RefOr<Schema>;

    /// Adds the schemas that its own refers to.
    fn add_schemas(&self, _: &mut Schemas) {}

    /// One that must be there.
    fn required(self) -> Required<Self> {
        Required(self)
    }
}

/// A member whose type is known from its declaration.
pub fn of_type<T, M: Member<Value = T>>(how: M) -> M {
    how
}

/// A member that must be there.
#[derive(Debug)]
pub struct Required<M>(M);

impl<T, M: Member<Value = Option<T>>> Member for Required<M> {
    type Value = Option<T>;
    const REQUIRED: bool = true;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<T> {
        let value = self.0.read(fields, name, violations);
        if value.is_none() {
            // Where something else is wrong with it, that stands.
            violations.add(fields.path(name), "is required");
        }
        value
    }

    fn schema(&self) -> RefOr<Schema> {
        let mut schema = self.0.schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema
            && object.schema_type == SchemaType::Type(Type::String)
            && object.format.is_none()
        {
            // The empty text is absent.
            object.min_length = Some(1);
        }
        schema
    }

    fn add_schemas(&self, schemas: &mut Schemas) {
        self.0.add_schemas(schemas);
    }
}

/// A text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text {
    most: Option<usize>,
    form: Option<&'static str>,
    is_time: bool,
    is_secret: bool,
}

/// A text; the empty one is absent.
pub fn text() -> Text {
    Text::default()
}

impl Text {
    /// Of at most so many characters.
    pub const fn at_most(mut self, characters: usize) -> Self {
        self.most = Some(characters);
        self
    }

    /// Of this form. Whoever judges what the text means holds it to that, and says what is wrong in words.
    pub const fn of_form(mut self, pattern: &'static str) -> Self {
        self.form = Some(pattern);
        self
    }

    /// A moment (RFC 3339), judged by who knows which ones will do.
    pub const fn time(mut self) -> Self {
        self.is_time = true;
        self
    }

    /// One that is read into something else; `wrong` says what is wrong with a text that cannot be.
    pub const fn parsed<T>(self, parse: fn(&str) -> Option<T>, wrong: &'static str) -> Parsed<T> {
        Parsed { text: self, parse, wrong }
    }
}

impl Member for Text {
    type Value = Option<String>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<String> {
        match self.most {
            Some(most) => fields.long_text(name, most, violations),
            None => fields.text(name, violations),
        }
    }

    fn schema(&self) -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(self.most).pattern(self.form);
        let text = text.format(self.is_time.then_some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        if self.is_secret { text.write_only(true).into() } else { text.into() }
    }
}

/// A text that is read into something else.
#[derive(Debug)]
pub struct Parsed<T> {
    text: Text,
    parse: fn(&str) -> Option<T>,
    wrong: &'static str,
}

/// A span of time in seconds, e.g. `3600s`; `wrong` says what is wrong with another text.
pub fn duration(wrong: &'static str) -> Parsed<Duration> {
    text().of_form(SECONDS).parsed(super::time_text::duration, wrong)
}

impl<T> Member for Parsed<T> {
    type Value = Option<T>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<T> {
        let parsed = (self.parse)(&fields.text(name, violations)?);
        if parsed.is_none() {
            violations.add(fields.path(name), self.wrong);
        }
        parsed
    }

    fn schema(&self) -> RefOr<Schema> {
        self.text.schema()
    }
}

/// A text that no answer shows.
#[derive(Debug)]
pub struct SecretText;

/// A text that no answer shows.
pub const fn secret() -> SecretText {
    SecretText
}

impl Member for SecretText {
    type Value = Option<Secret>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<Secret> {
        fields.text(name, violations).map(Secret::new)
    }

    fn schema(&self) -> RefOr<Schema> {
        Text { is_secret: true, ..text() }.schema()
    }
}

/// A whole number between two others.
#[derive(Debug)]
pub struct Integer<T> {
    range: RangeInclusive<i64>,
    holds: PhantomData<T>,
}

/// A whole number between two others, or one of them.
pub const fn integer<T: TryFrom<i64>>(range: RangeInclusive<i64>) -> Integer<T> {
    Integer { range, holds: PhantomData }
}

impl<T: TryFrom<i64>> Member for Integer<T> {
    type Value = Option<T>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<T> {
        let number = fields.integer(name, violations)?;
        if !self.range.contains(&number) {
            let (least, most) = (self.range.start(), self.range.end());
            violations.add(fields.path(name), format!("must be between {least} and {most}"));
        }
        number.try_into().ok()
    }

    fn schema(&self) -> RefOr<Schema> {
        let bound = |number: &i64| isize::try_from(*number).ok();
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let number = number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)));
        number.minimum(bound(self.range.start())).maximum(bound(self.range.end())).into()
    }
}

/// A truth value.
#[derive(Debug)]
pub struct Flag;

/// A truth value: false where it is absent.
pub const fn flag() -> Flag {
    Flag
}

impl Member for Flag {
    type Value = bool;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> bool {
        fields.flag(name, violations).unwrap_or_default()
    }

    fn schema(&self) -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).into()
    }
}

/// A list of texts.
#[derive(Debug)]
pub struct Texts;

/// A list of texts: none where it is absent. Its longest and theirs are those of `bounds`.
pub const fn texts() -> Texts {
    Texts
}

impl Member for Texts {
    type Value = Vec<String>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Vec<String> {
        fields.texts(name, violations).unwrap_or_default()
    }

    fn schema(&self) -> RefOr<Schema> {
        ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)).into()
    }
}

/// The words of a closed list, by their name in the document.
pub trait NamedWords: ToSchema {
    /// What they mean.
    type Meaning: Copy + 'static;
    /// Them.
    const WORDS: Words<Self::Meaning>;
}

/// A word of a closed list.
#[derive(Debug)]
pub struct Word<W>(PhantomData<W>);

/// A word of a closed list, by its name.
pub const fn word<W: NamedWords>() -> Word<W> {
    Word(PhantomData)
}

impl<W: NamedWords> Member for Word<W> {
    type Value = Option<W::Meaning>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<W::Meaning> {
        let text = fields.text(name, violations)?;
        let found = W::WORDS.others.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<_> = W::WORDS.others.iter().map(|(word, _)| *word).collect();
            violations.add(fields.path(name), format!("must be {}", words.join(" or ")));
        }
        found
    }

    fn schema(&self) -> RefOr<Schema> {
        Ref::from_schema_name(W::name()).into()
    }

    fn add_schemas(&self, schemas: &mut Schemas) {
        add::<W>(schemas);
    }
}

/// A message inside of one.
#[derive(Debug)]
pub struct Object<T>(PhantomData<T>);

/// A message inside of one. Present also when it is empty.
pub const fn object<T: Message>() -> Object<T> {
    Object(PhantomData)
}

impl<T: Message> Member for Object<T> {
    type Value = Option<T>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<T> {
        fields.object(name, violations).map(|fields| T::read(fields, violations))
    }

    fn schema(&self) -> RefOr<Schema> {
        Ref::from_schema_name(T::name()).into()
    }

    fn add_schemas(&self, schemas: &mut Schemas) {
        add::<T>(schemas);
    }
}

/// A message with exactly one member.
#[derive(Debug)]
pub struct OneOf<T>(PhantomData<T>);

/// A message with exactly one member.
pub const fn one_of<T: Choice>() -> OneOf<T> {
    OneOf(PhantomData)
}

impl<T: Choice> Member for OneOf<T> {
    type Value = Option<Vec<T>>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<Vec<T>> {
        let inner = fields.object(name, violations).unwrap_or_else(|| Fields::missing(&fields.path(name)));
        T::read(inner, violations)
    }

    fn schema(&self) -> RefOr<Schema> {
        Ref::from_schema_name(T::name()).into()
    }

    fn add_schemas(&self, schemas: &mut Schemas) {
        add::<T>(schemas);
    }
}

/// A message whose members are read elsewhere.
#[derive(Debug)]
pub struct Unread<T>(PhantomData<T>);

/// A message that is described by a type and whose members are read elsewhere.
pub const fn unread<T: ToSchema>() -> Unread<T> {
    Unread(PhantomData)
}

impl<T: ToSchema> Member for Unread<T> {
    type Value = Option<Fields>;

    fn read(&self, fields: &mut Fields, name: &str, violations: &mut Violations) -> Option<Fields> {
        fields.object(name, violations)
    }

    fn schema(&self) -> RefOr<Schema> {
        Ref::from_schema_name(T::name()).into()
    }

    fn add_schemas(&self, schemas: &mut Schemas) {
        add::<T>(schemas);
    }
}

fn add<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}
