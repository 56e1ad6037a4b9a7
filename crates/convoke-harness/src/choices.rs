//! Bytes as a source of choices. One decoder turns bytes into problems for everyone: the fuzzer gives it its
//! input, proptest gives it a random array.
//!
//! Every choice is ordered from plain to odd and a smaller byte never picks a later entry, so that shrinking the
//! bytes towards zero, as proptest and libFuzzer both do, shrinks the problem.

use std::ops::RangeInclusive;

/// Reads choices from bytes; behind their end every byte is zero, so that every byte string decodes.
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Starts at the front of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((&first, rest)) => {
                self.bytes = rest;
                first
            }
            None => 0,
        }
    }

    /// One of the entries, from one byte. There must be 1 to 256 of them.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) * from.len() / 256]
    }

    /// A number of the range, from two bytes.
    pub fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        let word = usize::from(self.byte()) << 8 | usize::from(self.byte());
        let span = range.end().saturating_sub(*range.start()).min(0xFFFF) + 1;
        range.start() + word * span / 0x1_0000
    }

    /// True half of the time.
    pub fn flag(&mut self) -> bool {
        self.byte() >= 128
    }

    /// A number of 16 bits, for seeds.
    pub fn seed(&mut self) -> u64 {
        u64::from(self.byte()) << 8 | u64::from(self.byte())
    }

    /// A number of 64 bits.
    pub fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }
}

/// Sizes on both sides of every boundary that a kernel may have: vectors of 4, 8 and 16 lanes, tiles of 1 to 14
/// pixels, and twice of each.
pub const SIZES: &[usize] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 23, 24, 25, 28, 31, 32, 33, 47, 48, 49, 63,
    64, 65,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_bytes_are_zeros() {
        let mut choices = Choices::new(&[]);
        assert_eq!(choices.pick(SIZES), 1);
        assert_eq!(choices.within(3..=7), 3);
        assert_eq!(choices.word(), 0);
        assert!(!choices.flag());
    }

    #[test]
    fn every_entry_can_be_picked_and_order_is_kept() {
        let picked: Vec<usize> = (0..=255).map(|byte| Choices::new(&[byte]).pick(SIZES)).collect();
        assert!(picked.is_sorted());
        assert!(SIZES.iter().all(|size| picked.contains(size)));
    }

    #[test]
    fn a_range_is_reached_to_both_ends() {
        assert_eq!(Choices::new(&[255, 255]).within(3..=7), 7);
        assert_eq!(Choices::new(&[0, 0]).within(3..=7), 3);
        assert_eq!(Choices::new(&[255, 255]).within(5..=5), 5);
    }
}
