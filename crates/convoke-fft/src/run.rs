//! Running a filter: tile by tile, gather, transform, scatter.
//!
//! ```text
//! for every row of tiles, for every pair of tiles in it (a channel of a tile each):
//!     gather both, with border values, as planes of f32                          (the core's gather stage)
//!     z = first + i * second; forward along y, column block by column block
//!     for every block of rows: transpose, forward along x, times the mask's spectrum, back along x, transpose back
//!     back along y
//!     real parts are the first tile's sums, imaginary parts the second's: to pixels   (the core's scatter stage)
//! ```
//!
//! * **Two real tiles make one complex one.** The mask is real, so its correlation with `a + i b` is that with `a` and
//!   `i` times that with `b`: two tiles for one transform, and none of the untangling that transforms of real data need.
//! * **Tiles lie at fixed places of the picture**, whatever rows are asked for, and pairs are the same, so a range of rows has
//!   the same bits as the whole.
//! * **Everything is in the second cache, the inner loops in the first.** A column block, or a block of rows, is
//!   transformed there and back while it is in the first cache; the tile itself is passed over four times.
//! * **A mean is taken off** tiles of integers, which makes the norm of what is transformed, and with it the error, several
//!   times smaller on pictures. It is an integer, so that taking it off is exact; what it adds to a sum is known.
//! * **The gathered planes stay as they are**, because pixels whose rounding is open are summed again from them.

use core::ops::Range;

use convoke_core::{Border, Filter2dPlan, PackedMask, Pixel, Window};
use convoke_simd::{Kernel, Simd};

use crate::passes::{Point, forward, inverse, load, store, transpose};
use crate::plan::{FftFilter, pitch};

/// Elements of a cache line.
pub(crate) const ALIGN: usize = 16;

/// Tiles whose results may be off by more than this are computed directly: too many pixels would be open.
const WIDEST_MARGIN: f64 = 1.0 / 16.0;
/// Rows that a mean is taken of.
const MEAN_ROWS: usize = 8;
/// Tiles of which more than one pixel in so many is open are computed directly.
const OPEN: f32 = 6.0;

/// A run with all lengths checked.
pub(crate) struct Run<'a, I, O> {
    pub(crate) filter: &'a FftFilter,
    pub(crate) mask: PackedMask<'a>,
    pub(crate) rows: Range<usize>,
    pub(crate) cols: Range<usize>,
    /// The picture's column at which rows of `dst` begin is the first of `cols`; elements from one row to the next.
    pub(crate) stride: usize,
    pub(crate) src: &'a [I],
    pub(crate) dst: &'a mut [O],
    pub(crate) scratch: &'a mut [f32],
}

impl<I: Pixel, O: Pixel> Kernel for Run<'_, I, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match S::LANES {
            16 => self.tiles::<S, 16>(simd),
            8 => self.tiles::<S, 8>(simd),
            4 => self.tiles::<S, 4>(simd),
            _ => self.tiles::<S, 1>(simd),
        }
    }
}

/// One channel of a tile.
#[derive(Clone, Copy, PartialEq)]
struct Unit {
    /// Its place in its row of tiles.
    tile: usize,
    channel: usize,
}

