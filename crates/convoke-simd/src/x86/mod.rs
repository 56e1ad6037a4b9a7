//! The x86-64 tokens, and the question to the processor that makes them.

mod avx2;
mod avx512;
mod detect;

pub use avx2::Avx2;
pub use avx512::Avx512;

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _mm_sfence};

/// Values in a cache line.
const LINE: usize = 16;

/// Values of `dst` before its first whole cache line.
#[inline(always)]
fn before_line(dst: &[f32]) -> usize {
    dst.as_ptr().align_offset(LINE * size_of::<f32>())
}

/// Fetches the cache line at the front of `data`.
#[inline(always)]
fn prefetch<T>(data: &[T]) {
    // SAFETY: SSE is part of x86-64, and the instruction reads nothing that the program could see: it may be given
    // any address at all.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(data.as_ptr().cast()) };
}

/// Waits for stores past the caches.
#[inline(always)]
pub(crate) fn fence() {
    // SAFETY: SSE is part of x86-64.
    unsafe { _mm_sfence() };
}
