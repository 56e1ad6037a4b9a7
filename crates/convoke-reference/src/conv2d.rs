//! A convolution layer, as its formula stands. For every image `n`, out channel `k` and output pixel `(y, x)`,
//!
//! ```text
//! activation( sum over r, s, c of  w[k, c, r, s] * src[n, g C/G + c, y SH - top + r DH, x SW - left + s DW]
//!             + bias[k] + residual[n, k, y, x] )              with g = the group of k, k / (K/G) rounded down
//! ```
//!
//! where the border mode says what `src` is outside the image, and true convolution turns `w` by 180 degrees in
//! `(r, s)`. [`conv2d`] computes it in `f64`, [`conv2d_exact`] in integers.
//!
//! ```
//! use convoke_core::{Conv2dDesc, Layout, Mode, Padding};
//! use convoke_reference::conv2d;
//! // The weight to the right of the centre: the picture moves left in a layer, as layers correlate ...
//! let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 4], 1, [1, 3]).padding(Padding::Same);
//! let (src, weights) = ([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0]);
//! assert_eq!(conv2d(&desc, &src, &weights, None, None).values, [2.0, 3.0, 4.0, 0.0]);
//! // ... and right under true convolution.
//! let desc = desc.mode(Mode::Convolve);
//! assert_eq!(conv2d(&desc, &src, &weights, None, None).values, [0.0, 1.0, 2.0, 3.0]);
//! ```

use convoke_core::{Border, Conv2dDesc, Mode};

use crate::activation::activate;
use crate::border::{Tap, look};
use crate::size::{out_size, overhang};
use crate::tensor::{Tensor, weight_at};

/// What [`conv2d`] computes. All fields are as long as the layer's `dst`; between rows that are longer than what they
/// hold, numbers are NaN.
#[derive(Clone, Debug)]
pub struct Conv2dAnswer {
    /// The outputs.
    pub values: Vec<f64>,
    /// The same before the activation.
    pub sums: Vec<f64>,
    /// The same with everything taken as positive: the sum of `|w x|`, plus `|bias|`, plus `|residual|`. Rounding
    /// errors are measured by it.
    pub magnitude: Vec<f64>,
    /// Whether the element belongs to the output at all; a layer must leave the others as they are.
    pub written: Vec<bool>,
}

/// The layer in `f64`. Lengths are those of dense weights and of [`Tensor::src`] and [`Tensor::dst`].
///
/// Products of `f32`s are exact in `f64`. With `n` terms, sums are within `n 2^-53` of the magnitude: a part in 2^29
/// of what an `f32` sum is allowed.
///
/// # Panics
/// If the descriptor has no [`out_size`], or an operand has another length.
pub fn conv2d<T: Copy + Into<f64>>(
    desc: &Conv2dDesc,
    src: &[T],
    weights: &[T],
    bias: Option<&[T]>,
    residual: Option<&[T]>,
) -> Conv2dAnswer {
    let len = check(desc, src.len(), weights.len(), bias.map(<[T]>::len), residual.map(<[T]>::len));
    let nan = vec![f64::NAN; len];
    let mut answer =
        Conv2dAnswer { values: nan.clone(), sums: nan.clone(), magnitude: nan, written: vec![false; len] };
    each_output(desc, |output, at| {
        let (mut sum, mut magnitude) = (0.0, 0.0);
        let mut add = |term: f64| {
            sum += term;
            magnitude += term.abs();
        };
        each_product(desc, output, |factor, weight| {
            let x = match factor {
                Factor::Src(index) => src[index].into(),
                Factor::Border(value) => f64::from(value),
            };
            add(weights[weight].into() * x);
        });
        let [_, k, _, _] = output;
        if let Some(bias) = bias {
            add(bias[k].into());
        }
        if let Some(residual) = residual {
            add(residual[at].into());
        }
        answer.values[at] = activate(desc.activation, sum);
        answer.sums[at] = sum;
        answer.magnitude[at] = magnitude;
        answer.written[at] = true;
    });
    answer
}

