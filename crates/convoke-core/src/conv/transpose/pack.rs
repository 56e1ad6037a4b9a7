//! Weights of a transposed convolution in the order in which the kernels read those of its phases: for each phase what an
//! ordinary plan would pack if it were given that phase's taps, in descending order, with in and out channels exchanged. All
//! weights are packed by all phases together just once, so packing takes about as long as that of an ordinary layer.

use convoke_simd::{Kernel, Simd};

use super::axis::Phase;
use super::fold;
use super::phases::{Phases, is_empty, is_staged};
use crate::conv::desc::{Layout, Mode};
use crate::conv::lanes;
use crate::conv::methods::Layered;
use crate::conv::pack::tap_place;
use crate::conv::packed::Packed;
use crate::conv::plan::Conv2dPlan;
use crate::conv::route::Route;
use crate::conv::turned::Turn;
use crate::error::{Error, check_len};
use crate::kernel::finite::Finite;
use crate::kernel::transpose::transpose_to;

/// Most taps of a kernel whose places are looked up.
const TABLE: usize = 128;

/// Writes the weights of all phases; `packed` starts as zeros.
pub(super) struct Pack<'a> {
    pub(super) phases: &'a Phases,
    pub(super) weights: &'a [f32],
    pub(super) packed: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { phases, weights, packed } = self;
        phases.each(
            #[inline(always)]
            |phase, plan, at| {
                if is_empty(phase) {
                    return;
                }
                let (packed, behind) = packed[at..].split_at_mut(plan.body_len());
                let source = Weights { phases, phase, weights };
                if is_staged(plan) {
                    source.stage(plan, packed, behind);
                } else {
                    source.pack(simd, plan, packed);
                }
            },
        );
    }
}

impl Phases {
    /// All of them.
    pub(super) fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error> {
        check_len("weights", self.geometry.weights_len, weights.len())?;
        let finite = self.level.dispatch(Finite(weights));
        Packed::make(buffer, self.body_len(), self.identity(), finite, |packed| {
            let (packed, border) = packed.split_at_mut(self.body[0]);
            self.level.dispatch(Pack { phases: self, weights, packed });
            if self.fold.is_some() {
                fold::pack(self, weights, border);
            }
        })
    }
}

/// The weights of a phase.
struct Weights<'a> {
    phases: &'a Phases,
    phase: [&'a Phase; 2],
    weights: &'a [f32],
}

