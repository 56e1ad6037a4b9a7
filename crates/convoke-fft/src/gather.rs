//! A channel of a tile becomes a plane of f32, with the core's gather stage, and loses its mean.

use convoke_core::{Border, Filter2dPlan, Pixel};
use convoke_simd::Simd;

use crate::plan::{FftFilterPlan, pitch};
use crate::run::Unit;

/// Rows that a mean is taken of.
const MEAN_ROWS: usize = 8;

/// Gathers one channel of a tile, and returns the mean to take off it. What no output needs is that mean.
#[inline(never)]
pub(crate) fn gather<S: Simd, I: Pixel>(
    simd: S,
    plan: &FftFilterPlan,
    src: &[I],
    band: usize,
    unit: Unit,
    plane: &mut [f32],
) -> f32 {
    simd.vectorize(
        #[inline(always)]
        || {
            let direct = &plan.direct;
            let desc = direct.desc();
            let [rows, cols] = plan.outputs(band, unit.tile);
            let [above, left] = direct.before();
            let [height, width] = [rows.len() + desc.mask_size[0] - 1, cols.len() + desc.mask_size[1] - 1];
            let (top, start) = (rows.start as isize - above as isize, cols.start as isize - left as isize);
            let pitch = pitch(plan.shape.points[1]);
            for (y, row) in plane.chunks_exact_mut(pitch).take(height).enumerate() {
                direct.gather_channel(simd, src, [top + y as isize, start], unit.channel, &mut row[..width]);
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
        },
    )
}
