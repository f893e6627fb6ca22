//! Sets of kinds. Nobody knows all kinds that there are, so what is left out is a set of its own.

use operation::Kind;
use std::collections::BTreeSet;

/// A set of kinds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kinds {
    /// These.
    Only(BTreeSet<Kind>),
    /// All but these.
    AllBut(BTreeSet<Kind>),
}

impl Kinds {
    /// These, or all but these.
    pub(super) fn of(kinds: impl IntoIterator<Item = Kind>, these: bool) -> Self {
        let kinds = kinds.into_iter().collect();
        if these { Self::Only(kinds) } else { Self::AllBut(kinds) }
    }

    /// What is in both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(one), Self::Only(two)) => Self::Only(&one & &two),
            (Self::Only(these), Self::AllBut(others)) | (Self::AllBut(others), Self::Only(these)) => {
                Self::Only(&these - &others)
            }
            (Self::AllBut(one), Self::AllBut(two)) => Self::AllBut(&one | &two),
        }
    }

    /// What is in either.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(one), Self::Only(two)) => Self::Only(&one | &two),
            (Self::Only(these), Self::AllBut(others)) | (Self::AllBut(others), Self::Only(these)) => {
                Self::AllBut(&others - &these)
            }
            (Self::AllBut(one), Self::AllBut(two)) => Self::AllBut(&one & &two),
        }
    }

    /// Whether no kind is in it.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(kinds) if kinds.is_empty())
    }

    /// The kinds that are in it, and others that are not, for a list's filter: an empty list says nothing.
    pub(super) fn into_lists(self) -> (Vec<Kind>, Vec<Kind>) {
        match self {
            Self::Only(kinds) => (kinds.into_iter().collect(), Vec::new()),
            Self::AllBut(kinds) => (Vec::new(), kinds.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Kind = Kind::from_static("acme.a");
    const B: Kind = Kind::from_static("acme.b");

    #[test]
    fn sets_and_their_complements_meet_as_sets_do() {
        let sets = |kinds: &[Kind]| [Kinds::of(kinds.to_vec(), true), Kinds::of(kinds.to_vec(), false)];
        let all: Vec<_> = [&[][..], &[A], &[B], &[A, B]].into_iter().flat_map(sets).collect();
        // Of a kind that no set names too.
        let asked = [A, B, Kind::from_static("acme.c")];
        let has = |set: &Kinds, kind: &Kind| match set {
            Kinds::Only(kinds) => kinds.contains(kind),
            Kinds::AllBut(kinds) => !kinds.contains(kind),
        };
        for one in &all {
            assert_eq!(one.is_empty(), !asked.iter().any(|kind| has(one, kind)), "{one:?}");
            for two in &all {
                for kind in &asked {
                    let (both, either) = (one.clone().and(two.clone()), one.clone().or(two.clone()));
                    assert_eq!(has(&both, kind), has(one, kind) && has(two, kind), "{one:?} {two:?} {kind}");
                    assert_eq!(has(&either, kind), has(one, kind) || has(two, kind), "{one:?} {two:?} {kind}");
                }
            }
        }
    }
}