impl<I: Pixel, O: Pixel> Run<'_, I, O> {
    #[inline(always)]
    fn tiles<S: Simd, const L: usize>(mut self, simd: S) {
        let filter = self.filter;
        let (shape, channels) = (filter.plan.shape, filter.plan.desc().channels);
        let ([p, q], [_, tiles_across]) = (shape.points, shape.tiles);
        let scratch = core::mem::take(&mut self.scratch);
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN - 1);
        let (planes, rest) = scratch[start..].split_at_mut(2 * p * pitch(q));
        let (tile, rest) = rest.split_at_mut(2 * column_pitch(p) * q);
        let (block, rest) = rest.split_at_mut(2 * ALIGN * q);
        let (lines, direct) = rest.split_at_mut(2 * q);
        if self.rows.is_empty() || self.cols.is_empty() {
            return;
        }
        let wanted = self.cols.start / shape.outputs[1]..=(self.cols.end - 1) / shape.outputs[1];
        let first = self.rows.start / shape.outputs[0];
        let last = (self.rows.end - 1) / shape.outputs[0];
        for band in first..=last {
            // The last tile of this row that was computed directly.
            let mut done = None;
            for at in (0..tiles_across * channels).step_by(2) {
                let unit = |at: usize| Unit { tile: at / channels, channel: at % channels };
                let units = [Some(unit(at)), (at + 1 < tiles_across * channels).then(|| unit(at + 1))];
                if units.iter().flatten().all(|unit| done == Some(unit.tile) || !wanted.contains(&unit.tile))
                {
                    continue;
                }
                let (plane_a, plane_b) = planes.split_at_mut(p * pitch(q));
                let means =
                    [self.gather(simd, band, units[0], plane_a), self.gather(simd, band, units[1], plane_b)];
                let (points, _) = tile.as_chunks_mut::<L>().0.as_chunks_mut::<2>();
                let (block, _) = block.as_chunks_mut::<L>().0.as_chunks_mut::<2>();
                let squares = convolve::<S, L>(simd, filter, [plane_a, plane_b], means, points, block);
                let keeps =
                    self.scatter(simd, band, units, [plane_a, plane_b], means, squares, points, lines, done);
                if !keeps {
                    for unit in units.iter().flatten() {
                        if done != Some(unit.tile) {
                            done = Some(unit.tile);
                            self.direct(band, unit.tile, direct);
                        }
                    }
                }
            }
        }
    }

    /// Rows of outputs of a row of tiles, and columns of outputs of a tile, in the picture.
    fn outputs(&self, band: usize, tile: usize) -> [Range<usize>; 2] {
        let (shape, size) = (self.filter.plan.shape, self.filter.plan.desc().size);
        let range = |at: usize, axis: usize| {
            let start = at * shape.outputs[axis];
            start..size[axis].min(start + shape.outputs[axis])
        };
        [range(band, 0), range(tile, 1)]
    }

    /// Those of a tile's columns of outputs that are asked for.
    fn wanted(&self, cols: &Range<usize>) -> Range<usize> {
        cols.start.max(self.cols.start)..cols.end.min(self.cols.end)
    }

    /// Gathers one channel of a tile, and returns the mean to take off it. What no output needs is that mean.
    #[inline(always)]
    fn gather<S: Simd>(&self, simd: S, band: usize, unit: Option<Unit>, plane: &mut [f32]) -> f32 {
        let Some(unit) = unit else {
            plane.fill(0.0);
            return 0.0;
        };
        let direct = &self.filter.plan.direct;
        let desc = direct.desc();
        let [rows, cols] = self.outputs(band, unit.tile);
        let [above, left] = direct.before();
        let [height, width] = [rows.len() + desc.mask_size[0] - 1, cols.len() + desc.mask_size[1] - 1];
        let (top, start) = (rows.start as isize - above as isize, cols.start as isize - left as isize);
        let pitch = pitch(self.filter.plan.shape.points[1]);
        for (y, row) in plane.chunks_exact_mut(pitch).take(height).enumerate() {
            direct.gather_channel(simd, self.src, [top + y as isize, start], unit.channel, &mut row[..width]);
        }
        let whole = match desc.border {
            Border::Constant(value) => value.fract() == 0.0 && value.abs() < 1e6,
            _ => true,
        };
        let mean = if Filter2dPlan::is_integer::<I>() && whole {
            // Of a few rows: any whole number near the mean will do. But it is the same at every level, because the bits of
            // f32 results depend on it: sixteen sums, whatever the lanes.
            let mut sums = [0.0; 16];
            let mut count = 0;
            for row in plane.chunks_exact(pitch).take(height).step_by(height.div_ceil(MEAN_ROWS)) {
                for values in row[..width].chunks(sums.len()) {
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += value;
                    }
                }
                count += width;
            }
            (sums.iter().sum::<f32>() / count as f32).round_ties_even()
        } else {
            0.0
        };
        for row in plane.chunks_exact_mut(pitch).take(height) {
            row[width..].fill(mean);
        }
        plane[height * pitch..].fill(mean);
        mean
    }

    /// Makes pixels of the sums. `false` if the tiles must be computed directly instead.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "one call, in the only loop that has all of these")]
    fn scatter<S: Simd, const L: usize>(
        &mut self,
        simd: S,
        band: usize,
        units: [Option<Unit>; 2],
        planes: [&[f32]; 2],
        means: [f32; 2],
        squares: f32,
        points: &[Point<L>],
        lines: &mut [f32],
        done: Option<usize>,
    ) -> bool {
        if !squares.is_finite() {
            return false;
        }
        let (filter, plan) = (self.filter, &self.filter.plan);
        let ([p, q], bound) = (plan.shape.points, &filter.bound);
        let exact = Filter2dPlan::rounds_exactly::<I, O>();
        // Rounded one by one, with as many additions in a row as a lane has points.
        let norm = (f64::from(squares) * (1.0 + (2 * p * q / L + L) as f64 * f64::from(f32::EPSILON))).sqrt();
        let mut offsets = [0.0; 2];
        let mut margins = [0.0; 2];
        for (part, mean) in means.into_iter().enumerate() {
            let offset = f64::from(plan.desc().offset) + f64::from(mean) * bound.total;
            let margin = bound.of_tile(norm, offset);
            if exact && (margin.is_nan() || margin >= WIDEST_MARGIN) {
                return false;
            }
            (offsets[part], margins[part]) = (offset as f32, margin as f32 * (1.0 + f32::EPSILON));
        }
        let outputs = units.map(|unit| {
            let [rows, cols] = self.outputs(band, unit?.tile);
            let wanted = self.wanted(&cols);
            (done != Some(unit?.tile) && !wanted.is_empty()).then_some((rows, cols, wanted, unit?.channel))
        });
        let width = outputs.iter().flatten().map(|(_, cols, ..)| cols.len()).max().unwrap_or(0);
        let (line_a, line_b) = lines.split_at_mut(q);
        let line_a = &mut line_a.as_chunks_mut::<L>().0[..width.div_ceil(L)];
        let line_b = &mut line_b.as_chunks_mut::<L>().0[..width.div_ceil(L)];
        let [band_rows, _] = self.outputs(band, 0);
        let rows = band_rows.start.max(self.rows.start)..band_rows.end.min(self.rows.end);
        let [add_a, add_b] = [simd.splat(offsets[0]), simd.splat(offsets[1])];
        let (mut open, mut seen) = ([simd.splat(0.0); 2], 0);
        for y in rows {
            let row = y - band_rows.start;
            // All lanes of the last vector: what lies behind the last output is a number like another.
            let columns = points.chunks(column_pitch(p));
            for ((column, a), b) in columns.zip(&mut *line_a).zip(&mut *line_b) {
                let sums = load(simd, &column[row]);
                let values = [simd.add(sums[0], add_a), simd.add(sums[1], add_b)];
                simd.store(values[0], a);
                simd.store(values[1], b);
                if exact {
                    for part in 0..2 {
                        open[part] = simd.add(open[part], near_tie(simd, values[part], margins[part]));
                    }
                }
            }
            seen += width;
            if exact && row % 4 == 3 && seen > 256 {
                let mut lanes = [[0.0; L]; 2];
                store(simd, open, &mut lanes);
                for open in lanes {
                    let mut count = 0.0;
                    for lane in open {
                        count += lane;
                    }
                    if count * OPEN > seen as f32 {
                        return false;
                    }
                }
            }
            for (part, line) in [&*line_a, &*line_b].into_iter().enumerate() {
                let Some((_, cols, wanted, channel)) = &outputs[part] else { continue };
                let window = Window {
                    mask: self.mask,
                    data: planes[part],
                    pitch: pitch(q),
                    at: [row, wanted.start - cols.start],
                    margin: margins[part],
                };
                let start = (y - self.rows.start) * self.stride;
                let left = (wanted.start - self.cols.start) * plan.desc().channels;
                let dst = &mut self.dst[start + left + channel..];
                let values = &line.as_flattened()[wanted.start - cols.start..][..wanted.len()];
                plan.direct.store_channel::<S, I, O>(simd, values, exact.then_some(&window), dst);
            }
        }
        true
    }

    /// Computes all channels of a tile by the direct plan.
    #[cold]
    #[inline(never)]
    fn direct(&mut self, band: usize, tile: usize, scratch: &mut [f32]) {
        let [rows, cols] = self.outputs(band, tile);
        let rows = rows.start.max(self.rows.start)..rows.end.min(self.rows.end);
        let cols = self.wanted(&cols);
        if cols.is_empty() {
            return;
        }
        let plan = &self.filter.plan.direct;
        let channels = plan.desc().channels;
        let start = (rows.start - self.rows.start) * self.stride + (cols.start - self.cols.start) * channels;
        let len = (rows.len() - 1) * self.stride + cols.len() * channels;
        let dst = &mut self.dst[start..][..len];
        let result = plan.run_region([rows, cols], &self.mask, self.src, dst, self.stride, scratch);
        debug_assert_eq!(result, Ok(()), "everything was checked before");
    }
}

