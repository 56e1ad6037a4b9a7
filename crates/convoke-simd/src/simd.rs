//! The vocabulary: the trait that kernels are generic over, and the trait of things that run at a level.

use core::fmt::Debug;

use crate::past_caches::{PastCaches, PutsArePending};

/// Lanes of the widest vectors.
const MOST_LANES: usize = 16;

/// A token for an instruction set: holding one proves that this processor has it.
///
/// The vectors hold [`LANES`](Self::LANES) values of `f32`. Operations are total: they are defined on NaN,
/// infinities and denormals, and give the same bits on every level unless said otherwise.
///
/// The methods are meant to be inlined into a region entered through [`vectorize`](Self::vectorize); called
/// outside one they are correct but slow.
pub trait Simd: Copy + Debug + Send + Sync + 'static {
    /// A vector of [`LANES`](Self::LANES) values.
    type F32: Copy + Debug;

    /// A lane's number for every lane: see [`permute`](Self::permute).
    type Order: Copy + Debug;

    /// Values in a vector.
    const LANES: usize;

    /// Architectural vector registers: what a register tile may occupy.
    const REGISTERS: usize;

    /// Whether [`mul_add`](Self::mul_add) rounds once (fused) or twice.
    const FUSED: bool;

    /// Whether a multiply-add takes one lane of a vector for all of its lanes as readily as it takes a vector. Values that lie side by
    /// side and meet vectors one after the other are then better loaded together, and taken by
    /// [`splat_lane`](Self::splat_lane), than each by [`splat`](Self::splat).
    const BY_LANE: bool = false;

    /// Runs `f` in a region compiled for this instruction set. Mark what it calls `#[inline(always)]`.
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R;

    /// All lanes `x`.
    fn splat(self, x: f32) -> Self::F32;

    /// The first `LANES` values of `src`.
    ///
    /// # Panics
    /// If `src` is shorter than a vector.
    fn load(self, src: &[f32]) -> Self::F32;

    /// Writes the vector to the front of `dst`.
    ///
    /// # Panics
    /// If `dst` is shorter than a vector.
    fn store(self, v: Self::F32, dst: &mut [f32]);

    /// The first `min(LANES, src.len())` values of `src`; the other lanes are `+0`.
    fn load_first(self, src: &[f32]) -> Self::F32;

    /// Writes the first `min(LANES, dst.len())` lanes.
    fn store_first(self, v: Self::F32, dst: &mut [f32]);

    /// The first `LANES` bytes of `src` as numbers from 0 to 255.
    ///
    /// # Panics
    /// If `src` is shorter than a vector.
    fn load_u8(self, src: &[u8]) -> Self::F32;

    /// Rounds each lane to the nearest integer, ties to even, clamps it to 0..=255 (NaN gives 0), and writes the
    /// bytes to the front of `dst`.
    ///
    /// # Panics
    /// If `dst` is shorter than a vector.
    fn store_u8(self, v: Self::F32, dst: &mut [u8]);

    /// The first `LANES` values of `src` as numbers from 0 to 65535.
    ///
    /// # Panics
    /// If `src` is shorter than a vector.
    fn load_u16(self, src: &[u16]) -> Self::F32;

    /// [`store_u8`](Self::store_u8) to 0..=65535.
    ///
    /// # Panics
    /// If `dst` is shorter than a vector.
    fn store_u16(self, v: Self::F32, dst: &mut [u16]);

    /// The first `LANES` values of `src` as numbers from -32768 to 32767.
    ///
    /// # Panics
    /// If `src` is shorter than a vector.
    fn load_i16(self, src: &[i16]) -> Self::F32;

    /// [`store_u8`](Self::store_u8) to -32768..=32767; NaN gives 0.
    ///
    /// # Panics
    /// If `dst` is shorter than a vector.
    fn store_i16(self, v: Self::F32, dst: &mut [i16]);

    /// A hint that the front of `data` is read soon: it is fetched while other work goes on. Nothing happens where the
    /// instruction set has no such hint, or `data` is empty.
    #[inline(always)]
    fn prefetch<T>(self, data: &[T]) {
        let _ = data;
    }

    /// Writes `dst` past the caches if `past` says so, as far as the instruction set can: `f` puts values where it likes,
    /// and when this returns they are there. For results that no cache holds: a usual store reads what it overwrites first,
    /// and takes the place of something that is still needed.
    #[inline(always)]
    fn past_caches<R>(
        self,
        past: bool,
        dst: &mut [f32],
        f: impl FnOnce(&mut PastCaches<'_, Self>) -> R,
    ) -> R {
        PastCaches::lend(self, past, dst, f)
    }

    /// What [`PastCaches::put`] does.
    #[doc(hidden)]
    #[inline(always)]
    fn put_past_caches(self, src: &[f32], dst: &mut [f32], _: PutsArePending) {
        dst.copy_from_slice(src);
    }

    /// The same for vectors, which hold as many values as `dst`. They go past the caches if `dst` starts where a vector
    /// divides cache lines evenly.
    #[doc(hidden)]
    #[inline(always)]
    fn store_past_caches<const N: usize>(self, vectors: &[Self::F32; N], dst: &mut [f32], _: PutsArePending) {
        for (v, dst) in vectors.iter().zip(dst.chunks_exact_mut(Self::LANES)) {
            self.store(*v, dst);
        }
    }

    /// `a + b`
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `a - b`
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `a * b`
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `a / b`
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `a * b + c`, rounded once where [`FUSED`](Self::FUSED), twice elsewhere.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;

    /// `if a < b { a } else { b }` per lane: the second operand where either is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `if a > b { a } else { b }` per lane: the second operand where either is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// `if a < b { yes } else { no }` per lane; `no` where either is NaN.
    fn select_lt(self, a: Self::F32, b: Self::F32, yes: Self::F32, no: Self::F32) -> Self::F32;

    /// Whether `a < b` in any lane.
    fn any_lt(self, a: Self::F32, b: Self::F32) -> bool;

    /// The lanes of both vectors by turns, `a0 b0 a1 b1 ...`, as two vectors: first what the lower halves give, then
    /// the upper. With one lane, `a` and `b`.
    fn interleave(self, a: Self::F32, b: Self::F32) -> [Self::F32; 2];

    /// The even lanes of `a` and `b`, one after the other, and their odd lanes: what [`interleave`](Self::interleave) put
    /// together. With one lane, `a` and `b`.
    fn deinterleave(self, a: Self::F32, b: Self::F32) -> [Self::F32; 2];

    /// An order of lanes for [`permute`](Self::permute), from the first `LANES` numbers; only their remainders by
    /// `LANES` count.
    ///
    /// # Panics
    /// If there are fewer.
    fn order(self, lanes: &[u32]) -> Self::Order;

    /// Lane `order[i]` of `v` in every lane `i`.
    fn permute(self, v: Self::F32, order: Self::Order) -> Self::F32;

    /// Lane `LANE` of `v` in every lane; only the remainder of `LANE` by the number of lanes counts.
    #[inline(always)]
    fn splat_lane<const LANE: usize>(self, v: Self::F32) -> Self::F32 {
        self.permute(v, self.order(&const { [LANE as u32; MOST_LANES] }))
    }

    /// To the nearest integer, ties to even. Signed zeros, infinities and NaN pass through.
    fn round(self, v: Self::F32) -> Self::F32;

    /// `2^n` for integral `n`, clamped to −127..=127 (NaN counts as −127); −127 gives `+0`. Lanes that are not
    /// integral are rounded first, ties to even.
    fn exp2_int(self, n: Self::F32) -> Self::F32;
}

/// A piece of work that can run on any level: a closure that is generic over the token.
pub trait Kernel {
    /// What the work gives back.
    type Output;

    /// Does the work. It is called inside [`Simd::vectorize`]; mark it, and what it calls in its hot part,
    /// `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
