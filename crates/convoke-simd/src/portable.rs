//! The portable token: the `wide` crate, which uses whatever vectors the build enables (SSE2 on x86-64, NEON on
//! AArch64, simd128 on wasm, AVX with `-C target-cpu`) and plain Rust elsewhere.
//!
//! `wide` decides at compile time, so this token needs no feature check and no `unsafe`.

use crate::Simd;

// A vector wider than the machine's registers would spill, so the width follows the build.
#[cfg(not(target_feature = "avx"))]
use wide::f32x4 as Vector;
#[cfg(target_feature = "avx")]
use wide::f32x8 as Vector;

#[cfg(not(target_feature = "avx"))]
use wide::i32x4 as IntVector;
#[cfg(target_feature = "avx")]
use wide::i32x8 as IntVector;

#[cfg(target_feature = "avx")]
const LANES: usize = 8;
#[cfg(not(target_feature = "avx"))]
const LANES: usize = 4;

/// The vectors that the build's own target settings allow.
#[derive(Clone, Copy, Debug)]
pub struct Portable(());

impl Portable {
    /// The portable token, which every machine has.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Default for Portable {
    fn default() -> Self {
        Self::new()
    }
}

#[inline(always)]
fn first_lanes<T>(s: &[T]) -> &[T; LANES] {
    s.first_chunk().expect("slice shorter than a vector")
}

