//! Packed masks: the taps in the order in which the kernel meets them, with the certificates of their rounding.

use super::certificate::Certificates;
use super::factor::deviates;
use super::plan::{Filter2dPlan, Method};
use super::scatter::Post;
use crate::conv::packed::{Packed, identity};
use crate::error::{Error, check_len};
use crate::slices::{split, split_mut};
use crate::{Border, Filter2dDesc, Mode};

/// A mask packed for a filter, of pixels of any type. Borrows the buffer that it was packed into.
///
/// It serves every plan that agrees on mask size, mode, scale, divisor, offset and border, whatever the size of the
/// picture and the level.
#[derive(Clone, Copy, Debug)]
pub struct PackedMask<'a> {
    pub(super) packed: Packed<'a>,
    pub(super) certificates: Certificates,
}

/// What packing a mask proved. For those who own the buffer, and so cannot keep a [`PackedMask`] beside it. Hidden: it is
/// taken on trust that it is given back with the same buffer.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct MaskProof(Certificates);

impl PackedMask<'_> {
    /// What packing it proved.
    #[doc(hidden)]
    pub fn proof(&self) -> MaskProof {
        MaskProof(self.certificates)
    }
}

impl Filter2dPlan {
    /// [`open`](Self::open) without a look at the taps, whose time would be that of a small picture.
    ///
    /// # Errors
    /// As there.
    #[doc(hidden)]
    pub fn reopen<'p>(&self, buffer: &'p [f32], proof: &MaskProof) -> Result<PackedMask<'p>, Error> {
        let packed = Packed::open(buffer, self.body_len(), self.identity())?;
        Ok(PackedMask { packed, certificates: proof.0 })
    }

    /// Packs a mask into `buffer`, which must have at least [`packed_len`](Self::packed_len) elements.
    ///
    /// `mask` has `R * S` values, row by row.
    ///
    /// # Errors
    /// [`Error::Length`] for a mask of another length or a buffer that is too short, [`Error::NotFinite`] for
    /// infinite or NaN taps.
    /// [`Error::NotSeparable`] if the plan is [`separable`](Self::separable) and the mask is not, [`Error::NotRankTwo`] if it
    /// is one of [rank 2](Self::rank_two) and the mask is not, [`Error::NotBox`] if it is [`boxed`](Self::boxed) and the mask
    /// has several values.
    pub fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<PackedMask<'p>, Error> {
        let [r, s] = self.desc.mask_size;
        check_len("mask", r * s, mask.len())?;
        if let Some(index) = mask.iter().position(|w| !w.is_finite()) {
            return Err(Error::NotFinite { operand: "mask", index });
        }
        if let Method::Box { .. } = self.method {
            let weight = mask.first().copied().unwrap_or_default();
            if mask.iter().any(|w| *w != weight) {
                return Err(Error::NotBox);
            }
            return self
                .certify(Packed::make(buffer, 1, self.identity(), true, |packed| packed.fill(weight))?);
        }
        let mut factored = Ok(true);
        let packed = Packed::make(buffer, self.body_len(), self.identity(), true, |packed| {
            let (packed, factors) = split_mut(packed, mask.len());
            for (packed, w) in packed.iter_mut().zip(mask) {
                *packed = *w;
            }
            if self.desc.mode == Mode::Convolve {
                // Turning by 180 degrees is reversing the order.
                packed.reverse();
            }
            if let Method::Separable { terms, code } = self.method {
                let (columns, rows) = split_mut(factors, terms * r);
                factored = (code.factor)(packed, columns, rows);
            }
        })?;
        if !factored? {
            let is_one = matches!(self.method, Method::Separable { terms: 1, .. });
            return Err(if is_one { Error::NotSeparable } else { Error::NotRankTwo });
        }
        self.certify(packed)
    }

    /// A mask that was packed earlier for the same filter: in flash, from a file.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] if it was packed for another filter, or is no packed mask.
    pub fn open<'p>(&self, buffer: &'p [f32]) -> Result<PackedMask<'p>, Error> {
        let packed = Packed::open(buffer, self.body_len(), self.identity())?;
        let body = packed.body(self.identity())?;
        if body.iter().any(|w| !w.is_finite()) {
            return Err(Error::WrongPacking);
        }
        // With two pairs of factors the certificate knows how far their products are from the mask.
        if let Method::Separable { terms: 1, .. } = self.method {
            let [r, s] = self.desc.mask_size;
            let (mask, factors) = split(body, r * s);
            let (column, row) = split(factors, r);
            if deviates(mask, column, row).is_some() {
                return Err(Error::WrongPacking);
            }
        }
        self.certify(packed)
    }

    /// Elements of the mask and its factors.
    fn body_len(&self) -> usize {
        let [r, s] = self.desc.mask_size;
        match self.method {
            Method::Direct => r * s,
            Method::Separable { terms, .. } => r * s + terms * (r + s),
            Method::Box { .. } => 1,
        }
    }

    /// What is known of a mask whose factors, if any, have been looked at.
    fn certify<'p>(&self, packed: Packed<'p>) -> Result<PackedMask<'p>, Error> {
        let weights = packed.body(self.identity())?;
        let [r, s] = self.desc.mask_size;
        let (mask, factors) = weights.split_at_checked(r * s).unwrap_or((weights, &[]));
        let (outside, post) = (self.desc.border.outside(), Post::of(&self.desc));
        let certificates = match self.method {
            Method::Direct => Certificates::new(mask, outside, post),
            Method::Box { code, .. } => {
                (code.certify)(weights.first().copied().unwrap_or_default(), r * s, outside, post)
            }
            Method::Separable { terms, code } => {
                let (columns, rows) = split(factors, terms * r);
                (code.certify)(mask, [r, s], [columns, rows], outside, post)
            }
        };
        Ok(PackedMask { packed, certificates })
    }

    /// What decides a packing and its certificate. Made when planning: it takes as long as some small pictures.
    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    pub(super) fn make_identity(desc: &Filter2dDesc, method: &Method) -> u64 {
        let border = match desc.border {
            Border::Constant(value) => value.to_bits(),
            // The other borders read values of the picture, or 0.
            _ => 0,
        };
        let [r, s] = desc.mask_size;
        identity(&[
            2, // a picture filter
            match method {
                Method::Direct => 0,
                Method::Separable { terms: 1, .. } => 1,
                Method::Box { .. } => 2,
                Method::Separable { .. } => 3,
            },
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
