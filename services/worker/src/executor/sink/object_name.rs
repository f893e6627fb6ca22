//! The name of an object: checked once, safe as a path beneath a folder.

use operation::{Code, Failure, Fence, OperationId};

/// The longest name that S3 and GCS take, in bytes.
const LONGEST: usize = 1024;
/// How much of an object's name stands in its temporary name: a file name has 255 bytes at most.
const LONGEST_IN_TEMPORARY: usize = 100;

/// The name of an object in a bucket: segments that neither climb nor look like our temporary files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName(String);

impl ObjectName {
    /// Checks a name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, saying what is wrong with it.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        match objection(name) {
            None => Ok(Self(name.to_owned())),
            Some(objection) => {
                Err(Failure::fatal(Code::InvalidArgument, format!("the object's name is not valid: {objection}")))
            }
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the object is to be compressed.
    pub fn is_gzip(&self) -> bool {
        self.0.rsplit_once('.').is_some_and(|(_, extension)| extension == "gz")
    }

    /// The folder it lies in, `.` for the root, and its name there.
    pub(super) fn folder_and_file(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or((".", &self.0))
    }

    /// The file that one attempt writes before it is renamed, in the same folder. It bears the operation's id: no two
    /// operations meet in it, so the object's own name may be cut short.
    pub(super) fn temporary_file(&self, fence: Fence) -> String {
        let (_, file) = self.folder_and_file();
        let shown = &file[..file.floor_char_boundary(LONGEST_IN_TEMPORARY)];
        format!(".{shown}.{}.{}.part", fence.id, fence.attempt)
    }
}

impl ObjectName {
    /// Whether a file is [`ObjectName::temporary_file`] of any attempt of this operation.
    pub(super) fn is_temporary_of(file: &str, operation: OperationId) -> bool {
        is_temporary(file) && file.contains(&format!(".{operation}."))
    }
}

/// What is wrong with a name.
fn objection(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > LONGEST {
        return Some("it is longer than 1024 bytes");
    }
    if name.chars().any(char::is_control) {
        return Some("it has a control character");
    }
    name.split('/').find_map(|segment| match segment {
        "" => Some("it starts or ends with a slash, or has two in a row"),
        "." | ".." => Some("it has a segment . or .."),
        segment if is_temporary(segment) => Some("names of the form .*.part are kept for unfinished objects"),
        _ => None,
    })
}

/// Whether a segment looks like [`ObjectName::temporary_file`].
fn is_temporary(segment: &str) -> bool {
    segment.starts_with('.') && segment.rsplit_once('.').is_some_and(|(_, extension)| extension == "part")
}

#[cfg(test)]
mod tests {
    use super::*;
    use operation::{AttemptNumber, Nonce, OperationId};
    use uuid::Uuid;

    #[test]
    fn names_that_climb_or_hide_are_refused() {
        for good in ["a", "a/b.csv", "a b/ü~.csv.gz", ".hidden", "x.part", "..a", "a..", &"x".repeat(1024)] {
            assert_eq!(ObjectName::parse(good).unwrap().as_str(), good);
        }
        let too_long = "x".repeat(1025);
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/.",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            ".a.part",
            "d/.x.1.part/b",
            &too_long,
        ] {
            assert_eq!(ObjectName::parse(bad).unwrap_err().code, Code::InvalidArgument, "{bad:?}");
        }
    }

    #[test]
    fn the_temporary_file_fits_a_file_name() {
        let fence = Fence {
            id: OperationId::from_uuid(Uuid::max()),
            attempt: AttemptNumber(u32::MAX),
            nonce: Nonce::from_uuid(Uuid::nil()),
        };
        let long = ObjectName::parse(&format!("folder/{}", "ü".repeat(120))).unwrap();
        assert!(long.temporary_file(fence).len() <= 255);
        let short = ObjectName::parse("folder/rows.csv").unwrap();
        assert_eq!(short.folder_and_file(), ("folder", "rows.csv"));
        assert_eq!(short.temporary_file(fence), format!(".rows.csv.{}.4294967295.part", Uuid::max()));
        assert!(objection(&short.temporary_file(fence)).is_some());
        assert!(ObjectName::is_temporary_of(&short.temporary_file(fence), fence.id));
        assert!(!ObjectName::is_temporary_of(&short.temporary_file(fence), OperationId::from_uuid(Uuid::nil())));
    }
}