/// Correlates a pair of tiles with the mask, cyclically. Returns the sum of the squares of all values, means taken off: the
/// result is good if that is finite.
// Not inlined: it is the same for all types of pixels.
#[inline(never)]
fn convolve<S: Simd, const L: usize>(
    simd: S,
    filter: &FftFilter,
    planes: [&[f32]; 2],
    means: [f32; 2],
    points: &mut [Point<L>],
    block: &mut [Point<L>],
) -> f32 {
    simd.vectorize(
        #[inline(always)]
        || {
            let [vertical, horizontal] = &filter.transforms;
            let [p, q] = [vertical.len(), horizontal.len()];
            let (points, block) = (&mut points[..column_pitch(p) * q / L], &mut block[..q]);
            let mut squares = [simd.splat(0.0); 2];
            for (column, x) in points.chunks_exact_mut(column_pitch(p)).zip((0..).step_by(L)) {
                let column = &mut column[..p];
                fill(simd, planes, pitch(q), means, x, column, &mut squares);
                forward(simd, vertical, column);
            }
            let spectrum = filter.spectrum.get().as_chunks::<L>().0.as_chunks::<2>().0;
            for (spectrum, y) in spectrum.chunks_exact(q).zip((0..).step_by(L)) {
                turn_block(simd, points, p, y, block);
                forward(simd, horizontal, block);
                for (point, factor) in block.iter_mut().zip(spectrum) {
                    let ([a, b], [c, d]) = (load(simd, point), load(simd, factor));
                    let re = simd.sub(simd.mul(a, c), simd.mul(b, d));
                    let im = simd.mul_add(a, d, simd.mul(b, c));
                    store(simd, [re, im], point);
                }
                inverse(simd, horizontal, block);
                turn_back(simd, block, points, p, y);
            }
            for column in points.chunks_exact_mut(column_pitch(p)) {
                inverse(simd, vertical, &mut column[..p]);
            }
            let mut lanes = [[0.0; L]; 2];
            store(simd, squares, &mut lanes);
            lanes.as_flattened().iter().sum()
        },
    )
}

