//! The walk of weight gradients by outer products: for each group, chunk of out channels and block of pixels, panels of `dy`
//! are laid out once, and for each panel of columns all tiles of out channels pass.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::blocks::Block;
use super::columns::{Columns, clear_absent, left, left_pixels, planes};
use super::layout::{ALIGN, Feed, border, source, tap_channels};
use super::plan::WeightsGradPlan;
use crate::conv::band::{Channels, Gather, Source};
use crate::conv::desc::Layout;
use crate::conv::window::Walk;
use crate::kernel::finite::finite;
use crate::kernel::outer::{self, Left, Target};
use crate::kernel::transpose::transpose_into;

/// One call: the gradients of some out channels.
pub(super) struct Dense<'a> {
    pub(super) plan: &'a WeightsGradPlan,
    pub(super) channels: Range<usize>,
    pub(super) dy: &'a [f32],
    pub(super) src: &'a [f32],
    pub(super) dw: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl Kernel for Dense<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Dense { plan, channels, dy, src, dw, scratch } = self;
        let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN);
        let scratch = &mut scratch[start..];
        let (panels, rest) = scratch.split_at_mut(plan.arrangement.left);
        let (right, bands) = rest.split_at_mut(plan.arrangement.right);
        let walks = [0, 1].map(|axis| Walk::new(&plan.desc, &plan.geometry, axis));
        let group_out = plan.geometry.group_out;
        for group in channels.start / group_out..channels.end.div_ceil(group_out) {
            let wanted = channels.start.max(group * group_out)..channels.end.min((group + 1) * group_out);
            for first in wanted.clone().step_by(plan.arrangement.chunk) {
                let chunk = first..(first + plan.arrangement.chunk).min(wanted.end);
                let per = plan.weights_of_one();
                let dw = &mut dw[(chunk.start - channels.start) * per..][..chunk.len() * per];
                let walk = Walker { plan, walks, group, chunk, dy, src };
                for block in plan.blocks.iter() {
                    walk.block(simd, &block, panels, right, bands, dw);
                }
            }
        }
        plan.reorder(simd, dw, scratch);
    }
}

/// A chunk of out channels of a group.
struct Walker<'a> {
    plan: &'a WeightsGradPlan,
    walks: [Walk; 2],
    group: usize,
    chunk: Range<usize>,
    dy: &'a [f32],
    src: &'a [f32],
}

