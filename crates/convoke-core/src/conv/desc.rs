//! What a convolution layer is asked to do, as plain data. The first step of the flow
//! `descriptor -> plan -> pack -> run`.

use super::packed::packed_len;
use super::setters::layer_setters;
use crate::{Activation, Border};

/// The order of a tensor's dimensions in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Batch, channels, height, width; weights are OIHW: out channels, in channels of a group, height, width.
    #[default]
    Nchw,
    /// Batch, height, width, channels; weights are OHWI.
    Nhwc,
}

/// How the weights lie on the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Cross-correlation: weight (r, s) meets the pixel r down and s right. What networks and image tools call
    /// convolution.
    #[default]
    Correlate,
    /// True convolution: the weights are turned by 180 degrees first.
    Convolve,
}

/// How far the window may hang over the edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Not at all: every window lies inside the image.
    #[default]
    Valid,
    /// As far as gives `ceil(size / stride)` outputs; an odd amount has its extra row or column at the end
    /// (ONNX `SAME_UPPER`, TensorFlow `SAME`).
    Same,
    /// The same, with the extra row or column at the start (ONNX `SAME_LOWER`).
    SameLower,
    /// By these many pixels.
    Explicit {
        /// Rows above.
        top: usize,
        /// Columns to the left.
        left: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the right.
        right: usize,
    },
}

impl Padding {
    /// The same amount on all four sides.
    pub const fn all(amount: usize) -> Self {
        Padding::Explicit { top: amount, left: amount, bottom: amount, right: amount }
    }
}

/// A convolution layer: sizes, geometry and what is fused to it. Pairs are `[vertical, horizontal]`.
///
/// With `C` in channels, `K` out channels and `G` groups, weights have `K * (C / G) * R * S` values; group `g` reads
/// in channels `g*C/G..` and makes out channels `g*K/G..`. Depthwise is `G = C`. For every output pixel
///
/// ```text
/// dst[n, k, y, x] = activation( sum over r, s, c of  w[k, c, r, s] * src[n, g*C/G + c, y*SH - top + r*DH, x*SW - left + s*DW]
///                               + bias[k] + residual[n, k, y, x] )
/// ```
///
/// One-dimensional layers have `H = R = 1`. Nothing is checked until a plan is made.
///
/// ```
/// use convoke_core::{Activation, Conv2dDesc, Layout, Padding};
/// // The 3x3 layer of a residual network: 64 channels in and out, 56 by 56 pixels.
/// let desc = Conv2dDesc::new(Layout::Nhwc, 1, 64, [56, 56], 64, [3, 3])
///     .padding(Padding::all(1))
///     .activation(Activation::Relu);
/// assert_eq!(desc.stride, [1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conv2dDesc {
    /// Order of dimensions of `src`, `dst`, `residual` and the weights.
    pub layout: Layout,
    /// Images, N. Zero is allowed and gives an empty result.
    pub batch: usize,
    /// In channels, C.
    pub in_channels: usize,
    /// Height and width of an input image.
    pub in_size: [usize; 2],
    /// Out channels, K.
    pub out_channels: usize,
    /// Height and width of the kernel, R and S.
    pub kernel: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Pixels from one tap to the next; 1 is dense.
    pub dilation: [usize; 2],
    /// How far windows hang over the edges.
    pub padding: Padding,
    /// What they read there.
    pub border: Border,
    /// Groups, G.
    pub groups: usize,
    /// Correlation or true convolution.
    pub mode: Mode,
    /// Applied last.
    pub activation: Activation,
    /// Elements from one row of `src` to the next; `None` for a dense tensor. NHWC rows hold `W * C` elements, NCHW
    /// rows hold `W`. A plane (NCHW) or image (NHWC) is `H` such rows, so that the last row's padding is part of it,
    /// except at the very end of the buffer.
    pub src_row_stride: Option<usize>,
    /// The same for `dst` and for `residual`.
    pub dst_row_stride: Option<usize>,
}

impl Conv2dDesc {
    /// A dense layer with stride 1, no padding, one group, no activation.
    ///
    /// `in_size` is `[H, W]`, `kernel` is `[R, S]`.
    pub const fn new(
        layout: Layout,
        batch: usize,
        in_channels: usize,
        in_size: [usize; 2],
        out_channels: usize,
        kernel: [usize; 2],
    ) -> Self {
        Self {
            layout,
            batch,
            in_channels,
            in_size,
            out_channels,
            kernel,
            stride: [1, 1],
            dilation: [1, 1],
            padding: Padding::Valid,
            border: Border::Zero,
            groups: 1,
            mode: Mode::Correlate,
            activation: Activation::None,
            src_row_stride: None,
            dst_row_stride: None,
        }
    }

    layer_setters!();

    /// Sets what windows that hang over an edge read there.
    pub const fn border(mut self, border: Border) -> Self {
        self.border = border;
        self
    }

    /// Elements that [`pack`](crate::Conv2dPlan::pack) of a plan at a level of one lane needs, as
    /// [`packed_len`](crate::Conv2dPlan::packed_len) says; `usize::MAX` if they would not fit in memory. For weights in flash
    /// and buffers that are statics, where [`Level::portable`](crate::Level::portable) has one lane: on a Cortex-M. Such plans
    /// need no scratch.
    ///
    /// ```
    /// use convoke_core::{Conv2dDesc, Conv2dPlan, Layout, Level};
    /// const LAYER: Conv2dDesc = Conv2dDesc::new(Layout::Nhwc, 1, 3, [24, 24], 8, [3, 3]);
    /// static PACKED: [f32; LAYER.scalar_packed_len()] = [0.0; LAYER.scalar_packed_len()];
    /// let plan = Conv2dPlan::new(&LAYER, Level::scalar())?;
    /// assert_eq!([PACKED.len(), 0], [plan.packed_len(), plan.scratch_len()]);
    /// # Ok::<(), convoke_core::Error>(())
    /// ```
    pub const fn scalar_packed_len(&self) -> usize {
        let [r, s] = self.kernel;
        if self.groups == 0 {
            return usize::MAX;
        }
        let factors = [self.out_channels, self.in_channels / self.groups, r, s];
        let (mut len, mut i) = (Some(1_usize), 0);
        while i < factors.len() {
            len = match len {
                Some(len) => len.checked_mul(factors[i]),
                None => None,
            };
            i += 1;
        }
        packed_len(len)
    }
}
