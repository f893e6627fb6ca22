//! States in the document what `Fields` and `Query` hold every request to: what has no limit of its own has the general one.

use crate::wire::bounds::{LONGEST_TEXT, MOST_ITEMS, MOST_NAMES};
use std::collections::BTreeSet;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, SchemaType, Type};
use utoipa::openapi::{Object, OpenApi, RefOr, Schema};

/// Gives each object, list and text of a request a limit.
pub fn state(document: &mut OpenApi) {
    let mut named = Vec::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let parameters = operation.parameters.iter_mut().flatten().filter_map(here);
        parameters.flat_map(|parameter| &mut parameter.schema).for_each(|schema| limit(schema, &mut named));
        let bodies = operation.request_body.iter_mut().filter_map(here);
        let contents = bodies.flat_map(|body| body.content.values_mut()).filter_map(here);
        contents.flat_map(|content| &mut content.schema).for_each(|schema| limit(schema, &mut named));
    }
    let Some(components) = &mut document.components else { return };
    let mut done = BTreeSet::new();
    while let Some(name) = named.pop() {
        if let Some(schema) = components.schemas.get_mut(&name).filter(|_| done.insert(name)) {
            limit(schema, &mut named);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// What is described in its place. Of what requests say only schemas are described elsewhere.
fn here<T>(described: &mut RefOr<T>) -> Option<&mut T> {
    match described {
        RefOr::T(described) => Some(described),
        RefOr::Ref(_) => None,
    }
}

/// Limits a schema and what is in it. Those that it refers to are named.
fn limit(schema: &mut RefOr<Schema>, named: &mut Vec<String>) {
    let schema = match schema {
        RefOr::Ref(reference) => {
            named.extend(reference.ref_location.rsplit('/').next().map(ToOwned::to_owned));
            return;
        }
        RefOr::T(schema) => schema,
    };
    match schema {
        Schema::Array(list) => {
            list.max_items.get_or_insert(MOST_ITEMS);
            if let ArrayItems::RefOrSchema(items) = &mut list.items {
                limit(items, named);
            }
        }
        Schema::Object(object) => limit_object(object, named),
        Schema::OneOf(any) => any.items.iter_mut().for_each(|item| limit(item, named)),
        Schema::AllOf(all) => all.items.iter_mut().for_each(|item| limit(item, named)),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(|item| limit(item, named)),
        _ => {}
    }
}

fn limit_object(object: &mut Object, named: &mut Vec<String>) {
    let is = |wanted: Type| match &object.schema_type {
        SchemaType::Type(only) => *only == wanted,
        SchemaType::Array(several) => several.contains(&wanted),
        SchemaType::AnyValue => false,
    };
    if is(Type::String) && object.enum_values.is_none() && object.format.is_none() {
        object.max_length.get_or_insert(LONGEST_TEXT);
    }
    if is(Type::Object) {
        object.max_properties.get_or_insert(MOST_NAMES);
    }
    object.properties.values_mut().for_each(|property| limit(property, named));
    if let Some(AdditionalProperties::RefOr(others)) = object.additional_properties.as_deref_mut() {
        limit(others, named);
    }
}
