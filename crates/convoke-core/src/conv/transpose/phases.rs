//! What the plans of transposed convolutions and of input gradients share: the checked sizes, and the ordinary plan of each
//! phase. Those are made where they are needed, which takes a fraction of a microsecond, because a plan is a value
//! without heap and there may be any number of phases.

use convoke_simd::Level;

use super::axis::{Axis, Phase, Run};
use super::fold::{self, Fold};
use crate::Activation;
use crate::conv::desc::{Conv2dDesc, Layout, Mode};
use crate::conv::geometry::{Geometry, Strides};
use crate::conv::methods::Layered;
use crate::conv::packed::{Packed, identity};
use crate::conv::plan::Conv2dPlan;
use crate::conv::route::Route;
use crate::error::{Error, checked_len};

/// Elements that the strip of an NCHW layer aims at, a quarter of a megabyte.
const STRIP: usize = 64 * 1024;
/// Elements of input that are read by all phases before the next ones are.
const BAND: usize = 64 * 1024;
/// Input rows that are, at least.
const FEWEST_ROWS: usize = 8;

/// A transposed convolution, planned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phases {
    /// Sizes, layout and what is fused, as a convolution with stride 1: what a phase is but for its taps.
    pub(super) layer: Conv2dDesc,
    pub(super) geometry: Geometry,
    pub(super) axes: [Axis; 2],
    pub(super) level: Level,
    pub(super) strip: Option<Strip>,
    /// Packed weights: those of the phases, and behind them those of the border.
    pub(super) body: [usize; 2],
    pub(super) fold: Option<Fold>,
    pub(super) scratch: usize,
    /// What is applied after strips are woven together.
    pub(super) finish: Activation,
    /// Out channels that are made together.
    pub(super) granule: usize,
    pub(super) identity: u64,
}

/// Columns of planes that lie apart are made in scratch and woven together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strip {
    pub(super) channels: usize,
    /// Rows of a phase.
    pub(super) rows: usize,
    pub(super) len: usize,
}

impl Phases {
    /// `layer` has the sizes of the input, the kernel, the groups and what is fused.
    pub(super) fn new(
        mut layer: Conv2dDesc,
        geometry: Geometry,
        axes: [Axis; 2],
        fold: Option<Fold>,
        level: Level,
    ) -> Result<Self, Error> {
        let strip = match layer.layout {
            Layout::Nchw if axes[1].phases() > 1 => Some(Strip::new(&layer, &axes)?),
            _ => None,
        };
        let finish = layer.activation;
        if strip.is_some() {
            layer.activation = Activation::None;
        }
        let mut phases = Self {
            layer,
            geometry,
            axes,
            level,
            strip,
            body: [0; 2],
            fold,
            scratch: 0,
            finish,
            granule: 1,
            identity: 0,
        };
        let mut body = 0_usize;
        let mut most_taps = 0;
        // Weights that are turned before a plan packs them.
        let mut staged = 0;
        let overflow = Error::Overflow { operand: "packed weights" };
        let mut parts = identity(&[
            3, // transposed
            layer.kernel[0],
            layer.kernel[1],
            axes[0].stride,
            axes[1].stride,
            axes[0].dilation,
            axes[1].dilation,
            axes[0].before % axes[0].stride,
            axes[1].before % axes[1].stride,
            (layer.layout == Layout::Nhwc).into(),
            (layer.mode == Mode::Convolve).into(),
            fold.is_some().into(),
        ]);
        for rows in axes[0].runs() {
            for cols in axes[1].runs() {
                let plan = phases.plan([&rows.phase, &cols.phase])?;
                let taps = rows.phase.taps.saturating_mul(cols.phase.taps);
                let number = [rows.len, cols.len];
                let all = checked_len("packed weights", &[plan.body_len(), rows.len, cols.len])?;
                body = body.checked_add(all).ok_or(overflow)?;
                phases.scratch = phases.scratch.max(plan.scratch_len());
                if taps >= most_taps {
                    most_taps = taps;
                    phases.granule = plan.blocks.vectors * plan.blocks.lanes;
                }
                if is_staged(&plan) {
                    staged = staged.max(plan.geometry.weights_len);
                }
                parts = identity(&[parts as usize, plan.identity() as usize, number[0], number[1]]);
            }
        }
        phases.identity = parts;
        let body = checked_len("packed weights", &[body.checked_add(staged).ok_or(overflow)?])?;
        phases.body = [body, fold.map_or(0, |_| fold::len(&phases.geometry))];
        let all = checked_len("packed weights", &[body.checked_add(phases.body[1]).ok_or(overflow)?])?;
        checked_len("packed weights", &[Packed::buffer_len(all)])?;
        let strip = phases.strip.map_or(0, |strip| strip.len);
        phases.scratch = checked_len("scratch", &[phases.scratch.saturating_add(strip)])?;
        Ok(phases)
    }

