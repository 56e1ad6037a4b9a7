//! Layers without shared weights, pooling, activations and the loss, as formulas in `f64`: what central differences are taken of, so
//! that gradients are judged by nothing but the function whose gradients they are.
//!
//! ```
//! use convoke_reference::learning::{difference, fully_connected};
//! // The derivative of 3 x0 + 4 x1 by x1.
//! let by = difference(&[5.0, 6.0], 1, |x| fully_connected(x, &[3.0, 4.0], &[0.0])[0]);
//! assert!((by - 4.0).abs() < 1e-9);
//! ```

use convoke_core::{Activation, Conv2dDesc, Layout};

use crate::conv2d::{Factor, each_output, each_product};
use crate::size::out_size;
use crate::tensor::Tensor;

/// The central difference of a function at `x` along coordinate `i`.
pub fn difference(x: &[f64], i: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    const STEP: f64 = 1.0 / (1 << 16) as f64;
    let at = |delta: f64| {
        let mut x = x.to_vec();
        x[i] += delta;
        f(&x)
    };
    (at(STEP) - at(-STEP)) / (2.0 * STEP)
}

/// A batch through a layer whose neurons see all of an example: `weights` is `[neurons, elements]`, and there are as many neurons as
/// there are numbers in `bias`.
///
/// # Panics
/// If lengths do not fit each other.
pub fn fully_connected(src: &[f64], weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let elements = weights.len() / bias.len();
    assert_eq!((weights.len() % bias.len(), src.len() % elements), (0, 0));
    let mut dst = Vec::new();
    for example in src.chunks(elements) {
        for (weights, bias) in weights.chunks(elements).zip(bias) {
            dst.push(example.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() + bias);
        }
    }
    dst
}

/// A layer of fields with weights of their own: for each output pixel in order a set of weights as the convolution `desc` has one for all,
/// OIHW or OHWI; and a bias for each number of a result, in the order of the result. No activation.
///
/// # Panics
/// If `desc` describes no layer, has row strides, or lengths do not fit.
pub fn locally_connected(desc: &Conv2dDesc, src: &[f64], weights: &[f64], bias: &[f64]) -> Vec<f64> {
    let [height, width] = out_size(desc).expect("a descriptor that describes a layer");
    let set = desc.out_channels * (desc.in_channels / desc.groups) * desc.kernel[0] * desc.kernel[1];
    assert_eq!(weights.len(), height * width * set, "elements of weights");
    assert_eq!(src.len(), Tensor::src(desc).len(), "elements of src");
    assert_eq!(bias.len(), height * width * desc.out_channels, "elements of bias");
    let mut dst = vec![f64::NAN; desc.batch * bias.len()];
    each_output(desc, |output, at| {
        let weights = &weights[(output[2] * width + output[3]) * set..];
        let mut sum = 0.0;
        each_product(desc, output, |factor, weight| {
            sum += weights[weight]
                * match factor {
                    Factor::Src(index) => src[index],
                    Factor::Border(value) => f64::from(value),
                };
        });
        dst[at] = sum + bias[at % bias.len()];
    });
    dst
}

/// The gradients of a locally connected layer with respect to its input, its weights and its bias, from `dy`, that with respect to its result.
///
/// # Panics
/// As [`locally_connected`].
pub fn locally_connected_grads(desc: &Conv2dDesc, dy: &[f64], src: &[f64], weights: &[f64]) -> [Vec<f64>; 3] {
    let [height, width] = out_size(desc).expect("a descriptor that describes a layer");
    let set = desc.out_channels * (desc.in_channels / desc.groups) * desc.kernel[0] * desc.kernel[1];
    let image = height * width * desc.out_channels;
    assert_eq!(weights.len(), height * width * set, "elements of weights");
    assert_eq!(
        (src.len(), dy.len()),
        (Tensor::src(desc).len(), desc.batch * image),
        "elements of src and dy"
    );
    let mut grads = [src.len(), weights.len(), image].map(|len| vec![0.0; len]);
    each_output(desc, |output, at| {
        let first = (output[2] * width + output[3]) * set;
        each_product(desc, output, |factor, weight| {
            let value = match factor {
                Factor::Src(index) => {
                    grads[0][index] += weights[first + weight] * dy[at];
                    src[index]
                }
                Factor::Border(value) => f64::from(value),
            };
            grads[1][first + weight] += value * dy[at];
        });
        grads[2][at % image] += dy[at];
    });
    grads
}

/// The greatest value, or the mean, of what of each window lies inside; the windows are those of the depthwise `desc`.
///
/// # Panics
/// If `desc` describes no layer, or `src` has another length.
pub fn pool(desc: &Conv2dDesc, mean: bool, src: &[f64]) -> Vec<f64> {
    let size = out_size(desc).expect("a descriptor that describes a layer");
    let mut dst = vec![f64::NAN; Tensor::dst(desc, size).len()];
    each_output(desc, |output, at| {
        let mut values = Vec::new();
        each_product(desc, output, |factor, _| {
            if let Factor::Src(index) = factor {
                values.push(src[index]);
            }
        });
        dst[at] = if mean {
            values.iter().sum::<f64>() / values.len() as f64
        } else {
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        };
    });
    dst
}

/// An activation of a real number.
pub fn activate(activation: Activation, x: f64) -> f64 {
    let sigmoid = 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Leaky(slope) => {
            if x < 0.0 {
                x * f64::from(slope)
            } else {
                x
            }
        }
        Activation::Sigmoid => sigmoid,
        Activation::Tanh => x.tanh(),
        Activation::Silu => x * sigmoid,
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
    }
}

/// The mean over a batch of minus the logarithm of the softmax of `scores` at the label.
///
/// # Panics
/// If lengths do not fit, or a label is no class.
pub fn cross_entropy(scores: &[f64], labels: &[usize]) -> f64 {
    let classes = scores.len() / labels.len();
    let losses = scores.chunks(classes).zip(labels).map(|(scores, &label)| {
        -(scores[label].exp() / scores.iter().map(|score| score.exp()).sum::<f64>()).ln()
    });
    losses.sum::<f64>() / labels.len() as f64
}

/// The descriptor whose windows a pooling layer has.
pub fn pool_windows(
    layout: Layout,
    batch: usize,
    channels: usize,
    size: [usize; 2],
    window: [usize; 2],
) -> Conv2dDesc {
    Conv2dDesc::new(layout, batch, channels, size, channels, window).groups(channels).stride(window)
}
