//! Scratch of a narrow filter: three slices, because bytes, sums of 16 bits and sums of 32 bits cannot share one.

use crate::Error;

/// Lengths of the slices of a [`NarrowScratch`], in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NarrowScratchLen {
    /// Elements of `bytes`.
    pub bytes: usize,
    /// Elements of `halves`.
    pub halves: usize,
    /// Elements of `words`.
    pub words: usize,
}

/// Scratch for a run of a [`NarrowPlan`](crate::NarrowPlan). Garbage before and after.
#[derive(Debug)]
pub struct NarrowScratch<'a> {
    /// For pixels.
    pub bytes: &'a mut [u8],
    /// For sums of 16 bits.
    pub halves: &'a mut [u16],
    /// For sums of 32 bits.
    pub words: &'a mut [u32],
}

impl NarrowScratch<'_> {
    pub(super) fn check(&self, required: NarrowScratchLen) -> Result<(), Error> {
        for (operand, required, got) in [
            ("scratch bytes", required.bytes, self.bytes.len()),
            ("scratch halves", required.halves, self.halves.len()),
            ("scratch words", required.words, self.words.len()),
        ] {
            if got < required {
                return Err(Error::Length { operand, required, got });
            }
        }
        Ok(())
    }
}
