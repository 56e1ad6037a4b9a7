//! What a user calls: the plan, cheap to make and to compare, and the filter, a plan with its mask.

use core::ops::Range;

use convoke_core::{Accumulate, Error, Filter2dDesc, Filter2dPlan, Level, PackedMask, Pixel, Source, Target};

use crate::bound::Bound;
use crate::convolve::column_pitch;
use crate::run::{ALIGN, Asked, Run};
use crate::shape::Shape;
use crate::spectrum;
use crate::transform::Transform;

/// A picture filter planned for the frequency domain: the shape of its tiles and what it will cost. Made without looking at
/// a mask, so that algorithms can be compared before one is chosen.
#[derive(Clone, Copy, Debug)]
pub struct FftFilterPlan {
    pub(crate) direct: Filter2dPlan,
    pub(crate) shape: Shape,
    pub(crate) scratch: usize,
}

/// The direct plan, whose gathering and rounding are shared: not with sums in f64, which there are none of here.
fn direct(desc: &Filter2dDesc, level: Level) -> Result<Filter2dPlan, Error> {
    if desc.accumulate == Accumulate::F64 { Err(Error::NotInF64) } else { Filter2dPlan::new(desc, level) }
}

impl FftFilterPlan {
    /// Checks a descriptor and chooses the tiles.
    ///
    /// # Errors
    /// Those of [`Filter2dPlan::new`], and [`Error::Overflow`] for a mask of which a tile would not fit in memory.
    pub fn new(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        let direct = direct(desc, level)?;
        Self::with_shape(direct, Shape::choose(desc, level)?)
    }

    /// With tiles of `points` instead of the cheapest: for measuring the model that chooses.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::TooSmall`] for fewer points than the mask has taps.
    #[doc(hidden)]
    pub fn with_points(desc: &Filter2dDesc, level: Level, points: [usize; 2]) -> Result<Self, Error> {
        let direct = direct(desc, level)?;
        for (operand, required, got) in
            [("rows", desc.mask_size[0], points[0]), ("columns", desc.mask_size[1], points[1])]
        {
            if got < required || crate::lengths::first_from(got) != Some(got) {
                return Err(Error::TooSmall { operand, required, got });
            }
        }
        Self::with_shape(direct, Shape::of(desc, level, points))
    }

    fn with_shape(direct: Filter2dPlan, shape: Shape) -> Result<Self, Error> {
        let [p, q] = shape.points;
        let len = || {
            // Two planes, two tiles, a block of rows, two lines. Making the mask's spectrum takes less than twice that.
            let planes = p.checked_mul(pitch(q))?.checked_mul(2)?;
            let tiles = column_pitch(p).checked_mul(q)?.checked_mul(2)?;
            let block_and_lines = q.checked_mul(2 * ALIGN + 2)?;
            let direct = direct.scratch_len() + ALIGN;
            let all = planes.checked_add(tiles)?.checked_add(block_and_lines)?.checked_add(direct)?;
            (all <= isize::MAX as usize / 16).then_some(all)
        };
        let scratch = len().ok_or(Error::Overflow { operand: "scratch" })?;
        Ok(Self { direct, shape, scratch })
    }

    /// Less than any plan for this descriptor would be [predicted](Self::predicted_cost) to take, without a search for its
    /// tiles: for whoever knows a faster way already.
    pub fn least_cost(desc: &Filter2dDesc, level: Level) -> f64 {
        Shape::least_cost(desc, level)
    }

    /// Predicted nanoseconds on one thread for the whole picture, on the machine that the model was fitted on. Other
    /// machines have other times, but much the same ratios.
    pub fn predicted_cost(&self) -> f64 {
        self.shape.cost
    }

    /// Rows of outputs of a row of tiles, and columns of outputs of a tile, in the picture.
    pub(crate) fn outputs(&self, band: usize, tile: usize) -> [Range<usize>; 2] {
        let (shape, size) = (self.shape, self.desc().size);
        let range = |at: usize, axis: usize| {
            let start = at * shape.outputs[axis];
            start..size[axis].min(start + shape.outputs[axis])
        };
        [range(band, 0), range(tile, 1)]
    }

    /// The descriptor that was planned.
    pub fn desc(&self) -> &Filter2dDesc {
        self.direct.desc()
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.direct.level()
    }

    /// Rows and columns of a transform.
    pub fn tile(&self) -> [usize; 2] {
        self.shape.points
    }

