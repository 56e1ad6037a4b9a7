//! The plan of a narrow filter: a checked descriptor, lanes wide enough for its sums, and a proved division. Made in
//! microseconds, without heap.

use core::ops::Range;

use convoke_simd::Level;

use super::desc::{NarrowDesc, NarrowMask};
use super::divide::{Bytes16, Division, Words};
use super::pixel::NarrowPixel;
use super::run::Run;
use super::scratch::{NarrowScratch, NarrowScratchLen};
use crate::error::{Error, check_at_least, check_len, checked_len};
use crate::filter::plan::{check_region, check_target, extent};
use crate::kernel::narrow::line::Line;
use crate::{Border, Mode, Pixel};

/// Bytes of source rows that a block of columns should keep in a core's first cache.
const FIRST_CACHE: usize = 24 * 1024;
/// Narrowest and widest block of columns that a picture is cut into, in elements.
const NARROWEST: usize = 2048;
const WIDEST: usize = 16 * 1024;
/// Largest sum that 32-bit lanes are trusted with, on either side of 0.
const LARGEST: i64 = 1 << 30;
/// Longest side of a mask of ones.
const LONGEST: usize = 4095;
/// Elements of scratch in front of rows, so that they can start on a cache line.
pub(super) const ALIGN: usize = 64;

/// Lanes in which the sums of columns are kept, and those of the whole window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    /// 16 bits throughout.
    Half,
    /// Unsigned sums of 16 bits, then 32.
    HalfToWord,
    /// Signed sums of 16 bits, then 32.
    SignedToWord,
    /// 32 bits throughout.
    Word,
}

/// An exact filter of bytes with integer taps, planned for a size and a level.
///
/// A plan is `Copy`, holds no memory but borrows the taps, and can be shared by threads. What keeps the taps, and runs
/// again and again on small pictures, keeps the plan [detached](Self::detach) from them.
///
/// ```
/// use convoke_core::{Border, Level, NarrowDesc, NarrowMask, NarrowPlan, NarrowScratch};
///
/// // The binomial blur of a 5x3 grey picture.
/// let mask = NarrowMask::Separable { column: &[1, 2, 1], row: &[1, 2, 1] };
/// let desc = NarrowDesc::new([3, 5], 1, mask).divisor(16).border(Border::Replicate);
/// let plan = NarrowPlan::new(&desc, Level::detect())?;
///
/// let src = [0_u8, 0, 0, 0, 0, 0, 0, 160, 0, 0, 0, 0, 0, 0, 0];
/// let mut dst = [0_u8; 15];
/// let len = plan.scratch_len();
/// let (mut bytes, mut halves, mut words) = (vec![0; len.bytes], vec![0; len.halves], vec![0; len.words]);
/// plan.run(&src, &mut dst, &mut NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words })?;
/// assert_eq!(dst, [0, 10, 20, 10, 0, 0, 20, 40, 20, 0, 0, 10, 20, 10, 0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NarrowPlan<'a> {
    pub(super) desc: NarrowDesc<'a>,
    pub(super) level: Level,
    /// Mask rows above and columns to the left of the output pixel, the mask turned already.
    pub(super) before: [usize; 2],
    pub(super) src_stride: usize,
    pub(super) dst_stride: usize,
    src_len: usize,
    dst_len: usize,
    pub(super) lines: Lines<'a>,
    /// Between what the sums of columns and those of whole windows lie, for pixels from 0 to 1.
    ranges: [[i64; 2]; 2],
    pub(super) division: Division,
    /// Whether the sums of columns fit in 16 bits, unsigned or signed.
    pub(super) columns: [bool; 2],
    /// How bytes are made of sums of 16 bits, if they can be, and of 32 bits.
    pub(super) bytes16: Option<Bytes16>,
    pub(super) bytes32: Words,
    pub(super) block: usize,
    /// Elements of a row of inputs of a block.
    pub(super) pitch: usize,
    scratch: NarrowScratchLen,
}

/// The taps in the order in which they meet the picture.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lines<'a> {
    Separable { column: Line<'a>, row: Line<'a> },
    Ones,
    Full(Line<'a>),
}

/// Which of the [`Lines`] they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Separable,
    Ones,
    Full,
}

