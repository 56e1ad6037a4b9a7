//! The plan of a picture filter: a checked descriptor, and how scratch is divided. Made in constant time, without
//! heap.

use core::ops::Range;

use convoke_simd::Level;

use super::boxed::{BoxLayout, RunBox};
use super::certificate::Certificate;
use super::code::{BOXED, BoxCode, RANK_TWO, SEPARABLE, TermsCode};
use super::factor::DEVIATION;
use super::gather::{Picture, Walking};
use super::pixel::Pixel;
use super::run::Run;
use super::scatter::Post;
use super::split::Split;
use super::stage::sums_layout;
use crate::conv::packed::Packed;
use crate::error::{Error, check_at_least, check_len, checked_len};
use crate::kernel::plane::TILE_ROWS;
use crate::{Accumulate, Filter2dDesc, Mode, PackedMask};

/// Scratch of a filter should stay in a core's second cache, in elements. A mask that needs more rows than fit at
/// the narrowest block gets more.
const SCRATCH: usize = 192 * 1024 / 4;
/// Narrowest block of columns that a picture is cut into to keep scratch small, in elements.
const NARROWEST: usize = 512;
/// Elements of a result from which on it is written past the caches: 16 MB, more than most processors have for one core.
const PAST_CACHES: usize = 4 << 20;
/// Rows in scratch start where they share no cache line with their neighbours.
pub(super) const ALIGN: usize = 16;

/// What is asked for.
#[derive(Clone, Copy)]
enum Kind {
    Direct,
    Separable { terms: usize, code: &'static TermsCode },
    Box(&'static BoxCode),
}

/// How the sums of a filter are made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Method {
    /// Over the mask, row by row.
    Direct,
    /// Over the mask's column factor, down the picture, then over its row factor, across those sums; over so many pairs of
    /// factors, whose products make up the mask.
    Separable { terms: usize, code: &'static TermsCode },
    /// Sums of equal taps.
    Box { layout: BoxLayout, code: &'static BoxCode },
}

/// A picture filter planned for a size and a level.
///
/// A plan is `Copy`, holds no memory and can be shared by threads. It filters pictures of any type of
/// [`Pixel`] into any other.
///
/// ```
/// use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level};
///
/// // The 3x3 mean of a 5x4 grey picture.
/// let desc = Filter2dDesc::new([4, 5], 1, [3, 3]).divisor(9.0).border(Border::Replicate);
/// let plan = Filter2dPlan::new(&desc, Level::detect())?;
/// let mut buffer = vec![0.0; plan.packed_len()];
/// let mask = plan.pack(&[1.0; 9], &mut buffer)?;
///
/// let mut src = [0_u8; 20];
/// src[6] = 90;
/// let mut dst = [0_u8; 20];
/// let mut scratch = vec![0.0; plan.scratch_len()];
/// plan.run(&mask, &src, &mut dst, &mut scratch)?;
/// assert_eq!(dst, [10, 10, 10, 0, 0, 10, 10, 10, 0, 0, 10, 10, 10, 0, 0, 0, 0, 0, 0, 0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Filter2dPlan {
    pub(super) desc: Filter2dDesc,
    pub(super) level: Level,
    pub(super) method: Method,
    pub(super) identity: u64,
    /// Mask rows above and columns to the left of the output pixel, the mask turned already.
    pub(super) before: [usize; 2],
    /// Elements from one row to the next.
    pub(super) src_stride: usize,
    pub(super) dst_stride: usize,
    src_len: usize,
    dst_len: usize,
    packed: usize,
    /// Pixels in a block of columns.
    pub(super) block: usize,
    /// Elements from one row to the next in the ring of a block, and in that of a strip at an edge.
    pub(super) block_pitch: usize,
    pub(super) strip_pitch: usize,
    /// The same for the sums of the pass down.
    pub(super) sums_pitch: usize,
    /// Whether results may find room in the caches until somebody reads them.
    pub(super) fits_caches: bool,
    scratch: usize,
}

/// What is to be run.
pub struct Job<'a> {
    weights: &'a [f32],
    /// Given if results need it.
    certificate: Option<Certificate>,
    rows: Range<usize>,
    cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin, and elements from one of them to the next.
    origin: usize,
    stride: usize,
    scratch: &'a mut [f32],
}

impl Filter2dPlan {
    /// Checks a descriptor and decides how to run it at `level`.
    ///
    /// # Errors
    /// Zero sizes, other than 1 to 4 channels, an anchor outside the mask, row strides shorter than a row
    /// ([`Error::TooSmall`], [`Error::TooLarge`]); a scale, divisor, offset or constant border that is not finite
    /// ([`Error::NotFinite`]); a divisor that is not positive ([`Error::NotPositive`]); anything that does not fit
    /// in memory ([`Error::Overflow`]).
    pub fn new(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        Self::with_method(desc, level, Kind::Direct)
    }