/// The layer's sums in integers, before any activation, which is not applied. As long as `dst`; `None` between rows
/// that are longer than what they hold.
///
/// Quantised data come as differences from their zero points, so that a zero border is the zero point itself.
///
/// ```
/// use convoke_core::{Conv2dDesc, Layout};
/// use convoke_reference::conv2d_exact;
/// let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 2], 1, [1, 2]);
/// let sums = conv2d_exact(&desc, &[i64::MAX, 1], &[i64::MAX, 1], None, None);
/// assert_eq!(sums, [Some(i128::from(i64::MAX) * i128::from(i64::MAX) + 1)]);
/// ```
///
/// # Panics
/// As [`conv2d`]; also if a sum does not fit in an `i128`, or a constant border that is read is not an integer.
pub fn conv2d_exact<X: Copy + Into<i64>, W: Copy + Into<i64>>(
    desc: &Conv2dDesc,
    src: &[X],
    weights: &[W],
    bias: Option<&[i64]>,
    residual: Option<&[i64]>,
) -> Vec<Option<i128>> {
    let len = check(desc, src.len(), weights.len(), bias.map(<[i64]>::len), residual.map(<[i64]>::len));
    let mut sums = vec![None; len];
    each_output(desc, |output, at| {
        let mut sum = 0_i128;
        let mut add = |term: i128| sum = sum.checked_add(term).expect("a sum that fits in 128 bits");
        each_product(desc, output, |factor, weight| {
            let x = match factor {
                Factor::Src(index) => src[index].into(),
                Factor::Border(value) => integer(value),
            };
            add(i128::from(weights[weight].into()) * i128::from(x));
        });
        let [_, k, _, _] = output;
        if let Some(bias) = bias {
            add(bias[k].into());
        }
        if let Some(residual) = residual {
            add(residual[at].into());
        }
        sums[at] = Some(sum);
    });
    sums
}

/// What a weight is multiplied by.
pub(crate) enum Factor {
    /// This element of `src`.
    Src(usize),
    /// A value outside the image.
    Border(f32),
}

/// Visits every output `[n, k, y, x]` with its index in `dst`.
pub(crate) fn each_output(desc: &Conv2dDesc, mut visit: impl FnMut([usize; 4], usize)) {
    let [height, width] = out_size(desc).expect("a descriptor that describes a layer");
    let dst = Tensor::dst(desc, [height, width]);
    for n in 0..desc.batch {
        for k in 0..desc.out_channels {
            for y in 0..height {
                for x in 0..width {
                    visit([n, k, y, x], dst.at(n, k, y, x));
                }
            }
        }
    }
}

/// Visits the products of one output's sum: what is multiplied, and by which weight.
pub(crate) fn each_product(
    desc: &Conv2dDesc,
    [n, k, y, x]: [usize; 4],
    mut visit: impl FnMut(Factor, usize),
) {
    let src = Tensor::src(desc);
    let [top, left] = overhang(desc);
    let group = k / (desc.out_channels / desc.groups);
    let group_channels = desc.in_channels / desc.groups;
    let place = |out: usize, stride: usize, pad: usize, tap: usize, dilation: usize| {
        (out * stride + tap * dilation) as i64 - pad as i64
    };
    for r in 0..desc.kernel[0] {
        for s in 0..desc.kernel[1] {
            let row = place(y, desc.stride[0], top, r, desc.dilation[0]);
            let column = place(x, desc.stride[1], left, s, desc.dilation[1]);
            let [weight_r, weight_s] = match desc.mode {
                Mode::Correlate => [r, s],
                Mode::Convolve => [desc.kernel[0] - 1 - r, desc.kernel[1] - 1 - s],
            };
            let tap = look(desc.border, [row, column], desc.in_size);
            for c in 0..group_channels {
                let factor = match tap {
                    Tap::Pixel([row, column]) => {
                        Factor::Src(src.at(n, group * group_channels + c, row, column))
                    }
                    Tap::Value(value) => Factor::Border(value),
                    Tap::Absent => continue,
                };
                visit(factor, weight_at(desc, k, c, weight_r, weight_s));
            }
        }
    }
}

/// The length of `dst`, after all lengths were checked.
fn check(
    desc: &Conv2dDesc,
    src: usize,
    weights: usize,
    bias: Option<usize>,
    residual: Option<usize>,
) -> usize {
    let dst = Tensor::dst(desc, out_size(desc).expect("a descriptor that describes a layer")).len();
    let [r, s] = desc.kernel;
    assert_eq!(src, Tensor::src(desc).len(), "elements of src");
    assert_eq!(weights, desc.out_channels * (desc.in_channels / desc.groups) * r * s, "elements of weights");
    assert_eq!(bias.unwrap_or(desc.out_channels), desc.out_channels, "elements of bias");
    assert_eq!(residual.unwrap_or(dst), dst, "elements of residual");
    dst
}

fn integer(border: f32) -> i64 {
    assert!(border.fract() == 0.0 && border.abs() < 2.0_f32.powi(63), "{:?}", Border::Constant(border));
    border as i64
}

#[cfg(test)]
mod tests;
