//! How large the parts of an upload are.
//!
//! S3 and GCS take at most 10,000 parts, each but the last of at least 5 MiB. Up to three parts of an export stand in
//! memory, so parts start small and grow only where an object is already large; they stop at 64 MiB, and with them
//! the object at 460 GiB. The 5 TB that S3 takes would need parts of 500 MiB, that is 1.5 GiB of memory an export.

const MIB: usize = 1024 * 1024;

/// The size of the first parts.
const FIRST: usize = 8 * MIB;

/// How many parts an upload may have.
pub(super) const MOST_PARTS: usize = 10_000;

/// The size of the part with this index, counted from 0.
pub(super) const fn of_part(index: usize) -> usize {
    match index {
        0..1_000 => FIRST,
        1_000..2_000 => 16 * MIB,
        2_000..4_000 => 32 * MIB,
        _ => 64 * MIB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_what_the_documentation_says() {
        let all: usize = (0..MOST_PARTS).map(of_part).sum();
        assert_eq!(all / MIB / 1024, 460);
        assert!((0..MOST_PARTS).all(|index| (5 * MIB..=64 * MIB).contains(&of_part(index))));
    }

    #[test]
    fn an_export_of_a_few_gigabytes_keeps_to_small_parts() {
        let small: usize = (0..1_000).map(of_part).sum();
        assert_eq!(small, 8_000 * MIB);
    }
}
