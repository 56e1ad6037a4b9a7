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
use crate::filter::plan::{extent, rows_len};
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
/// A plan is `Copy`, holds no memory but borrows the taps, and can be shared by threads. Planning takes a microsecond
/// or two, so there is no need to keep it.
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
        let (lines, [column, whole]) = match desc.mask {
            NarrowMask::Separable { column, row } => {
                let (column, row) = (Line::new(column, reversed), Line::new(row, reversed));
                let (c, r) = (column.range(), row.range());
                // The least and the greatest of the products of one factor's sign with another's.
                let least = c[0] * r[1] + c[1] * r[0];
                let most = c[1] * r[1] + c[0] * r[0];
                (Lines::Separable { column, row }, [c, [least, most]])
            }
            NarrowMask::Ones([r, s]) => (Lines::Ones, [[0, r as i64], [0, (r * s) as i64]]),
            NarrowMask::Full { size: [r, s], taps } => {
                check_len("mask", checked_len("mask", &[r, s])?, taps.len())?;
                let line = Line::new(taps, reversed);
                (Lines::Full(line), [line.range(), line.range()])
            }
        };
        let [column, range] = [column, whole].map(|range| range.map(|taps| taps.saturating_mul(255)));
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
        if rows.end > self.desc.size[0] {
            return Err(Error::TooLarge { operand: "rows", required: self.desc.size[0], got: rows.end });
        }
        if rows.start > rows.end {
            return Err(Error::TooLarge { operand: "rows", required: rows.end, got: rows.start });
        }
        check_len("src", self.src_len, src.len())?;
        check_len("dst", rows_len(rows.len(), self.dst_stride, self.row_len()), dst.len())?;
        scratch.check(self.scratch)?;
        O::dispatch(self.level, Run { plan: self, rows, src, dst, scratch });
        Ok(())
    }

    /// [`run_rows`](Self::run_rows) for whoever filters pixels of any type: `None`, with nothing done, unless these are types
    /// that narrow filters read and write.
    pub fn try_run_rows<I: Pixel, O: Pixel>(
        &self,
        rows: Range<usize>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut NarrowScratch<'_>,
    ) -> Option<Result<(), Error>> {
        O::run_narrow(self, rows, I::as_bytes(src)?, dst, scratch)
    }

    /// Whether narrow filters read and write these types.
    pub fn is_for<I: Pixel, O: Pixel>() -> bool {
        I::as_bytes(&[]).is_some() && O::RANGE.is_some()
    }

    /// Elements of a row of the picture.
    pub(super) fn row_len(&self) -> usize {
        self.desc.size[1] * self.desc.channels
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
