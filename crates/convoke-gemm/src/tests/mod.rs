//! The product against the definition, on small layers: at every level of the machine, bit for bit.
//!
//! Values are small integers, so every sum is exact and the order of its terms does not show. Every buffer has exactly
//! its length, and `dst` and `scratch` start as NaN, which would show in a result if it were read.

mod calls;
mod layers;

use std::vec;
use std::vec::Vec;

use convoke_core::{Border, Conv2dDesc, Layout, Level, Mode, Operands};

use crate::GemmConv2dPlan;

/// A layer with its data.
struct Case {
    desc: Conv2dDesc,
    src: Vec<f32>,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    residual: Option<Vec<f32>>,
}

/// Integers from -4 to 4 that look like chance.
fn integers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) % 9
    };
    (0..len).map(|_| next() as f32 - 4.0).collect()
}

impl Case {
    fn new(desc: &Conv2dDesc) -> Self {
        let geometry = *GemmConv2dPlan::new(desc, Level::scalar()).unwrap().geometry();
        Self {
            desc: *desc,
            src: integers(geometry.src.len, 1),
            weights: integers(geometry.weights_len, 2),
            bias: None,
            residual: None,
        }
    }

    fn fused(desc: &Conv2dDesc) -> Self {
        let case = Self::new(desc);
        let geometry = *GemmConv2dPlan::new(desc, Level::scalar()).unwrap().geometry();
        let (bias, residual) = (integers(desc.out_channels, 3), integers(geometry.dst.len, 4));
        Self { bias: Some(bias), residual: Some(residual), ..case }
    }

    fn plan(&self, level: Level) -> GemmConv2dPlan {
        GemmConv2dPlan::new(&self.desc, level).unwrap()
    }

    fn operands<'a>(&'a self, plan: &GemmConv2dPlan, buffer: &'a mut [f32]) -> Operands<'a> {
        let mut operands = Operands::new(&self.src, plan.pack(&self.weights, buffer).unwrap());
        operands.bias = self.bias.as_deref();
        operands.residual = self.residual.as_deref();
        operands
    }

    /// The whole run at a level; what it did not write is still NaN.
    fn run(&self, level: Level) -> Vec<f32> {
        let plan = self.plan(level);
        let mut buffer = vec![f32::NAN; plan.packed_len()];
        let operands = self.operands(&plan, &mut buffer);
        let mut dst = vec![f32::NAN; plan.geometry().dst.len];
        let mut scratch = vec![f32::NAN; plan.scratch_len()];
        plan.run(&operands, &mut dst, &mut scratch).unwrap();
        dst
    }

    /// The definition: one sum for every output. Elements between rows are NaN.
    fn expected(&self) -> Vec<f32> {
        let desc = &self.desc;
        let geometry = *self.plan(Level::scalar()).geometry();
        let ([r, s], [height, width]) = (desc.kernel, desc.in_size);
        let mut dst = vec![f32::NAN; geometry.dst.len];
        for n in 0..desc.batch {
            for k in 0..desc.out_channels {
                for y in 0..geometry.out_size[0] {
                    for x in 0..geometry.out_size[1] {
                        let mut sum = 0.0;
                        for (i, j, c) in taps(r, s, geometry.group_in) {
                            let at = |axis: usize, out: usize, tap: usize| {
                                (out * desc.stride[axis] + tap * desc.dilation[axis]) as isize
                                    - geometry.pad_before[axis] as isize
                            };
                            let (y, x) = (at(0, y, i), at(1, x, j));
                            let channel = k / geometry.group_out * geometry.group_in + c;
                            let value = match (desc.border.index(y, height), desc.border.index(x, width)) {
                                (Some(y), Some(x)) => self.src[geometry.src.at(n, channel, y, x)],
                                _ if desc.border == Border::Zero => continue,
                                _ => desc.border.outside(),
                            };
                            let (i, j) =
                                if desc.mode == Mode::Convolve { (r - 1 - i, s - 1 - j) } else { (i, j) };
                            sum += value
                                * self.weights[match desc.layout {
                                    Layout::Nchw => ((k * geometry.group_in + c) * r + i) * s + j,
                                    Layout::Nhwc => ((k * r + i) * s + j) * geometry.group_in + c,
                                }];
                        }
                        let at = geometry.dst.at(n, k, y, x);
                        sum += self.bias.as_ref().map_or(0.0, |bias| bias[k]);
                        sum += self.residual.as_ref().map_or(0.0, |residual| residual[at]);
                        dst[at] = if desc.activation == convoke_core::Activation::Relu && sum < 0.0 {
                            0.0
                        } else {
                            sum
                        };
                    }
                }
            }
        }
        dst
    }

    /// Every level gives the definition's values.
    fn check(&self) {
        let expected = self.expected();
        for level in Level::available() {
            assert_same(&self.run(level), &expected, &std::format!("{level}: {:?}", self.desc));
        }
    }
}

fn taps(r: usize, s: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..r).flat_map(move |i| (0..s).flat_map(move |j| (0..c).map(move |c| (i, j, c))))
}

/// Equal values, NaN equal to NaN.
#[track_caller]
fn assert_same(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len());
    let same = |a: f32, b: f32| a == b || a.is_nan() && b.is_nan();
    let wrong = got.iter().zip(expected).position(|(&a, &b)| !same(a, b));
    if let Some(i) = wrong {
        panic!("{what}: element {i} of {} is {}, not {}", got.len(), got[i], expected[i]);
    }
}
