//! The Avx512 token: sixteen lanes of f32, thirty-two registers, masks for tails.

use core::arch::x86_64::*;

use super::LINE;
use super::detect;
use crate::Simd;
use crate::past_caches::PutsArePending;

const LANES: usize = 16;

/// Proof that the processor has AVX-512 F, VL, BW and DQ, and everything of [`Avx2`](crate::Avx2).
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if this processor has the instructions and the system saves their registers.
    pub fn new() -> Option<Self> {
        detect::has_avx512().then_some(Self(()))
    }
}

/// The lanes below `n` selected.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1_u32 << n.min(LANES)) - 1) as __mmask16
}

impl Simd for Avx512 {
    type F32 = __m512;
    type Order = __m512i;
    const LANES: usize = LANES;
    const REGISTERS: usize = 32;
    const FUSED: bool = true;

    #[inline(always)]
    fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi1,bmi2,popcnt")]
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
            // SAFETY: `self` proves AVX-512F; both arrays are a vector long, and the target starts on a cache line, which is
            // as many bytes. `PutsArePending` proves that somebody fences before the target can be read.
            unsafe { _mm512_stream_ps(dst.as_mut_ptr(), _mm512_loadu_ps(line.as_ptr())) };
        }
        rest_dst.copy_from_slice(rest);
    }

    #[inline(always)]
    fn store_past_caches<const N: usize>(self, vectors: &[Self::F32; N], dst: &mut [f32], _: PutsArePending) {
        let is_aligned = super::before_line(dst).is_multiple_of(LANES);
        let (chunks, _) = dst.as_chunks_mut::<LANES>();
        for (v, dst) in vectors.iter().zip(chunks) {
            if is_aligned {
                // SAFETY: `self` proves AVX-512F; the target is a vector long and starts where a vector is aligned, since the
                // slice starts a whole number of vectors before a cache line. `PutsArePending` proves that somebody fences
                // before the target can be read.
                unsafe { _mm512_stream_ps(dst.as_mut_ptr(), *v) };
            } else {
                self.store(*v, dst);
            }
        }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, src: &[f32]) -> __m512 {
        let src: &[f32; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F; the array is one vector long, and the load need not be aligned.
        unsafe { _mm512_loadu_ps(src.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, v: __m512, dst: &mut [f32]) {
        let dst: &mut [f32; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F; the array is one vector long, and the store need not be aligned.
        unsafe { _mm512_storeu_ps(dst.as_mut_ptr(), v) }
    }

    #[inline(always)]
    fn load_first(self, src: &[f32]) -> __m512 {
        // SAFETY: `self` proves AVX-512F; the mask selects only lanes inside `src`.
        unsafe { _mm512_maskz_loadu_ps(first(src.len()), src.as_ptr()) }
    }

    #[inline(always)]
    fn store_first(self, v: __m512, dst: &mut [f32]) {
        // SAFETY: `self` proves AVX-512F; the mask selects only lanes inside `dst`.
        unsafe { _mm512_mask_storeu_ps(dst.as_mut_ptr(), first(dst.len()), v) }
    }

    #[inline(always)]
    fn load_u8(self, src: &[u8]) -> __m512 {
        let src: &[u8; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F; the array holds the sixteen bytes that the load reads.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(src.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_u8(self, v: __m512, dst: &mut [u8]) {
        let dst: &mut [u8; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        let v = self.min(self.max(v, self.splat(0.0)), self.splat(255.0));
        // SAFETY: `self` proves AVX-512F; the array holds the sixteen bytes that the store writes. The explicit
        // rounding keeps the result independent of the rounding mode.
        unsafe {
            let v = _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
            _mm_storeu_si128(dst.as_mut_ptr().cast(), _mm512_cvtusepi32_epi8(v));
        }
    }

    #[inline(always)]
    fn load_u16(self, src: &[u16]) -> __m512 {
        let src: &[u16; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F; the array holds the thirty-two bytes that the load reads.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256(src.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_u16(self, v: __m512, dst: &mut [u16]) {
        let dst: &mut [u16; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        let v = self.min(self.max(v, self.splat(0.0)), self.splat(65535.0));
        // SAFETY: `self` proves AVX-512F; the array holds the thirty-two bytes that the store writes. The explicit
        // rounding keeps the result independent of the rounding mode.
        unsafe {
            let v = _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
            _mm256_storeu_si256(dst.as_mut_ptr().cast(), _mm512_cvtusepi32_epi16(v));
        }
    }

    #[inline(always)]
    fn load_i16(self, src: &[i16]) -> __m512 {
        let src: &[i16; LANES] = src.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F; the array holds the thirty-two bytes that the load reads.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm256_loadu_si256(src.as_ptr().cast()))) }
    }

    #[inline(always)]
    fn store_i16(self, v: __m512, dst: &mut [i16]) {
        let dst: &mut [i16; LANES] = dst.first_chunk_mut().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F.
        let v = unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_ORD_Q>(v, v), v) };
        let v = self.min(self.max(v, self.splat(-32768.0)), self.splat(32767.0));
        // SAFETY: as in `store_u16`.
        unsafe {
            let v = _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
            _mm256_storeu_si256(dst.as_mut_ptr().cast(), _mm512_cvtsepi32_epi16(v));
        }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn select_lt(self, a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    fn any_lt(self, a: __m512, b: __m512) -> bool {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) != 0 }
    }

    #[inline(always)]
    fn interleave(self, a: __m512, b: __m512) -> [__m512; 2] {
        // SAFETY: `self` proves AVX-512F.
        unsafe {
            let lower = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let upper = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            [_mm512_permutex2var_ps(a, lower, b), _mm512_permutex2var_ps(a, upper, b)]
        }
    }

    #[inline(always)]
    fn deinterleave(self, a: __m512, b: __m512) -> [__m512; 2] {
        // SAFETY: `self` proves AVX-512F.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            [_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b)]
        }
    }

    #[inline(always)]
    fn order(self, lanes: &[u32]) -> __m512i {
        let lanes: &[u32; LANES] = lanes.first_chunk().expect("slice shorter than a vector");
        // SAFETY: `self` proves AVX-512F; the array is one vector long, and the load need not be aligned.
        unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn permute(self, v: __m512, order: __m512i) -> __m512 {
        // SAFETY: `self` proves AVX-512F. The instruction itself takes the remainder.
        unsafe { _mm512_permutexvar_ps(order, v) }
    }

    #[inline(always)]
    fn round(self, v: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512F.
        unsafe { _mm512_roundscale_ps::<0x8>(v) }
    }

    #[inline(always)]
    fn exp2_int(self, n: __m512) -> __m512 {
        let n = self.round(self.min(self.max(n, self.splat(-127.0)), self.splat(127.0)));
        // SAFETY: `self` proves AVX-512F.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }
}