impl<'a> Lines<'a> {
    fn kind(&self) -> Kind {
        match self {
            Self::Separable { .. } => Kind::Separable,
            Self::Ones => Kind::Ones,
            Self::Full(_) => Kind::Full,
        }
    }

    /// The lines of a mask, and between what the sums of columns and those of whole windows lie, for pixels from 0 to 1.
    fn new(mask: NarrowMask<'a>, reversed: bool) -> Result<(Self, [[i64; 2]; 2]), Error> {
        Ok(match mask {
            NarrowMask::Separable { column, row } => {
                let (column, row) = (Line::new(column, reversed), Line::new(row, reversed));
                let (c, r) = (column.range(), row.range());
                // The least and the greatest of the products of one factor's sign with another's.
                let least = c[0] * r[1] + c[1] * r[0];
                let most = c[1] * r[1] + c[0] * r[0];
                (Self::Separable { column, row }, [c, [least, most]])
            }
            NarrowMask::Ones([r, s]) => (Self::Ones, [[0, r as i64], [0, (r * s) as i64]]),
            NarrowMask::Full { size: [r, s], taps } => {
                check_len("mask", checked_len("mask", &[r, s])?, taps.len())?;
                let line = Line::new(taps, reversed);
                (Self::Full(line), [line.range(), line.range()])
            }
        })
    }
}

/// A [`NarrowPlan`] without its taps, for those who keep both: it borrows nothing.
///
/// ```
/// use convoke_core::{DetachedNarrowPlan, Error, Level, NarrowDesc, NarrowMask, NarrowPlan};
///
/// struct Blur {
///     taps: Vec<i16>,
///     plan: DetachedNarrowPlan,
/// }
///
/// let taps = vec![1, 2, 1];
/// let mask = NarrowMask::Separable { column: &taps, row: &taps };
/// let plan = NarrowPlan::new(&NarrowDesc::new([3, 5], 1, mask).divisor(16), Level::detect())?.detach();
/// let blur = Blur { taps, plan };
/// let plan = blur.plan.attach(NarrowMask::Separable { column: &blur.taps, row: &blur.taps })?;
/// assert_eq!(plan.dst_len(), 15);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DetachedNarrowPlan {
    /// With ones for a mask.
    plan: NarrowPlan<'static>,
    kind: Kind,
}

impl DetachedNarrowPlan {
    /// The plan with its taps, or with others of the same shape and sums: they decide the lanes and the division, which are
    /// not looked for again. Takes a few nanoseconds and about one for each tap.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] for a mask of another kind, size, or sum of positive or of negative taps, by columns or as a
    /// whole; [`Error::Length`] for a `Full` mask with another number of taps.
    pub fn attach<'a>(&self, mask: NarrowMask<'a>) -> Result<NarrowPlan<'a>, Error> {
        let plan = self.plan;
        if mask.size() != plan.desc.mask.size() {
            return Err(Error::WrongPacking);
        }
        let (lines, ranges) = Lines::new(mask, plan.desc.mode == Mode::Convolve)?;
        if lines.kind() != self.kind || ranges != plan.ranges {
            return Err(Error::WrongPacking);
        }
        Ok(NarrowPlan { desc: plan.desc.with_mask(mask), lines, ..plan })
    }

    /// What a run, or a range of rows, needs of scratch.
    pub fn scratch_len(&self) -> NarrowScratchLen {
        self.plan.scratch
    }
}

