//! The kinds of operations that come with the product: what the api, the worker and the keeper all need to know of each.
//!
//! A folder a kind: what holds for all its operations ([`KindInfo`]), its parameters, its checkpoint and its response as
//! they are stored, and the pure rules on them. To add one: a folder, and a row in [`ALL`]; one in [`COLLECTIONS`] if its
//! vendor has resources that it runs, and one in [`NOTICES`] if it tells of its ends.

mod collection;
pub mod demo_steps;
mod notice;
pub mod operations_cancel;
pub mod postgres_export;
pub mod storage_transfer;

pub use collection::Collection;
pub use notice::{Message, Notice, Notices};

use operation::{KindInfo, Spec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Every kind that comes with the product.
pub static ALL: [&KindInfo; 4] =
    [&postgres_export::INFO, &storage_transfer::INFO, &demo_steps::INFO, &operations_cancel::INFO];

/// Every collection of resources of vendors.
pub static COLLECTIONS: [&Collection; 1] = [&storage_transfer::COLLECTION];

/// The notifications of ended operations, by kind.
pub static NOTICES: [&Notices; 1] = [&storage_transfer::NOTICES];

/// The parameters of one kind, as they are stored: fields are added with a default, never renamed.
pub trait Parameters: Serialize + DeserializeOwned {
    /// The kind.
    fn info() -> &'static KindInfo;

    /// These parameters as an operation's spec.
    ///
    /// # Panics
    /// They are not an object in JSON: no kind has such.
    fn to_spec(&self) -> Spec {
        match serde_json::to_value(self) {
            Ok(Value::Object(parameters)) => Spec::new(Self::info().kind.clone(), parameters),
            other => panic!("the parameters of {} are not an object: {other:?}", Self::info().kind),
        }
    }

    /// The parameters of a spec of this kind.
    ///
    /// # Errors
    /// It is of another kind, or written by a newer version.
    fn from_spec(spec: &Spec) -> serde_json::Result<Self> {
        if *spec.kind() == Self::info().kind {
            return spec.read();
        }
        Err(serde::de::Error::custom(format_args!("{} is not {}", spec.kind(), Self::info().kind)))
    }
}
