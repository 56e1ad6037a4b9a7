//! The scalar token: one lane, plain Rust. The definition that every other token is tested against, and what
//! runs where the target has nothing better: on microcontrollers it is the portable token too.

use crate::Simd;

/// One lane of plain Rust, without fused multiplication.
#[derive(Clone, Copy, Debug)]
pub struct Scalar(());

impl Scalar {
    /// The scalar token, which every machine has.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Default for Scalar {
    fn default() -> Self {
        Self::new()
    }
}

/// The nearest integer, ties to even, of values up to 2^22; what is beyond gives something beyond, on the same side. 0 for NaN.
#[inline(always)]
fn nearest(v: f32) -> i32 {
    // Added to 1.5 * 2^23 a value has no room for a fraction, so the addition rounds, and the integer stands in the last bits.
    // Larger floats have larger bits, until negative ones have the sign.
    const BASE: f32 = 12_582_912.0;
    if v.is_nan() { 0 } else { ((v + BASE).to_bits() as i32).saturating_sub(BASE.to_bits() as i32) }
}

impl Simd for Scalar {
    type F32 = f32;
    type Order = ();
    const LANES: usize = 1;
    const REGISTERS: usize = 16;
    const FUSED: bool = false;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> f32 {
        x
    }

    #[inline(always)]
    fn load(self, src: &[f32]) -> f32 {
        src[0]
    }

    #[inline(always)]
    fn store(self, v: f32, dst: &mut [f32]) {
        dst[0] = v;
    }

    #[inline(always)]
    fn load_first(self, src: &[f32]) -> f32 {
        src.first().copied().unwrap_or(0.0)
    }

    #[inline(always)]
    fn store_first(self, v: f32, dst: &mut [f32]) {
        if let Some(d) = dst.first_mut() {
            *d = v;
        }
    }

    #[inline(always)]
    fn load_u8(self, src: &[u8]) -> f32 {
        f32::from(src[0])
    }

    #[inline(always)]
    fn store_u8(self, v: f32, dst: &mut [u8]) {
        dst[0] = nearest(v).clamp(0, 255) as u8;
    }

    #[inline(always)]
    fn load_u16(self, src: &[u16]) -> f32 {
        f32::from(src[0])
    }

    #[inline(always)]
    fn store_u16(self, v: f32, dst: &mut [u16]) {
        dst[0] = nearest(v).clamp(0, 65535) as u16;
    }

    #[inline(always)]
    fn load_i16(self, src: &[i16]) -> f32 {
        f32::from(src[0])
    }

    #[inline(always)]
    fn store_i16(self, v: f32, dst: &mut [i16]) {
        dst[0] = nearest(v).clamp(-32768, 32767) as i16;
    }

    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }

    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }

    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn min(self, a: f32, b: f32) -> f32 {
        if a < b { a } else { b }
    }

    #[inline(always)]
    fn max(self, a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }

    #[inline(always)]
    fn select_lt(self, a: f32, b: f32, yes: f32, no: f32) -> f32 {
        if a < b { yes } else { no }
    }

    #[inline(always)]
    fn any_lt(self, a: f32, b: f32) -> bool {
        a < b
    }

    #[inline(always)]
    fn interleave(self, a: f32, b: f32) -> [f32; 2] {
        [a, b]
    }

    #[inline(always)]
    fn deinterleave(self, a: f32, b: f32) -> [f32; 2] {
        [a, b]
    }

    #[inline(always)]
    fn order(self, lanes: &[u32]) {
        assert!(!lanes.is_empty(), "slice shorter than a vector");
    }

    #[inline(always)]
    fn permute(self, v: f32, _: ()) -> f32 {
        v
    }

    #[inline(always)]
    fn round(self, v: f32) -> f32 {
        // `core` has no rounding function. Adding and subtracting 2^23 leaves no room for a fraction, so the
        // addition itself rounds, ties to even. Anything of that size or more is an integer already.
        const TWO_23: f32 = 8_388_608.0;
        let magnitude = v.abs();
        if magnitude < TWO_23 { ((magnitude + TWO_23) - TWO_23).copysign(v) } else { v }
    }

    #[inline(always)]
    fn exp2_int(self, n: f32) -> f32 {
        // Clamped as an integer: on AArch64 the compiler makes two clamps against constants into FMAXNM and FMINNM,
        // which answer a signalling NaN with the wrong bound.
        let n = self.round(n);
        let n = if n > -127.0 { (n as i32).min(127) } else { -127 };
        f32::from_bits(((n + 127) as u32) << 23)
    }
}
