//! The names of one folder in the order of keys, packed: a folder of a million files takes some twenty megabytes.

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A folder. It sorts as if its name ended with a slash, as what lies in it does.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Special,
}

const KINDS: [Kind; 4] = [Kind::File, Kind::Folder, Kind::Link, Kind::Special];

/// The names of a folder. Each stands once: name, a slash if it is a folder's, NUL, and one byte for its kind.
#[derive(Debug, Default)]
pub struct Names {
    packed: Vec<u8>,
    at: Vec<u32>,
    taken: usize,
}

impl Names {
    /// Adds a name, which has no NUL; `false` where there is no room for more.
    pub fn push(&mut self, name: &[u8], kind: Kind) -> bool {
        let Ok(at) = u32::try_from(self.packed.len()) else { return false };
        self.at.push(at);
        self.packed.extend_from_slice(name);
        if kind == Kind::Folder {
            self.packed.push(b'/');
        }
        let code = KINDS.iter().position(|known| *known == kind).unwrap_or(0);
        self.packed.extend_from_slice(&[0, code as u8]);
        true
    }

    /// Sorts them.
    pub fn sort(&mut self) {
        let packed = &self.packed;
        // No name has a NUL, and none stands twice: the rest behind the NUL is never looked at.
        self.at.sort_unstable_by(|one, other| packed[*one as usize..].cmp(&packed[*other as usize..]));
    }

    /// The next name, without its slash, and its kind.
    pub fn next(&mut self) -> Option<(&[u8], Kind)> {
        let at = *self.at.get(self.taken)? as usize;
        self.taken += 1;
        let rest = &self.packed[at..];
        let end = memchr::memchr(0, rest)?;
        let kind = KINDS[usize::from(*rest.get(end + 1)?)];
        Some((if kind == Kind::Folder { &rest[..end - 1] } else { &rest[..end] }, kind))
    }

    /// What it holds in memory.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.packed.len() + size_of::<u32>() * self.at.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_the_order_of_the_keys_beneath_them() {
        let mut names = Names::default();
        for (name, kind) in [
            ("b", Kind::File),
            ("a", Kind::Folder),
            ("a.b", Kind::File),
            ("a0", Kind::Link),
            ("ab", Kind::Special),
            ("é", Kind::File),
            ("a-", Kind::Folder),
        ] {
            assert!(names.push(name.as_bytes(), kind));
        }
        names.sort();
        let mut sorted = Vec::new();
        while let Some((name, kind)) = names.next() {
            sorted.push((std::str::from_utf8(name).unwrap().to_owned(), kind));
        }
        let expect = [
            ("a-", Kind::Folder),
            ("a.b", Kind::File),
            ("a", Kind::Folder),
            ("a0", Kind::Link),
            ("ab", Kind::Special),
            ("b", Kind::File),
            ("é", Kind::File),
        ];
        assert_eq!(sorted, expect.map(|(name, kind)| (name.to_owned(), kind)));
    }

    /// The bound of a listing: 64 MiB for a million objects, on both sides together.
    #[test]
    fn a_million_names_fit_in_twenty_megabytes() {
        let mut names = Names::default();
        for number in 0..1_000_000 {
            assert!(names.push(format!("object-{number:07}").as_bytes(), Kind::File));
        }
        assert_eq!(names.bytes(), 20_000_000);
    }
}