impl<'a> NarrowPlan<'a> {
    /// Checks a descriptor and decides how to run it at `level`.
    ///
    /// # Errors
    /// Zero sizes, other than 1 to 4 channels, an anchor outside the mask, row strides shorter than a row, a divisor
    /// outside `1..=2^30`, a mask of ones higher or wider than 4095, a constant border that is no byte, sums that could
    /// reach 2^30 ([`Error::TooSmall`], [`Error::TooLarge`]); a `Full` mask with another number of taps
    /// ([`Error::Length`]); anything that does not fit in memory ([`Error::Overflow`]).
    pub fn new(desc: &NarrowDesc<'a>, level: Level) -> Result<Self, Error> {
        let [height, width] = desc.size;
        let [r, s] = desc.mask.size();
        for (operand, got) in [
            ("height", height),
            ("width", width),
            ("channels", desc.channels),
            ("mask height", r),
            ("mask width", s),
            ("divisor", desc.divisor as usize),
        ] {
            check_at_least(operand, 1, got)?;
        }
        let longest = if let NarrowMask::Ones(_) = desc.mask { LONGEST } else { isize::MAX as usize / 4 };
        for (operand, required, got) in [
            ("channels", 4, desc.channels),
            ("mask height", longest, r),
            ("mask width", longest, s),
            ("anchor row", r - 1, desc.anchor[0]),
            ("anchor column", s - 1, desc.anchor[1]),
            ("divisor", LARGEST as usize, desc.divisor as usize),
            ("offset", LARGEST as usize, desc.offset.unsigned_abs() as usize),
        ] {
            if got > required {
                return Err(Error::TooLarge { operand, required, got });
            }
        }
        if let Border::Constant(value) = desc.border
            && !(0..=255).any(|byte| byte as f32 == value)
        {
            // Which it is does not matter to a caller who cannot give a byte.
            return Err(Error::TooLarge { operand: "border", required: 255, got: value as usize });
        }
        let (src_stride, src_len) =
            extent(["src", "src row stride"], desc.size, desc.channels, desc.src_row_stride)?;
        let (dst_stride, dst_len) =
            extent(["dst", "dst row stride"], desc.size, desc.channels, desc.dst_row_stride)?;

        let reversed = desc.mode == Mode::Convolve;
        let [a, b] = desc.anchor;
        let before = if reversed { [r - 1 - a, s - 1 - b] } else { [a, b] };
        let (lines, ranges) = Lines::new(desc.mask, reversed)?;
        let [column, range] = ranges.map(|range| range.map(|taps| taps.saturating_mul(255)));
        let most = range[1].max(-range[0]).max(column[1]).max(-column[0]);
        if most > LARGEST {
            let got = usize::try_from(most).unwrap_or(usize::MAX);
            return Err(Error::TooLarge { operand: "sums", required: LARGEST as usize, got });
        }
        let division = Division {
            range,
            offset: desc.offset.into(),
            divisor: desc.divisor.into(),
            rounding: desc.rounding,
        };

        let overflow = Error::Overflow { operand: "scratch" };
        let halo = checked_len("scratch", &[s - 1, desc.channels])?;
        let rows = r.checked_add(1).ok_or(overflow)?;
        let room = (FIRST_CACHE / rows).clamp(NARROWEST, WIDEST).max(halo) / desc.channels;
        let block = width.div_ceil(width.div_ceil(room));
        let pitch = (block * desc.channels + halo).next_multiple_of(ALIGN) + ALIGN;
        let mut plan = Self {
            desc: *desc,
            level,
            before,
            src_stride,
            dst_stride,
            src_len,
            dst_len,
            lines,
            ranges,
            division,
            columns: [column[0] == 0 && column[1] <= 65535, column[0] >= -32768 && column[1] <= 32767],
            bytes16: division.bytes16(),
            bytes32: division.bytes32(),
            block,
            pitch,
            scratch: NarrowScratchLen::default(),
        };
        plan.scratch = plan.measure().ok_or(overflow)?;
        Ok(plan)
    }

    /// The plan without its taps.
    pub fn detach(&self) -> DetachedNarrowPlan {
        let desc = self.desc.with_mask(NarrowMask::Ones(self.desc.mask.size()));
        DetachedNarrowPlan { plan: NarrowPlan { desc, lines: Lines::Ones, ..*self }, kind: self.lines.kind() }
    }

    fn measure(&self) -> Option<NarrowScratchLen> {
        let [r, _] = self.desc.mask.size();
        let rows = match self.lines {
            // One row for what lies outside.
            Lines::Separable { .. } | Lines::Ones => 1,
            Lines::Full(_) => r,
        };
        let row = self.pitch.checked_mul(4).filter(|&len| len <= isize::MAX as usize / 4)?;
        let bytes = rows.checked_mul(self.pitch).filter(|&len| len <= isize::MAX as usize / 4)?;
        Some(NarrowScratchLen { bytes, halves: row + 2 * ALIGN, words: row + 2 * ALIGN })
    }

