//! The plan of a transposed convolution: what [`Conv2dPlan`](crate::Conv2dPlan) is to an ordinary one.

use core::fmt;

use convoke_simd::Level;

use super::axis::Axis;
use super::desc::ConvTranspose2dDesc;
use super::phases::Phases;
use crate::conv::desc::Conv2dDesc;
use crate::conv::geometry::{Geometry, Strides};
use crate::conv::methods::{Layered, layer_methods};
use crate::conv::packed::Packed;
use crate::error::{Error, check_at_least, checked_len};

/// A transposed convolution, planned. A `Copy` value without heap that threads may share: it says how long its buffers must
/// be, packs weights, and runs. What its geometry calls padding is what is cut off.
///
/// No zeros are inserted: a stride takes the output apart into phases, and each is an ordinary convolution with its share of
/// the taps. Every sum starts at `+0` and runs over the inputs that reach the output, row by row, then column by column (so over
/// the taps backwards), then in channels; then come bias, residual and activation. Pieces, threads and layouts change no bit.
///
/// ```
/// use convoke_core::{ConvTranspose2dDesc, ConvTranspose2dPlan, Layout, Level, Operands};
///
/// // Each pixel becomes 2x2 pixels.
/// let desc = ConvTranspose2dDesc::new(Layout::Nchw, 1, 1, [1, 2], 1, [2, 2]).stride([2, 2]);
/// let plan = ConvTranspose2dPlan::new(&desc, Level::detect())?;
/// let mut buffer = vec![0.0; plan.packed_len()];
/// let weights = plan.pack(&[1.0, 2.0, 3.0, 4.0], &mut buffer)?;
/// let mut dst = vec![0.0; plan.geometry().dst.len];
/// let mut scratch = vec![0.0; plan.scratch_len()];
/// plan.run(&Operands::new(&[1.0, 10.0], weights), &mut dst, &mut scratch)?;
/// assert_eq!(dst, [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConvTranspose2dPlan {
    desc: ConvTranspose2dDesc,
    phases: Phases,
}

