//! The walks of a locally connected layer and of its gradients: blocks of images, rows of outputs, groups. Each is a kernel of one call.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::plan::LocallyConnected2dPlan;
use super::taps::Taps;
use super::turn::{Block, Row};
use crate::kernel::local::{Field, SPREAD, panel, products};
use crate::kernel::transpose::MAX_LANES;

/// Elements of a cache line.
const ALIGN: usize = 16;

/// Scratch from a cache line on, cut into turned images with their constant place, and the rest: a turned row of outputs, and a panel.
fn cut(scratch: &mut [f32], images: usize, width: usize) -> (&mut [f32], &mut [f32]) {
    let start = scratch.as_ptr().align_offset(ALIGN * size_of::<f32>()).min(ALIGN);
    scratch[start..].split_at_mut((images + 1) * width)
}

/// Brings whole images side by side, and what a constant border shows behind them.
#[inline(always)]
fn turn_images<S: Simd>(simd: S, block: &Block, taps: &Taps, src: &[f32], image: usize, turned: &mut [f32]) {
    block.turn(simd, src, image, 0, image, turned);
    let constant = &mut turned[image * block.width..][..block.width];
    constant.fill(0.0);
    constant[..block.images.len()].fill(taps.constant());
}

/// The layer for some images.
pub(super) struct Forward<'a> {
    pub(super) plan: &'a LocallyConnected2dPlan,
    pub(super) images: Range<usize>,
    pub(super) src: &'a [f32],
    pub(super) weights: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    /// Of these images.
    pub(super) dst: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, images, src, weights, bias, dst, scratch } = self;
        let geometry = &plan.geometry;
        let taps = Taps::new(&plan.desc, geometry);
        let [rows, cols] = geometry.out_size;
        let row = Row::new(&plan.desc, &geometry.dst, cols);
        let set = plan.set();
        for block in Block::all(images.clone()) {
            let width = block.width;
            let (turned, out) = cut(scratch, geometry.src.image, width);
            turn_images(simd, &block, &taps, src, geometry.src.image, turned);
            let block =
                Block { images: block.images.start - images.start..block.images.end - images.start, width };
            for y in 0..rows {
                for x in 0..cols {
                    for group in 0..plan.desc.groups {
                        let first = group * geometry.group_out;
                        let at = (y * cols + x) * geometry.weights_len + first * set;
                        let field = Field {
                            taps: &taps,
                            at: [y, x],
                            first: group * geometry.group_in,
                            weights: &weights[at..][..geometry.group_out * set],
                            set,
                            width,
                        };
                        let out = &mut out[(x * row.pixel + first * row.channel) * width..];
                        field.sums(simd, geometry.group_out, turned, out, row.channel * width);
                    }
                }
                if bias.is_some() || plan.desc.activation != crate::Activation::None {
                    finish(simd, plan, &row, y, bias, &mut out[..row.places() * width], width);
                }
                row.turn_back(simd, &block, out, y, dst);
            }
        }
    }
}

/// Bias and activation of a turned row.
#[inline(always)]
fn finish<S: Simd>(
    simd: S,
    plan: &LocallyConnected2dPlan,
    row: &Row,
    y: usize,
    bias: Option<&[f32]>,
    out: &mut [f32],
    width: usize,
) {
    let [_, cols] = plan.geometry.out_size;
    let dst = &plan.geometry.dst;
    for k in 0..plan.desc.out_channels {
        for x in 0..cols {
            let bias = bias.map_or(-0.0, |bias| bias[dst.at(0, k, y, x)]);
            let bias = simd.splat(bias);
            let at = (x * row.pixel + k * row.channel) * width;
            for sums in out[at..at + width].chunks_exact_mut(S::LANES) {
                let sum = simd.add(simd.load(sums), bias);
                simd.store(plan.desc.activation.apply(simd, sum), sums);
            }
        }
    }
}

