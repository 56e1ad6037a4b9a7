//! What a picture filter is asked to do, as plain data.

use crate::conv::packed::packed_len;
use crate::{Border, Mode};

/// In which format the sums are made that end as, or began from, `f32`.
///
/// From integers to integers every result is the exact value rounded once, in either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accumulate {
    /// In `f32`, within [`error_terms`](crate::Filter2dPlan::error_terms) roundings.
    #[default]
    F32,
    /// In `f64`, where products of two `f32` are exact: scale, divisor and offset too, and then one rounding to `f32`. The
    /// same bits on every level. Of the direct algorithm only, in three to six times its time.
    F64,
}

/// A linear filter of a picture with one mask: sizes, border, and how sums become pixels.
///
/// Pixels have 1 to 4 interleaved channels, each filtered with the same mask. With mask size `R` by `S` and anchor
/// `(a, b)`, the mask tap that lies on the output pixel,
///
/// ```text
/// dst[y, x, c] = scale / divisor * sum over r, s of  mask[r, s] * src[y + r - a, x + s - b, c]   + offset
/// ```
///
/// in [`Mode::Correlate`]. In [`Mode::Convolve`] the mask is turned by 180 degrees first, and the anchor with it, so
/// that `mask[a, b]` still lies on the output pixel: `src[y - r + a, x - s + b, c]`.
///
/// ```
/// use convoke_core::{Border, Filter2dDesc};
/// // The 3x3 mean of a 640x480 colour picture.
/// let desc = Filter2dDesc::new([480, 640], 3, [3, 3]).divisor(9.0).border(Border::Replicate);
/// assert_eq!(desc.anchor, [1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Filter2dDesc {
    /// Height and width of the picture, and of the result.
    pub size: [usize; 2],
    /// Interleaved channels, 1 to 4.
    pub channels: usize,
    /// Height and width of the mask, R and S.
    pub mask_size: [usize; 2],
    /// Row and column of the mask tap that lies on the output pixel.
    pub anchor: [usize; 2],
    /// What is read outside the picture.
    pub border: Border,
    /// Correlation or true convolution.
    pub mode: Mode,
    /// Factor of every sum.
    pub scale: f32,
    /// Divisor of every sum; must be positive. A mean of nine pixels is nine ones divided by 9, which is exact where
    /// nine times one ninth is not.
    pub divisor: f32,
    /// Added to every sum after scaling.
    pub offset: f32,
    /// In which format sums are made.
    pub accumulate: Accumulate,
    /// Elements from one row of `src` to the next; `None` for `W * channels`.
    pub src_row_stride: Option<usize>,
    /// The same for `dst`.
    pub dst_row_stride: Option<usize>,
}

impl Filter2dDesc {
    /// A correlation with zero border, the anchor at `(R / 2, S / 2)` rounded down, and sums taken as they are.
    ///
    /// `size` is `[H, W]`, `mask_size` is `[R, S]`.
    pub const fn new(size: [usize; 2], channels: usize, mask_size: [usize; 2]) -> Self {
        Self {
            size,
            channels,
            mask_size,
            anchor: [mask_size[0] / 2, mask_size[1] / 2],
            border: Border::Zero,
            mode: Mode::Correlate,
            scale: 1.0,
            divisor: 1.0,
            offset: 0.0,
            accumulate: Accumulate::F32,
            src_row_stride: None,
            dst_row_stride: None,
        }
    }

    /// Elements that [`pack`](crate::Filter2dPlan::pack) of a [direct](crate::Filter2dPlan::new) plan needs, as
    /// [`packed_len`](crate::Filter2dPlan::packed_len) says; `usize::MAX` if they would not fit in memory. A constant, for
    /// buffers that are statics.
    ///
    /// ```
    /// use convoke_core::Filter2dDesc;
    /// const DESC: Filter2dDesc = Filter2dDesc::new([480, 640], 1, [3, 3]);
    /// static PACKED: [f32; DESC.packed_len()] = [0.0; DESC.packed_len()];
    /// assert!(PACKED.len() >= 9);
    /// ```
    pub const fn packed_len(&self) -> usize {
        let [r, s] = self.mask_size;
        packed_len(r.checked_mul(s))
    }

    /// The same for a [separable](crate::Filter2dPlan::separable) plan.
    pub const fn separable_packed_len(&self) -> usize {
        let [r, s] = self.mask_size;
        let (taps, factors) = (r.checked_mul(s), r.checked_add(s));
        packed_len(match (taps, factors) {
            (Some(taps), Some(factors)) => taps.checked_add(factors),
            _ => None,
        })
    }

    /// The same for a [box](crate::Filter2dPlan::boxed).
    pub const fn box_packed_len(&self) -> usize {
        packed_len(Some(1))
    }

    /// Sets the mask tap that lies on the output pixel, `[row, column]`.
    pub const fn anchor(mut self, anchor: [usize; 2]) -> Self {
        self.anchor = anchor;
        self
    }

    /// Sets what is read outside the picture.
    pub const fn border(mut self, border: Border) -> Self {
        self.border = border;
        self
    }

    /// Sets correlation or true convolution.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the factor of every sum.
    pub const fn scale(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the divisor of every sum.
    pub const fn divisor(mut self, divisor: f32) -> Self {
        self.divisor = divisor;
        self
    }

    /// Sets what is added to every sum.
    pub const fn offset(mut self, offset: f32) -> Self {
        self.offset = offset;
        self
    }

    /// Sets in which format sums are made.
    ///
    /// ```
    /// use convoke_core::{Accumulate, Filter2dDesc, Filter2dPlan, Level};
    /// let desc = Filter2dDesc::new([1, 3], 1, [1, 3]).accumulate(Accumulate::F64);
    /// let plan = Filter2dPlan::new(&desc, Level::detect())?;
    /// let mut buffer = vec![0.0; plan.packed_len()];
    /// let mask = plan.pack(&[1.0; 3], &mut buffer)?;
    /// let (mut dst, mut scratch) = ([0.0_f32; 3], vec![0.0; plan.scratch_len()]);
    /// plan.run(&mask, &[1e9_f32, 1.0, -1e9], &mut dst, &mut scratch)?;
    /// // In f32, 1e9 + 1 is 1e9.
    /// assert_eq!(dst[1], 1.0);
    /// # Ok::<(), convoke_core::Error>(())
    /// ```
    pub const fn accumulate(mut self, accumulate: Accumulate) -> Self {
        self.accumulate = accumulate;
        self
    }

    /// Sets the elements from one row of `src` to the next.
    pub const fn src_row_stride(mut self, elements: usize) -> Self {
        self.src_row_stride = Some(elements);
        self
    }

    /// Sets the elements from one row of `dst` to the next.
    pub const fn dst_row_stride(mut self, elements: usize) -> Self {
        self.dst_row_stride = Some(elements);
        self
    }
}
