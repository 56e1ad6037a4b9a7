//! What this machine can do: multiply-adds per second from registers alone, and bytes copied per second. Times
//! of layers mean little without them, and they must be measured, in the same run: clocks and neighbours
//! change.

use std::hint::black_box;
use std::time::Instant;

use convoke::Level;
use convoke_simd::{Kernel, Simd};

/// Independent sums: enough to hide the latency of a multiply-add (4 or 5 cycles, two at a time), few enough
/// for 16 registers.
const CHAINS: usize = 12;
/// Multiply-adds of each chain in one call: about 20 microseconds of work.
const STEPS: usize = 4096;

/// Multiply-adds on registers. Gives the sums, so that they must be computed.
struct MultiplyAdds {
    factor: f32,
    term: f32,
}

impl Kernel for MultiplyAdds {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (factor, term) = (simd.splat(self.factor), simd.splat(self.term));
        let mut sums = [simd.splat(1.0); CHAINS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, term);
            }
        }
        let total = sums.into_iter().reduce(|a, b| simd.add(a, b)).unwrap_or(term);
        let mut first = [0.0];
        simd.store_first(total, &mut first);
        first[0]
    }
}

/// Seconds that the fastest of a few calls took.
fn fastest(calls: usize, mut call: impl FnMut()) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..calls {
        let start = Instant::now();
        call();
        least = least.min(start.elapsed().as_secs_f64());
    }
    least
}

/// Billions of `f32` operations (a multiply-add is two) per second that one core does at `level`.
pub(crate) fn gflops(level: Level) -> f64 {
    let call = || {
        // Sums stay between 1 and 2, far from denormals.
        let kernel = MultiplyAdds { factor: black_box(0.5), term: black_box(0.75) };
        black_box(level.dispatch(kernel));
    };
    fastest(20, call);
    let seconds = fastest(100, call);
    2.0 * (CHAINS * STEPS * level.lanes()) as f64 / seconds * 1e-9
}

/// The same for `threads` cores at once.
pub(crate) fn gflops_on(level: Level, threads: usize) -> f64 {
    if threads <= 1 {
        return gflops(level);
    }
    // One measurement per thread of the pool, at the same time.
    rayon::broadcast(|_| gflops(level)).into_iter().take(threads).sum()
}

/// Copies with the vectors of a level.
struct Copy<'a> {
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Kernel for Copy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (src, dst) in self.src.chunks_exact(S::LANES).zip(self.dst.chunks_exact_mut(S::LANES)) {
            simd.store(simd.load(src), dst);
        }
    }
}

/// Billions of bytes per second, read and written ones both counted, that one core copies from memory to memory
/// with the vectors of `level`.
pub(crate) fn copy_gb_s(level: Level) -> f64 {
    // Two buffers of 64 MiB: beyond the caches.
    copy_gb_s_of(level, 128 << 20)
}

/// The same for source and target of so many bytes together, which some cache may hold.
pub(crate) fn copy_gb_s_of(level: Level, bytes: usize) -> f64 {
    /// Bytes that take long enough for the clock, and several calls.
    const TIMED: usize = 4 << 20;
    let len = bytes / 2 / size_of::<f32>();
    let (src, mut dst) = (vec![1.0_f32; len], vec![2.0_f32; len]);
    let times = TIMED.div_ceil(bytes);
    let seconds = fastest(5 * times.min(4), || {
        for _ in 0..times {
            level.dispatch(Copy { src: black_box(&src), dst: black_box(&mut dst) });
        }
    });
    (2 * len * size_of::<f32>() * times) as f64 / seconds * 1e-9
}