    /// The descriptor that was planned.
    pub fn desc(&self) -> &NarrowDesc<'a> {
        &self.desc
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What a run, or a range of rows, needs of scratch.
    pub fn scratch_len(&self) -> NarrowScratchLen {
        self.scratch
    }

    /// Elements of `src`: `H` rows of `W * channels` at the row stride, without anything behind the last row.
    pub fn src_len(&self) -> usize {
        self.src_len
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.dst_len
    }

    /// Filters a picture. The result is exact, rounded once and clamped: the same at every level.
    ///
    /// Reads nothing outside its operands, reads neither `dst` nor `scratch` before writing them, leaves elements
    /// between the rows of a strided `dst` as they are, and `scratch` as garbage.
    ///
    /// # Errors
    /// [`Error::Length`] for a picture or scratch of the wrong length (scratch may be longer). `dst` is then as it was.
    pub fn run<O: NarrowPixel>(
        &self,
        src: &[u8],
        dst: &mut [O],
        scratch: &mut NarrowScratch<'_>,
    ) -> Result<(), Error> {
        self.run_rows(0..self.desc.size[0], src, dst, scratch)
    }

    /// Computes output rows `rows` only, with the same result as [`run`](Self::run).
    ///
    /// `src` is the whole picture; `dst` is a picture of just those rows, at the plan's row stride.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`Error::TooLarge`] for rows outside the picture.
    pub fn run_rows<O: NarrowPixel>(
        &self,
        rows: Range<usize>,
        src: &[u8],
        dst: &mut [O],
        scratch: &mut NarrowScratch<'_>,
    ) -> Result<(), Error> {
        self.run_region([rows, 0..self.desc.size[1]], src, dst, self.dst_stride, scratch)
    }

    /// Computes columns `cols` of output rows `rows` into a picture of just these, with the same result as
    /// [`run`](Self::run).
    ///
    /// `src` is the whole picture; `dst` has `rows.len()` rows of `cols.len() * channels` elements, which are
    /// `dst_row_stride` apart, without anything behind the last row.
    ///
    /// # Errors
    /// As for [`run`](Self::run), [`Error::TooLarge`] for rows or columns outside the picture, and [`Error::TooSmall`] for a
    /// row stride shorter than a row of the region.
    pub fn run_region<O: NarrowPixel>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        src: &[u8],
        dst: &mut [O],
        dst_row_stride: usize,
        scratch: &mut NarrowScratch<'_>,
    ) -> Result<(), Error> {
        check_region(self.desc.size, &rows, &cols)?;
        check_len("src", self.src_len, src.len())?;
        check_target(&rows, cols.len() * self.desc.channels, dst_row_stride, dst.len())?;
        scratch.check(self.scratch)?;
        O::dispatch(self.level, Run { plan: self, rows, cols, stride: dst_row_stride, src, dst, scratch });
        Ok(())
    }

    /// [`run_region`](Self::run_region) for whoever filters pixels of any type: `None`, with nothing done, unless these are
    /// types that narrow filters read and write.
    pub fn try_run_region<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        dst_row_stride: usize,
        scratch: &mut NarrowScratch<'_>,
    ) -> Option<Result<(), Error>> {
        O::run_narrow(self, region, I::as_bytes(src)?, dst, dst_row_stride, scratch)
    }

    /// Whether narrow filters read and write these types.
    pub fn is_for<I: Pixel, O: Pixel>() -> bool {
        I::as_bytes(&[]).is_some() && O::RANGE.is_some()
    }

    /// Whether there is something outside the picture that is not a pixel of it.
    pub(super) fn has_outside(&self) -> bool {
        matches!(self.desc.border, Border::Zero | Border::Constant(_))
    }

    /// Lanes for a result that is made of sums of 16 bits, or not.
    pub(super) fn lanes(&self, half: bool) -> Lanes {
        match (half, self.columns) {
            (true, _) => Lanes::Half,
            (false, [true, _]) => Lanes::HalfToWord,
            (false, [false, true]) => Lanes::SignedToWord,
            (false, [false, false]) => Lanes::Word,
        }
    }
}