    /// Terms of an output, bias and residual counted.
    pub(super) fn error_terms(&self) -> usize {
        let taps = |axis: usize| {
            let times = self.fold.map_or(1, |fold| fold.times(axis));
            let Axis { taps, size, .. } = self.axes[axis];
            self.axes[axis].most_taps().saturating_mul(times).min(taps.saturating_mul(size))
        };
        taps(0).saturating_mul(taps(1)).saturating_mul(self.geometry.group_in).saturating_add(2)
    }

    /// The plan of the phase in which these meet: of its rows and its columns.
    pub(super) fn plan(&self, [rows, cols]: [&Phase; 2]) -> Result<Conv2dPlan, Error> {
        let mut desc = self.layer;
        let geometry = &self.geometry;
        let both = [rows, cols];
        let out_size = both.map(|phase| phase.count);
        let mut pad_before = both.map(|phase| phase.before);
        if is_empty(both) {
            // One tap on the padding, and as few channels as there may be: outputs are what is added to nothing.
            (desc.in_channels, desc.in_size, desc.kernel) = (desc.groups, [1, 1], [1, 1]);
            pad_before = [out_size[0], 0];
        } else {
            desc.kernel = both.map(|phase| phase.taps);
            desc.dilation = both.map(|phase| phase.dilation);
            desc.in_size = [0, 1].map(|axis| desc.in_size[axis] - both[axis].skip);
        }
        let pad_after = [0, 1].map(|axis| {
            let reached = out_size[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis];
            reached.saturating_sub(desc.in_size[axis] + pad_before[axis])
        });
        let group_in = desc.in_channels / desc.groups;
        let weights_len =
            checked_len("weights", &[desc.out_channels, group_in, desc.kernel[0], desc.kernel[1]])?;
        let dst = if self.strip.is_some() {
            Strides::new("dst", desc.layout, [desc.batch, desc.out_channels, out_size[0], out_size[1]], None)?
        } else {
            let [down, across] = self.axes.map(|axis| axis.stride);
            let Strides { row, pixel, .. } = geometry.dst;
            // One row or column has none behind it, however far that would be.
            let next =
                |count: usize, step: usize, stride: usize| if count > 1 { step * stride } else { step };
            Strides {
                row: next(out_size[0], row, down),
                pixel: next(out_size[1], pixel, across),
                ..geometry.dst
            }
        };
        let outputs = [desc.batch, out_size[0], out_size[1], weights_len];
        let macs = outputs.into_iter().fold(1_u64, |product, n| product.saturating_mul(n as u64));
        let geometry = Geometry {
            out_size,
            pad_before,
            pad_after,
            group_in,
            group_out: geometry.group_out,
            src: geometry.src,
            dst,
            weights_len,
            macs,
        };
        Conv2dPlan::with_geometry(&desc, geometry, self.level)
    }

    /// Every phase with its plan and where its packed weights start, in the order in which they lie.
    pub(super) fn each(&self, mut visit: impl FnMut([&Phase; 2], &Conv2dPlan, usize)) {
        let mut at = 0;
        for rows in self.axes[0].runs() {
            for cols in self.axes[1].runs() {
                let Run { phase, .. } = cols;
                // The same plan was made when these phases were counted.
                let Ok(plan) = self.plan([&rows.phase, &phase]) else { return };
                for down in rows.phases() {
                    for across in cols.phases() {
                        visit([&down, &across], &plan, at);
                        at += plan.body_len();
                    }
                }
            }
        }
    }

    /// Output rows that are made by all phases before the next ones are, so that their input is read once: a multiple of the
    /// stride.
    pub(super) fn band(&self) -> usize {
        let [rows, cols] = self.axes;
        if rows.phases() * cols.phases() == 1 {
            return rows.out;
        }
        let row = self.layer.in_size[1].saturating_mul(self.layer.in_channels);
        let band = (BAND / row.max(1)).max(FEWEST_ROWS);
        let band = self.strip.map_or(band, |strip| strip.rows.min(band));
        band.saturating_mul(rows.stride).min(rows.out)
    }
}

impl Strip {
    fn new(layer: &Conv2dDesc, [rows, cols]: &[Axis; 2]) -> Result<Self, Error> {
        let count = rows.out.div_ceil(rows.stride);
        let row = cols.out;
        // All channels of a few rows, or as many channels as fit, but enough for a tile of any level.
        const FEWEST: usize = 48;
        let channels = match STRIP / row {
            fits if fits >= layer.out_channels => layer.out_channels,
            fits => layer.out_channels.min(fits.max(1).next_multiple_of(FEWEST)),
        };
        let rows = (STRIP / row.saturating_mul(channels)).clamp(1, count);
        let len = checked_len("scratch", &[channels, rows, row])?;
        Ok(Self { channels, rows, len })
    }
}

/// Whether outputs have no taps.
pub(super) fn is_empty(phases: [&Phase; 2]) -> bool {
    phases.iter().any(|phase| phase.taps == 0)
}

/// Whether a plan packs weights in an order that only it knows: they are turned first, and then packed by it. Such
/// layers have few weights.
pub(super) fn is_staged(plan: &Conv2dPlan) -> bool {
    matches!(plan.route, Route::Lanes(..) | Route::Turned(_))
}