    /// The same for a separable mask, one that is a column times a row: two passes of `R` and `S` taps instead of one
    /// of `R * S`. Whether a mask is one is seen when it is packed; [`factor`](crate::factor) tells beforehand.
    ///
    /// From bytes to bytes the result is still the exact value of the mask, rounded. To f32 it is summed down the
    /// picture first and then across, within [`error_terms`](Self::error_terms).
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn separable(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        Self::with_method(desc, level, Kind::Separable { terms: 1, code: &SEPARABLE })
    }

    /// The same for a mask of rank 2, one that is the sum of two separable masks: a difference of Gaussians, a Laplacian, an
    /// unsharp mask. It takes twice the passes of a [separable](Self::separable) one. Whether a mask is one is seen when it is
    /// packed; [`factor_two`](crate::factor_two) tells beforehand.
    ///
    /// For integers from integers, which are the exact value of the mask, rounded. Floats would have larger errors than the
    /// contract allows, where the two terms nearly cancel: a run gives [`Error::NotForFloats`].
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn rank_two(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        Self::with_method(desc, level, Kind::Separable { terms: 2, code: &RANK_TWO })
    }

    /// The same for a box, a mask with one value everywhere: in time that hardly depends on its size. Nothing drifts, and
    /// infinities are in the results of their own windows only: every sum is made of its own window's values.
    ///
    /// Bytes to bytes only as long as the sums are integers below 2^24, as those of 255 in a box of 65 793 ones are: see
    /// [`run`](Self::run).
    ///
    /// # Errors
    /// As for [`new`](Self::new), and [`Error::NotInF64`].
    pub fn boxed(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        Self::with_method(desc, level, Kind::Box(&BOXED))
    }

    fn with_method(desc: &Filter2dDesc, level: Level, kind: Kind) -> Result<Self, Error> {
        let [height, width] = desc.size;
        let [r, s] = desc.mask_size;
        for (operand, got) in [
            ("height", height),
            ("width", width),
            ("channels", desc.channels),
            ("mask height", r),
            ("mask width", s),
        ] {
            check_at_least(operand, 1, got)?;
        }
        for (operand, required, got) in [
            ("channels", 4, desc.channels),
            ("anchor row", r - 1, desc.anchor[0]),
            ("anchor column", s - 1, desc.anchor[1]),
        ] {
            if got > required {
                return Err(Error::TooLarge { operand, required, got });
            }
        }
        for (operand, value) in [
            ("scale", desc.scale),
            ("divisor", desc.divisor),
            ("offset", desc.offset),
            ("border", desc.border.outside()),
        ] {
            if !value.is_finite() {
                return Err(Error::NotFinite { operand, index: 0 });
            }
        }
        if desc.accumulate == Accumulate::F64 && matches!(kind, Kind::Box(_)) {
            return Err(Error::NotInF64);
        }
        if desc.divisor <= 0.0 {
            return Err(Error::NotPositive { operand: "divisor" });
        }
        let (src_stride, src_len) =
            extent(["src", "src row stride"], desc.size, desc.channels, desc.src_row_stride)?;
        let (dst_stride, dst_len) =
            extent(["dst", "dst row stride"], desc.size, desc.channels, desc.dst_row_stride)?;
        // With these and the lengths checked, any sum of a coordinate and a tap fits in `isize`.
        let mask = checked_len("mask", &[r, s])?;
        let packed = match kind {
            Kind::Direct => mask,
            Kind::Separable { terms, .. } => mask.saturating_add(terms * (r + s)),
            Kind::Box(_) => 1,
        };
        let packed = Packed::buffer_len(checked_len("mask", &[packed])?);
        let [a, b] = desc.anchor;
        let before = match desc.mode {
            Mode::Correlate => [a, b],
            Mode::Convolve => [r - 1 - a, s - 1 - b],
        };

        let overflow = Error::Overflow { operand: "scratch" };
        let ring_rows = r.checked_add(TILE_ROWS - 1).ok_or(overflow)?;
        let halo = checked_len("scratch", &[s - 1, desc.channels])?;
        // None of what is divided by is 0, which the compiler does not know.
        let room = (SCRATCH / ring_rows.max(1)).saturating_sub(halo).max(NARROWEST) / desc.channels.max(1);
        let blocks = width.div_ceil(room.max(1)).max(1);
        let block = width.div_ceil(blocks);
        // A strip makes the outputs whose windows hang over the left or the right edge.
        let strip = Split::widest(s, before[1], desc.channels, level).min(block);
        let [block_pitch, strip_pitch] = [block, strip].map(|pixels| pitch(desc, level, pixels));
        let rings = || checked_len("scratch", &[ring_rows, block_pitch + 2 * strip_pitch]);
        let (method, sums_pitch, scratch) = match kind {
            Kind::Direct => (Method::Direct, 0, rings()?),
            Kind::Separable { terms, code } => {
                let sums = (terms, desc.accumulate);
                let (pitch, sums) =
                    sums_layout(block * desc.channels, halo, level.lanes(), sums).ok_or(overflow)?;
                (Method::Separable { terms, code }, pitch, rings()?.saturating_add(sums))
            }
            Kind::Box(code) => {
                let (layout, len) =
                    (code.layout)(desc.mask_size, halo, [width, desc.channels], level.lanes())?;
                (Method::Box { layout, code }, 0, len)
            }
        };
        let fits_caches = dst_len < PAST_CACHES;
        let scratch = checked_len("scratch", &[scratch.saturating_add(ALIGN - 1)])?;
        Ok(Self {
            desc: *desc,
            level,
            identity: Self::make_identity(desc, &method),
            method,
            before,
            src_stride,
            dst_stride,
            src_len,
            dst_len,
            packed,
            block,
            block_pitch,
            strip_pitch,
            sums_pitch,
            fits_caches,
            scratch,
        })
    }

