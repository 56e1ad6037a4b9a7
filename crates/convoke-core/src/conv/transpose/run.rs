//! The walk of a transposed convolution: bands of output rows, and for each of them the phases, one ordinary convolution
//! after the other; then what a border adds, where it shows the image. The phases' outputs lie a stride apart: the kernels write pixels (NHWC) where they belong. Planes (NCHW) would be
//! written value by value, so there a strip of each phase is made in scratch and the strips are woven together.

use core::ops::Range;

use convoke_simd::{Kernel, Simd};

use super::axis::{Phase, Run};
use super::fold;
use super::phases::Phases;
use crate::Activation;
use crate::conv::desc::Conv2dDesc;
use crate::conv::geometry::Geometry;
use crate::conv::methods::Layered;
use crate::conv::operands::Operands;
use crate::conv::part::Part;
use crate::kernel::weave;

impl Layered for Phases {
    fn layer(&self) -> &Conv2dDesc {
        &self.layer
    }

    fn sizes(&self) -> &Geometry {
        &self.geometry
    }

    fn body_len(&self) -> usize {
        self.body[0] + self.body[1]
    }

    fn identity(&self) -> u64 {
        self.identity
    }

    fn needs_scratch(&self) -> usize {
        self.scratch
    }

    fn granule(&self) -> usize {
        self.granule
    }

    fn run_checked(
        &self,
        part: &Part,
        operands: &Operands<'_>,
        weights: &[f32],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let (weights, border) = weights.split_at(self.body[0]);
        if part.images().is_empty() || part.rows.is_empty() {
            return;
        }
        let rows = part.rows.clone();
        let band = self.band();
        for image in part.images() {
            let channels = part.channels(image);
            for y in rows.clone().step_by(band) {
                let ys = y..(y + band).min(rows.end);
                if let Some(strip) = self.strip {
                    let ends = channels.clone().step_by(strip.channels);
                    for some in ends.map(|k| k..(k + strip.channels).min(channels.end)) {
                        self.run_strips(part, image, some, ys.clone(), operands, weights, dst, scratch);
                    }
                } else {
                    let first = image * self.layer.out_channels;
                    let planes = first + channels.start..first + channels.end;
                    self.run_bands(part, planes, ys, operands, weights, dst, scratch);
                }
            }
        }
        if let Some(fold) = &self.fold {
            let dy = operands.src;
            self.level.dispatch(fold::Run { phases: self, fold, part, weights: border, dy, dx: dst });
        }
    }
}

impl Phases {
    /// All phases of some output rows of some planes, straight to `dst`.
    #[expect(clippy::too_many_arguments, reason = "what a run has, and what of it is wanted")]
    fn run_bands(
        &self,
        part: &Part,
        planes: Range<usize>,
        ys: Range<usize>,
        operands: &Operands<'_>,
        weights: &[f32],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let stride = self.axes[0].stride;
        self.each(|[rows, cols], plan, at| {
            let wanted = self.rows_of(rows, &ys);
            if wanted.is_empty() {
                return;
            }
            let first = [rows.first, cols.first];
            let (part, shift) = part.every(planes.clone(), wanted, first, stride, plan.geometry.dst);
            let residual = operands.residual.map(|residual| {
                &residual[rows.first * self.geometry.dst.row + cols.first * self.geometry.dst.pixel..]
            });
            let operands = Operands { src: self.src_of([rows, cols], operands.src), residual, ..*operands };
            plan.run_checked(&part, &operands, &weights[at..][..plan.body_len()], &mut dst[shift..], scratch);
        });
    }

    /// All phases of some output rows of some channels of an image, by strips.
    #[expect(clippy::too_many_arguments, reason = "what a run has, and what of it is wanted")]
    fn run_strips(
        &self,
        part: &Part,
        image: usize,
        channels: Range<usize>,
        ys: Range<usize>,
        operands: &Operands<'_>,
        weights: &[f32],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        let Some(strip) = self.strip else { return };
        let (strips, scratch) = scratch.split_at_mut(strip.len);
        let planes = self.layer.out_channels;
        for rows in self.axes[0].runs().flat_map(Run::phases) {
            let down = self.rows_of(&rows, &ys);
            if down.is_empty() {
                continue;
            }
            let mut end = 0;
            self.each_of_row(&rows, |cols, plan, at| {
                let all = image * planes + channels.start..image * planes + channels.end;
                let part = Part::strip(all, down.clone(), cols.count, planes);
                let src = self.src_of([&rows, cols], operands.src);
                let operands = Operands { src, residual: None, ..*operands };
                let len = channels.len() * down.len() * cols.count;
                let out = &mut strips[end..end + len];
                plan.run_checked(&part, &operands, &weights[at..][..plan.body_len()], out, scratch);
                end += len;
            });
            self.level.dispatch(Weave {
                phases: self,
                part,
                rows: &rows,
                down,
                image,
                channels: channels.clone(),
                strips: &strips[..end],
                residual: operands.residual,
                dst: &mut *dst,
            });
        }
    }

    /// The phases of columns that meet a phase of rows.
    fn each_of_row(
        &self,
        wanted: &Phase,
        mut visit: impl FnMut(&Phase, &crate::conv::plan::Conv2dPlan, usize),
    ) {
        self.each(|[rows, cols], plan, at| {
            if rows.first == wanted.first {
                visit(cols, plan, at);
            }
        });
    }

    /// The outputs of a phase that are among some rows.
    fn rows_of(&self, phase: &Phase, ys: &Range<usize>) -> Range<usize> {
        let stride = self.axes[0].stride;
        let before = |edge: usize| edge.saturating_sub(phase.first).div_ceil(stride).min(phase.count);
        before(ys.start)..before(ys.end)
    }

    /// The input from the first pixel on that a phase reads.
    fn src_of<'a>(&self, [rows, cols]: [&Phase; 2], src: &'a [f32]) -> &'a [f32] {
        &src[rows.skip * self.geometry.src.row + cols.skip * self.geometry.src.pixel..]
    }
}

/// Weaves the columns of strips together.
struct Weave<'a> {
    phases: &'a Phases,
    part: &'a Part,
    rows: &'a Phase,
    /// Rows of the phase.
    down: Range<usize>,
    image: usize,
    channels: Range<usize>,
    strips: &'a [f32],
    residual: Option<&'a [f32]>,
    dst: &'a mut [f32],
}

impl Kernel for Weave<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { phases, part, rows, down, image, channels, strips, residual, dst } = self;
        let [vertical, horizontal] = phases.axes;
        let plane = channels.len() * down.len();
        for (c, k) in channels.enumerate() {
            for (i, q) in down.clone().enumerate() {
                let y = rows.first + q * vertical.stride;
                let out = &mut dst[part.at(image, k, y, 0)..][..horizontal.out];
                weave::row(simd, strips, plane, c * down.len() + i, horizontal.stride, out);
                let residual = residual.map(
                    #[inline(always)]
                    |residual| &residual[phases.geometry.dst.at(image, k, y, 0)..][..horizontal.out],
                );
                if residual.is_some() || phases.finish != Activation::None {
                    weave::finish(simd, residual, phases.finish, out);
                }
            }
        }
    }
}