/// The gradient with respect to the input, for some images.
pub(super) struct InputGrad<'a> {
    pub(super) plan: &'a LocallyConnected2dPlan,
    pub(super) images: Range<usize>,
    pub(super) dy: &'a [f32],
    pub(super) weights: &'a [f32],
    /// Of these images.
    pub(super) dx: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl Kernel for InputGrad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, images, dy, weights, dx, scratch } = self;
        let geometry = &plan.geometry;
        let taps = Taps::new(&plan.desc, geometry);
        let [rows, cols] = geometry.out_size;
        let row = Row::new(&plan.desc, &geometry.dst, cols);
        let (set, image) = (plan.set(), geometry.src.image);
        for block in Block::all(images.clone()) {
            let width = block.width;
            let (turned, grads) = cut(scratch, image, width);
            turned[..image * width].fill(0.0);
            for y in 0..rows {
                row.turn(simd, &block, dy, y, grads);
                for x in 0..cols {
                    for first in (0..plan.desc.out_channels).step_by(geometry.group_out) {
                        for k in (first..first + geometry.group_out).step_by(SPREAD) {
                            let count = SPREAD.min(first + geometry.group_out - k);
                            let at = (y * cols + x) * geometry.weights_len + k * set;
                            let field = Field {
                                taps: &taps,
                                at: [y, x],
                                first: first / geometry.group_out * geometry.group_in,
                                weights: &weights[at..][..count * set],
                                set,
                                width,
                            };
                            let grads = &grads[(x * row.pixel + k * row.channel) * width..];
                            field.spread(simd, count, grads, row.channel * width, turned);
                        }
                    }
                }
            }
            let block =
                Block { images: block.images.start - images.start..block.images.end - images.start, width };
            block.turn_back(simd, turned, image, image, 0, dx);
        }
    }
}

/// The gradient with respect to the weights of some outputs, counted row by row.
pub(super) struct WeightsGrad<'a> {
    pub(super) plan: &'a LocallyConnected2dPlan,
    pub(super) outputs: Range<usize>,
    pub(super) dy: &'a [f32],
    pub(super) src: &'a [f32],
    /// Of these outputs.
    pub(super) dw: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
}

impl Kernel for WeightsGrad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, outputs, dy, src, dw, scratch } = self;
        let geometry = &plan.geometry;
        let taps = Taps::new(&plan.desc, geometry);
        let [_, cols] = geometry.out_size;
        let row = Row::new(&plan.desc, &geometry.dst, cols);
        let set = plan.set();
        for (number, block) in Block::all(0..plan.desc.batch).enumerate() {
            let width = block.width;
            let (turned, rest) = cut(scratch, geometry.src.image, width);
            let (grads, pixels) = rest.split_at_mut(row.places() * width);
            turn_images(simd, &block, &taps, src, geometry.src.image, turned);
            let mut there = None;
            for output in outputs.clone() {
                let (y, x) = (output / cols, output % cols);
                if there != Some(y) {
                    row.turn(simd, &block, dy, y, grads);
                    there = Some(y);
                }
                let dw = &mut dw[(output - outputs.start) * geometry.weights_len..][..geometry.weights_len];
                for group in 0..plan.desc.groups {
                    let mut next = taps.places([y, x], group);
                    for i in (0..set).step_by(S::LANES) {
                        let count = S::LANES.min(set - i);
                        // Absent taps are computed where there is a constant, and then put right.
                        let mut places = [geometry.src.image; MAX_LANES];
                        let mut present = [0.0; MAX_LANES];
                        for lane in 0..count {
                            if let Some(place) = next.next() {
                                (places[lane], present[lane]) = (place, 1.0);
                            }
                        }
                        let present = simd.load(&present);
                        let zero = simd.splat(0.0);
                        panel(simd, turned, &places, width, pixels);
                        let end = (group + 1) * geometry.group_out;
                        for k in (group * geometry.group_out..end).step_by(SPREAD) {
                            let channels = SPREAD.min(end - k);
                            let grads = &grads[(x * row.pixel + k * row.channel) * width..];
                            let mut sums = [0.0; SPREAD * MAX_LANES];
                            let (step, images) = (row.channel * width, block.images.len());
                            products(simd, channels, pixels, grads, step, images, &mut sums);
                            for m in 0..channels {
                                let sum = simd.load(&sums[m * MAX_LANES..]);
                                let mut sum = simd.select_lt(zero, present, sum, zero);
                                let dw = &mut dw[(k + m) * set + i..][..count];
                                if number > 0 {
                                    sum = simd.add(simd.load_first(dw), sum);
                                }
                                simd.store_first(sum, dw);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The gradient with respect to some biases: sums over the images in order.
pub(super) struct BiasGrad<'a> {
    pub(super) dy: &'a [f32],
    pub(super) image: usize,
    pub(super) places: Range<usize>,
    pub(super) db: &'a mut [f32],
}

impl Kernel for BiasGrad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (at, db) in self.places.step_by(S::LANES).zip(self.db.chunks_mut(S::LANES)) {
            let mut sum = simd.splat(0.0);
            for dy in self.dy.chunks_exact(self.image) {
                sum = simd.add(sum, simd.load_first(&dy[at..][..db.len()]));
            }
            simd.store_first(sum, db);
        }
    }
}