    /// The descriptor that was planned.
    pub fn desc(&self) -> &Filter2dDesc {
        &self.desc
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Elements of the buffer that [`pack`](Self::pack) needs.
    pub fn packed_len(&self) -> usize {
        self.packed
    }

    /// Elements of scratch that a run, or a range of rows, needs.
    pub fn scratch_len(&self) -> usize {
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

    /// The `n` in the error bound of f32 results: with `u = 2^-24`, and as long as nothing overflows or underflows,
    /// `|y - exact| <= n * u * (1 + n * u) * (|scale| / divisor * sum|mask * src| + |offset|)`.
    ///
    /// With [`Accumulate::F64`] that is one rounding of the result, and one for up to 2^29 of the taps; of a
    /// [separable](Self::separable) filter 8 more for the distance of the factors' products from the mask, which is 0 for
    /// masks of whole numbers.
    pub fn error_terms(&self) -> usize {
        let [r, s] = self.desc.mask_size;
        if self.desc.accumulate == Accumulate::F64 {
            // Rounding errors of f64 are smaller by 2^-29. Factors need not give the mask's values exactly.
            return match self.method {
                Method::Separable { .. } => DEVIATION + 2 + ((r + 2 * s + 3) >> 29),
                _ => 2 + ((r * s + 3) >> 29),
            };
        }
        let sums = match self.method {
            Method::Direct => r * s,
            Method::Separable { terms, .. } => terms * (r + s) + DEVIATION + 2,
            // A term goes through fewer additions than there are taps in a column and in a row.
            Method::Box { .. } => r + s,
        };
        sums + Post::of(&self.desc).steps()
    }

    /// Filters a picture.
    ///
    /// From integers (u8, u16, i16) to integers the result is the exact real value (mask, scale, divisor and offset
    /// taken as the numbers that they are) rounded to nearest, ties to even, and clamped; at every level. From f32 to
    /// integers it is the f32 result rounded so, NaN to 0. To f32 it is the f32 sum over mask rows and columns in that order, `* scale`,
    /// `/ divisor`, `+ offset`.
    ///
    /// Reads nothing outside its operands, reads neither `dst` nor `scratch` before writing them, leaves elements
    /// between the rows of a strided `dst` as they are, and `scratch` as garbage.
    ///
    /// # Errors
    /// [`Error::Length`] for a picture or scratch of the wrong length (scratch may be longer),
    /// [`Error::WrongPacking`] for a mask packed for another filter; [`Error::Inexact`] for a [box](Self::boxed)
    /// from integers to integers whose sums are too large to be exact, [`Error::NotForFloats`] for floats and a mask of
    /// [rank 2](Self::rank_two). `dst` is then as it was.
    pub fn run<I: Pixel, O: Pixel>(
        &self,
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.run_rows(0..self.desc.size[0], mask, src, dst, scratch)
    }

    /// Computes output rows `rows` only, with the same bits as [`run`](Self::run).
    ///
    /// `src` is the whole picture; `dst` is a picture of just those rows, at the plan's row stride.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`Error::TooLarge`] for rows outside the picture.
    pub fn run_rows<I: Pixel, O: Pixel>(
        &self,
        rows: Range<usize>,
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.run_block([rows, 0..self.desc.size[1]], mask, src, dst, scratch)
    }

    /// Computes columns `cols` of output rows `rows` only, with the same bits as [`run`](Self::run).
    ///
    /// `src` is the whole picture; `dst` is a picture of just those rows, at the plan's row stride and of full width,
    /// of which only the columns `cols` are written.
    ///
    /// # Errors
    /// As for [`run_rows`](Self::run_rows), and [`Error::TooLarge`] for columns outside the picture.
    pub fn run_block<I: Pixel, O: Pixel>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_region(self.desc.size, &rows, &cols)?;
        check_len("dst", rows_len(rows.len(), self.dst_stride, self.row_len()), dst.len())?;
        self.run_at([rows, cols], mask, src, dst, [0, self.dst_stride], scratch)
    }

    /// Computes columns `cols` of output rows `rows` into a picture of just these, with the same bits as
    /// [`run`](Self::run): what lies around the region is read as what it is. To filter a region as if there were nothing
    /// around it, plan for its size, with the picture's row stride, and give its part of `src`.
    ///
    /// `src` is the whole picture; `dst` has `rows.len()` rows of `cols.len() * channels` elements, which are
    /// `dst_row_stride` apart, without anything behind the last row.
    ///
    /// ```
    /// use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level};
    /// let plan = Filter2dPlan::new(&Filter2dDesc::new([1, 6], 1, [1, 3]), Level::detect())?;
    /// let mut packing = vec![0.0; plan.packed_len()];
    /// let mask = plan.pack(&[1.0, 1.0, 1.0], &mut packing)?;
    /// let mut scratch = vec![0.0; plan.scratch_len()];
    /// let (src, mut dst) = ([1_u8, 2, 3, 4, 5, 6], [0_u8; 2]);
    /// plan.run_region([0..1, 3..5], &mask, &src, &mut dst, 2, &mut scratch)?;
    /// assert_eq!(dst, [12, 15]);
    ///
    /// // The same two pixels, isolated: with zeros around them.
    /// let plan = Filter2dPlan::new(&Filter2dDesc::new([1, 2], 1, [1, 3]).src_row_stride(6), Level::detect())?;
    /// let mut scratch = vec![0.0; plan.scratch_len()];
    /// plan.run(&mask, &src[3..5], &mut dst, &mut scratch)?;
    /// assert_eq!(dst, [9, 9]);
    /// # Ok::<(), convoke_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run_block`](Self::run_block), and [`Error::TooSmall`] for a row stride shorter than a row of the region.
    pub fn run_region<I: Pixel, O: Pixel>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        dst_row_stride: usize,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_region(self.desc.size, &rows, &cols)?;
        check_target(&rows, cols.len() * self.desc.channels, dst_row_stride, dst.len())?;
        let placed = [cols.start, dst_row_stride];
        self.run_at([rows, cols], mask, src, dst, placed, scratch)
    }

