//! The gradients of a convolution layer, by the chain rule and nothing else.
//!
//! Every output is a sum of products `w * x`. If `dy` is the derivative of a loss by an output's sum (before bias, residual and
//! activation matter), then each of its products adds `w * dy` to the derivative by that `x`, and `x * dy` to the derivative by that
//! `w`; and the derivative by a bias is the sum of the `dy` of its channel. Where the border shows a pixel again, that pixel gets what each of
//! its images gets.
//!
//! ```
//! use convoke_core::{Conv2dDesc, Layout};
//! use convoke_reference::gradient::{bias_grad, input_grad, weights_grad};
//! // y = [x0 w0 + x1 w1, x1 w0 + x2 w1], and the loss is 3 y0 + 5 y1.
//! let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 3], 1, [1, 2]);
//! let (x, w, dy) = ([1.0, 2.0, 4.0], [10.0, 100.0], [3.0, 5.0]);
//! assert_eq!(input_grad(&desc, &dy, &w).values, [30.0, 350.0, 500.0]);
//! assert_eq!(weights_grad(&desc, &dy, &x).values, [13.0, 26.0]);
//! assert_eq!(bias_grad(&desc, &dy).values, [8.0]);
//! ```

use convoke_core::Conv2dDesc;

use crate::conv2d::{Conv2dAnswer, Factor, each_output, each_product};
use crate::size::out_size;
use crate::tensor::Tensor;

/// Sums of terms, each at a place.
struct Sums(Conv2dAnswer);

impl Sums {
    /// Zeros where `places` are, NaN between.
    fn new(len: usize, places: impl Iterator<Item = usize>) -> Self {
        let nan = vec![f64::NAN; len];
        let mut answer = Conv2dAnswer {
            values: nan.clone(),
            sums: nan.clone(),
            magnitude: nan,
            written: vec![false; len],
        };
        for at in places {
            (answer.sums[at], answer.magnitude[at], answer.written[at]) = (0.0, 0.0, true);
        }
        Self(answer)
    }

    fn add(&mut self, at: usize, term: f64) {
        self.0.sums[at] += term;
        self.0.magnitude[at] += term.abs();
    }

    fn answer(mut self) -> Conv2dAnswer {
        self.0.values.clone_from(&self.0.sums);
        self.0
    }
}

/// The gradient by `src`, shaped like it; `dy` is shaped like `dst`.
///
/// # Panics
/// If the descriptor describes no layer, or an operand has another length.
pub fn input_grad(desc: &Conv2dDesc, dy: &[f32], weights: &[f32]) -> Conv2dAnswer {
    check(desc, dy, Some(weights), None);
    let src = Tensor::src(desc);
    let [height, width] = desc.in_size;
    let places = (0..desc.batch * desc.in_channels * height * width).map(|i| {
        let (plane, pixel) = (i / (height * width), i % (height * width));
        src.at(plane / desc.in_channels, plane % desc.in_channels, pixel / width, pixel % width)
    });
    let mut sums = Sums::new(src.len(), places);
    each_output(desc, |output, at| {
        each_product(desc, output, |factor, weight| {
            // A constant border has no derivative.
            if let Factor::Src(index) = factor {
                sums.add(index, f64::from(weights[weight]) * f64::from(dy[at]));
            }
        });
    });
    sums.answer()
}

/// The gradient by the weights, in their order; `dy` is shaped like `dst`.
///
/// # Panics
/// If the descriptor describes no layer, or an operand has another length.
pub fn weights_grad(desc: &Conv2dDesc, dy: &[f32], src: &[f32]) -> Conv2dAnswer {
    check(desc, dy, None, Some(src));
    let len = weights_len(desc);
    let mut sums = Sums::new(len, 0..len);
    each_output(desc, |output, at| {
        each_product(desc, output, |factor, weight| {
            let x = match factor {
                Factor::Src(index) => src[index],
                Factor::Border(value) => value,
            };
            sums.add(weight, f64::from(x) * f64::from(dy[at]));
        });
    });
    sums.answer()
}

/// The gradient by the bias, one value per out channel; `dy` is shaped like `dst`.
///
/// # Panics
/// If the descriptor describes no layer, or `dy` has another length.
pub fn bias_grad(desc: &Conv2dDesc, dy: &[f32]) -> Conv2dAnswer {
    check(desc, dy, None, None);
    let mut sums = Sums::new(desc.out_channels, 0..desc.out_channels);
    each_output(desc, |[_, k, _, _], at| sums.add(k, f64::from(dy[at])));
    sums.answer()
}

fn weights_len(desc: &Conv2dDesc) -> usize {
    desc.out_channels * (desc.in_channels / desc.groups) * desc.kernel[0] * desc.kernel[1]
}

fn check(desc: &Conv2dDesc, dy: &[f32], weights: Option<&[f32]>, src: Option<&[f32]>) {
    let size = out_size(desc).expect("a descriptor that describes a layer");
    assert_eq!(dy.len(), Tensor::dst(desc, size).len(), "elements of dy");
    let all = weights_len(desc);
    assert_eq!(weights.map_or(all, <[f32]>::len), all, "elements of weights");
    let all = Tensor::src(desc).len();
    assert_eq!(src.map_or(all, <[f32]>::len), all, "elements of src");
}
