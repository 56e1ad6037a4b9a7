//! The walk of the lane kernel: neighbouring outputs of one row that share their taps, vector by vector of channels.

use convoke_simd::Simd;

use super::direct::{Direct, Group, Region, taps};
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
        let steps = [self.first_tap(ys, xs), self.plan.desc.kernel[1]];
        let [tap, weights_row_step] = steps.map(|step| step * self.depth * self.plan.blocks.lanes);
        let [rows, cols] = taps(ys, xs);
        for y in ys.outputs.clone() {
            for x in xs.outputs.clone().step_by(MAX_RUN) {
                let count = (xs.outputs.end - x).min(MAX_RUN);
                // Wholly on the padding, there may be no pixel to point at.
                let at = match rows {
                    0 => 0,
                    _ => {
                        source.at(vertical.position(y, ys.taps.start), horizontal.position(x, xs.taps.start))
                    }
                };
                for block in self.wanted_blocks(group) {
                    let run = Run {
                        src: source.data.get(block.first..).unwrap_or_default(),
                        at,
                        rows,
                        cols,
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
