//! A file or a folder a kind: from a native request to its spec, and the table of them. Next to them, the rules that requests of several
//! dialects share.

pub mod catalog;
pub mod demo_steps;
pub mod export;
pub mod operations_cancel;
pub mod own;
pub mod postgres_export;
pub mod select_query;
pub mod storage_transfer;
pub mod transfer;
pub mod words;

use crate::wire::error::{ApiError, Violations};
use crate::wire::fields::Fields;
use crate::wire::members::Schemas;
use catalog::Catalog;
use operation::{Kind, KindInfo, ProjectId, Spec};
use runtime::config::Secret;
use runtime::destination::AllowedDestinations;
use std::borrow::Cow;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// How many mistakes of a request are reported at once.
const MOST_MISTAKES: usize = 100;

/// What a create request asks for.
#[derive(Debug)]
pub struct RequestedWork {
    /// What to do.
    pub spec: Spec,
    /// On what.
    pub target: String,
    /// What the worker needs for it and nobody else may know.
    pub secret: Option<Secret>,
}

/// What a request is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// What is configured.
    pub catalog: &'a Catalog,
    /// The servers that users may name.
    pub destinations: &'a AllowedDestinations,
    /// The caller's project.
    pub project: &'a ProjectId,
}

/// A type, as the document describes it.
#[derive(Debug, Clone, Copy)]
pub struct SchemaOf {
    /// Its name.
    pub name: fn() -> Cow<'static, str>,
    /// Its schema.
    pub schema: fn() -> RefOr<Schema>,
    /// Adds the schemas that its own refers to.
    pub add_others: fn(&mut Schemas),
}

impl SchemaOf {
    /// That of a type.
    pub const fn new<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, add_others: T::schemas }
    }
}

/// Reads the parameters of a native create request. `None` only where there are violations.
pub type ReadSpec = fn(Fields, Checks<'_>, &mut Violations) -> Result<Option<RequestedWork>, ApiError>;

/// A kind that comes with the product, as the native API takes it.
#[derive(Debug)]
pub struct NativeKind {
    /// What holds for all its operations.
    pub info: &'static KindInfo,
    /// How the document describes the parameters in a request to `POST …/operations`. Kinds without have a method of their own.
    pub request: Option<SchemaOf>,
    /// How it describes them in answers.
    pub shown: SchemaOf,
    /// Whether to check a request costs more than to read it.
    pub is_costly: bool,
    /// Why an operation that failed or was cancelled is not tried again by a caller; `None` where it is.
    pub not_retried: Option<&'static str>,
    /// Reads the parameters.
    pub read: ReadSpec,
}

/// The kinds that come with the product.
static ALL: [NativeKind; 4] =
    [postgres_export::NATIVE, storage_transfer::NATIVE, demo_steps::NATIVE, operations_cancel::NATIVE];

/// The kinds that come with the product.
pub fn native_kinds() -> &'static [NativeKind] {
    &ALL
}

/// The kind of this name, where it comes with the product.
pub fn native(kind: &Kind) -> Option<&'static NativeKind> {
    ALL.iter().find(|native| native.info.kind == *kind)
}
