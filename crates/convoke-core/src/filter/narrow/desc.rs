//! What a narrow filter is asked to do, as plain data.

use crate::{Border, Mode};

/// Taps of a narrow filter: whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NarrowMask<'a> {
    /// Tap `(r, s)` is `column[r] * row[s]`.
    Separable {
        /// The factor that depends on the row of the mask; as long as the mask is high.
        column: &'a [i16],
        /// The factor that depends on the column of the mask; as long as the mask is wide.
        row: &'a [i16],
    },
    /// Height and width of a mask of ones. The cost does not depend on them.
    Ones([usize; 2]),
    /// Height and width, and the taps, row by row.
    Full {
        /// Height and width.
        size: [usize; 2],
        /// `height * width` taps.
        taps: &'a [i16],
    },
}

impl NarrowMask<'_> {
    /// Height and width.
    pub const fn size(&self) -> [usize; 2] {
        match *self {
            NarrowMask::Separable { column, row } => [column.len(), row.len()],
            NarrowMask::Ones(size) | NarrowMask::Full { size, .. } => size,
        }
    }
}

/// Which of two integers a value halfway between them becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// The even one: as everywhere in Convoke.
    #[default]
    TiesToEven,
    /// The greater one: as in OpenCV's filters in fixed point.
    TiesUp,
    /// For bytes, the `f32` product of the sum, as the nearest `f32`, with the `f32` next to `1 / divisor`, to even:
    /// the exact value for many divisors, but not for all. For other types as [`TiesToEven`](Self::TiesToEven).
    SinglePrecision,
}

/// A filter of a picture of bytes with a mask of integers. The result is
///
/// ```text
/// dst[y, x, c] = (sum over r, s of  mask[r, s] * src[y + r - a, x + s - b, c]   + offset) / divisor
/// ```
///
/// rounded to an integer as `rounding` says, once, and clamped to the type of the result. Anchor `(a, b)`, border,
/// mode, channels and strides are those of [`Filter2dDesc`](crate::Filter2dDesc).
///
/// ```
/// use convoke_core::{NarrowDesc, NarrowMask};
/// // The binomial blur of a 640x480 colour picture.
/// let mask = NarrowMask::Separable { column: &[1, 2, 1], row: &[1, 2, 1] };
/// let desc = NarrowDesc::new([480, 640], 3, mask).divisor(16);
/// assert_eq!(desc.anchor, [1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct NarrowDesc<'a> {
    /// Height and width of the picture, and of the result.
    pub size: [usize; 2],
    /// Interleaved channels, 1 to 4.
    pub channels: usize,
    /// The taps.
    pub mask: NarrowMask<'a>,
    /// Row and column of the mask tap that lies on the output pixel.
    pub anchor: [usize; 2],
    /// What is read outside the picture. A constant must be a whole number from 0 to 255.
    pub border: Border,
    /// Correlation or true convolution.
    pub mode: Mode,
    /// Divisor of every sum, from 1 to 2^30.
    pub divisor: u32,
    /// Added to every sum before the division.
    pub offset: i32,
    /// What becomes of ties.
    pub rounding: Rounding,
    /// Elements from one row of `src` to the next; `None` for `W * channels`.
    pub src_row_stride: Option<usize>,
    /// The same for `dst`.
    pub dst_row_stride: Option<usize>,
}

impl<'a> NarrowDesc<'a> {
    /// A correlation with zero border, the anchor at `(R / 2, S / 2)` rounded down, and sums taken as they are.
    ///
    /// `size` is `[H, W]`.
    pub const fn new(size: [usize; 2], channels: usize, mask: NarrowMask<'a>) -> Self {
        let [r, s] = mask.size();
        Self {
            size,
            channels,
            mask,
            anchor: [r / 2, s / 2],
            border: Border::Zero,
            mode: Mode::Correlate,
            divisor: 1,
            offset: 0,
            rounding: Rounding::TiesToEven,
            src_row_stride: None,
            dst_row_stride: None,
        }
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

    /// Sets the divisor of every sum.
    pub const fn divisor(mut self, divisor: u32) -> Self {
        self.divisor = divisor;
        self
    }

    /// Sets what is added to every sum before the division.
    pub const fn offset(mut self, offset: i32) -> Self {
        self.offset = offset;
        self
    }

    /// Sets what becomes of ties.
    pub const fn rounding(mut self, rounding: Rounding) -> Self {
        self.rounding = rounding;
        self
    }

    /// The same request with another mask, which may live longer or shorter than this one's.
    pub const fn with_mask<'b>(&self, mask: NarrowMask<'b>) -> NarrowDesc<'b> {
        let &Self { size, channels, anchor, border, mode, divisor, offset, rounding, .. } = self;
        let (src_row_stride, dst_row_stride) = (self.src_row_stride, self.dst_row_stride);
        NarrowDesc {
            size,
            channels,
            mask,
            anchor,
            border,
            mode,
            divisor,
            offset,
            rounding,
            src_row_stride,
            dst_row_stride,
        }
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
