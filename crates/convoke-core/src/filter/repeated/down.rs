//! The first step of a repeated box: strips of columns, gathered with what the border continues above and below, and all
//! passes down them.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::plan::{RepeatedBoxPlan, STRIP};
use crate::filter::pixel::Pixel;

/// Strips with everything checked.
pub(super) struct Down<'a, I> {
    pub(super) plan: &'a RepeatedBoxPlan,
    pub(super) strips: Range<usize>,
    pub(super) src: &'a [I],
    /// Their part of the plane.
    pub(super) plane: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl<I: Pixel> Kernel for Down<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, strips, src, plane, scratch } = self;
        let (lines, sums) = plan.divide(scratch);
        let (height, around) = (plan.desc.size[0], plan.shape.around());
        for (strip, plane) in strips.zip(plane.chunks_exact_mut(plan.strip_len())) {
            let mut count = height + 2 * plan.reach;
            gather(simd, plan, src, strip * STRIP, &mut lines[..count * STRIP]);
            for _ in 0..plan.desc.passes {
                plan.shape.pass(simd, &mut lines[..count * STRIP], STRIP, sums);
                count -= around;
            }
            plane.copy_from_slice(&lines[..height * STRIP]);
        }
    }
}

/// Elements from `x` on of all rows, those outside the picture included.
#[inline(always)]
fn gather<S: Simd, I: Pixel>(simd: S, plan: &RepeatedBoxPlan, src: &[I], x: usize, lines: &mut [f32]) {
    let (height, reach, border) = (plan.desc.size[0], plan.reach, plan.desc.border);
    let width = STRIP.min(plan.row_len() - x);
    let inside = &mut lines[reach * STRIP..][..height * STRIP];
    for (y, line) in inside.chunks_exact_mut(STRIP).enumerate() {
        let (pixels, behind) = line.split_at_mut(width);
        I::widen_row(simd, &src[y * plan.src_stride + x..][..width], pixels);
        // Nobody reads what becomes of them, but they take part in the sums.
        behind.fill(0.0);
    }
    for line in (0..reach).chain(reach + height..height + 2 * reach) {
        match border.index(line as isize - reach as isize, height) {
            Some(y) => {
                let from = (reach + y) * STRIP;
                lines.copy_within(from..from + STRIP, line * STRIP);
            }
            None => lines[line * STRIP..][..STRIP].fill(border.outside()),
        }
    }
}