    /// A run whose region and `dst` are checked. `placed` is the picture's column at which rows of `dst` begin, and their
    /// stride.
    fn run_at<I: Pixel, O: Pixel>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        [origin, stride]: [usize; 2],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let weights = mask.packed.body(self.identity())?;
        check_len("src", self.src_len, src.len())?;
        if scratch.len() < self.scratch {
            return Err(Error::Length { operand: "scratch", required: self.scratch, got: scratch.len() });
        }
        let certificate = self.certificate::<I, O>(mask)?;
        let job = Job { weights, certificate, rows, cols, origin, stride, scratch };
        O::run_from(self, job, src, dst);
        Ok(())
    }

    /// What results of these types need, if the algorithm can give them.
    pub(super) fn certificate<I: Pixel, O: Pixel>(
        &self,
        mask: &PackedMask<'_>,
    ) -> Result<Option<Certificate>, Error> {
        let certificate = mask.certificates.needed(I::RANGE, O::RANGE);
        match self.method {
            Method::Box { .. } if certificate.is_some() => Err(Error::Inexact { operand: "sums of a box" }),
            Method::Separable { terms: 2.., .. } if !Self::rounds_exactly::<I, O>() => {
                Err(Error::NotForFloats)
            }
            _ => Ok(certificate),
        }
    }

