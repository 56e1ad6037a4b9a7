//! What is applied to a sum before it is stored. The last step of every operation, fused into its scatter.

use convoke_simd::Simd;

/// A function applied to every output.
///
/// The piecewise linear ones are exact up to the rounding of their own multiplication or division. Sigmoid, tanh
/// and SiLU are within [`Activation::ERROR`] of the exact value of the function at the rounded sum. NaN gives NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// The sum itself.
    #[default]
    None,
    /// `max(x, 0)`
    Relu,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` where it is positive, the given multiple of it elsewhere.
    Leaky(f32),
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `tanh(x)`
    Tanh,
    /// `x / (1 + exp(-x))`; NaN at minus infinity.
    Silu,
    /// `x * min(max(x + 3, 0), 6) / 6`; NaN at minus infinity.
    HardSwish,
}

impl Activation {
    /// Relative error of sigmoid, tanh and SiLU where the result is a normal number; below that the absolute error
    /// is at most `f32::MIN_POSITIVE`.
    pub const ERROR: f32 = 8.0 * f32::EPSILON;

    /// The function as `min(high, max(low, x))`, if it is one.
    pub(crate) const fn bounds(self) -> Option<[f32; 2]> {
        match self {
            Activation::None => Some([f32::NEG_INFINITY, f32::INFINITY]),
            Activation::Relu => Some([0.0, f32::INFINITY]),
            Activation::Relu6 => Some([0.0, 6.0]),
            _ => None,
        }
    }

    /// Applies the function to every lane. For kernels: call it inside [`Simd::vectorize`].
    #[inline(always)]
    pub fn apply<S: Simd>(self, simd: S, x: S::F32) -> S::F32 {
        // `min` and `max` give their second operand for NaN, so `x` always stands second.
        let zero = simd.splat(0.0);
        match self {
            Activation::None => x,
            Activation::Relu => simd.max(zero, x),
            Activation::Relu6 => simd.min(simd.splat(6.0), simd.max(zero, x)),
            Activation::Leaky(slope) => simd.select_lt(x, zero, simd.mul(x, simd.splat(slope)), x),
            Activation::Sigmoid => sigmoid(simd, x),
            Activation::Tanh => tanh(simd, x),
            Activation::Silu => simd.mul(x, sigmoid(simd, x)),
            Activation::HardSwish => {
                let gate = simd.min(simd.splat(6.0), simd.max(zero, simd.add(x, simd.splat(3.0))));
                simd.div(simd.mul(x, gate), simd.splat(6.0))
            }
        }
    }
}

/// `y = n ln 2 + r` with integral `n` and `|r| <= ln 2 / 2`; returns `2^n` and `exp(r) - 1`.
///
/// `ln 2` is taken in two parts, the first short enough for `n` times it to be exact (Cody and Waite, *Software
/// Manual for the Elementary Functions*, 1980). `exp(r) - 1` is its Taylor sum to the eighth power, whose remainder
/// on this interval is below 2^-30 of the first term: no fitted constants, nothing lost near zero.
#[inline(always)]
fn exp_parts<S: Simd>(simd: S, y: S::F32) -> (S::F32, S::F32) {
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = (core::f64::consts::LN_2 - 355.0 / 512.0) as f32;
    const TAYLOR: [f32; 6] = [1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0];

    let n = simd.round(simd.mul(y, simd.splat(core::f32::consts::LOG2_E)));
    let r = simd.mul_add(n, simd.splat(-LN_2_HIGH), y);
    let r = simd.mul_add(n, simd.splat(-LN_2_LOW), r);
    let mut sum = simd.splat(TAYLOR[0]);
    for c in &TAYLOR[1..] {
        sum = simd.mul_add(sum, r, simd.splat(*c));
    }
    let sum = simd.mul_add(sum, r, simd.splat(0.5));
    let square = simd.mul(r, r);
    (simd.exp2_int(n), simd.mul_add(sum, square, r))
}

#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // With e = exp(-|x|) nothing overflows: 1 / (1 + e) on the right, e / (1 + e) on the left.
    let zero = simd.splat(0.0);
    let one = simd.splat(1.0);
    let minus_abs = simd.min(simd.sub(zero, x), x);
    // As the square of exp(-|x| / 2), e reaches down to the smallest denormal, which SiLU needs: it multiplies it by x.
    let half = simd.max(simd.splat(-60.0), simd.mul(minus_abs, simd.splat(0.5)));
    let (power, m1) = exp_parts(simd, half);
    let root = simd.mul_add(power, m1, power);
    let e = simd.mul(root, root);
    simd.div(simd.select_lt(x, zero, e, one), simd.add(one, e))
}

#[inline(always)]
fn tanh<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    // tanh |x| = E / (E + 2) with E = exp(2 |x|) - 1 = 2^n m1 + (2^n - 1), which keeps its digits near zero.
    let zero = simd.splat(0.0);
    let abs = simd.max(simd.sub(zero, x), x);
    let (power, m1) = exp_parts(simd, simd.min(simd.splat(20.0), simd.add(abs, abs)));
    let e = simd.mul_add(power, m1, simd.sub(power, simd.splat(1.0)));
    let t = simd.div(e, simd.add(e, simd.splat(2.0)));
    simd.select_lt(x, zero, simd.sub(zero, t), t)
}