/// 1 where a value lies within `margin` of a tie, 0 elsewhere.
#[inline(always)]
fn near_tie<S: Simd>(simd: S, value: S::F32, margin: f32) -> S::F32 {
    let off = simd.sub(value, simd.round(value));
    let to_tie = simd.sub(simd.splat(0.5), simd.max(off, simd.sub(simd.splat(0.0), off)));
    simd.select_lt(to_tie, simd.splat(margin), simd.splat(1.0), simd.splat(0.0))
}

/// Points from one column block to the next: not a power of two, for the same reason as [`pitch`].
pub(crate) fn column_pitch(rows: usize) -> usize {
    rows + 1
}

/// A block of columns, from `x` on, of both planes.
#[inline(always)]
fn fill<S: Simd, const L: usize>(
    simd: S,
    planes: [&[f32]; 2],
    pitch: usize,
    means: [f32; 2],
    x: usize,
    column: &mut [Point<L>],
    squares: &mut [S::F32; 2],
) {
    let means = [simd.splat(means[0]), simd.splat(means[1])];
    let (a, b) = (planes[0][x..].chunks(pitch), planes[1][x..].chunks(pitch));
    // From zero, and added at the end: what lives on across the transforms would go through memory in every step.
    let [mut squares_a, mut squares_b] = [simd.splat(0.0); 2];
    for ((point, a), b) in column.iter_mut().zip(a).zip(b) {
        let [a, b] = [simd.sub(simd.load(a), means[0]), simd.sub(simd.load(b), means[1])];
        squares_a = simd.mul_add(a, a, squares_a);
        squares_b = simd.mul_add(b, b, squares_b);
        store(simd, [a, b], point);
    }
    *squares = [simd.add(squares[0], squares_a), simd.add(squares[1], squares_b)];
}

/// Rows `y..y + L` of a tile as one block of columns, so that lanes are rows.
#[inline(always)]
fn turn_block<S: Simd, const L: usize>(
    simd: S,
    points: &[Point<L>],
    rows: usize,
    y: usize,
    block: &mut [Point<L>],
) {
    for (column, out) in points.chunks_exact(column_pitch(rows)).zip(block.as_chunks_mut::<L>().0) {
        let square = column[y..].first_chunk::<L>().expect("tiles are whole blocks high");
        for part in 0..2 {
            let mut vectors = [simd.splat(0.0); L];
            for i in 0..L {
                vectors[i] = simd.load(&square[i][part]);
            }
            let vectors = transpose::<S, L>(simd, vectors);
            for i in 0..L {
                simd.store(vectors[i], &mut out[i][part]);
            }
        }
    }
}

/// The way back.
#[inline(always)]
fn turn_back<S: Simd, const L: usize>(
    simd: S,
    block: &[Point<L>],
    points: &mut [Point<L>],
    rows: usize,
    y: usize,
) {
    for (column, square) in points.chunks_exact_mut(column_pitch(rows)).zip(block.as_chunks::<L>().0) {
        let out = column[y..].first_chunk_mut::<L>().expect("tiles are whole blocks high");
        for part in 0..2 {
            let mut vectors = [simd.splat(0.0); L];
            for i in 0..L {
                vectors[i] = simd.load(&square[i][part]);
            }
            let vectors = transpose::<S, L>(simd, vectors);
            for i in 0..L {
                simd.store(vectors[i], &mut out[i][part]);
            }
        }
    }
}