impl Walker<'_> {
    /// Adds the sums of a block.
    fn block<S: Simd>(
        &self,
        simd: S,
        block: &Block,
        panels: &mut [f32],
        right: &mut [f32],
        bands: &mut [f32],
        dw: &mut [f32],
    ) {
        let WeightsGradPlan { desc, geometry, arrangement, .. } = self.plan;
        // A zero that stands for an absent tap must not meet an infinity.
        let odd = |dy: &[f32]| self.plan.hangs_over_nothing() && !finite(simd, dy);
        let in_place = self.in_place(block).filter(|dy| !odd(dy));
        let masked = in_place.is_none() && {
            self.lay_left(simd, block, None, panels);
            odd(&panels[..self.chunk.len() * block.len()])
        };
        if arrangement.feed == Feed::Band {
            for segment in block.segments() {
                let band = &mut bands[segment.number * arrangement.band..];
                let gather =
                    self.gather(segment.image, Channels::of_tile(desc, self.first(), geometry.group_in));
                gather.band(simd, &self.walks, segment.ys, segment.xs, band);
            }
        }
        let [rows, cols] = desc.kernel;
        let taps = rows * cols;
        if !masked && arrangement.feed != Feed::Taps {
            return self.columns(simd, block, None, in_place, [panels, bands], right, dw);
        }
        for tap in 0..taps {
            let at = self.plan.window_tap(tap);
            let [r, s] = [at / cols, at % cols];
            if masked {
                self.lay_left(simd, block, Some([r, s]), panels);
            }
            if arrangement.feed == Feed::Taps {
                let channels = Channels { first: self.first(), ..tap_channels(geometry) };
                for segment in block.segments() {
                    let out = &mut bands[segment.at * channels.pitch()..];
                    let xs = segment.xs.clone();
                    let outputs = segment.ys.clone().flat_map(|y| xs.clone().map(move |x| [y, x]));
                    let gather = self.gather(segment.image, channels);
                    gather.windows(simd, &self.walks, outputs, r..r + 1, s..s + 1, out);
                }
            }
            self.columns(simd, block, Some(tap), in_place, [panels, bands], right, dw);
        }
    }

    /// A block of `dy` where it need not be laid out: all pixels lie at equal distances, with their channels side by side, and so few panels of
    /// columns pass over it that laying out would take as long as some of them.
    fn in_place(&self, block: &Block) -> Option<&[f32]> {
        /// Weights of an out channel: those of eight panels.
        const FEW: usize = 256;
        let WeightsGradPlan { desc, geometry, blocks, .. } = self.plan;
        let dst = &geometry.dst;
        let [height, width] = geometry.out_size;
        let even = desc.layout == Layout::Nhwc && dst.row == width * dst.pixel && blocks.cols() == width;
        let first = block.rows.start / height * dst.image + block.rows.start % height * dst.row;
        (even && self.plan.weights_of_one() <= FEW).then(|| &self.dy[first..][..block.len() * dst.pixel])
    }

    /// The first in channel of the group.
    fn first(&self) -> usize {
        self.group * self.plan.geometry.group_in
    }

    fn gather(&self, image: usize, channels: Channels) -> Gather<'_> {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        Gather {
            image: &self.src[image * geometry.src.image..],
            strides: geometry.src,
            size: desc.in_size,
            border: border(desc),
            channels,
        }
    }

    /// The out channels of the chunk in tiles of about the same size.
    fn tiles(&self) -> impl Iterator<Item = Range<usize>> + Clone + use<> {
        let Range { start, end } = self.chunk;
        let tiles = (end - start).div_ceil(self.plan.arrangement.tile);
        let (size, larger) = ((end - start) / tiles, (end - start) % tiles);
        (0..tiles).map(move |i| {
            let first = start + i * size + i.min(larger);
            first..first + size + usize::from(i < larger)
        })
    }

    /// Lays out `dy`, without the pixels at which a tap is absent if one is given.
    fn lay_left<S: Simd>(&self, simd: S, block: &Block, tap: Option<[usize; 2]>, panels: &mut [f32]) {
        let WeightsGradPlan { desc, geometry, .. } = self.plan;
        if desc.layout == Layout::Nhwc && tap.is_none() {
            let tiles = self.chunk.len().div_ceil(self.plan.arrangement.tile);
            for segment in block.segments() {
                left_pixels(simd, geometry, self.dy, &segment, &self.chunk, [tiles, block.len()], panels);
            }
            return;
        }
        for tile in self.tiles() {
            let m = tile.len();
            let panel = &mut panels[(tile.start - self.chunk.start) * block.len()..][..m * block.len()];
            for segment in block.segments() {
                let pixels = segment.ys.len() * segment.xs.len();
                let panel = &mut panel[segment.at * m..][..pixels * m];
                left(simd, desc.layout, geometry, self.dy, &segment, tile.clone(), panel);
                if let Some(tap) = tap {
                    clear_absent(&self.walks, tap, &segment, m, panel);
                }
            }
        }
    }

    /// All panels of columns, or those of a tap of the weights.
    #[expect(clippy::too_many_arguments, reason = "what a block has, and where its sums go")]
    fn columns<S: Simd>(
        &self,
        simd: S,
        block: &Block,
        tap: Option<usize>,
        in_place: Option<&[f32]>,
        [panels, bands]: [&[f32]; 2],
        right: &mut [f32],
        dw: &mut [f32],
    ) {
        let WeightsGradPlan { desc, geometry, arrangement, .. } = self.plan;
        let per = self.plan.weights_of_one();
        let depth = geometry.group_in;
        let all = match tap {
            Some(tap) => tap * depth..(tap + 1) * depth,
            None => 0..per,
        };
        for first in all.clone().step_by(outer::VECTORS * S::LANES) {
            let lanes = first..(first + outer::VECTORS * S::LANES).min(all.end);
            let vectors = lanes.len().div_ceil(S::LANES);
            let width = vectors * S::LANES;
            let right = &mut right[..block.len() * width];
            for segment in block.segments() {
                let out = &mut right[segment.at * width..];
                let source = match arrangement.feed {
                    Feed::Planes => {
                        let channels = self.first() + lanes.start..self.first() + lanes.end;
                        planes(
                            simd,
                            &geometry.src,
                            geometry.out_size[1],
                            self.src,
                            &segment,
                            channels,
                            width,
                            out,
                        );
                        continue;
                    }
                    Feed::InPlace => Source {
                        data: &self.src[geometry.src.at(segment.image, self.first(), 0, 0)..],
                        row: geometry.src.row,
                        pixel: geometry.src.pixel,
                        origin: [0, 0],
                        size: desc.in_size,
                        every: [1, 1],
                    },
                    Feed::Band => {
                        let data = &bands[segment.number * arrangement.band..];
                        source(desc, geometry, [segment.ys.clone(), segment.xs.clone()], data)
                    }
                    Feed::Taps => {
                        let pixel = tap_channels(geometry).pitch();
                        let row = segment.xs.len() * pixel;
                        let data = &bands[segment.at * pixel..];
                        let source = Source {
                            data,
                            row,
                            pixel,
                            origin: [0, 0],
                            size: [segment.ys.len(), segment.xs.len()],
                            every: [1, 1],
                        };
                        let columns = Columns { desc, depth, source, first: 0, steps: [row, pixel] };
                        columns.run(simd, lanes.start - all.start, lanes.len(), width, &segment, out);
                        continue;
                    }
                };
                let at = |axis: usize, at: usize| self.walks[axis].position(at, 0);
                let first = source.at(at(0, segment.ys.start), at(1, segment.xs.start));
                let columns = Columns { desc, depth, source, first, steps: source.steps(desc.stride) };
                columns.panel(simd, lanes.clone(), width, &segment, out);
            }
            for tile in self.tiles() {
                let k = tile.start - self.chunk.start;
                let m = tile.len();
                let left = match in_place {
                    Some(dy) => Left { data: &dy[tile.start..], step: geometry.dst.pixel },
                    None => Left { data: &panels[k * block.len()..][..m * block.len()], step: m },
                };
                let target = Target {
                    dst: &mut dw[k * per + lanes.start..],
                    step: per,
                    lanes: lanes.len(),
                    add: !block.first,
                };
                outer::run(simd, left, right, [m, vectors], target);
            }
        }
    }
}

impl WeightsGradPlan {
    /// Weights of one out channel.
    pub(super) fn weights_of_one(&self) -> usize {
        self.desc.kernel[0] * self.desc.kernel[1] * self.geometry.group_in
    }

    /// From the order of sums, tap by tap, to that of the layout, in channel by in channel.
    pub(super) fn reorder<S: Simd>(&self, simd: S, dw: &mut [f32], scratch: &mut [f32]) {
        let (taps, depth) = (self.desc.kernel[0] * self.desc.kernel[1], self.geometry.group_in);
        if self.desc.layout == Layout::Nhwc || taps == 1 || depth == 1 {
            return;
        }
        for dw in dw.chunks_exact_mut(taps * depth) {
            let copy = &mut scratch[..taps * depth];
            copy.copy_from_slice(dw);
            transpose_into(simd, copy, depth, [taps, depth], dw, taps);
        }
    }
}
