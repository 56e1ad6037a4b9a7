//! The walk of the lane kernel: neighbouring outputs of one row that share their taps, vector by vector of channels.

use convoke_simd::Simd;

use super::direct::{Direct, Group, Region};
use crate::kernel::lanes::{MAX_RUN, Run};

impl Direct<'_> {
    /// All runs of outputs that share their taps, for the lane kernel.
    pub(super) fn run_lanes<S: Simd>(
        &self,
        simd: S,
        group: &Group<'_>,
        region: &Region<'_>,
        dst: &mut [f32],
    ) {
        let Region { source, ys, xs } = region;
        let [vertical, horizontal] = self.walks;
        let steps = [ys.taps.start * self.plan.desc.kernel[1] + xs.taps.start, self.plan.desc.kernel[1]];
        let [tap, weights_row_step] = steps.map(|step| step * self.depth * self.plan.blocks.lanes);
        let empty = ys.taps.is_empty() || xs.taps.is_empty();
        for y in ys.outputs.clone() {
            for x in xs.outputs.clone().step_by(MAX_RUN) {
                let count = (xs.outputs.end - x).min(MAX_RUN);
                let at = if empty {
                    0
                } else {
                    source.at(vertical.position(y, ys.taps.start), horizontal.position(x, xs.taps.start))
                };
                for block in self.wanted_blocks(group) {
                    let run = Run {
                        src: &source.data[block.first..],
                        at,
                        rows: if empty { 0 } else { ys.taps.len() },
                        cols: xs.taps.len(),
                        depth: self.depth,
                        row_step: vertical.dilation * source.row,
                        col_step: horizontal.dilation * source.pixel,
                        depth_step: self.plan.blocks.channels,
                        pixel_step: horizontal.stride * source.pixel,
                        weights: &group.weights[block.weights..][tap..],
                        weights_row_step,
                        lanes: block.channels,
                    };
                    let scatter = self.scatter(group, &block, (x..x + count).map(|x| [y, x]));
                    run.run(simd, count, &scatter, dst);
                }
            }
        }
    }
}
