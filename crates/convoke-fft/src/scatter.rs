//! The sums of a pair of tiles become pixels, with the core's scatter stage, unless too many of them are open.

use convoke_core::{Filter2dPlan, Pixel, Window};
use convoke_simd::Simd;

use crate::convolve::column_pitch;
use crate::passes::{Point, load, store};
use crate::plan::pitch;
use crate::run::{Asked, Unit};

/// Tiles whose results may be off by more than this are computed directly: too many pixels would be open.
const WIDEST_MARGIN: f64 = 1.0 / 16.0;
/// Tiles of which more than one pixel in so many is open are computed directly.
const OPEN: f32 = 6.0;

/// What has been computed of a pair of tiles.
pub(crate) struct Sums<'a, const L: usize> {
    /// Which of them are to become pixels.
    pub(crate) units: [Option<Unit>; 2],
    /// What was gathered.
    pub(crate) planes: [&'a [f32]; 2],
    /// What was taken off.
    pub(crate) means: [f32; 2],
    /// The sum of the squares of what was left.
    pub(crate) squares: f32,
    /// The sums: real parts are the first tile's, imaginary parts the second's.
    pub(crate) points: &'a [Point<L>],
}

/// Makes pixels of sums. `range` is that of the input's type. `false` if the tiles must be
/// computed directly instead.
#[inline(never)]
pub(crate) fn scatter<S: Simd, O: Pixel, const L: usize>(
    simd: S,
    asked: &Asked<'_>,
    band: usize,
    Sums { units, planes, means, squares, points }: Sums<'_, L>,
    range: Option<[i32; 2]>,
    lines: &mut [f32],
    dst: &mut [O],
) -> bool {
    simd.vectorize(
        #[inline(always)]
        || {
            if !squares.is_finite() {
                return false;
            }
            let (plan, bound) = (&asked.filter.plan, &asked.filter.bound);
            let [p, q] = plan.shape.points;
            // With integers on both sides, results are the rounded exact values.
            let range = range.filter(|_| Filter2dPlan::is_integer::<O>());
            // Rounded one by one, with as many additions in a row as a lane has points.
            let norm =
                (f64::from(squares) * (1.0 + (2 * p * q / L + L) as f64 * f64::from(f32::EPSILON))).sqrt();
            let mut offsets = [0.0; 2];
            let mut margins = [0.0; 2];
            for (part, mean) in means.into_iter().enumerate() {
                let offset = f64::from(plan.desc().offset) + f64::from(mean) * bound.total;
                let margin = bound.of_tile(norm, offset);
                if range.is_some() && (margin.is_nan() || margin >= WIDEST_MARGIN) {
                    return false;
                }
                (offsets[part], margins[part]) = (offset as f32, margin as f32 * (1.0 + f32::EPSILON));
            }
            let outputs = units.map(|unit| {
                let [rows, cols] = plan.outputs(band, unit?.tile);
                let wanted = asked.wanted(&cols);
                (!wanted.is_empty()).then_some((rows, cols, wanted, unit?.channel))
            });
            let width = outputs.iter().flatten().map(|(_, cols, ..)| cols.len()).max().unwrap_or(0);
            let (line_a, line_b) = lines.split_at_mut(q);
            let line_a = &mut line_a.as_chunks_mut::<L>().0[..width.div_ceil(L)];
            let line_b = &mut line_b.as_chunks_mut::<L>().0[..width.div_ceil(L)];
            let [band_rows, _] = plan.outputs(band, 0);
            let rows = band_rows.start.max(asked.rows.start)..band_rows.end.min(asked.rows.end);
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
                    if range.is_some() {
                        for part in 0..2 {
                            open[part] = simd.add(open[part], near_tie(simd, values[part], margins[part]));
                        }
                    }
                }
                seen += width;
                if range.is_some() && row % 4 == 3 && seen > 256 {
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
                    let window = range.map(|range| Window {
                        mask: asked.mask,
                        data: planes[part],
                        pitch: pitch(q),
                        at: [row, wanted.start - cols.start],
                        margin: margins[part],
                        range,
                    });
                    let start = (y - asked.rows.start) * asked.stride;
                    let left = (wanted.start - asked.cols.start) * plan.desc().channels;
                    let dst = &mut dst[start + left + channel..];
                    let values = &line.as_flattened()[wanted.start - cols.start..][..wanted.len()];
                    plan.direct.store_channel(simd, values, window.as_ref(), dst);
                }
            }
            true
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