impl Weights<'_> {
    /// The tap of the kernel, as it lies in the weights, that tap `[r, s]` of the phase is.
    #[inline(always)]
    fn tap(&self, [r, s]: [usize; 2]) -> usize {
        let [rows, cols] = self.phases.layer.kernel;
        let tap = |phase: &Phase, at: usize| phase.tap + (phase.taps - 1 - at) * phase.step;
        let tap = tap(self.phase[0], r) * cols + tap(self.phase[1], s);
        match self.phases.layer.mode {
            Mode::Correlate => tap,
            Mode::Convolve => rows * cols - 1 - tap,
        }
    }

    /// Whether out channels of a group lie side by side. Where a group has one, both layouts are the same.
    #[inline(always)]
    fn beside(&self) -> bool {
        self.phases.layer.layout == Layout::Nhwc && self.phases.geometry.group_out > 1
    }

    /// Where the weight of an in channel, an out channel of its group and a tap lies. Where groups have one channel, the out
    /// channels of those behind follow too.
    #[inline(always)]
    fn place(&self, c: usize, k: usize, tap: usize) -> usize {
        let [rows, cols] = self.phases.layer.kernel;
        let out = self.phases.geometry.group_out;
        if self.beside() { (c * rows * cols + tap) * out + k } else { (c * out + k) * rows * cols + tap }
    }

    /// In the order of blocks of out channels: for each tap and in channel a block's width of them side by side.
    #[inline(always)]
    fn pack<S: Simd>(&self, simd: S, plan: &Conv2dPlan, packed: &mut [f32]) {
        // Blocks count the out channels of a group, or of all groups where either has one.
        let blocks = plan.blocks;
        let out = plan.geometry.group_out;
        let taps = self.phases.layer.kernel[0] * self.phases.layer.kernel[1];
        let beside = self.beside() || taps == 1;
        for (number, packed) in packed.chunks_exact_mut(blocks.len()).enumerate() {
            if beside {
                self.rows(simd, plan, number, packed);
                continue;
            }
            for block in blocks.iter() {
                let first = number * blocks.channels + block.first;
                let packed = &mut packed[block.weights..];
                let size = [block.vectors * blocks.lanes, block.channels];
                if taps <= TABLE && block.channels > 1 {
                    self.squares(simd, plan, [first / out, first % out], size, packed);
                } else {
                    self.one_by_one(plan, [first / out, first % out], size, packed);
                }
            }
        }
    }

    /// Where out channels lie side by side, rows of them are copied. A few in channels at a time, so that what is read is a
    /// few streams, and what is written too.
    #[inline(never)]
    fn rows<S: Simd>(&self, simd: S, plan: &Conv2dPlan, number: usize, packed: &mut [f32]) {
        const STREAMS: usize = 16;
        let ([rows, cols], depth, out) = (plan.desc.kernel, plan.geometry.group_in, plan.geometry.group_out);
        let blocks = plan.blocks;
        simd.vectorize(
            #[inline(always)]
            || {
                for few in (0..depth).step_by(STREAMS) {
                    for tap in 0..rows * cols {
                        let place = self.tap([tap / cols, tap % cols]);
                        for block in blocks.iter() {
                            let width = block.vectors * blocks.lanes;
                            let first = number * blocks.channels + block.first;
                            let (group, k) = (first / out, first % out);
                            let packed = &mut packed[block.weights + tap * depth * width..];
                            for c in few..(few + STREAMS).min(depth) {
                                let from = self.place(group * depth + c, k, place);
                                let from = &self.weights[from..][..block.channels];
                                copy(simd, from, &mut packed[c * width..][..width]);
                            }
                        }
                    }
                }
            },
        );
    }

    /// Where the taps of an out channel lie side by side, those of a block and one in channel are a matrix, which changes places in
    /// registers; columns of other phases are left out.
    #[inline(never)]
    fn squares<S: Simd>(
        &self,
        simd: S,
        plan: &Conv2dPlan,
        [group, k]: [usize; 2],
        [width, channels]: [usize; 2],
        packed: &mut [f32],
    ) {
        let ([rows, cols], depth) = (plan.desc.kernel, plan.geometry.group_in);
        let taps = self.phases.layer.kernel[0] * self.phases.layer.kernel[1];
        let mut steps = [usize::MAX; TABLE];
        for tap in 0..rows * cols {
            steps[self.tap([tap / cols, tap % cols])] = tap * depth;
        }
        simd.vectorize(
            #[inline(always)]
            || {
                for c in 0..depth {
                    let weights = &self.weights[self.place(group * depth + c, k, 0)..];
                    transpose_to(
                        simd,
                        weights,
                        taps,
                        [channels, taps],
                        packed,
                        #[inline(always)]
                        |tap| match steps[tap] {
                            usize::MAX => usize::MAX,
                            step => (step + c) * width,
                        },
                    );
                }
            },
        );
    }

    fn one_by_one(
        &self,
        plan: &Conv2dPlan,
        [group, k]: [usize; 2],
        [width, channels]: [usize; 2],
        packed: &mut [f32],
    ) {
        let ([rows, cols], depth) = (plan.desc.kernel, plan.geometry.group_in);
        for tap in 0..rows * cols {
            let from = self.tap([tap / cols, tap % cols]);
            for c in 0..depth {
                for lane in 0..channels {
                    packed[(tap * depth + c) * width + lane] =
                        self.weights[self.place(group * depth + c, k + lane, from)];
                }
            }
        }
    }

    /// By the plan itself, from weights that are turned beforehand.
    fn stage(&self, plan: &Conv2dPlan, packed: &mut [f32], behind: &mut [f32]) {
        let Conv2dPlan { desc, geometry, .. } = plan;
        let (Route::Lanes(_, blocks) | Route::Turned(Turn { blocks, .. })) = plan.route else { return };
        let [rows, cols] = desc.kernel;
        let steps = rows * cols * geometry.group_in;
        let staged = &mut behind[..geometry.weights_len];
        for (k, staged) in staged.chunks_exact_mut(steps).enumerate() {
            let (group, k) = (k / geometry.group_out, k % geometry.group_out);
            for tap in 0..rows * cols {
                // The plan turns them again.
                let turned = match desc.mode {
                    Mode::Correlate => tap,
                    Mode::Convolve => rows * cols - 1 - tap,
                };
                let from = self.tap([turned / cols, turned % cols]);
                for c in 0..geometry.group_in {
                    staged[tap_place(desc, geometry, tap, c)] =
                        self.weights[self.place(group * geometry.group_in + c, k, from)];
                }
            }
        }
        lanes::pack(desc, geometry, blocks, plan.level, staged, packed);
        staged.fill(0.0);
    }
}

/// Copies a row of weights in whole vectors, as far as it goes.
#[inline(always)]
fn copy<S: Simd>(simd: S, from: &[f32], to: &mut [f32]) {
    if from.len() == 1 {
        to[0] = from[0];
        return;
    }
    for (from, to) in from.chunks(S::LANES).zip(to.chunks_mut(S::LANES)) {
        simd.store_first(simd.load_first(from), &mut to[..from.len()]);
    }
}
