//! The Avx2 token: eight lanes of f32, sixteen registers, fused multiply-add.

use core::arch::x86_64::*;

use super::LINE;
use super::detect;
use crate::Simd;
use crate::past_caches::PutsArePending;

const LANES: usize = 8;

/// Proof that the processor has AVX2, FMA, BMI1, BMI2 and POPCNT.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if this processor has the instructions and the system saves their registers.
    pub fn new() -> Option<Self> {
        detect::has_avx2().then_some(Self(()))
    }
}

/// The lanes below `n` selected: all bits set in each.
#[inline(always)]
fn first(n: usize) -> [i32; LANES] {
    core::array::from_fn(|lane| if lane < n { -1 } else { 0 })
}

impl Simd for Avx2 {
    type F32 = __m256;
    type Order = __m256i;
    const LANES: usize = LANES;
    const REGISTERS: usize = 16;
    const FUSED: bool = true;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2,fma,bmi1,bmi2,popcnt")]
        #[inline]
        fn enter<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: `self` proves that the processor has these features.
        unsafe { enter(f) }
    }

    #[inline(always)]
    fn prefetch<T>(self, data: &[T]) {
        super::prefetch(data);
    }

    #[inline(always)]
    fn put_past_caches(self, src: &[f32], dst: &mut [f32], _: PutsArePending) {
        assert_eq!(src.len(), dst.len(), "slices of different lengths");
        // What stands before the first whole cache line, and behind the last.
        let head = super::before_line(dst).min(dst.len());
        let (head_dst, dst) = dst.split_at_mut(head);
        let (head, src) = src.split_at(head);
        head_dst.copy_from_slice(head);
        let (lines, rest) = src.as_chunks::<LINE>();
        let (line_dst, rest_dst) = dst.as_chunks_mut::<LINE>();
        for (line, dst) in lines.iter().zip(line_dst) {
            // SAFETY: `self` proves AVX; both arrays are two vectors long, and the target starts on a cache line, which is as
            // many bytes. `PutsArePending` proves that somebody fences before the target can be read.
            unsafe {
                _mm256_stream_ps(dst.as_mut_ptr(), _mm256_loadu_ps(line.as_ptr()));
                _mm256_stream_ps(dst.as_mut_ptr().add(LANES), _mm256_loadu_ps(line.as_ptr().add(LANES)));
            }
        }
        rest_dst.copy_from_slice(rest);
    }

    #[inline(always)]
    fn store_past_caches<const N: usize>(self, vectors: &[Self::F32; N], dst: &mut [f32], _: PutsArePending) {
        let is_aligned = super::before_line(dst).is_multiple_of(LANES);
        let (chunks, _) = dst.as_chunks_mut::<LANES>();
        for (v, dst) in vectors.iter().zip(chunks) {
            if is_aligned {
                // SAFETY: `self` proves AVX; the target is a vector long and starts where a vector is aligned, since the
                // slice starts a whole number of vectors before a cache line. `PutsArePending` proves that somebody fences
                // before the target can be read.
                unsafe { _mm256_stream_ps(dst.as_mut_ptr(), *v) };
            } else {
                self.store(*v, dst);
            }
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, src: &[f32]) -> __m256 {
        let src: &[f32; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX; the array is one vector long, and the load need not be aligned.
        unsafe { _mm256_loadu_ps(src.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, v: __m256, dst: &mut [f32]) {
        let dst: &mut [f32; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX; the array is one vector long, and the store need not be aligned.
        unsafe { _mm256_storeu_ps(dst.as_mut_ptr(), v) }
    }

    #[inline(always)]
    fn load_first(self, src: &[f32]) -> __m256 {
        if src.len() >= LANES {
            return self.load(src);
        }
        let mask = first(src.len());
        // SAFETY: `self` proves AVX; `mask` is one vector long, and it selects only lanes inside `src`.
        unsafe { _mm256_maskload_ps(src.as_ptr(), _mm256_loadu_si256(mask.as_ptr().cast())) }
    }

    #[inline(always)]
    fn store_first(self, v: __m256, dst: &mut [f32]) {
        if dst.len() >= LANES {
            return self.store(v, dst);
        }
        // Masked stores of this width take dozens of cycles on some processors.
        let mut at = dst.as_mut_ptr();
        // SAFETY: `self` proves AVX. Four, two and one lanes are written as the bits of the length say: together as many
        // as `dst` is long, from its start on.
        unsafe {
            let mut rest = _mm256_castps256_ps128(v);
            if dst.len() & 4 != 0 {
                _mm_storeu_ps(at, rest);
                at = at.add(4);
                rest = _mm256_extractf128_ps::<1>(v);
            }
            if dst.len() & 2 != 0 {
                _mm_storel_pd(at.cast(), _mm_castps_pd(rest));
                at = at.add(2);
                rest = _mm_movehl_ps(rest, rest);
            }
            if dst.len() & 1 != 0 {
                _mm_store_ss(at, rest);
            }
        }
    }

    #[inline(always)]
    fn load_u8(self, src: &[u8]) -> __m256 {
        let src: &[u8; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX2; the array holds the eight bytes that the load reads.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(src.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_u8(self, v: __m256, dst: &mut [u8]) {
        let dst: &mut [u8; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        let v = self.min(self.max(v, self.splat(0.0)), self.splat(255.0));
        // SAFETY: `self` proves AVX2; the array holds the eight bytes that the store writes. The explicit
        // rounding keeps the result independent of the rounding mode.
        unsafe {
            let v = _mm256_cvtps_epi32(_mm256_round_ps::<0x8>(v));
            let words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            _mm_storel_epi64(dst.as_mut_ptr().cast(), _mm_packus_epi16(words, words));
        }
    }

    #[inline(always)]
    fn load_u16(self, src: &[u16]) -> __m256 {
        let src: &[u16; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX2; the array holds the sixteen bytes that the load reads.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128(src.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_u16(self, v: __m256, dst: &mut [u16]) {
        let dst: &mut [u16; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        let v = self.min(self.max(v, self.splat(0.0)), self.splat(65535.0));
        // SAFETY: `self` proves AVX2; the array holds the sixteen bytes that the store writes. The explicit
        // rounding keeps the result independent of the rounding mode.
        unsafe {
            let v = _mm256_cvtps_epi32(_mm256_round_ps::<0x8>(v));
            let words = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            _mm_storeu_si128(dst.as_mut_ptr().cast(), words);
        }
    }

    #[inline(always)]
    fn load_i16(self, src: &[i16]) -> __m256 {
        let src: &[i16; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX2; the array holds the sixteen bytes that the load reads.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128(src.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_i16(self, v: __m256, dst: &mut [i16]) {
        let dst: &mut [i16; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX.
        let v = unsafe { _mm256_and_ps(v, _mm256_cmp_ps::<_CMP_ORD_Q>(v, v)) };
        let v = self.min(self.max(v, self.splat(-32768.0)), self.splat(32767.0));
        // SAFETY: as in `store_u16`.
        unsafe {
            let v = _mm256_cvtps_epi32(_mm256_round_ps::<0x8>(v));
            let words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            _mm_storeu_si128(dst.as_mut_ptr().cast(), words);
        }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: `self` proves FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn select_lt(self, a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
    }

    #[inline(always)]
    fn any_lt(self, a: __m256, b: __m256) -> bool {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) != 0 }
    }

    #[inline(always)]
    fn interleave(self, a: __m256, b: __m256) -> [__m256; 2] {
        // SAFETY: `self` proves AVX.
        unsafe {
            // Within each half of the register; then the halves are put in order.
            let (even, odd) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            [_mm256_permute2f128_ps::<0x20>(even, odd), _mm256_permute2f128_ps::<0x31>(even, odd)]
        }
    }

    #[inline(always)]
    fn deinterleave(self, a: __m256, b: __m256) -> [__m256; 2] {
        // SAFETY: `self` proves AVX.
        unsafe {
            // The halves that belong together first; then within them.
            let (lower, upper) = (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b));
            [_mm256_shuffle_ps::<0x88>(lower, upper), _mm256_shuffle_ps::<0xDD>(lower, upper)]
        }
    }

    #[inline(always)]
    fn order(self, lanes: &[u32]) -> __m256i {
        let lanes: &[u32; LANES] = lanes.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX; the array is one vector long, and the load need not be aligned.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn permute(self, v: __m256, order: __m256i) -> __m256 {
        // SAFETY: `self` proves AVX2. The instruction itself takes the remainder.
        unsafe { _mm256_permutevar8x32_ps(v, order) }
    }

    #[inline(always)]
    fn round(self, v: __m256) -> __m256 {
        // SAFETY: `self` proves AVX.
        unsafe { _mm256_round_ps::<0x8>(v) }
    }

    #[inline(always)]
    fn exp2_int(self, n: __m256) -> __m256 {
        let n = self.round(self.min(self.max(n, self.splat(-127.0)), self.splat(127.0)));
        // SAFETY: `self` proves AVX2.
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }
}
