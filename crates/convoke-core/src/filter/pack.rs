//! Packed masks: the taps in the order in which the kernel meets them, with the certificates of their rounding.

use super::certificate::Certificates;
use super::plan::Filter2dPlan;
use super::scatter::Post;
use crate::conv::packed::{Packed, identity};
use crate::error::{Error, check_len};
use crate::{Border, Mode};

/// A mask packed for a filter, of pixels of any type. Borrows the buffer that it was packed into.
///
/// It serves every plan that agrees on mask size, mode, scale, divisor, offset and border, whatever the size of the
/// picture and the level.
#[derive(Clone, Copy, Debug)]
pub struct PackedMask<'a> {
    pub(super) packed: Packed<'a>,
    pub(super) certificates: Certificates,
}

impl Filter2dPlan {
    /// Packs a mask into `buffer`, which must have at least [`packed_len`](Self::packed_len) elements.
    ///
    /// `mask` has `R * S` values, row by row.
    ///
    /// # Errors
    /// [`Error::Length`] for a mask of another length or a buffer that is too short, [`Error::NotFinite`] for
    /// infinite or NaN taps.
    pub fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<PackedMask<'p>, Error> {
        let [r, s] = self.desc.mask_size;
        check_len("mask", r * s, mask.len())?;
        if let Some(index) = mask.iter().position(|w| !w.is_finite()) {
            return Err(Error::NotFinite { operand: "mask", index });
        }
        let packed = Packed::make(buffer, mask.len(), self.identity(), true, |packed| {
            packed.copy_from_slice(mask);
            if self.desc.mode == Mode::Convolve {
                // Turning by 180 degrees is reversing the order.
                packed.reverse();
            }
        })?;
        self.certify(packed)
    }

    /// A mask that was packed earlier for the same filter: in flash, from a file.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] if it was packed for another filter, or is no packed mask.
    pub fn open<'p>(&self, buffer: &'p [f32]) -> Result<PackedMask<'p>, Error> {
        let [r, s] = self.desc.mask_size;
        let packed = Packed::open(buffer, r * s, self.identity())?;
        if packed.body(self.identity())?.iter().any(|w| !w.is_finite()) {
            return Err(Error::WrongPacking);
        }
        self.certify(packed)
    }

    fn certify<'p>(&self, packed: Packed<'p>) -> Result<PackedMask<'p>, Error> {
        let weights = packed.body(self.identity())?;
        let certificates = Certificates::new(weights, self.desc.border.outside(), Post::of(&self.desc));
        Ok(PackedMask { packed, certificates })
    }

    /// What decides a packing and its certificate.
    pub(super) fn identity(&self) -> u64 {
        let desc = &self.desc;
        let border = match desc.border {
            Border::Constant(value) => value.to_bits(),
            // The other borders read values of the picture, or 0.
            _ => 0,
        };
        let [r, s] = desc.mask_size;
        identity(&[
            2, // a picture filter
            r,
            s,
            (desc.mode == Mode::Convolve).into(),
            desc.scale.to_bits() as usize,
            desc.divisor.to_bits() as usize,
            desc.offset.to_bits() as usize,
            border as usize,
        ])
    }
}
