//! The walk for planes: NCHW layers with few out channels per group, depthwise above all. Pixels are lanes here, and
//! each out channel is a mask over the planes of its group: the kernel is that of picture filters.
//!
//! Rows are gathered with their border in place. A horizontal stride is taken apart on the way: columns that are a
//! stride away from each other are laid side by side, so that the kernel only ever sees stride 1.

use core::ops::Range;

use convoke_simd::Simd;

use super::desc::Conv2dDesc;
use super::geometry::Geometry;
use super::operands::Operands;
use super::part::Part;
use super::plan::Conv2dPlan;
use super::window::{Span, Walk};
use crate::error::{Error, checked_len};
use crate::kernel::lanes::curve;
use crate::kernel::plane::{self, Rows, Sink, Taps};
use crate::kernel::rows::{self, Phases};
use crate::{Activation, Border, Level};

/// Elements that one band of gathered rows aims at: half of a first-level cache for a depthwise layer would be less,
/// but the rows are read in order and come from the second level in time.
const BAND: usize = 24 * 1024;

/// Columns of taps whose places are computed beforehand.
const TABLE: usize = 64;

/// How rows are laid out in scratch: for each in channel, for each column of the stride, the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowLayout {
    phases: Phases,
    /// Elements of one row.
    pitch: usize,
    /// Output rows of a band.
    rows: usize,
}

impl RowLayout {
    /// The layout and the length of the scratch, or an error if a band does not fit in memory.
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> Result<(Self, usize), Error> {
        let phases = desc.stride[1].min(1 + (desc.kernel[1] - 1).saturating_mul(desc.dilation[1]));
        let reach = (desc.kernel[1] - 1) * desc.dilation[1] / desc.stride[1];
        // A window cut short may start at the last output, and is read in whole vectors all the same.
        let used = geometry.out_size[1] + reach;
        let len = used + rows::OVER * level.lanes();
        let phases =
            Phases { stride: desc.stride[1], before: geometry.pad_before[1], count: phases, used, len };
        let pitch = checked_len("scratch", &[geometry.group_in, phases.count, phases.len])?;
        let in_rows = |rows: usize| (rows - 1) * desc.stride[0] + desc.kernel[0];
        // At least a tile's height, so that loads are shared by rows; at most what fits, or is there.
        let fitting = (BAND / pitch).saturating_sub(desc.kernel[0]) / desc.stride[0];
        let rows = fitting.clamp(plane::TILE_ROWS, geometry.out_size[0].max(plane::TILE_ROWS));
        let rows = rows.min(geometry.out_size[0]);
        // Behind the rows, the weights of a window cut short by the border.
        let taps = desc.kernel[0] * desc.kernel[1] * geometry.group_in;
        let len = checked_len("scratch", &[in_rows(rows), pitch])?;
        let len = checked_len("scratch", &[len.saturating_add(taps)])?;
        Ok((Self { phases, pitch, rows }, len))
    }

    /// Whether a band holds at most `most` times the elements that its outputs read.
    pub(crate) fn is_dense(&self, desc: &Conv2dDesc, geometry: &Geometry, most: usize) -> bool {
        let [r, s] = desc.kernel;
        let rows = (self.rows - 1) * desc.stride[0] + r;
        let held = rows.saturating_mul(self.phases.count).saturating_mul(self.phases.used);
        let factors = [self.rows, geometry.out_size[1], r, s];
        held <= factors.into_iter().fold(most, usize::saturating_mul)
    }
}

/// The walk's fixed data.
pub(crate) struct Planes<'a> {
    pub(crate) plan: &'a Conv2dPlan,
    pub(crate) layout: RowLayout,
    pub(crate) part: &'a Part,
    pub(crate) operands: &'a Operands<'a>,
    pub(crate) weights: &'a [f32],
    pub(crate) walks: [Walk; 2],
}

/// A band of gathered rows, of the in channels of one group.
struct Band<'a> {
    rows: &'a [f32],
    /// The output row whose window starts at the first of them.
    first: usize,
    image: usize,
}

