//! The plan of a repeated box: a checked descriptor, and how the plane between the two steps and scratch are divided.

use core::ops::Range;

use convoke_simd::Level;

use super::across::Across;
use super::desc::RepeatedBoxDesc;
use super::down::Down;
use crate::error::{Error, check_at_least, check_len, checked_len};
use crate::filter::pixel::{Pixel, Source, Target};
use crate::filter::plan::{ALIGN, extent, rows_len};
use crate::kernel::extended::{ExtendedBox, NV};
use crate::{with_source, with_target};

/// Most passes.
const MOST_PASSES: usize = 8;
/// Elements of a strip of columns: whole tiles on every level, and whole cache lines of every type of pixels.
pub(super) const STRIP: usize = 64;
/// What a band of rows, transposed, may take, in elements: half of a second cache. Bands of [`LEAST_BAND`] rows may take more.
const BAND: usize = 128 * 1024;
/// Rows of the greatest and of the least band.
const MOST_BAND: usize = 64;
pub(super) const LEAST_BAND: usize = 16;

/// A repeated box planned for a size and a level: down the picture in strips of columns into a plane of `f32`, which is
/// yours, then across in bands of rows.
///
/// Results are `f32` sums, whatever the pixels' types; to integers they are rounded to nearest, ties to even, and clamped.
/// Nothing drifts, and NaN and infinity reach exactly the results whose window contains them.
///
/// ```
/// use convoke_core::{Border, Level, RepeatedBoxDesc, RepeatedBoxPlan};
///
/// let desc = RepeatedBoxDesc::new([50, 60], 1, 2, 0.25, 3).border(Border::Replicate);
/// let plan = RepeatedBoxPlan::new(&desc, Level::detect())?;
/// let (mut plane, mut scratch) = (vec![0.0; plan.plane_len()], vec![0.0; plan.scratch_len()]);
/// let mut blurred = vec![0_u8; 50 * 60];
/// plan.run(&vec![200_u8; 50 * 60], &mut blurred, &mut plane, &mut scratch)?;
/// assert!(blurred.iter().all(|&pixel| pixel == 200));
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RepeatedBoxPlan {
    pub(super) desc: RepeatedBoxDesc,
    pub(super) level: Level,
    pub(super) shape: ExtendedBox,
    /// Pixels that a result reads to each side.
    pub(super) reach: usize,
    pub(super) src_stride: usize,
    pub(super) dst_stride: usize,
    /// Rows of a full band.
    pub(super) band: usize,
    src_len: usize,
    dst_len: usize,
    plane: usize,
    /// Elements of scratch for the lines of a strip or band; behind them are the kernel's sums.
    pub(super) lines: usize,
    scratch: usize,
}

impl RepeatedBoxPlan {
    /// Checks a descriptor and decides how to run it at `level`.
    ///
    /// # Errors
    /// Zero sizes, other than 1 to 4 channels or 1 to 8 passes, row strides shorter than a row ([`Error::TooSmall`],
    /// [`Error::TooLarge`]); an end that is not from 0 to 1 ([`Error::NotAPart`]); a scale, offset or constant border that is
    /// not finite ([`Error::NotFinite`]); anything that does not fit in memory ([`Error::Overflow`]).
    pub fn new(desc: &RepeatedBoxDesc, level: Level) -> Result<Self, Error> {
        let [height, width] = desc.size;
        let counts = [
            ("height", height, usize::MAX),
            ("width", width, usize::MAX),
            ("channels", desc.channels, 4),
            ("passes", desc.passes, MOST_PASSES),
        ];
        for (operand, got, most) in counts {
            check_at_least(operand, 1, got)?;
            if got > most {
                return Err(Error::TooLarge { operand, required: most, got });
            }
        }
        if !(0.0..=1.0).contains(&desc.end) {
            return Err(Error::NotAPart { operand: "end" });
        }
        for (operand, value) in
            [("scale", desc.scale), ("offset", desc.offset), ("border", desc.border.outside())]
        {
            if !value.is_finite() {
                return Err(Error::NotFinite { operand, index: 0 });
            }
        }
        let (src_stride, src_len) =
            extent(["src", "src row stride"], desc.size, desc.channels, desc.src_row_stride)?;
        let (dst_stride, dst_len) =
            extent(["dst", "dst row stride"], desc.size, desc.channels, desc.dst_row_stride)?;

        let overflow = Error::Overflow { operand: "scratch" };
        let reach = checked_len("scratch", &[desc.passes, desc.radius.checked_add(1).ok_or(overflow)?])?;
        let taps = checked_len("scratch", &[desc.radius, 2])?.checked_add(1).ok_or(overflow)?;
        let around = checked_len("scratch", &[reach, 2])?;
        let [tall, wide] = [height, width].map(|n| n.checked_add(around));
        let strip = checked_len("scratch", &[tall.ok_or(overflow)?, STRIP])?;
        let wide = checked_len("scratch", &[wide.ok_or(overflow)?, desc.channels])?;
        // A power of two between the least and the greatest.
        let mut band = MOST_BAND;
        while band > LEAST_BAND && (wide.saturating_mul(band) > BAND || band / 2 >= height) {
            band /= 2;
        }
        let lines = strip.max(checked_len("scratch", &[wide, band])?);
        let sums = checked_len("scratch", &[taps, NV * ALIGN])?;
        let scratch = checked_len("scratch", &[lines.saturating_add(sums).saturating_add(ALIGN - 1)])?;
        let strips = (width * desc.channels).div_ceil(STRIP);
        let plane = checked_len("plane", &[strips, height, STRIP])?;

        let length = taps as f64 + 2.0 * f64::from(desc.end);
        let shape =
            ExtendedBox { taps, centre: (1.0 / length) as f32, ends: (f64::from(desc.end) / length) as f32 };
        Ok(Self {
            desc: *desc,
            level,
            shape,
            reach,
            src_stride,
            dst_stride,
            band,
            src_len,
            dst_len,
            plane,
            lines,
            scratch,
        })
    }

