//! What a transposed convolution is asked to do, as plain data.

use crate::Activation;
use crate::conv::desc::{Layout, Mode, Padding};
use crate::conv::setters::layer_setters;

/// Which of the sizes that the input may have come from the output has: a stride forgets the remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputSize {
    /// So many more rows and columns, at the end, than the windows need: 0 for the least size. Less than the stride or than
    /// the dilation.
    Padding([usize; 2]),
    /// Height and width themselves, which must be among those.
    Exact([usize; 2]),
}

/// A transposed convolution: sizes, geometry and what is fused to it. Pairs are `[vertical, horizontal]`.
///
/// It is the transpose of the matrix that a [`Conv2dDesc`](crate::Conv2dDesc) with the same stride, dilation, padding and
/// groups is: every input pixel adds its window to the output,
///
/// ```text
/// dst[n, g*K/G + k, y*SH + r*DH - top, x*SW + s*DW - left] += w[g*C/G + c, k, r, s] * src[n, g*C/G + c, y, x]
/// ```
///
/// for every `(r, s)` whose place lies in the output; then come bias, residual and activation. With `C` in channels, `K` out
/// channels and `G` groups, weights have `C * (K / G) * R * S` values: IOHW for [`Layout::Nchw`] (the order of PyTorch and ONNX),
/// IHWO for [`Layout::Nhwc`]. Those are the very weights of the convolution whose transpose it is. The output has
///
/// ```text
/// (H - 1) * SH + (R - 1) * DH + 1 - top - bottom + output padding
/// ```
///
/// rows, and columns alike. Outputs that no window reaches are 0 before bias, residual and activation. With
/// [`Padding::Same`] the output is `stride` times as large as the input, and the padding that of a convolution from that size.
///
/// ```
/// use convoke_core::{ConvTranspose2dDesc, Layout, Padding};
/// // Doubles the size of 14 by 14 pixels, as decoders of pictures do.
/// let desc = ConvTranspose2dDesc::new(Layout::Nhwc, 1, 64, [14, 14], 32, [4, 4])
///     .stride([2, 2])
///     .padding(Padding::all(1));
/// assert_eq!(desc.out_size()?, [28, 28]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConvTranspose2dDesc {
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
    /// Pixels of the output from one window to the next.
    pub stride: [usize; 2],
    /// Pixels of the output from one tap to the next; 1 is dense.
    pub dilation: [usize; 2],
    /// What is cut off at the edges: how far windows hang over those of the output.
    pub padding: Padding,
    /// Which of the possible sizes the output has.
    pub output: OutputSize,
    /// Groups, G.
    pub groups: usize,
    /// Whether the weights lie as they stand, which is the transpose of [`Mode::Correlate`] and what networks do, or turned by 180
    /// degrees.
    pub mode: Mode,
    /// Applied last.
    pub activation: Activation,
    /// Elements from one row of `src` to the next; `None` for a dense tensor.
    pub src_row_stride: Option<usize>,
    /// The same for `dst` and for `residual`.
    pub dst_row_stride: Option<usize>,
}

impl ConvTranspose2dDesc {
    /// A dense layer with stride 1, no padding, one group, no activation, and the least output.
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
            output: OutputSize::Padding([0, 0]),
            groups: 1,
            mode: Mode::Correlate,
            activation: Activation::None,
            src_row_stride: None,
            dst_row_stride: None,
        }
    }

    layer_setters!();

    /// Sets how many rows and columns more than the least the output has.
    pub const fn output_padding(mut self, more: [usize; 2]) -> Self {
        self.output = OutputSize::Padding(more);
        self
    }

    /// Sets height and width of the output.
    pub const fn output_size(mut self, size: [usize; 2]) -> Self {
        self.output = OutputSize::Exact(size);
        self
    }

    /// Height and width of the output.
    ///
    /// # Errors
    /// Those of [`ConvTranspose2dPlan::new`](crate::ConvTranspose2dPlan::new) that concern sizes.
    pub fn out_size(&self) -> Result<[usize; 2], crate::Error> {
        Ok([super::axis::Axis::new(self, 0)?.out, super::axis::Axis::new(self, 1)?.out])
    }
}
