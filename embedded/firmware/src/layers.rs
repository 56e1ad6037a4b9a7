//! A few layers, one after the other, on weights that lie packed in flash: a convolution with stride, a depthwise one, a
//! pointwise one, each with bias and ReLU, and the mean of what is left of each channel.

use convoke_core::{Activation, Conv2dDesc, Conv2dPlan, Layout, Level, Operands, Padding};

use crate::board::print;
use crate::buffer::Buffer;
use crate::expected::{
    CONV, CONV_BIAS, DEPTHWISE, DEPTHWISE_BIAS, LAYERS, POINTWISE, POINTWISE_BIAS, POOLED,
};
use crate::measure::{Hash, measure, require};
use crate::picture::pixel;

/// A layer: what it is, and what of it lies in flash.
struct Layer {
    name: &'static str,
    desc: Conv2dDesc,
    packed: &'static [f32],
    bias: &'static [f32],
}

const NETWORK: [Layer; 3] = [
    Layer {
        name: "conv 3x3 stride 2, 3 to 8 channels",
        desc: Conv2dDesc::new(Layout::Nhwc, 1, 3, [24, 24], 8, [3, 3])
            .stride([2, 2])
            .padding(Padding::Same)
            .activation(Activation::Relu),
        packed: &CONV,
        bias: &CONV_BIAS,
    },
    Layer {
        name: "depthwise 3x3, 8 channels",
        desc: Conv2dDesc::new(Layout::Nhwc, 1, 8, [12, 12], 8, [3, 3])
            .padding(Padding::Same)
            .groups(8)
            .activation(Activation::Relu),
        packed: &DEPTHWISE,
        bias: &DEPTHWISE_BIAS,
    },
    Layer {
        name: "pointwise, 8 to 16 channels",
        desc: Conv2dDesc::new(Layout::Nhwc, 1, 8, [12, 12], 16, [1, 1]).activation(Activation::Relu),
        packed: &POINTWISE,
        bias: &POINTWISE_BIAS,
    },
];

/// Elements of the largest tensor, the last layer's output.
const LARGEST: usize = 12 * 12 * 16;

static TENSORS: [Buffer<f32, LARGEST>; 2] = [Buffer::new(0.0), Buffer::new(0.0)];

/// The weights in flash are as long as their layers say.
const _: () = {
    let mut i = 0;
    while i < NETWORK.len() {
        assert!(NETWORK[i].packed.len() == NETWORK[i].desc.scalar_packed_len());
        i += 1;
    }
};

/// Runs all of it, and ends the program if anything is not as the host has it.
pub fn check() {
    let [mut src, mut dst] = [TENSORS[0].take(), TENSORS[1].take()];
    for (i, value) in src.iter_mut().take(24 * 24 * 3).enumerate() {
        *value = pixel(i / 72, i % 72).into();
    }
    for (layer, expected) in NETWORK.iter().zip(LAYERS) {
        require(run(layer, src, dst) == Some(expected), layer.name);
        (src, dst) = (dst, src);
    }
    for (k, expected) in POOLED.iter().enumerate() {
        let sum: f32 = src.iter().skip(k).step_by(16).sum();
        require(sum / 144.0 == *expected, "the means");
    }
    print("done\n");
}

/// Plans a layer and runs it; the hash of the result.
fn run(layer: &Layer, src: &[f32], dst: &mut [f32]) -> Option<u32> {
    let plan = Conv2dPlan::new(&layer.desc, Level::portable()).ok()?;
    let weights = plan.open(layer.packed).ok()?;
    let src = src.get(..plan.geometry().src.len)?;
    let dst = dst.get_mut(..plan.geometry().dst.len)?;
    let operands = Operands::new(src, weights).bias(layer.bias);
    let mut done = false;
    // No scratch: the machine has one lane.
    let buffers = 4 * (src.len() + dst.len());
    measure(layer.name, dst.len(), buffers, &mut || {
        done = plan.run(&operands, dst, &mut []).is_ok();
    });
    let mut hash = Hash::new();
    for value in dst.iter() {
        hash.add(value.to_bits());
    }
    done.then_some(hash.0)
}