    /// Rows and columns of outputs that a transform gives. A range of rows costs least if it starts at a multiple of the rows
    /// and holds a multiple of them.
    pub fn tile_outputs(&self) -> [usize; 2] {
        self.shape.outputs
    }

    /// Elements of scratch that a run, or a range of rows, needs.
    pub fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// Elements of `src`: `H` rows of `W * channels` at the row stride, without anything behind the last row.
    pub fn src_len(&self) -> usize {
        self.direct.src_len()
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.direct.dst_len()
    }

    /// The filter with a mask of `R * S` values, row by row. Computes the mask's spectrum, which takes about as long as a few
    /// tiles, and allocates what the filter keeps.
    ///
    /// # Errors
    /// [`Error::Length`] for a mask of another length, [`Error::NotFinite`] for infinite or NaN taps.
    pub fn filter(&self, mask: &[f32]) -> Result<FftFilter, Error> {
        let desc = self.direct.desc();
        let [r, s] = desc.mask_size;
        if mask.len() != r * s {
            return Err(Error::Length { operand: "mask", required: r * s, got: mask.len() });
        }
        let mut packing = vec![0.0; self.direct.packed_len()];
        self.direct.pack(mask, &mut packing)?;
        let [p, q] = self.shape.points;
        let axis = |taps, len| if taps > 1 { Transform::new(len) } else { Transform::identity(len) };
        let transforms = [axis(r, p), axis(s, q)];
        let [vertical, horizontal] = &transforms;
        let units = vertical.error_units() + horizontal.error_units();
        let bound = Bound::new(desc, mask, units, p * q, self.direct.error_terms());
        let spectrum = if bound.is_fit() {
            let values = spectrum::of_mask(desc, mask, [vertical, horizontal], self.level().lanes());
            Aligned::new(&values)
        } else {
            Aligned::default()
        };
        Ok(FftFilter { plan: *self, packing, transforms, spectrum, bound })
    }
}

/// Elements from one row of a gathered plane to the next: not a power of two, so that a column's vectors lie in different sets
/// of the cache.
pub(crate) fn pitch(cols: usize) -> usize {
    cols + ALIGN
}

/// Values that start on a cache line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aligned {
    all: Vec<f32>,
    start: usize,
}

impl Aligned {
    fn new(values: &[f32]) -> Self {
        let mut all = vec![0.0; values.len() + ALIGN];
        let start = all.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN);
        all.truncate(start + values.len());
        all[start..].copy_from_slice(values);
        Self { all, start }
    }

    pub(crate) fn get(&self) -> &[f32] {
        &self.all[self.start..]
    }
}

/// A picture filter that runs in the frequency domain.
///
/// What it computes, for which pictures, is what [`Filter2dPlan`] does, with one difference: results in f32 (and bytes made
/// from f32 pictures) lie within [`error_bound`](Self::error_bound) of the exact value instead of being sums in a certain
/// order. From bytes to bytes the result is the same, the correctly rounded exact value.
///
/// ```
/// use convoke_core::{Border, Filter2dDesc, Level};
/// use convoke_fft::FftFilter;
///
/// // The 15x15 mean of a grey picture.
/// let desc = Filter2dDesc::new([40, 50], 1, [15, 15]).divisor(225.0).border(Border::Replicate);
/// let filter = FftFilter::new(&desc, &[1.0; 225], Level::detect())?;
/// let src = [90_u8; 2000];
/// let mut dst = [0_u8; 2000];
/// let mut scratch = vec![0.0; filter.scratch_len()];
/// filter.run(&src, &mut dst, &mut scratch)?;
/// assert_eq!(dst, src);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FftFilter {
    pub(crate) plan: FftFilterPlan,
    /// The mask as the direct plan packs it: for tiles and pixels that the transform cannot decide.
    packing: Vec<f32>,
    /// Along y, along x.
    pub(crate) transforms: [Transform; 2],
    /// Empty if the mask's values are too large or too small for transforms.
    pub(crate) spectrum: Aligned,
    pub(crate) bound: Bound,
}

impl FftFilter {
    /// Plans a filter and computes the spectrum of its mask: `R * S` values, row by row.
    ///
    /// # Errors
    /// Those of [`FftFilterPlan::new`] and [`FftFilterPlan::filter`].
    pub fn new(desc: &Filter2dDesc, mask: &[f32], level: Level) -> Result<Self, Error> {
        FftFilterPlan::new(desc, level)?.filter(mask)
    }

