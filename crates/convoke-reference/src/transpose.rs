//! A transposed convolution, as its formula stands: every input pixel, times every weight, is added to the output pixel that
//! it falls on, if there is one.
//!
//! ```text
//! dst[n, g K/G + k, y SH + r DH - top, x SW + s DW - left] += w[g C/G + c, k, r, s] * src[n, g C/G + c, y, x]
//! ```
//!
//! then come bias, residual and activation. True convolution turns `w` by 180 degrees in `(r, s)`.
//!
//! ```
//! use convoke_core::{ConvTranspose2dDesc, Layout};
//! use convoke_reference::transpose::conv_transpose2d;
//! // Two pixels, two apart, each three wide: they meet in the middle.
//! let desc = ConvTranspose2dDesc::new(Layout::Nchw, 1, 1, [1, 2], 1, [1, 3]).stride([1, 2]);
//! let answer = conv_transpose2d(&desc, &[1.0, 10.0], &[1.0, 2.0, 3.0], None, None);
//! assert_eq!(answer.values, [1.0, 2.0, 13.0, 20.0, 30.0]);
//! ```

use convoke_core::{ConvTranspose2dDesc, Layout, Mode, OutputSize, Padding};

use crate::activation::activate;
use crate::conv2d::Conv2dAnswer;
use crate::tensor::Tensor;

/// Height and width of the output, and how much is cut off above and to the left of it; `None` for a descriptor that describes
/// nothing.
///
/// The windows of `size` pixels, a stride apart, reach over `(size - 1) stride + (taps - 1) dilation + 1` places, of which the
/// padding is cut off. A convolution over the result has `size` windows, and so it has over a result that is up to a stride longer: that is
/// what output padding chooses, or an output size. (With a dilation above the stride it may be up to that, as in ONNX.) "Same" padding is that of a convolution whose input is the output here.
pub fn out_size(desc: &ConvTranspose2dDesc) -> Option<([usize; 2], [usize; 2])> {
    let channels = [desc.in_channels, desc.out_channels];
    let sizes = [desc.in_size, desc.kernel, desc.stride, desc.dilation, channels];
    if desc.groups == 0 || sizes.concat().contains(&0) || channels.iter().any(|c| c % desc.groups != 0) {
        return None;
    }
    let [(height, top), (width, left)] = [along(desc, 0)?, along(desc, 1)?];
    Some(([height, width], [top, left]))
}

fn along(desc: &ConvTranspose2dDesc, axis: usize) -> Option<(usize, usize)> {
    let [size, taps, stride, dilation] =
        [desc.in_size, desc.kernel, desc.stride, desc.dilation].map(|pair| pair[axis] as i128);
    let reached = (size - 1) * stride + (taps - 1) * dilation + 1;
    let more = match desc.output {
        OutputSize::Padding(more) => Some(more[axis] as i128),
        OutputSize::Exact(_) => None,
    };
    let (out, before) = match desc.padding {
        Padding::Same | Padding::SameLower => {
            let out = match desc.output {
                OutputSize::Padding(_) if more != Some(0) => return None,
                OutputSize::Padding(_) => size * stride,
                OutputSize::Exact(out) => out[axis] as i128,
            };
            if (out + stride - 1) / stride != size {
                return None;
            }
            let missing = (reached - out).max(0);
            let before = if desc.padding == Padding::Same { missing / 2 } else { missing - missing / 2 };
            (out, before)
        }
        Padding::Valid | Padding::Explicit { .. } => {
            let (before, after) = match desc.padding {
                Padding::Explicit { top, left, bottom, right } => [(top, bottom), (left, right)][axis],
                _ => (0, 0),
            };
            let least = reached - before as i128 - after as i128;
            let out = match desc.output {
                OutputSize::Padding(more) => least + more[axis] as i128,
                OutputSize::Exact(out) => out[axis] as i128,
            };
            if out < least || out - least >= stride.max(dilation) {
                return None;
            }
            (out, before as i128)
        }
    };
    if out < 1 {
        return None;
    }
    Some((usize::try_from(out).ok()?, usize::try_from(before).ok()?))
}

/// The index of weight `(c, k, r, s)`, `k` counted within the group: IOHW or IHWO.
fn weight_at(desc: &ConvTranspose2dDesc, c: usize, k: usize, [r, s]: [usize; 2]) -> usize {
    let [height, width] = desc.kernel;
    let channels = desc.out_channels / desc.groups;
    match desc.layout {
        Layout::Nchw => ((c * channels + k) * height + r) * width + s,
        Layout::Nhwc => ((c * height + r) * width + s) * channels + k,
    }
}

