//! Evidence that allows a source object to be deleted.
//!
//! A listing is no evidence: size and time can be equal and the bytes differ. A proof names the two versions whose bytes
//! are known to be equal, because this attempt copied one to the other or read and compared both. Right before the delete,
//! both sides must still hold these versions. If one does not, its bytes are compared again.

use crate::executor::storage_transfer::places::folder::file::FileId;
use object_store::ObjectMeta;

/// How often a pair of objects is compared before it counts as changing all the time.
pub const COMPARISONS: usize = 3;
/// Why an object stays in the source although it is in the sink.
pub const NOT_THE_SAME: &str = "it was changed after it was copied, and so not deleted";
/// The same, where nothing could be proven.
pub const NOT_STEADY: &str = "it or its copy kept changing while they were compared, and so it was not deleted";
/// The same, where the sink could not be read.
pub const COPY_UNREADABLE: &str = "its copy in the sink could not be read to be compared, and so it was not deleted";
/// The same, where a store does not identify the versions of its objects.
pub const NO_VERSION: &str = "a store returns no entity tag for it, and so it was not deleted";
/// The two names lead to one file: deleting one would delete the other.
pub const ONE_FILE: &str = "its copy in the sink is the same file under the same name, and so it was not deleted";

/// One version of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// A file.
    File(FileId),
    /// An object of a store, by its entity tag.
    Object(String),
}

impl Version {
    /// The version that a store reports; `None` if the store does not identify versions.
    pub fn from_meta(meta: &ObjectMeta) -> Option<Self> {
        meta.e_tag.clone().map(Self::Object)
    }
}

/// Two versions whose bytes are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof<V = Version> {
    /// In the source.
    pub source: V,
    /// In the sink.
    pub sink: V,
}

/// The result of a comparison of the two sides.
#[derive(Debug, PartialEq, Eq)]
pub enum Compared<V = Version> {
    /// Byte for byte the same.
    Equal(Proof<V>),
    /// Not the same, or the sink has no such object.
    Differ,
    /// One side changed while it was read.
    Changed,
    /// The source no longer has the object.
    SourceMissing,
}
