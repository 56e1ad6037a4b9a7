//! The register tile: the hot loop of every layer. It makes `M` pixels by `V` vectors of out channels and keeps
//! their sums in registers from the first tap to the last.
//!
//! It reads pixels where the walk says they are and packed weights in order, and writes plain sums to a small tile
//! buffer; what happens to them then is the business of [`scatter`](super::scatter).

use convoke_simd::{Level, Simd};

/// Most pixels in a tile, on any level.
pub(crate) const MAX_PIXELS: usize = 14;
/// Most floats in a tile buffer, on any level.
pub(crate) const MAX_TILE: usize = MAX_PIXELS * 2 * 16;

/// Pixels and vectors of a tile that fill the registers of a level.
///
/// A step of the reduction needs the sums, `vectors` weights and one pixel value at a time. With 32 registers that
/// is 14*2 + 2 + 1 = 31, with 16 it is 6*2 + 2 + 1 = 15. Tall tiles read the weights least often, and the weights are
/// what comes from the outer caches: two vectors for 28 multiply-adds. See `docs/performance.md` for the shapes tried.
pub(crate) const fn shape(level: Level) -> (usize, usize) {
    if level.registers() >= 32 { (14, 2) } else { (6, 2) }
}

/// One tile's worth of reduction: the operands of the hot loop.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    pub(crate) src: &'a [f32],
    /// Where in `src` the first tap of each pixel starts.
    pub(crate) at: [usize; MAX_PIXELS],
    /// The taps, as runs of contiguous reduction steps: `rows` by `cols` runs of `run` steps each.
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) run: usize,
    /// From one run to the next in `src`.
    pub(crate) row_step: usize,
    pub(crate) col_step: usize,
    /// Packed weights of this block of out channels, from the first tap on: one tile width of lanes per step.
    pub(crate) weights: &'a [f32],
    pub(crate) weights_row_step: usize,
    pub(crate) weights_col_step: usize,
}

impl Tile<'_> {
    /// Computes the sums of `pixels` pixels by `vectors` vectors into `sums`, pixel by pixel.
    #[inline]
    pub(crate) fn run<S: Simd>(&self, simd: S, pixels: usize, vectors: usize, sums: &mut [f32]) {
        match vectors {
            1 => self.run_pixels::<S, 1>(simd, pixels, sums),
            _ => self.run_pixels::<S, 2>(simd, pixels, sums),
        }
    }

    #[inline]
    fn run_pixels<S: Simd, const V: usize>(&self, simd: S, pixels: usize, sums: &mut [f32]) {
        macro_rules! choose {
            ($($m:literal)*) => {
                match pixels {
                    $($m if $m <= 6 || S::REGISTERS >= 32 => accumulate::<S, $m, V>(simd, self, sums),)*
                    _ => debug_assert!(false, "a tile of {pixels} pixels"),
                }
            };
        }
        choose!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    }
}

/// The plain algorithm, for one pixel `i` and one out channel `k`:
///
/// ```text
/// sum = 0
/// for each run of taps          (rows of the window, then columns, then in channels: the order of the contract)
///     for c in 0..run
///         sum += src[at[i] + run start + c] * weights[run start + c][k]
/// ```
///
/// Departures:
///
/// 1. *A tile at once.* Each weight vector that is loaded serves all `M` pixels, each pixel value all `V` vectors:
///    `M * V` multiply-adds for `V` vector loads and `M` broadcasts. Every sum is still its own chain in the order
///    above, so the tile's shape changes no bit.
/// 2. *Sums stay in registers* over all runs; they are written once, at the end. `M * V` of them also cover the
///    latency of the multiply-add (four cycles, one or two starting in each).
/// 3. *No test in the loop.* A run's pixels are cut to slices of the run's length before it starts, and weights come
///    as chunks of the tile's width, so that no index is checked inside.
/// 4. *Not inlined*, one function per tile shape and level: a call per tile costs nothing beside the loop, the code
///    stays small, and its machine code can be found by name.
#[inline(never)]
fn accumulate<S: Simd, const M: usize, const V: usize>(simd: S, tile: &Tile<'_>, sums: &mut [f32]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut acc = [[simd.splat(0.0); V]; M];
            for r in 0..tile.rows {
                for s in 0..tile.cols {
                    let start = r * tile.row_step + s * tile.col_step;
                    let weights = &tile.weights[r * tile.weights_row_step + s * tile.weights_col_step..];
                    contiguous::<S, M, V>(simd, tile, start, weights, &mut acc);
                }
            }
            for (row, sums) in acc.iter().zip(sums.chunks_exact_mut(V * S::LANES)) {
                for (v, sum) in row.iter().enumerate() {
                    simd.store(*sum, &mut sums[v * S::LANES..]);
                }
            }
        },
    );
}

/// One run of steps that are contiguous in `src` and in the weights.
#[inline(always)]
fn contiguous<S: Simd, const M: usize, const V: usize>(
    simd: S,
    tile: &Tile<'_>,
    start: usize,
    weights: &[f32],
    acc: &mut [[S::F32; V]; M],
) {
    let run = tile.run;
    let pixels: [&[f32]; M] = core::array::from_fn(|i| &tile.src[tile.at[i] + start..][..run]);
    for pixel in &pixels {
        // Said once more where the optimiser needs it: the loop below then has no bounds checks.
        assert!(pixel.len() == run);
    }
    // A copy whose address nobody has, so that it can live in registers.
    let mut sums = *acc;
    let mut weights = weights.chunks_exact(V * S::LANES);
    #[expect(clippy::needless_range_loop, reason = "the index is into all M slices, and the loop's count")]
    for c in 0..run {
        let Some(weights) = weights.next() else { break };
        let w: [S::F32; V] = core::array::from_fn(|v| simd.load(&weights[v * S::LANES..]));
        for i in 0..M {
            let x = simd.splat(pixels[i][c]);
            for v in 0..V {
                sums[i][v] = simd.mul_add(x, w[v], sums[i][v]);
            }
        }
    }
    *acc = sums;
}