    /// The descriptor that was planned.
    pub fn desc(&self) -> &RepeatedBoxDesc {
        &self.desc
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Elements of `src`: `H` rows of `W * channels` at the row stride, without anything behind the last row.
    pub fn src_len(&self) -> usize {
        self.src_len
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.dst_len
    }

    /// Elements of the plane between the two steps: the picture in `f32`, a little wider.
    pub fn plane_len(&self) -> usize {
        self.plane
    }

    /// Strips of columns that the plane consists of, one after the other.
    pub fn strips(&self) -> usize {
        self.plane / self.strip_len()
    }

    /// Elements of each of them.
    pub fn strip_len(&self) -> usize {
        self.desc.size[0] * STRIP
    }

    /// Elements of scratch that a run, or a part of one, needs.
    pub fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// Rows that are best kept together when the second step is divided.
    pub fn row_step(&self) -> usize {
        self.band
    }

    /// The `n` in the error bound: with `u = 2^-24`, `v` the exact weights of all passes, and as long as nothing overflows or
    /// underflows, `|y - exact| <= n * u * (1 + n * u) * (|scale| * sum|v * src| + |offset|)`.
    ///
    /// In a pass, a pixel is rounded as often as a sum of `2 * radius + 1` terms can round, then by its weight, by the
    /// weight's own rounding and by the sum of middle and ends. `2 * radius + 4` covers the ends, too.
    pub fn error_terms(&self) -> usize {
        let steps = usize::from(self.desc.scale != 1.0) + usize::from(self.desc.offset != 0.0);
        (2 * self.desc.passes).saturating_mul(self.shape.taps + 3).saturating_add(steps)
    }

    /// Blurs a picture. `plane` has [`plane_len`](Self::plane_len) elements and is garbage afterwards.
    ///
    /// Reads nothing outside its operands, reads neither `dst`, `plane` nor `scratch` before writing them, and leaves
    /// elements between the rows of a strided `dst` as they are.
    ///
    /// # Errors
    /// [`Error::Length`] for a picture, plane or scratch of the wrong length (scratch may be longer). `dst` is then as
    /// it was.
    pub fn run<I: Pixel, O: Pixel>(
        &self,
        src: &[I],
        dst: &mut [O],
        plane: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_len("dst", self.dst_len, dst.len())?;
        self.run_strips(0..self.strips(), src, plane, scratch)?;
        self.run_rows(0..self.desc.size[0], plane, dst, scratch)
    }

    /// The first step, for some of the strips: from the picture into their part of the plane, `strip_len()` elements for
    /// each. Bits depend on nothing but the picture.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`Error::TooLarge`] for strips that there are not.
    pub fn run_strips<I: Pixel>(
        &self,
        strips: Range<usize>,
        src: &[I],
        plane: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_range("strips", &strips, self.strips())?;
        check_len("src", self.src_len, src.len())?;
        check_len("plane", strips.len() * self.strip_len(), plane.len())?;
        self.check_scratch(scratch)?;
        self.down(strips, I::source(src), plane, scratch);
        Ok(())
    }

    /// The second step, for some of the rows, once the plane is there as a whole. `dst` is a picture of just those rows,
    /// at the plan's row stride.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`Error::TooLarge`] for rows outside the picture.
    pub fn run_rows<O: Pixel>(
        &self,
        rows: Range<usize>,
        plane: &[f32],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_range("rows", &rows, self.desc.size[0])?;
        check_len("plane", self.plane, plane.len())?;
        check_len("dst", rows_len(rows.len(), self.dst_stride, self.row_len()), dst.len())?;
        self.check_scratch(scratch)?;
        self.across(rows, plane, O::target(dst), scratch);
        Ok(())
    }

    // Not generic over pixels, so that they are compiled here, once.
    fn down(&self, strips: Range<usize>, src: Source<'_>, plane: &mut [f32], scratch: &mut [f32]) {
        with_source!(src => self.level.dispatch(Down { plan: self, strips, src, plane, scratch }));
    }

    fn across(&self, rows: Range<usize>, plane: &[f32], dst: Target<'_>, scratch: &mut [f32]) {
        with_target!(dst => self.level.dispatch(Across { plan: self, rows, plane, dst, scratch }));
    }

    fn check_scratch(&self, scratch: &[f32]) -> Result<(), Error> {
        if scratch.len() < self.scratch {
            return Err(Error::Length { operand: "scratch", required: self.scratch, got: scratch.len() });
        }
        Ok(())
    }

    /// Elements of a row of the picture.
    pub(super) fn row_len(&self) -> usize {
        self.desc.size[1] * self.desc.channels
    }

    /// Lines, and the kernel's sums. Scratch has been checked.
    pub(super) fn divide<'s>(&self, scratch: &'s mut [f32]) -> (&'s mut [f32], &'s mut [f32]) {
        // A misaligned start costs time, never correctness.
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        scratch[start..].split_at_mut(self.lines)
    }
}

fn check_range(operand: &'static str, range: &Range<usize>, most: usize) -> Result<(), Error> {
    if range.end > most {
        return Err(Error::TooLarge { operand, required: most, got: range.end });
    }
    if range.start > range.end {
        return Err(Error::TooLarge { operand, required: range.end, got: range.start });
    }
    Ok(())
}