impl Planes<'_> {
    pub(crate) fn run<S: Simd>(&self, simd: S, dst: &mut [f32], scratch: &mut [f32]) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let out = geometry.group_out;
        for image in self.part.images() {
            let channels = self.part.channels(image);
            if channels.is_empty() || self.part.rows.is_empty() {
                continue;
            }
            for group in channels.start / out..channels.end.div_ceil(out) {
                let wanted = channels.start.max(group * out)..channels.end.min((group + 1) * out);
                let planes = &self.operands.src[geometry.src.at(image, group * geometry.group_in, 0, 0)..];
                let rows = self.part.rows.clone();
                for y in rows.clone().step_by(self.layout.rows) {
                    let ys = y..(y + self.layout.rows).min(rows.end);
                    let in_rows = (ys.len() - 1) * desc.stride[0] + desc.kernel[0];
                    let (band, cut) = scratch.split_at_mut(in_rows * self.layout.pitch);
                    self.gather(simd, planes, self.walks[0].position(y, 0), band);
                    let band = Band { rows: band, first: y, image };
                    for k in wanted.clone() {
                        self.run_plane(simd, &band, k, ys.clone(), dst, cut);
                    }
                }
            }
        }
    }

    /// Rows of all in channels of a group, from `first` on, which is counted from the first row of the image, with their
    /// border.
    fn gather<S: Simd>(&self, simd: S, planes: &[f32], first: isize, band: &mut [f32]) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let RowLayout { phases, pitch, .. } = self.layout;
        let width = desc.in_size[1];
        let lay = phases.lay(width);
        simd.vectorize(
            #[inline(always)]
            || {
                for (y, out) in (first..).zip(band.chunks_exact_mut(pitch)) {
                    let Some(y) = desc.border.index(y, desc.in_size[0]) else {
                        out.fill(desc.border.outside());
                        continue;
                    };
                    let planes = &planes[y * geometry.src.row..];
                    for (c, out) in out.chunks_exact_mut(phases.count * phases.len).enumerate() {
                        let row = &planes[c * geometry.src.channel..][..width];
                        lay.row(simd, row, desc.border.outside(), out);
                    }
                }
            },
        );
        if matches!(desc.border, Border::Zero | Border::Constant(_)) {
            return;
        }
        for (y, out) in (first..).zip(band.chunks_exact_mut(pitch)) {
            let Some(y) = desc.border.index(y, desc.in_size[0]) else { continue };
            for (c, out) in out.chunks_exact_mut(phases.count * phases.len).enumerate() {
                let row = &planes[c * geometry.src.channel + y * geometry.src.row..][..width];
                for (p, out) in out.chunks_exact_mut(phases.len).enumerate() {
                    let ([start, end], _) = phases.inside(p, width);
                    for i in (0..start).chain(end..phases.used) {
                        let x = (i * phases.stride + p) as isize - phases.before as isize;
                        out[i] = desc.border.index(x, width).map_or(desc.border.outside(), |x| row[x]);
                    }
                }
            }
        }
    }

    /// Output rows `ys` of out channel `k`.
    fn run_plane<S: Simd>(
        &self,
        simd: S,
        band: &Band<'_>,
        k: usize,
        ys: Range<usize>,
        dst: &mut [f32],
        cut: &mut [f32],
    ) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let taps = desc.kernel[0] * desc.kernel[1] * geometry.group_in;
        let weights = &self.weights[k * taps..][..taps];
        let [rows, cols] = [ys, 0..geometry.out_size[1]];
        if desc.border == Border::Zero && !self.operands.weights.is_finite() {
            // A zero that stands for nothing must not meet an infinite weight: outputs that share their taps are made
            // together, with just the weights of those.
            for ys in self.walks[0].spans(rows) {
                for xs in self.walks[1].spans(cols.clone()) {
                    let run = xs.taps.len() * geometry.group_in;
                    let cut = &mut cut[..ys.taps.len() * run];
                    for (r, cut) in ys.taps.clone().zip(cut.chunks_exact_mut(run.max(1))) {
                        let first = (r * desc.kernel[1] + xs.taps.start) * geometry.group_in;
                        cut.copy_from_slice(&weights[first..][..run]);
                    }
                    self.run_window(simd, band, k, cut, &[ys.clone(), xs], dst);
                }
            }
        } else {
            let spans = [
                Span { outputs: rows, taps: 0..desc.kernel[0] },
                Span { outputs: cols, taps: 0..desc.kernel[1] },
            ];
            self.run_window(simd, band, k, weights, &spans, dst);
        }
    }

    /// Outputs that share their taps; `weights` are those of these taps.
    fn run_window<S: Simd>(
        &self,
        simd: S,
        band: &Band<'_>,
        k: usize,
        weights: &[f32],
        [ys, xs]: &[Span; 2],
        dst: &mut [f32],
    ) {
        let Conv2dPlan { desc, geometry, .. } = self.plan;
        let RowLayout { phases: Phases { len: phase, count: phases, .. }, pitch, .. } = self.layout;
        let depth = geometry.group_in;
        let (stride, dilation) = (desc.stride[1], desc.dilation[1]);
        // Outputs that see no row read none, wherever their taps would start.
        let first_row = match ys.taps.len() {
            0 => 0,
            _ => (ys.outputs.start - band.first) * desc.stride[0] + ys.taps.start,
        };
        let first_tap = xs.taps.start;
        let place = |col: usize| {
            let column = (first_tap + col / depth) * dilation;
            (col % depth * phases + column % stride) * phase + column / stride
        };
        // Divisions cost more than the multiply-adds of a column; most masks fit a table of their results.
        let mut table = [0; TABLE];
        for (col, at) in table.iter_mut().enumerate().take(xs.taps.len() * depth) {
            *at = place(col);
        }
        let taps = Taps {
            weights,
            rows: ys.taps.len(),
            cols: xs.taps.len() * depth,
            row_stride: desc.stride[0],
            offset: |col: usize| table.get(col).copied().unwrap_or_else(|| place(col)),
        };
        let rows = Rows {
            data: &band.rows[first_row * pitch + xs.outputs.start..],
            pitch,
            first: 0,
            count: usize::MAX,
            from_memory: false,
        };
        let (y, x) = (ys.outputs.start, xs.outputs.start);
        let mut output = Output {
            at: self.part.at(band.image, k, y, x),
            dst,
            residual: self
                .operands
                .residual
                .map(|residual| &residual[geometry.dst.at(band.image, k, y, x)..]),
            row: geometry.dst.row,
            bias: self.operands.bias.map(|bias| bias[k]),
            activation: desc.activation,
        };
        rows::accumulate(simd, &taps, rows, [ys.outputs.len(), xs.outputs.len()], &mut output);
    }
}

