//! The register tile: the hot loop of every layer. It makes `M` pixels by `V` vectors of out channels and keeps
//! their sums in registers from the first tap to the last.
//!
//! It reads pixels where the walk says they are and packed weights in order, and hands the sums to
//! [`scatter`](super::scatter) while they are in registers.

use convoke_simd::{Level, Simd};

use super::scatter::{MAX_PIXELS, Scatter};

/// Vectors of out channels in a tile, as a rule. Of three and of two every larger number can be made; a tile of one reads as many
/// pixel values for less.
const fn vectors(registers: usize) -> usize {
    if registers >= 32 { 3 } else { 2 }
}

/// Pixels of a tile of this many vectors that fill the registers of a level.
///
/// A step of the reduction needs the sums, `vectors` weights and one pixel value at a time. With 32 registers that
/// is 9*3 + 3 + 1 = 31 or 12*2 + 2 + 1, with 16 it is 6*2 + 2 + 1 = 15; the compiler fills no more. Each pixel has an address of its own,
/// and beside them the loop needs three or four: with more pixels addresses are fetched from memory at every step, and what a
/// processor can start in a cycle then leaves no room for what is done once per tile. One vector has enough with 12 sums
/// to cover the latency of the multiply-add. See `docs/performance.md` for the shapes tried.
pub(crate) const fn pixels(registers: usize, vectors: usize) -> usize {
    match (registers, vectors) {
        (32.., ..=2) => 12,
        (32.., _) => 9,
        (_, 1) => 8,
        (_, 2) => 6,
        _ => 3,
    }
}

/// Pixels and vectors of a full tile.
pub(crate) const fn shape(level: Level) -> (usize, usize) {
    let vectors = vectors(level.registers());
    (pixels(level.registers(), vectors), vectors)
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
    /// Blocks of out channels that are made of these pixels, all of the tile's width, and from one to the next in `weights`.
    pub(crate) blocks: usize,
    pub(crate) weights_block_step: usize,
}

impl Tile<'_> {
    /// Computes the sums of `count` pixels by `vectors` vectors and scatters them.
    #[inline]
    pub(crate) fn run<S: Simd>(
        &self,
        simd: S,
        count: usize,
        vectors: usize,
        scatter: &Scatter<'_>,
        dst: &mut [f32],
    ) {
        match vectors {
            1 => self.run_pixels::<S, 1>(simd, count, scatter, dst),
            2 => self.run_pixels::<S, 2>(simd, count, scatter, dst),
            _ => self.run_pixels::<S, 3>(simd, count, scatter, dst),
        }
    }

    #[inline]
    fn run_pixels<S: Simd, const V: usize>(
        &self,
        simd: S,
        count: usize,
        scatter: &Scatter<'_>,
        dst: &mut [f32],
    ) {
        macro_rules! choose {
            ($($m:literal)*) => {
                $(if const { $m <= pixels(S::REGISTERS, V) } && count == $m {
                    return accumulate::<S, $m, V>(simd, self, scatter, dst);
                })*
            };
        }
        choose!(12 11 10 9 8 7 6 5 4 3 2 1);
        debug_assert!(false, "a tile of {count} pixels");
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
/// 2. *Sums stay in registers* over all runs, and until they are in `dst`. `M * V` of them also cover the
///    latency of the multiply-add (four cycles, one or two starting in each).
/// 3. *Some blocks of out channels at once*, if their weights are few: finding the pixels takes as long as ten steps or more.
/// 4. *One test in the loop.* Pixels are cut to slices of all that their taps reach before it starts, all equally long, and
///    weights come as chunks of the tile's width: what is left is one comparison of the index for all pixels.
/// 5. *Not inlined*, one function per tile shape and level: a call per tile costs nothing beside the loop, the code
///    stays small, and its machine code can be found by name.
#[inline(never)]
#[expect(
    clippy::needless_range_loop,
    reason = "indices into several arrays at once; iterators are calls here"
)]
fn accumulate<S: Simd, const M: usize, const V: usize>(
    simd: S,
    tile: &Tile<'_>,
    scatter: &Scatter<'_>,
    dst: &mut [f32],
) {
    simd.vectorize(
        #[inline(always)]
        || {
            let Tile { rows, cols, run, row_step, col_step, .. } = *tile;
            let mut pixels: [&[f32]; M] = [&[]; M];
            let some = rows > 0 && cols > 0;
            let extent = if some { (rows - 1) * row_step + (cols - 1) * col_step + run } else { 0 };
            if some {
                for i in 0..M {
                    pixels[i] = &tile.src[tile.at[i]..][..extent];
                }
            }
            for block in 0..tile.blocks {
                for i in 0..M {
                    // Said once more where the optimiser needs it: the loops below then have one bounds check for all pixels.
                    assert!(pixels[i].len() == extent);
                }
                let mut sums = [[simd.splat(0.0); V]; M];
                for r in 0..rows {
                    for s in 0..cols {
                        let start = r * row_step + s * col_step;
                        let end = start.saturating_add(run);
                        assert!(end <= extent);
                        let from = block * tile.weights_block_step
                            + r * tile.weights_row_step
                            + s * tile.weights_col_step;
                        let mut weights = tile.weights[from..].chunks_exact(V * S::LANES);
                        for c in start..end {
                            let Some(weights) = weights.next() else { break };
                            let mut w = [simd.splat(0.0); V];
                            for v in 0..V {
                                w[v] = simd.load(&weights[v * S::LANES..]);
                            }
                            for i in 0..M {
                                let x = simd.splat(pixels[i][c]);
                                for v in 0..V {
                                    sums[i][v] = simd.mul_add(x, w[v], sums[i][v]);
                                }
                            }
                        }
                    }
                }
                scatter.put_tile(simd, block * V * S::LANES, &sums, dst);
            }
        },
    );
}