/// The transposed convolution in `f64`. Results are as long as `dst`; between rows that are longer than what they hold, numbers are
/// NaN.
///
/// # Panics
/// If the descriptor has no [`out_size`], or an operand has another length.
pub fn conv_transpose2d(
    desc: &ConvTranspose2dDesc,
    src: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
) -> Conv2dAnswer {
    let ([height, width], [top, left]) = out_size(desc).expect("a descriptor that describes a layer");
    let [in_height, in_width] = desc.in_size;
    let from =
        Tensor::new(desc.layout, [desc.batch, desc.in_channels, in_height, in_width], desc.src_row_stride);
    let to = Tensor::new(desc.layout, [desc.batch, desc.out_channels, height, width], desc.dst_row_stride);
    let [group_in, group_out] = [desc.in_channels / desc.groups, desc.out_channels / desc.groups];
    assert_eq!(src.len(), from.len(), "elements of src");
    assert_eq!(
        weights.len(),
        desc.in_channels * group_out * desc.kernel[0] * desc.kernel[1],
        "elements of weights"
    );
    assert_eq!(bias.map_or(desc.out_channels, <[f32]>::len), desc.out_channels, "elements of bias");
    assert_eq!(residual.map_or(to.len(), <[f32]>::len), to.len(), "elements of residual");
    let nan = vec![f64::NAN; to.len()];
    let mut answer = Conv2dAnswer {
        values: nan.clone(),
        sums: nan.clone(),
        magnitude: nan,
        written: vec![false; to.len()],
    };
    for n in 0..desc.batch {
        for k in 0..desc.out_channels {
            for y in 0..height {
                for x in 0..width {
                    let at = to.at(n, k, y, x);
                    (answer.sums[at], answer.magnitude[at], answer.written[at]) = (0.0, 0.0, true);
                }
            }
        }
        for c in 0..desc.in_channels {
            for (y, x) in (0..in_height).flat_map(|y| (0..in_width).map(move |x| (y, x))) {
                let pixel = f64::from(src[from.at(n, c, y, x)]);
                for (r, s) in (0..desc.kernel[0]).flat_map(|r| (0..desc.kernel[1]).map(move |s| (r, s))) {
                    let row = (y * desc.stride[0] + r * desc.dilation[0]).checked_sub(top);
                    let column = (x * desc.stride[1] + s * desc.dilation[1]).checked_sub(left);
                    let (Some(row), Some(column)) = (row, column) else { continue };
                    if row >= height || column >= width {
                        continue;
                    }
                    let tap = match desc.mode {
                        Mode::Correlate => [r, s],
                        Mode::Convolve => [desc.kernel[0] - 1 - r, desc.kernel[1] - 1 - s],
                    };
                    let group = c / group_in;
                    for k in 0..group_out {
                        let term = f64::from(weights[weight_at(desc, c, k, tap)]) * pixel;
                        let at = to.at(n, group * group_out + k, row, column);
                        answer.sums[at] += term;
                        answer.magnitude[at] += term.abs();
                    }
                }
            }
        }
        for k in 0..desc.out_channels {
            for y in 0..height {
                for x in 0..width {
                    let at = to.at(n, k, y, x);
                    for term in [bias.map(|bias| bias[k]), residual.map(|residual| residual[at])] {
                        let term = f64::from(term.unwrap_or(0.0));
                        answer.sums[at] += term;
                        answer.magnitude[at] += term.abs();
                    }
                    answer.values[at] = activate(desc.activation, answer.sums[at]);
                }
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PyTorch's `ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1)` doubles a size; without output padding one less.
    #[test]
    fn well_known_sizes() {
        let desc = ConvTranspose2dDesc::new(Layout::Nchw, 1, 1, [7, 7], 1, [3, 3])
            .stride([2, 2])
            .padding(Padding::all(1));
        assert_eq!(out_size(&desc), Some(([13, 13], [1, 1])));
        assert_eq!(out_size(&desc.output_padding([1, 0])), Some(([14, 13], [1, 1])));
        assert_eq!(out_size(&desc.output_padding([2, 0])), None);
        assert_eq!(out_size(&desc.output_size([14, 14])), Some(([14, 14], [1, 1])));
        assert_eq!(out_size(&desc.output_size([12, 14])), None);
        assert_eq!(out_size(&desc.padding(Padding::Same)), Some(([14, 14], [0, 0])));
        assert_eq!(out_size(&desc.padding(Padding::SameLower)), Some(([14, 14], [1, 1])));
        assert_eq!(out_size(&desc.padding(Padding::all(8))), None, "nothing is left");
    }

    /// The worked example of the ONNX operator (`ConvTranspose`, base case): a ramp of 3x3 under two masks of ones.
    #[test]
    fn a_ramp_under_ones() {
        let desc = ConvTranspose2dDesc::new(Layout::Nchw, 1, 1, [3, 3], 2, [3, 3]);
        let src: Vec<f32> = (0..9_u8).map(f32::from).collect();
        let answer = conv_transpose2d(&desc, &src, &[1.0; 18], None, None);
        let plane = [
            0.0, 1.0, 3.0, 3.0, 2.0, //
            3.0, 8.0, 15.0, 12.0, 7.0, //
            9.0, 21.0, 36.0, 27.0, 15.0, //
            9.0, 20.0, 33.0, 24.0, 13.0, //
            6.0, 13.0, 21.0, 15.0, 8.0,
        ];
        assert_eq!(answer.values, [plane, plane].concat());
    }
}