/// Scatter: bias, residual and activation, then rows of one plane of `dst`.
struct Output<'a> {
    dst: &'a mut [f32],
    /// Where the first output goes, and how far the next row is, in `dst` and residual alike.
    at: usize,
    row: usize,
    /// From the first output on.
    residual: Option<&'a [f32]>,
    bias: Option<f32>,
    activation: Activation,
}

impl Sink for Output<'_> {
    #[inline(always)]
    fn put<S: Simd, const OR: usize, const NV: usize>(
        &mut self,
        simd: S,
        [y, x]: [usize; 2],
        width: usize,
        sums: [[S::F32; NV]; OR],
    ) {
        // The piecewise linear activations are a clamp; the others are worth a second pass over what was written.
        let bounds = self.activation.bounds();
        let [low, high] = bounds.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]).map(|bound| simd.splat(bound));
        for (i, sums) in sums.into_iter().enumerate() {
            let from = (y + i) * self.row + x;
            let dst = &mut self.dst[self.at + from..][..width];
            for (j, (mut v, dst)) in sums.into_iter().zip(dst.chunks_mut(S::LANES)).enumerate() {
                if let Some(bias) = self.bias {
                    v = simd.add(v, simd.splat(bias));
                }
                if let Some(residual) = self.residual {
                    v = simd.add(v, simd.load_first(&residual[from + j * S::LANES..][..dst.len()]));
                }
                let v = simd.min(high, simd.max(low, v));
                if dst.len() == S::LANES { simd.store(v, dst) } else { simd.store_first(v, dst) }
            }
            if bounds.is_none() {
                curve(simd, self.activation, dst);
            }
        }
    }
}
