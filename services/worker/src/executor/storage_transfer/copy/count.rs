//! Counts decisions that were carried out, or could not be.

use crate::executor::storage_transfer::decide::delta::Decision;
use crate::executor::storage_transfer::report::Report;
use operation::Code;
use std::borrow::Cow;

impl Report {
    /// A decision could not be carried out for this one object.
    pub fn missed(&mut self, decision: &Decision, code: Code, details: Cow<'static, str>) {
        match decision {
            // One that was to be skipped was found to differ.
            Decision::Copy(entry) | Decision::Skip(entry, _) => self.not_copied(entry, code, details),
            Decision::Delete(entry) => self.deleted(entry, Err((code, details.into_owned()))),
            Decision::Broken(_) | Decision::Folder(_) | Decision::Unlisted(_) => {}
        }
    }

    /// A decision that copies nothing was carried out.
    pub fn record(&mut self, decision: &Decision) {
        match decision {
            Decision::Delete(entry) => self.deleted(entry, Ok(())),
            Decision::Broken(broken) => self.broken(broken),
            Decision::Folder(_) => self.folder(),
            Decision::Unlisted(broken) => self.unlisted(broken),
            Decision::Copy(..) | Decision::Skip(..) => {}
        }
    }
}
