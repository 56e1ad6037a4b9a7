//! Activations as layers: a function of each element, and its derivative.

use convoke_core::{Activation, Error};
use convoke_simd::{Kernel, Simd};

use super::layer::{Layer, batch_of, check, check_backward};
use super::threads::run_chunks;
use crate::options::Options;

/// Elements that a thread takes at a time.
const CHUNK: usize = 1 << 14;

/// An activation, applied to every element. Where the function has a corner, its derivative there is that on the left.
///
/// ```
/// use convoke::learn::{Activate, Layer};
/// use convoke::{Activation, Options};
/// let mut relu = Activate::new(3, Activation::Relu, &Options::new())?;
/// let (mut dst, mut src_grad) = ([0.0; 3], [0.0; 3]);
/// relu.forward(&[-1.0, 0.0, 2.0], &mut dst)?;
/// relu.backward(&[-1.0, 0.0, 2.0], &[5.0; 3], Some(&mut src_grad))?;
/// assert_eq!((dst, src_grad), ([0.0, 0.0, 2.0], [0.0, 0.0, 5.0]));
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Activate {
    len: usize,
    activation: Activation,
    options: Options,
}

impl Activate {
    /// An activation of examples of `len` elements.
    ///
    /// # Errors
    /// [`Error::TooSmall`] for examples without elements.
    pub fn new(len: usize, activation: Activation, options: &Options) -> Result<Self, Error> {
        if len == 0 {
            return Err(Error::TooSmall { operand: "elements", required: 1, got: 0 });
        }
        Ok(Self { len, activation, options: *options })
    }
}

impl Layer for Activate {
    fn src_len(&self) -> usize {
        self.len
    }

    fn dst_len(&self) -> usize {
        self.len
    }

    fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        batch_of(src, self.len)?;
        check("dst", src.len(), dst.len())?;
        let Self { activation, options, .. } = *self;
        run_chunks(&options, src.len() as u64, dst, CHUNK, |at, dst| {
            options.level.dispatch(Forward { activation, src: &src[at..at + dst.len()], dst });
        });
        Ok(())
    }

    fn backward(&mut self, src: &[f32], dst_grad: &[f32], src_grad: Option<&mut [f32]>) -> Result<(), Error> {
        check_backward(self, src, dst_grad, src_grad.as_deref())?;
        let Some(src_grad) = src_grad else { return Ok(()) };
        let Self { activation, options, .. } = *self;
        run_chunks(&options, src.len() as u64, src_grad, CHUNK, |at, src_grad| {
            let places = at..at + src_grad.len();
            let [src, dst_grad] = [&src[places.clone()], &dst_grad[places]];
            options.level.dispatch(Backward { activation, src, dst_grad, src_grad });
        });
        Ok(())
    }
}

struct Forward<'a> {
    activation: Activation,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (src, dst) in self.src.chunks(S::LANES).zip(self.dst.chunks_mut(S::LANES)) {
            simd.store_first(self.activation.apply(simd, simd.load_first(src)), dst);
        }
    }
}

struct Backward<'a> {
    activation: Activation,
    src: &'a [f32],
    dst_grad: &'a [f32],
    src_grad: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.src.chunks(S::LANES).zip(self.dst_grad.chunks(S::LANES));
        for ((src, dst_grad), src_grad) in rows.zip(self.src_grad.chunks_mut(S::LANES)) {
            let slope = slope(simd, self.activation, simd.load_first(src));
            simd.store_first(simd.mul(slope, simd.load_first(dst_grad)), src_grad);
        }
    }
}

/// The derivative of an activation at `x`.
#[inline(always)]
fn slope<S: Simd>(simd: S, activation: Activation, x: S::F32) -> S::F32 {
    let [zero, one] = [simd.splat(0.0), simd.splat(1.0)];
    match activation {
        Activation::None => one,
        Activation::Relu => simd.select_lt(zero, x, one, zero),
        Activation::Relu6 => {
            let below = simd.select_lt(simd.splat(6.0), x, zero, one);
            simd.select_lt(zero, x, below, zero)
        }
        Activation::Leaky(slope) => simd.select_lt(zero, x, one, simd.splat(slope)),
        Activation::Sigmoid => {
            // s (1 - s), and 1 - s(x) = s(-x), which keeps its digits where s is near 1.
            let s = activation.apply(simd, x);
            simd.mul(s, activation.apply(simd, simd.sub(zero, x)))
        }
        Activation::Tanh => {
            // 1 - t^2 = 4 s(2x) s(-2x)
            let double = simd.add(x, x);
            let s = Activation::Sigmoid.apply(simd, double);
            let other = Activation::Sigmoid.apply(simd, simd.sub(zero, double));
            simd.mul(simd.splat(4.0), simd.mul(s, other))
        }
        Activation::Silu => {
            // s + x s (1 - s)
            let s = Activation::Sigmoid.apply(simd, x);
            let other = Activation::Sigmoid.apply(simd, simd.sub(zero, x));
            simd.mul_add(simd.mul(x, s), other, s)
        }
        Activation::HardSwish => {
            // (2x + 3) / 6 between -3 and 3
            let middle = simd.div(simd.add(simd.add(x, x), simd.splat(3.0)), simd.splat(6.0));
            let right = simd.select_lt(simd.splat(3.0), x, one, middle);
            simd.select_lt(simd.splat(-3.0), x, right, zero)
        }
    }
}
