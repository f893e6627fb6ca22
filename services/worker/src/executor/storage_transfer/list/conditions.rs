//! Which objects a transfer is about. Names bind both sides: what is left out is neither copied nor deleted. Times bind the
//! source alone, and are counted from the moment at which the operation was made, whichever attempt looks.

use crate::executor::storage_transfer::places::entry::Stamp;
use globset::{GlobBuilder, GlobMatcher};
use kinds::storage_transfer::TransferConditions;
use operation::{Code, Failure, OperationId};
use std::time::Duration;

/// The conditions, ready to be asked of a million objects.
#[derive(Debug)]
pub struct Conditions {
    include: Vec<String>,
    exclude: Vec<String>,
    glob: Option<GlobMatcher>,
    /// Changed at these times or later.
    since: Vec<Stamp>,
    /// Changed before this time.
    before: Option<Stamp>,
    /// Changed at this time or earlier.
    until: Option<Stamp>,
}

impl Conditions {
    /// Takes the conditions of an operation that began at `began`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`: the glob is none.
    pub fn new(conditions: &TransferConditions, began: Stamp) -> Result<Self, Failure> {
        let TransferConditions {
            include_prefixes,
            exclude_prefixes,
            min_time_elapsed,
            max_time_elapsed,
            modified_since,
            modified_before,
            match_glob,
        } = conditions;
        let stamp = |time: &time::OffsetDateTime| Stamp { seconds: time.unix_timestamp(), nanos: time.nanosecond() };
        let since = modified_since.as_ref().map(stamp);
        Ok(Self {
            include: include_prefixes.clone(),
            exclude: exclude_prefixes.clone(),
            glob: match_glob.as_deref().map(glob).transpose()?,
            since: since.into_iter().chain(max_time_elapsed.map(|ago| earlier(began, ago))).collect(),
            before: modified_before.as_ref().map(stamp),
            until: min_time_elapsed.map(|ago| earlier(began, ago)),
        })
    }

    /// Whether an object of this name is meant.
    pub fn admit_name(&self, key: &str) -> bool {
        let begins = |prefix: &String| key.starts_with(prefix.as_str());
        (self.include.is_empty() || self.include.iter().any(begins))
            && !self.exclude.iter().any(begins)
            && self.glob.as_ref().is_none_or(|glob| glob.is_match(key))
    }

    /// Whether an object of the source that was changed then is meant. One whose time is not told is.
    pub fn admit_time(&self, modified: Option<Stamp>) -> bool {
        modified.is_none_or(|modified| {
            self.since.iter().all(|since| modified >= *since)
                && self.before.is_none_or(|before| modified < before)
                && self.until.is_none_or(|until| modified <= until)
        })
    }

    /// Whether there can be an object that is meant in a folder, whose key ends with a slash; the root's is empty.
    pub fn admit_folder(&self, folder: &str) -> bool {
        let leads = |prefix: &String| prefix.starts_with(folder) || folder.starts_with(prefix.as_str());
        (self.include.is_empty() || self.include.iter().any(leads))
            && !self.exclude.iter().any(|prefix| folder.starts_with(prefix.as_str()))
    }
}

/// `*` and `?` stay within a segment, `**` does not. The matcher goes by bytes: `?` and `[…]` stand for ASCII alone.
fn glob(pattern: &str) -> Result<GlobMatcher, Failure> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|error| Failure::fatal(Code::InvalidArgument, format!("matchGlob: {}", error.kind())))?;
    Ok(glob.compile_matcher())
}

fn earlier(stamp: Stamp, ago: Duration) -> Stamp {
    let seconds = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
    let borrow = stamp.nanos < ago.subsec_nanos();
    let nanos = if borrow { 1_000_000_000 + stamp.nanos } else { stamp.nanos } - ago.subsec_nanos();
    Stamp { seconds: stamp.seconds.saturating_sub(seconds).saturating_sub(i64::from(borrow)), nanos }
}

/// When an operation was made, by its id.
pub fn began(operation: OperationId) -> Stamp {
    let (seconds, nanos) = operation.as_uuid().get_timestamp().map_or((0, 0), |time| time.to_unix());
    Stamp { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos }
}

#[cfg(test)]
mod tests;
