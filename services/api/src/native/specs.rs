//! How the document describes specs: the kinds of the product one by one, and those that workers bring as a whole.

use super::requests::{CreateRequest, OwnSpec};
use crate::kinds::{NativeKind, SchemaOf, native_kinds};
use crate::wire::members::Schemas;
use operation::Kind;
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Ref, SchemaType, Type};
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

const KIND: &str = "kind";
const SPEC: &str = "spec";
/// An operation to create, of a kind that this document does not list.
const CREATE_OWN: &str = "CreateOwnKind";
/// The parameters of such a kind, as answers show them.
const SHOWN_OWN: &str = "ShownOwnSpec";

/// An operation to create: what is common to all, and the spec of its kind.
#[derive(Debug)]
pub struct CreateOperation;

impl PartialSchema for CreateOperation {
    fn schema() -> RefOr<Schema> {
        let names = creatable().map(|(native, _)| create_name(&native.info.kind)).chain([CREATE_OWN.to_owned()]);
        one_of("An operation to create.", names)
    }
}

impl ToSchema for CreateOperation {
    fn schemas(schemas: &mut Schemas) {
        CreateRequest::schemas(schemas);
        for (native, spec) in creatable() {
            let kind = &native.info.kind;
            let described = with_kind(object((spec.schema)()), only(kind), false);
            schemas.push(((spec.name)().into_owned(), described.into()));
            (spec.add_others)(schemas);
            let mut kind_schema = only(kind);
            kind_schema.description = native.info.opt_in.then(|| "Where it is switched on.".to_owned());
            let about = format!("A `{kind}` to create.");
            schemas.push((create_name(kind), create(&about, kind_schema, &(spec.name)()).into()));
        }
        let about = "An operation to create, of a kind that this document does not list.";
        schemas.push((CREATE_OWN.to_owned(), create(about, unlisted(), &OwnSpec::name()).into()));
    }
}

/// The kind's parameters as they are run, with their defaults.
#[derive(Debug)]
pub struct ShownSpec;

impl PartialSchema for ShownSpec {
    fn schema() -> RefOr<Schema> {
        let names = native_kinds().iter().map(|native| (native.shown.name)().into_owned());
        one_of("The kind's parameters as they are run, with their defaults.", names.chain([SHOWN_OWN.to_owned()]))
    }
}

impl ToSchema for ShownSpec {
    fn schemas(schemas: &mut Schemas) {
        for NativeKind { info, shown, .. } in native_kinds() {
            let described = with_kind(object((shown.schema)()), only(&info.kind), true);
            schemas.push(((shown.name)().into_owned(), described.into()));
            (shown.add_others)(schemas);
        }
        let own = with_kind(object(OwnSpec::schema()), unlisted(), true);
        schemas.push((SHOWN_OWN.to_owned(), own.into()));
    }
}

fn creatable() -> impl Iterator<Item = (&'static NativeKind, SchemaOf)> {
    native_kinds().iter().filter_map(|native| Some((native, native.request?)))
}

/// `CreateDemoSteps` of `demo.steps`.
fn create_name(kind: &Kind) -> String {
    let words = kind.as_str().split('.').flat_map(|word| {
        let (first, rest) = word.split_at(1);
        [first.to_ascii_uppercase(), rest.to_owned()]
    });
    ["Create".to_owned()].into_iter().chain(words).collect()
}

/// A create request of one kind.
fn create(about: &str, kind: Object, spec: &str) -> Object {
    let mut request = object(CreateRequest::schema());
    request.description = Some(about.to_owned());
    request.properties.insert(SPEC.to_owned(), Ref::from_schema_name(spec).into());
    request.properties.insert(KIND.to_owned(), kind.into());
    request
}

/// The parameters and the kind: in an answer both, in a request at will.
fn with_kind(mut spec: Object, mut kind: Object, required: bool) -> Object {
    if required {
        spec.required.push(KIND.to_owned());
    } else {
        kind.schema_type = SchemaType::Array(vec![Type::String, Type::Null]);
        kind.enum_values.iter_mut().for_each(|values| values.push(Value::Null));
    }
    spec.properties.insert(KIND.to_owned(), kind.into());
    spec
}

fn one_of(about: &str, names: impl Iterator<Item = String>) -> RefOr<Schema> {
    let described = OneOfBuilder::new().description(Some(about));
    names.fold(described, |one_of, name| one_of.item(Ref::from_schema_name(name))).into()
}

fn only(kind: &Kind) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([kind.as_str()])).build()
}

/// A kind that is none of the product's.
fn unlisted() -> Object {
    let names: Vec<_> = native_kinds().iter().map(|native| native.info.kind.as_str().replace('.', "\\.")).collect();
    let pattern = format!("^(?!(?:{})$)[a-z][a-z0-9]*(\\.[a-z][a-z0-9]*){{1,2}}$", names.join("|"));
    let about = "A kind that a worker has registered: `GET …/kinds` lists them.";
    let kind = ObjectBuilder::new().schema_type(Type::String).max_length(Some(63)).pattern(Some(pattern));
    kind.description(Some(about)).build()
}

/// All that is described here is an object.
fn object(schema: RefOr<Schema>) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        RefOr::T(_) | RefOr::Ref(_) => Object::default(),
    }
}
