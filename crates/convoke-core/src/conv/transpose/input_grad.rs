//! The gradient of a layer with respect to its input: the transposed convolution of the gradient of its output, with the same
//! weights, to exactly the size that the input has.

use convoke_simd::Level;

use super::axis::Axis;
use super::fold::Fold;
use super::phases::Phases;
use super::plan::{TransposeDescription, geometry};
use crate::conv::desc::Conv2dDesc;
use crate::conv::geometry::Geometry;
use crate::conv::methods::layer_methods;
use crate::conv::packed::Packed;
use crate::error::Error;
use crate::{Activation, Border};

/// The gradient of a convolution with respect to its input ("backward data"), planned from the convolution's descriptor.
///
/// If `dy` is the gradient of a loss with respect to the layer's sums (before its activation, which this knows nothing of), then
///
/// ```text
/// dx[n, c, y, x] = sum over k, r, s of  w[k, c, r, s] * dy[n, k, p, q]   where  p*SH - top + r*DH = y,  q*SW - left + s*DW = x
/// ```
///
/// for every place `(y, x)` that a window reads; and where a border shows pixels of the image, the gradient of a place outside belongs to the pixel that it
/// shows. A pixel that no window reads has a gradient of 0, and a constant border has none. The weights are the layer's own, OIHW or OHWI. `dy` is shaped like the
/// layer's `dst`, and `dx` like its `src`, row strides included; here `dy` is what is read, so `src`, and `dx` what is written, `dst`. Sums and bits are as in
/// [`ConvTranspose2dPlan`](crate::ConvTranspose2dPlan), bias and residual included; what windows read outside the image is added last: tap by tap of the
/// window, output by output, then in out channels.
///
/// [`Operands::residual`](crate::Operands::residual) is shaped like `dx` and added to it: where an input has several uses, their gradients add up.
///
/// ```
/// use convoke_core::{Conv2dDesc, InputGradPlan, Layout, Level, Operands};
/// // Two windows of two pixels each, which share the middle one; the last pixel is reached by none.
/// let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 4], 1, [1, 2]).stride([1, 2]);
/// let plan = InputGradPlan::new(&desc, Level::detect())?;
/// let mut buffer = vec![0.0; plan.packed_len()];
/// let weights = plan.pack(&[1.0, 2.0], &mut buffer)?;
/// let (mut dx, mut scratch) = ([0.0; 4], vec![0.0; plan.scratch_len()]);
/// plan.run(&Operands::new(&[3.0, 5.0], weights), &mut dx, &mut scratch)?;
/// assert_eq!(dx, [3.0, 6.0, 5.0, 10.0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct InputGradPlan {
    desc: Conv2dDesc,
    phases: Phases,
}

impl InputGradPlan {
    /// Plans the gradient of the layer `desc`, whose activation is not looked at.
    ///
    /// # Errors
    /// Those of [`Conv2dPlan::new`](crate::Conv2dPlan::new), and a stride above 64 together with a dilation.
    pub fn new(desc: &Conv2dDesc, level: Level) -> Result<Self, Error> {
        let layer = Geometry::new(desc)?;
        let mut axes = [0, 1].map(|axis| Axis {
            stride: desc.stride[axis],
            dilation: desc.dilation[axis],
            taps: desc.kernel[axis],
            before: layer.pad_before[axis],
            size: layer.out_size[axis],
            out: desc.in_size[axis],
        });
        for (i, axis) in axes.iter_mut().enumerate() {
            *axis = axis.checked(i)?;
        }
        let transposed = Conv2dDesc {
            in_channels: desc.out_channels,
            in_size: layer.out_size,
            out_channels: desc.in_channels,
            stride: [1, 1],
            dilation: [1, 1],
            padding: crate::Padding::Valid,
            border: Border::Zero,
            activation: Activation::None,
            src_row_stride: desc.dst_row_stride,
            dst_row_stride: desc.src_row_stride,
            ..*desc
        };
        let pads = [layer.pad_before, layer.pad_after];
        let geometry = geometry(&transposed, [layer.dst, layer.src], desc.in_size, pads)?;
        Ok(Self {
            desc: *desc,
            phases: Phases::new(transposed, geometry, axes, Fold::new(desc, &layer), level)?,
        })
    }

    /// The layer whose gradient this is.
    pub fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    /// Height and width of `dy`.
    pub fn grad_output_size(&self) -> [usize; 2] {
        self.phases.layer.in_size
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.phases.level
    }

    /// Packs the layer's weights into `buffer`, which must have at least [`packed_len`](Self::packed_len) elements. They are the
    /// same numbers in the same order as for [`Conv2dPlan::pack`](crate::Conv2dPlan::pack), and packed differently.
    ///
    /// # Errors
    /// [`Error::Length`] for weights of another length or a buffer that is too short.
    pub fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error> {
        self.phases.pack(weights, buffer)
    }

    /// The `n` of the error bound `|dx - exact| <= n * 2^-24 * sum |w * dy|`: see
    /// [`ConvTranspose2dPlan::error_terms`](crate::ConvTranspose2dPlan::error_terms).
    pub fn error_terms(&self) -> usize {
        self.phases.error_terms()
    }

    /// What was decided, for people.
    pub fn describe(&self) -> TransposeDescription {
        self.phases.describe()
    }
}

layer_methods!(InputGradPlan, plan => &plan.phases);