impl ConvTranspose2dPlan {
    /// Checks a descriptor and decides how to run it at `level`.
    ///
    /// # Errors
    /// Zero sizes (a zero batch is allowed), strides, dilations or groups; channels that the groups do not divide; padding that
    /// leaves no output; an output padding or size that no input of this size comes from; row strides shorter than a row;
    /// anything that does not fit in memory; and a stride above 64 together with a dilation.
    pub fn new(desc: &ConvTranspose2dDesc, level: Level) -> Result<Self, Error> {
        for (operand, got) in
            [("in channels", desc.in_channels), ("out channels", desc.out_channels), ("groups", desc.groups)]
        {
            check_at_least(operand, 1, got)?;
        }
        for (operand, got) in [("in channels", desc.in_channels), ("out channels", desc.out_channels)] {
            if got % desc.groups != 0 {
                return Err(Error::NotDivisible { operand, groups: desc.groups, got });
            }
        }
        let axes = [Axis::new(desc, 0)?, Axis::new(desc, 1)?];
        let out_size = axes.map(|axis| axis.out);
        let sizes = |channels: usize, [height, width]: [usize; 2]| [desc.batch, channels, height, width];
        let src =
            Strides::new("src", desc.layout, sizes(desc.in_channels, desc.in_size), desc.src_row_stride)?;
        let dst = Strides::new("dst", desc.layout, sizes(desc.out_channels, out_size), desc.dst_row_stride)?;
        let layer = Conv2dDesc {
            groups: desc.groups,
            mode: desc.mode,
            activation: desc.activation,
            src_row_stride: desc.src_row_stride,
            dst_row_stride: desc.dst_row_stride,
            ..Conv2dDesc::new(
                desc.layout,
                desc.batch,
                desc.in_channels,
                desc.in_size,
                desc.out_channels,
                desc.kernel,
            )
        };
        let pad_before = axes.map(|axis| axis.before);
        let pad_after = axes.map(|axis| {
            let reached = (axis.size - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1;
            reached.saturating_sub(axis.before + axis.out)
        });
        let geometry = geometry(&layer, [src, dst], out_size, [pad_before, pad_after])?;
        Ok(Self { desc: *desc, phases: Phases::new(layer, geometry, axes, None, level)? })
    }

    /// The descriptor that was planned.
    pub fn desc(&self) -> &ConvTranspose2dDesc {
        &self.desc
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.phases.level
    }

    /// Packs weights into `buffer`, which must have at least [`packed_len`](Self::packed_len) elements.
    ///
    /// `weights` is IOHW (`C * K/G * R * S`) for [`Layout::Nchw`](crate::Layout::Nchw), IHWO (`C * R * S * K/G`) for
    /// [`Layout::Nhwc`](crate::Layout::Nhwc).
    ///
    /// # Errors
    /// [`Error::Length`] for weights of another length or a buffer that is too short.
    pub fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error> {
        self.phases.pack(weights, buffer)
    }

    /// The `n` of the error bound `|y - exact| <= n * 2^-24 * sum |w * x|` of every sum before the activation, as
    /// [`Conv2dPlan::error_terms`](crate::Conv2dPlan::error_terms): the most taps that an output has, times in channels, and 2.
    pub fn error_terms(&self) -> usize {
        self.phases.error_terms()
    }

    /// What was decided, for people.
    pub fn describe(&self) -> TransposeDescription {
        self.phases.describe()
    }
}

/// The checked sizes of an operation whose output has another size than that of the convolution with its descriptor.
pub(super) fn geometry(
    layer: &Conv2dDesc,
    [src, dst]: [Strides; 2],
    out_size: [usize; 2],
    [pad_before, pad_after]: [[usize; 2]; 2],
) -> Result<Geometry, Error> {
    let group_in = layer.in_channels / layer.groups;
    let group_out = layer.out_channels / layer.groups;
    let weights_len =
        checked_len("weights", &[layer.in_channels, group_out, layer.kernel[0], layer.kernel[1]])?;
    let [height, width] = layer.in_size;
    let macs = [layer.batch, height, width, weights_len]
        .into_iter()
        .fold(1_u64, |product, n| product.saturating_mul(n as u64));
    Ok(Geometry { out_size, pad_before, pad_after, group_in, group_out, src, dst, weights_len, macs })
}

layer_methods!(ConvTranspose2dPlan, plan => &plan.phases);

impl Phases {
    pub(super) fn describe(&self) -> TransposeDescription {
        let mut most_taps = 0;
        let mut reads = "nothing";
        for rows in self.axes[0].runs() {
            for cols in self.axes[1].runs() {
                let taps = rows.phase.taps * cols.phase.taps;
                if taps > most_taps
                    && let Ok(plan) = self.plan([&rows.phase, &cols.phase])
                {
                    most_taps = taps;
                    reads = plan.describe().reads;
                }
            }
        }
        TransposeDescription {
            kernel: self.layer.kernel,
            phases: self.axes.map(|axis| axis.phases()),
            reads,
            border: self.fold.is_some(),
            level: self.level,
            packed_bytes: Packed::buffer_len(self.body_len()) * size_of::<f32>(),
            scratch_bytes: self.scratch * size_of::<f32>(),
            macs: self.geometry.macs,
            error_terms: self.error_terms(),
        }
    }
}

/// What a plan of a transposed convolution, or of an input gradient, decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TransposeDescription {
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Phases that the outputs are taken apart into, down and across.
    pub phases: [usize; 2],
    /// How the phase with the most taps gets its input.
    pub reads: &'static str,
    /// Whether a border shows the image, so that what windows read there is added to the pixels shown.
    pub border: bool,
    /// The level.
    pub level: Level,
    /// Size of the packing buffer in bytes.
    pub packed_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Multiply-accumulates, those that are cut off counted.
    pub macs: u64,
    /// The `n` of the error bound.
    pub error_terms: usize,
}

impl fmt::Display for TransposeDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([r, s], [down, across]) = (self.kernel, self.phases);
        write!(
            f,
            "transposed {r}x{s} in {down}x{across} phases, {}, {}{}, packed {} bytes, scratch {} bytes, error at most {} * 2^-24 * \
             sum|w*x|",
            self.reads,
            if self.border { "border added, " } else { "" },
            self.level,
            self.packed_bytes,
            self.scratch_bytes,
            self.error_terms
        )
    }
}