    /// The plan.
    pub fn plan(&self) -> &FftFilterPlan {
        &self.plan
    }

    /// Elements of scratch that a run, or a range of rows, needs.
    pub fn scratch_len(&self) -> usize {
        self.plan.scratch
    }

    /// Elements of `src`.
    pub fn src_len(&self) -> usize {
        self.plan.src_len()
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.plan.dst_len()
    }

    /// Predicted nanoseconds for the whole picture: see [`FftFilterPlan::predicted_cost`].
    pub fn predicted_cost(&self) -> f64 {
        self.plan.predicted_cost()
    }

    /// How far a result in f32 can lie from the exact value, in pictures whose values, and constant border, are of magnitude
    /// `largest` at most: a proven bound, hundreds of times what errors usually are. See the crate's documentation.
    pub fn error_bound(&self, largest: f32) -> f64 {
        self.bound.of_values(f64::from(largest).abs(), true)
    }

    /// The factor of the bound that holds pair of tiles by pair of tiles: results lie within this times the square root of the
    /// sum of the squares of the values that both tiles were computed from, which are twice
    /// [`tile`](FftFilterPlan::tile) values. It holds for f32 pictures without offset whose sums of squares f32 holds.
    pub fn error_factor(&self) -> f64 {
        self.bound.factor()
    }

    /// Filters a picture.
    ///
    /// Reads nothing outside its operands, reads neither `dst` nor `scratch` before writing them, leaves elements between
    /// the rows of a strided `dst` as they are, and `scratch` as garbage. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::Length`] for a picture or scratch of the wrong length (scratch may be longer). `dst` is then as it was.
    pub fn run<I: Pixel, O: Pixel>(
        &self,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.run_rows(0..self.plan.desc().size[0], src, dst, scratch)
    }

    /// Computes output rows `rows` only, with the same bits as [`run`](Self::run). All tiles that reach into the range are
    /// computed: see [`FftFilterPlan::tile_outputs`].
    ///
    /// `src` is the whole picture; `dst` is a picture of just those rows, at the plan's row stride.
    ///
    /// # Errors
    /// As for [`run`](Self::run), and [`Error::TooLarge`] for rows outside the picture.
    pub fn run_rows<I: Pixel, O: Pixel>(
        &self,
        rows: Range<usize>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let plan = &self.plan.direct;
        self.run_region([rows, 0..plan.desc().size[1]], src, dst, plan.dst_row_stride(), scratch)
    }

    /// Computes columns `cols` of output rows `rows` into a picture of just these, with the same bits as
    /// [`run`](Self::run). All tiles that reach into the region are computed.
    ///
    /// `src` is the whole picture; `dst` has `rows.len()` rows of `cols.len() * channels` elements, which are
    /// `dst_row_stride` apart, without anything behind the last row.
    ///
    /// # Errors
    /// As for [`run`](Self::run), [`Error::TooLarge`] for rows or columns outside the picture, and [`Error::TooSmall`] for a
    /// row stride shorter than a row of the region.
    pub fn run_region<I: Pixel, O: Pixel>(
        &self,
        [rows, cols]: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        dst_row_stride: usize,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let direct = &self.plan.direct;
        let mask = direct.open(&self.packing)?;
        if self.plan.scratch > scratch.len() {
            return Err(Error::Length {
                operand: "scratch",
                required: self.plan.scratch,
                got: scratch.len(),
            });
        }
        if self.spectrum.get().is_empty() {
            return direct.run_region([rows, cols], &mask, src, dst, dst_row_stride, scratch);
        }
        direct.check_region([rows.clone(), cols.clone()], src, dst, dst_row_stride)?;
        self.run_tiles(mask, [rows, cols], I::source(src), O::target(dst), dst_row_stride, scratch);
        Ok(())
    }

    /// A run with everything checked. Not generic, so that it is compiled here, once, and not in every crate that filters.
    fn run_tiles(
        &self,
        mask: PackedMask<'_>,
        [rows, cols]: [Range<usize>; 2],
        src: Source<'_>,
        dst: Target<'_>,
        stride: usize,
        scratch: &mut [f32],
    ) {
        let asked = Asked { filter: self, mask, rows, cols, stride };
        self.plan.level().dispatch(Run { asked, src, dst, scratch });
    }
}