impl Simd for Portable {
    type F32 = Vector;
    type Order = [u32; LANES];
    const LANES: usize = LANES;
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 } else { 16 };
    // Where `wide` itself is fused: its 32-bit ARM vectors are not, whatever the build enables.
    const FUSED: bool =
        cfg!(any(target_feature = "fma", all(target_arch = "aarch64", target_feature = "neon")));

    const BY_LANE: bool = cfg!(all(target_arch = "aarch64", target_feature = "neon"));

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Vector {
        Vector::splat(x)
    }

    #[inline(always)]
    fn load(self, src: &[f32]) -> Vector {
        Vector::new(*first_lanes(src))
    }

    #[inline(always)]
    fn store(self, v: Vector, dst: &mut [f32]) {
        *dst.first_chunk_mut().expect("slice shorter than a vector") = v.to_array();
    }

    #[inline(always)]
    fn load_first(self, src: &[f32]) -> Vector {
        if let Some(full) = src.first_chunk() {
            return Vector::new(*full);
        }
        let mut lanes = [0.0; LANES];
        for (lane, &s) in lanes.iter_mut().zip(src) {
            *lane = s;
        }
        Vector::new(lanes)
    }

    #[inline(always)]
    fn store_first(self, v: Vector, dst: &mut [f32]) {
        if let Some(full) = dst.first_chunk_mut() {
            *full = v.to_array();
            return;
        }
        for (d, lane) in dst.iter_mut().zip(v.to_array()) {
            *d = lane;
        }
    }

    #[inline(always)]
    fn load_u8(self, src: &[u8]) -> Vector {
        Vector::new(first_lanes(src).map(f32::from))
    }

    #[inline(always)]
    fn store_u8(self, v: Vector, dst: &mut [u8]) {
        // Bits are kept or dropped, rather than clamped from below: see `exp2_int`.
        let v = self.round(self.min(v, Vector::splat(255.0))) & Vector::ZERO.simd_lt(v);
        *dst.first_chunk_mut().expect("slice shorter than a vector") = v.to_array().map(|x| x as u8);
    }

    #[inline(always)]
    fn load_u16(self, src: &[u16]) -> Vector {
        Vector::new(first_lanes(src).map(f32::from))
    }

    #[inline(always)]
    fn store_u16(self, v: Vector, dst: &mut [u16]) {
        // As in `store_u8`. What is left fits in an `i32`.
        let v = self.round(self.min(v, Vector::splat(65535.0))) & Vector::ZERO.simd_lt(v);
        let lanes = v.fast_trunc_int().to_array();
        *dst.first_chunk_mut().expect("slice shorter than a vector") = lanes.map(|x| x as u16);
    }

    #[inline(always)]
    fn load_i16(self, src: &[i16]) -> Vector {
        Vector::new(first_lanes(src).map(f32::from))
    }

    #[inline(always)]
    fn store_i16(self, v: Vector, dst: &mut [i16]) {
        // Two clamps, so NaN goes first: see `exp2_int`.
        let v = v & v.simd_eq(v);
        let v = self.min(self.max(v, Vector::splat(-32768.0)), Vector::splat(32767.0));
        let lanes = self.round(v).fast_trunc_int().to_array();
        *dst.first_chunk_mut().expect("slice shorter than a vector") = lanes.map(|x| x as i16);
    }

    #[inline(always)]
    fn add(self, a: Vector, b: Vector) -> Vector {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: Vector, b: Vector) -> Vector {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: Vector, b: Vector) -> Vector {
        a * b
    }

    #[inline(always)]
    fn div(self, a: Vector, b: Vector) -> Vector {
        a / b
    }

    #[inline(always)]
    fn mul_add(self, a: Vector, b: Vector, c: Vector) -> Vector {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn min(self, a: Vector, b: Vector) -> Vector {
        // `wide`'s own minimum treats NaN in its own way; a comparison and a choice is the documented one.
        a.simd_lt(b).select(a, b)
    }

    #[inline(always)]
    fn max(self, a: Vector, b: Vector) -> Vector {
        b.simd_lt(a).select(a, b)
    }

    #[inline(always)]
    fn select_lt(self, a: Vector, b: Vector, yes: Vector, no: Vector) -> Vector {
        a.simd_lt(b).select(yes, no)
    }

    #[inline(always)]
    fn any_lt(self, a: Vector, b: Vector) -> bool {
        a.simd_lt(b).any()
    }

    #[inline(always)]
    fn interleave(self, a: Vector, b: Vector) -> [Vector; 2] {
        let (a, b) = (a.to_array(), b.to_array());
        let lane = |i: usize| if i.is_multiple_of(2) { a[i / 2] } else { b[i / 2] };
        [Vector::new(core::array::from_fn(lane)), Vector::new(core::array::from_fn(|i| lane(LANES + i)))]
    }

    #[inline(always)]
    fn deinterleave(self, a: Vector, b: Vector) -> [Vector; 2] {
        let (a, b) = (a.to_array(), b.to_array());
        let lane = |i: usize| if i < LANES { a[i] } else { b[i - LANES] };
        [
            Vector::new(core::array::from_fn(|i| lane(2 * i))),
            Vector::new(core::array::from_fn(|i| lane(2 * i + 1))),
        ]
    }

    #[inline(always)]
    fn order(self, lanes: &[u32]) -> [u32; LANES] {
        *lanes.first_chunk().expect("slice shorter than a vector")
    }

    #[inline(always)]
    fn permute(self, v: Vector, order: [u32; LANES]) -> Vector {
        let v = v.to_array();
        Vector::new(order.map(|lane| v[lane as usize % LANES]))
    }

    // By way of vectors: of an array of lanes the compiler makes single loads, if the vector comes from memory.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    #[inline(always)]
    fn splat_lane<const LANE: usize>(self, v: Vector) -> Vector {
        let pairs = if LANE % LANES < LANES / 2 { v.unpack_lo(v) } else { v.unpack_hi(v) };
        if LANE.is_multiple_of(2) { pairs.unpack_lo(pairs) } else { pairs.unpack_hi(pairs) }
    }

    #[inline(always)]
    fn round(self, v: Vector) -> Vector {
        // As in the scalar token: below 2^23 the addition rounds, above it everything is integral.
        let big = Vector::splat(8_388_608.0);
        let magnitude = v.abs();
        let rounded = ((magnitude + big) - big) | (v & Vector::splat(-0.0));
        magnitude.simd_lt(big).select(rounded, v)
    }

    #[inline(always)]
    fn exp2_int(self, n: Vector) -> Vector {
        // One clamp and a mask. Two clamps against constants are FMAXNM and FMINNM on AArch64, of which the first
        // turns a signalling NaN into a quiet one and the second that into the wrong bound.
        let above = Vector::splat(-127.0).simd_lt(n);
        let n = self.round(self.min(n, Vector::splat(127.0)));
        let bits: IntVector = (n.fast_trunc_int() + IntVector::splat(127)) << 23;
        Vector::new(bits.to_array().map(|b| f32::from_bits(b as u32))) & above
    }
}
