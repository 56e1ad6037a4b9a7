//! The register tile: the hot loop of every layer. It makes `M` pixels by `V` vectors of out channels and keeps
//! their sums in registers from the first tap to the last.
//!
//! It reads pixels where the walk says they are and packed weights in order, and hands the sums to
//! [`scatter`](super::scatter) while they are in registers.

use convoke_simd::{Level, Simd};

use super::each::each;
use super::lane_layer::opaque;
use super::scatter::{MAX_PIXELS, Scatter};

/// Steps of a group: values of a pixel that are loaded as one vector where single ones are better [taken](Simd::BY_LANE) from it.
const GROUP: usize = 4;

/// Vectors of out channels in a tile, as a rule. Of three and of two every larger number can be made; a tile of one reads as many
/// pixel values for less.
const fn vectors(registers: usize, by_lane: bool) -> usize {
    match registers {
        32.. if by_lane => 4,
        32.. => 3,
        _ => 2,
    }
}

/// Pixels of a tile of this many vectors that fill the registers of a level.
///
/// A step of the reduction needs the sums, `vectors` weights and one pixel value at a time. With 32 registers that
/// is 9*3 + 3 + 1 = 31 or 12*2 + 2 + 1, with 16 it is 6*2 + 2 + 1 = 15; the compiler fills no more. Each pixel has an address of its own,
/// and beside them the loop needs three or four: with more pixels addresses are fetched from memory at every step, and what a
/// processor can start in a cycle then leaves no room for what is done once per tile. One vector has enough with 12 sums
/// to cover the latency of the multiply-add. See `docs/performance.md` for the shapes tried.
///
/// Where values are taken from vectors, four of each pixel are in registers too: 5*4 + 4 + 5 = 29, 7*3 + 3 + 7 = 31 or 9*2 + 2 + 9 = 29. With
/// one pixel more of any of these the compiler keeps sums in memory.
const fn pixels_of(registers: usize, by_lane: bool, vectors: usize) -> usize {
    match (registers, vectors) {
        (32.., 4) if by_lane => 5,
        (32.., 3) if by_lane => 7,
        (32.., 2) if by_lane => 9,
        (32.., ..=2) => 12,
        (32.., 3) => 9,
        (_, 1) => 8,
        (_, 2) => 6,
        (_, 3) => 3,
        _ => 0,
    }
}

/// Pixels of a tile of this many vectors.
pub(crate) const fn pixels(level: Level, vectors: usize) -> usize {
    pixels_of(level.registers(), level.by_lane(), vectors)
}

/// Pixels and vectors of a full tile.
pub(crate) const fn shape(level: Level) -> (usize, usize) {
    let vectors = vectors(level.registers(), level.by_lane());
    (pixels(level, vectors), vectors)
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
            4 if const { S::BY_LANE } => self.run_pixels::<S, 4>(simd, count, scatter, dst),
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
                $(if const { $m <= pixels_of(S::REGISTERS, S::BY_LANE, V) } && count == $m {
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
/// 5. *Four steps at once* where a multiply-add takes a lane of a vector for all of its lanes: one load of a pixel's next four values in
///    place of four. What is left of a run goes step by step. Values meet the sums in the same order either way. Runs begin at a place
///    that the compiler knows nothing about: it would carry `M` addresses from run to run, most of them by way of the stack.
/// 6. *Not inlined*, one function per tile shape and level: a call per tile costs nothing beside the loop, the code
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
                        let mut start = r * row_step + s * col_step;
                        if const { S::BY_LANE } {
                            start = opaque(start);
                        }
                        let end = start.saturating_add(run);
                        assert!(end <= extent);
                        let from = block * tile.weights_block_step
                            + r * tile.weights_row_step
                            + s * tile.weights_col_step;
                        let mut weights = &tile.weights[from..];
                        let mut first = start;
                        if const { S::BY_LANE } {
                            const { assert!(!S::BY_LANE || S::LANES == GROUP) };
                            let count = run / GROUP;
                            let mut groups: [&[[f32; GROUP]]; M] = [&[]; M];
                            for i in 0..M {
                                groups[i] = pixels[i][start..end].as_chunks().0;
                                assert!(groups[i].len() == count);
                            }
                            let mut chunks = weights.chunks_exact(GROUP * V * S::LANES);
                            for group in 0..count {
                                let Some(weights) = chunks.next() else { break };
                                let mut x = [simd.splat(0.0); M];
                                for i in 0..M {
                                    x[i] = simd.load(&groups[i][group]);
                                }
                                each!(group STEP where STEP < GROUP => {
                                    let mut w = [simd.splat(0.0); V];
                                    for v in 0..V {
                                        w[v] = simd.load(&weights[(STEP * V + v) * S::LANES..]);
                                    }
                                    for i in 0..M {
                                        let x = simd.splat_lane::<STEP>(x[i]);
                                        for v in 0..V {
                                            sums[i][v] = simd.mul_add(x, w[v], sums[i][v]);
                                        }
                                    }
                                });
                            }
                            first += count * GROUP;
                            weights = &weights[count * GROUP * V * S::LANES..];
                        }
                        let mut weights = weights.chunks_exact(V * S::LANES);
                        for c in first..end {
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
