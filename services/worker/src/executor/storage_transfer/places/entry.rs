//! What listings tell of objects, and what they never tell of.

use crate::executor::guarded::Expected;
use operation::{AttemptNumber, Code, OperationId};
use std::collections::VecDeque;

/// When something was changed, as exactly as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Since 1970; before it, negative.
    pub seconds: i64,
    /// And nanoseconds.
    pub nanos: u32,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, after the path of the place that is listed.
    pub key: String,
    /// How many bytes.
    pub size: u64,
    /// When it was changed, where that is told.
    pub modified: Option<Stamp>,
    /// The entity tag that its store gives it.
    pub tag: Option<String>,
    /// The MD5 of its bytes, where that is told.
    pub md5: Option<[u8; 16]>,
    /// Who may do what with the file, where it is one.
    pub mode: Option<u32>,
    /// What the sink's listing told of the object that a copy replaces.
    pub over: Expected,
}

/// Something of a source that can't be transferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name, or what can be told of it.
    pub key: String,
    /// The error's code.
    pub code: Code,
    /// What is wrong with it.
    pub details: String,
    /// Whether the key is not its real name: nothing goes by it then.
    pub nameless: bool,
}

/// What the listing of a source brings, in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceItem {
    /// An object.
    Object(Entry),
    /// What is there and can't be transferred.
    Broken(Broken),
    /// A folder whose names have been read; its key ends with a slash.
    Folder(String),
    /// A folder that can't be read; its key ends with a slash.
    Unlisted(Broken),
}

impl SourceItem {
    /// What it is sorted by.
    pub fn key(&self) -> &str {
        match self {
            Self::Object(entry) => &entry.key,
            Self::Broken(broken) | Self::Unlisted(broken) => &broken.key,
            Self::Folder(key) => key,
        }
    }
}

/// What the listing of a sink brings, in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkItem {
    /// What stands there.
    pub entry: Entry,
    /// Whether it is an object. Symbolic links, pipes and the like are none: they are like nothing in the source, and are
    /// never deleted for being in the sink alone.
    pub is_object: bool,
}

/// What has come of a listing and was not looked at yet.
#[derive(Debug)]
pub struct Side<T> {
    /// The next first.
    pub items: VecDeque<T>,
    /// Whether nothing more will come.
    pub ended: bool,
}

impl<T> Default for Side<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), ended: false }
    }
}

/// What stands before the names of our folders for unfinished files.
const TEMPORARY: &str = ".safepoint-";
/// How a UUID is written.
const UUID_LENGTH: usize = 36;

/// The folder, at the root of a sink, in which one attempt keeps files that are not whole.
pub fn temporary_folder(operation: OperationId, attempt: AttemptNumber) -> String {
    format!("{TEMPORARY}{operation}.{attempt}")
}

/// Whose temporary folder a name is, if it is one.
pub fn owner_of_temporary(name: &str) -> Option<(OperationId, AttemptNumber)> {
    let (id, attempt) = name.strip_prefix(TEMPORARY)?.split_once('.')?;
    (id.len() == UUID_LENGTH).then_some(())?;
    let plain = attempt.bytes().all(|byte| byte.is_ascii_digit());
    Some((id.parse().ok()?, AttemptNumber(attempt.parse().ok().filter(|_| plain)?)))
}

/// Whether a segment of a name is one of ours for what is not whole: a transfer's folder, or an export's file
/// (`.<name>.<operation>.<attempt>.part`). No listing tells of such.
pub fn is_unfinished(segment: &str) -> bool {
    if !segment.starts_with('.') {
        return false;
    }
    let of_export = || {
        let (rest, attempt) = segment.strip_suffix(".part")?.rsplit_once('.')?;
        let (_, id) = rest.rsplit_once('.')?;
        let plain = !attempt.is_empty() && attempt.bytes().all(|byte| byte.is_ascii_digit());
        (plain && id.len() == UUID_LENGTH && id.parse::<OperationId>().is_ok()).then_some(())
    };
    owner_of_temporary(segment).is_some() || of_export().is_some()
}

/// Why a key can't be the name of a file, if it can't.
pub fn objection_to_path(key: &str) -> Option<&'static str> {
    key.split('/').find_map(|segment| match segment {
        "" => Some("its name begins or ends with a slash, or has two in a row: no file can have it"),
        "." | ".." => Some("its name has a segment . or ..: no file can have it"),
        segment if segment.contains('\0') => Some("its name has a NUL: no file can have it"),
        _ => None,
    })
}

/// The MD5 that an entity tag of S3 is, where it looks like one: an object that was uploaded in one piece.
pub fn plain_md5(tag: &str) -> Option<[u8; 16]> {
    let digits = tag.trim_matches('"');
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a000-0000-7000-8000-000000000000";

    #[test]
    fn our_own_unfinished_files_are_known_and_nobody_elses() {
        let id: OperationId = ID.parse().unwrap();
        let folder = temporary_folder(id, AttemptNumber(7));
        assert_eq!(owner_of_temporary(&folder), Some((id, AttemptNumber(7))));
        assert!(is_unfinished(&folder) && is_unfinished(&format!(".rows.csv.{ID}.3.part")));
        for other in [
            ".safepoint-",
            ".safepoint-x.1",
            &format!(".safepoint-{ID}"),
            &format!(".safepoint-{ID}.+1"),
            &format!(".safepoint-{ID}.1.2"),
            &format!("safepoint-{ID}.1"),
            ".rows.csv.part",
            &format!("rows.csv.{ID}.3.part"),
            &format!(".rows.csv.{ID}..part"),
            ".part",
            "",
        ] {
            assert!(!is_unfinished(other), "{other}");
        }
    }

    #[test]
    fn what_no_file_can_be_called_is_refused() {
        for good in ["a", "a/b", "..a/b..", "a b/ü", ".hidden/...", "a\nb"] {
            assert_eq!(objection_to_path(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\0b"] {
            assert!(objection_to_path(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_an_md5_where_it_looks_like_one() {
        let md5 = plain_md5("\"d41d8cd98f00b204e9800998ecf8427e\"").unwrap();
        assert_eq!((md5[0], md5[15]), (0xd4, 0x7e));
        assert_eq!(plain_md5("\"d41d8cd98f00b204e9800998ecf8427e-3\""), None);
        assert_eq!(plain_md5("\"+41d8cd98f00b204e9800998ecf8427e\""), None);
        assert_eq!(plain_md5("CPHY0+T6kYADEAE="), None);
    }
}
