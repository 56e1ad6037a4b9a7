//! Slices that are written past the caches: what [`Simd::past_caches`] lends. The safe side of stores that keep no order
//! with others until they are waited for.

use core::marker::PhantomData;

use crate::Simd;

/// A slice that is written, perhaps past the caches: see [`Simd::past_caches`]. While it is, nobody can read it, here or on
/// another thread: such stores keep no order with others until they are waited for.
#[derive(Debug)]
pub struct PastCaches<'a, S: Simd> {
    simd: S,
    dst: &'a mut [f32],
    past: bool,
    /// Neither sent nor shared.
    local: PhantomData<*mut ()>,
}

impl<S: Simd> PastCaches<'_, S> {
    /// What [`Simd::past_caches`] does.
    #[inline(always)]
    pub(crate) fn lend<R>(
        simd: S,
        past: bool,
        dst: &mut [f32],
        f: impl FnOnce(&mut PastCaches<'_, S>) -> R,
    ) -> R {
        // Waits when it is dropped. The closure has only a reference, so that it cannot do away with that.
        let mut dst = PastCaches { simd, dst, past, local: PhantomData };
        f(&mut dst)
    }

    /// Copies `src` to the slice, from `at` on. Whole cache lines go past the caches, a rest at either end does not.
    ///
    /// # Panics
    /// If the slice ends before.
    #[inline(always)]
    pub fn put(&mut self, at: usize, src: &[f32]) {
        let Some(dst) = part(self.dst, at, src.len()) else { return };
        if self.past {
            self.simd.put_past_caches(src, dst, PutsArePending(()));
        } else {
            dst.copy_from_slice(src);
        }
    }

    /// A row of `width` elements from `at` on, if it is there.
    #[doc(hidden)]
    #[inline(always)]
    pub fn get_row(&mut self, at: usize, width: usize) -> Option<PastRows<'_, 1>> {
        let row = self.dst.get_mut(at..)?.get_mut(..width)?;
        Some(PastRows { rows: [row], width, past: self.past, local: PhantomData })
    }

    /// `N` rows of `width` elements, `stride` from each other, the first of them from `at` on.
    ///
    /// # Panics
    /// If the slice ends before, or rows overlap.
    #[inline(always)]
    pub fn rows<const N: usize>(&mut self, at: usize, stride: usize, width: usize) -> PastRows<'_, N> {
        PastRows { rows: rows(self.dst, at, stride, width), width, past: self.past, local: PhantomData }
    }
}

/// Whether what is missing is none, and not a panic: where the machine has one lane, and its firmware shall have no way to panic.
const NO_PANIC: bool = cfg!(all(target_arch = "arm", target_os = "none"));

/// `len` elements from `at` on.
#[inline(always)]
fn part<T>(data: &mut [T], at: usize, len: usize) -> Option<&mut [T]> {
    if NO_PANIC { data.get_mut(at..)?.get_mut(..len) } else { Some(&mut data[at..][..len]) }
}

/// `N` rows of a slice: `width` elements each, `stride` from each other, the first from `at` on.
///
/// # Panics
/// If the slice ends before, or rows overlap.
#[inline(always)]
pub fn rows<T, const N: usize>(dst: &mut [T], at: usize, stride: usize, width: usize) -> [&mut [T]; N] {
    let mut rest = if NO_PANIC { dst.get_mut(at..).unwrap_or_default() } else { &mut dst[at..] };
    let mut rows: [&mut [T]; N] = core::array::from_fn(
        #[inline(always)]
        |_| Default::default(),
    );
    for (i, row) in rows.iter_mut().enumerate() {
        let end = if i + 1 < N { stride } else { width };
        let (this, below) = if NO_PANIC {
            let end = end.min(rest.len());
            rest.split_at_mut(end)
        } else {
            rest.split_at_mut(end)
        };
        *row = part(this, 0, width).unwrap_or_default();
        rest = below;
    }
    rows
}

impl<S: Simd> Drop for PastCaches<'_, S> {
    /// Also if the closure panics.
    #[inline(always)]
    fn drop(&mut self) {
        // Whichever token stored: rows take one of their own.
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        if self.past {
            crate::x86::fence();
        }
    }
}

/// Rows of a slice that is written past the caches: found once, for many stores.
#[derive(Debug)]
pub struct PastRows<'a, const N: usize> {
    rows: [&'a mut [f32]; N],
    width: usize,
    past: bool,
    /// Neither sent nor shared, as the slice.
    local: PhantomData<*mut ()>,
}

impl<const N: usize> PastRows<'_, N> {
    /// Stores to each row its vectors, one after the other, from `x` on. They go past the caches if the first of a row's
    /// starts where a vector divides cache lines evenly.
    ///
    /// # Panics
    /// If rows end before.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "iterators are not unrolled here, and vectors would go to memory"
    )]
    pub fn store<S: Simd, const NV: usize>(&mut self, simd: S, x: usize, vectors: &[[S::F32; NV]; N]) {
        for i in 0..N {
            // All rows are as long as the first, so there is one check.
            let row = if NO_PANIC { &mut *self.rows[i] } else { &mut self.rows[i][..self.width] };
            let Some(dst) = part(row, x, NV * S::LANES) else { return };
            if self.past {
                simd.store_past_caches(&vectors[i], dst, PutsArePending(()));
            } else {
                for (v, dst) in vectors[i].iter().zip(dst.chunks_exact_mut(S::LANES)) {
                    simd.store(*v, dst);
                }
            }
        }
    }

    /// Stores to each row the first `len` lanes of its vector, or all of them, from `x` on, as usual.
    ///
    /// # Panics
    /// If rows end before.
    #[inline(always)]
    pub fn store_first<S: Simd>(&mut self, simd: S, x: usize, len: usize, vectors: [S::F32; N]) {
        for (row, v) in self.rows.iter_mut().zip(vectors) {
            let Some(dst) = part(row, x, len) else { return };
            simd.store_first(v, dst);
        }
    }
}

/// Proof that [`Simd::past_caches`] waits for what is stored: only this module can make one.
#[doc(hidden)]
#[derive(Debug)]
pub struct PutsArePending(());
