//! What a backend in another crate needs of the gather and scatter stages: one channel of a row in, one channel of a row
//! out, for every type of pixel. Hidden: its users are this workspace's other backends, which compute in tiles of single
//! channels.

use core::ops::Range;

use convoke_simd::Simd;

use super::exact::Settle;
use super::gather::{Picture, gather_channel};
use super::pixel::Pixel;
use super::plan::{Filter2dPlan, check_region, check_target};
use super::scatter::Post;
use crate::PackedMask;
use crate::error::{Error, check_len};
use crate::kernel::plane::Rows;

/// What outputs were computed from, for those whose rounding their error leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The mask.
    pub mask: PackedMask<'a>,
    /// One channel of the gathered input, rows `pitch` apart: an output at `[y, x]` sums the mask over rows from `y` and
    /// columns from `x` on.
    pub data: &'a [f32],
    /// Elements from one row to the next.
    pub pitch: usize,
    /// Where the first output stands.
    pub at: [usize; 2],
    /// How far outputs may lie from their exact values; less than 1/4.
    pub margin: f32,
    /// The least and the greatest value of the input's type: [`Source::range`](crate::Source::range).
    pub range: [i32; 2],
}

impl Filter2dPlan {
    /// Mask rows above and columns to the left of an output, the mask turned already.
    #[doc(hidden)]
    pub fn before(&self) -> [usize; 2] {
        self.before
    }

    /// Elements from one row of `dst` to the next.
    #[doc(hidden)]
    pub fn dst_row_stride(&self) -> usize {
        self.dst_stride
    }

    /// Whether a region and its operands are right for [`run_region`](Self::run_region).
    ///
    /// # Errors
    /// As there.
    #[doc(hidden)]
    pub fn check_region<I: Pixel, O: Pixel>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        src: &[I],
        dst: &[O],
        dst_row_stride: usize,
    ) -> Result<(), Error> {
        check_region(self.desc.size, &rows, &cols)?;
        check_len("src", self.src_len(), src.len())?;
        check_target(&rows, cols.len() * self.desc.channels, dst_row_stride, dst.len())
    }

    /// Whether results must be the rounded exact value.
    #[doc(hidden)]
    pub fn rounds_exactly<I: Pixel, O: Pixel>() -> bool {
        I::RANGE.is_some() && O::RANGE.is_some()
    }

    /// Whether a type holds integers.
    #[doc(hidden)]
    pub fn is_integer<I: Pixel>() -> bool {
        I::RANGE.is_some()
    }

    /// Channel `channel` of pixels from `[y, x]` on, any of which may lie outside the picture, some of them inside its columns.
    #[doc(hidden)]
    #[inline(always)]
    pub fn gather_channel<S: Simd, I: Pixel>(
        &self,
        simd: S,
        src: &[I],
        [y, x]: [isize; 2],
        channel: usize,
        dst: &mut [f32],
    ) {
        gather_channel(simd, &Picture::of(self, src), y, x, channel, dst);
    }

    /// Makes pixels of finished values and writes them to one channel of a row: `dst` starts at that channel of the first
    /// pixel. `window` is given if results must be the rounded exact value.
    #[doc(hidden)]
    #[inline(always)]
    pub fn store_channel<S: Simd, O: Pixel>(
        &self,
        simd: S,
        values: &[f32],
        window: Option<&Window<'_>>,
        dst: &mut [O],
    ) {
        let channels = self.desc.channels;
        let ([y, x], settle) = match window {
            Some(window) => (window.at, self.settle(window)),
            None => ([0, 0], None),
        };
        if channels == 1 {
            return O::store_row(simd, values, &mut dst[..values.len()], settle.as_ref(), [y, x]);
        }
        let mut pixels = [O::default(); 64];
        for (i, values) in (0..).step_by(pixels.len()).zip(values.chunks(pixels.len())) {
            let pixels = &mut pixels[..values.len()];
            O::store_row(simd, values, pixels, settle.as_ref(), [y, x + i]);
            for (dst, &pixel) in dst[i * channels..].iter_mut().step_by(channels).zip(&*pixels) {
                *dst = pixel;
            }
        }
    }

    fn settle<'a>(&self, window: &Window<'a>) -> Option<Settle<'a>> {
        Some(Settle {
            weights: window.mask.packed.body(self.identity()).ok()?,
            cols: self.desc.mask_size[1],
            step: 1,
            rows: Rows {
                data: window.data,
                pitch: window.pitch,
                first: 0,
                count: usize::MAX,
                from_memory: false,
            },
            post: Post::of(&self.desc),
            margin: window.margin,
            fine_margin: window.mask.certificates.of(window.range)?.fine_margin,
        })
    }
}