    /// A run with everything checked.
    pub(super) fn run_job<I: Pixel, O: Pixel>(&self, job: Job<'_>, src: &[I], dst: &mut [O]) {
        let Job { weights, certificate, rows, cols, origin, stride, scratch } = job;
        // The walks take the stride from the plan.
        let (plan, level) = (&Self { dst_stride: stride, ..*self }, self.level);
        let picture = Picture::of(plan, src);
        match self.method {
            Method::Box { layout, .. } => {
                let weight = weights.first().copied().unwrap_or_default();
                let walk = RunBox { plan, layout, weight, rows, cols, origin, dst, scratch };
                level.dispatch(Walking { picture, walk });
            }
            _ => {
                let wide = self.is_wide::<I, O>();
                let walk = Run { plan, weights, certificate, wide, rows, cols, origin, dst, scratch };
                level.dispatch(Walking { picture, walk });
            }
        }
    }

    /// Whether sums of pixels of these types are made in f64.
    pub(super) fn is_wide<I: Pixel, O: Pixel>(&self) -> bool {
        self.desc.accumulate == Accumulate::F64 && !Self::rounds_exactly::<I, O>()
    }

    /// Multiply-adds for a value.
    pub(super) fn taps(&self) -> usize {
        let [r, s] = self.desc.mask_size;
        match self.method {
            Method::Separable { terms, .. } => terms * (r + s),
            _ => r * s,
        }
    }

    /// Elements from one row of sums to the next if they are made in f64; none if there is no room for such sums of a vector
    /// and what is under the mask of it.
    pub(super) fn wide_pitch(&self, sums_pitch: usize) -> Option<usize> {
        let pitch = match (self.method, self.desc.accumulate) {
            (Method::Separable { .. }, Accumulate::F32) => sums_pitch.saturating_sub(ALIGN) / 2,
            (Method::Separable { .. }, Accumulate::F64) => sums_pitch,
            (Method::Direct, _) => return Some(0),
            (Method::Box { .. }, _) => return None,
        };
        (pitch >= (self.desc.mask_size[1] - 1) * self.desc.channels + ALIGN).then_some(pitch)
    }

    /// Elements of a row of the picture.
    pub(super) fn row_len(&self) -> usize {
        self.desc.size[1] * self.desc.channels
    }
}

/// Whether rows and columns are in a picture of this size. Hidden: for the crates that divide pictures themselves.
#[doc(hidden)]
pub fn check_region(
    [height, width]: [usize; 2],
    rows: &Range<usize>,
    cols: &Range<usize>,
) -> Result<(), Error> {
    for (operand, range, required) in [("rows", rows, height), ("columns", cols, width)] {
        if range.end > required {
            return Err(Error::TooLarge { operand, required, got: range.end });
        }
        if range.start > range.end {
            return Err(Error::TooLarge { operand, required: range.end, got: range.start });
        }
    }
    Ok(())
}

/// Whether a `dst` has these rows of `row_len` elements, `stride` apart.
pub(super) fn check_target(
    rows: &Range<usize>,
    row_len: usize,
    stride: usize,
    got: usize,
) -> Result<(), Error> {
    check_at_least("dst row stride", row_len, stride)?;
    let apart = checked_len("dst", &[rows.len().saturating_sub(1), stride])?;
    check_len("dst", if rows.is_empty() { 0 } else { apart.saturating_add(row_len) }, got)
}

/// Elements from one row to the next in a ring of rows for so many outputs.
pub(super) fn pitch(desc: &Filter2dDesc, level: Level, pixels: usize) -> usize {
    let halo = (desc.mask_size[1] - 1) * desc.channels;
    let outputs = (pixels * desc.channels).max(level.lanes());
    let row = (outputs + halo + ALIGN).next_multiple_of(ALIGN);
    // Rows a multiple of 2 KiB apart would compete for the same few places in the first cache.
    if row.is_multiple_of(512) { row + ALIGN } else { row }
}

/// The row stride of a picture, and the length of the whole. `operands` are the names of the picture and its stride.
pub(super) fn extent(
    [operand, stride_operand]: [&'static str; 2],
    [height, width]: [usize; 2],
    channels: usize,
    row_stride: Option<usize>,
) -> Result<(usize, usize), Error> {
    let row_len = checked_len(operand, &[width, channels])?;
    let stride = row_stride.unwrap_or(row_len);
    check_at_least(stride_operand, row_len, stride)?;
    checked_len(operand, &[height, stride])?;
    Ok((stride, rows_len(height, stride, row_len)))
}

/// Elements of `count` rows, without anything behind the last one.
pub(super) fn rows_len(count: usize, stride: usize, row_len: usize) -> usize {
    if count == 0 { 0 } else { (count - 1) * stride + row_len }
}
