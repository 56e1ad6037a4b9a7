//! Accumulate: the product of two panels into a tile. The only hot loop of the crate.

use convoke_simd::Simd;

use crate::tile::{ROW, TILE_MAX};

/// The left panel: the rows of a tile, read one value at a time and spread over a vector.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Left<'a> {
    /// NHWC: gathered pixels, one in each row.
    Pixels(&'a [[f32; ROW]]),
    /// NCHW: packed weights, term by term the out channels of the panel.
    Weights(&'a [f32]),
}

impl Left<'_> {
    /// The value of row `i` at term `q`, in a tile of `rows` rows. For those who are in no hurry.
    pub(crate) fn at(&self, q: usize, i: usize, rows: usize) -> f32 {
        match self {
            Left::Pixels(pixels) => pixels[i][q],
            Left::Weights(weights) => weights[q * rows + i],
        }
    }
}

/// A tile on its way between registers and `dst`: row after row, each of the plan's number of columns.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct TileBuffer(pub(crate) [f32; TILE_MAX]);

/// `tile += left * right`, or `tile = left * right` if it is `fresh`, over `terms` terms.
///
/// `right` has for every term the `vectors * LANES` columns of the tile. The sizes must be of the level's shapes: see
/// [`Tile`](crate::tile::Tile).
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    left: Left,
    right: &[f32],
    [rows, vectors]: [usize; 2],
    terms: usize,
    fresh: bool,
    tile: &mut TileBuffer,
) {
    let tile = &mut tile.0;
    // Every shape that `Tile` may choose, and its smaller numbers of rows. What a level cannot have is not compiled.
    macro_rules! choose {
        ($($vectors:literal: $($rows:literal)*, if $when:expr;)*) => {
            match (vectors, rows) {
                $($(($vectors, $rows) if $when => match left {
                    Left::Pixels(pixels) => {
                        if let Some((pixels, _)) = pixels.split_first_chunk::<$rows>() {
                            let left = (0..terms.min(ROW)).map(
                                #[inline(always)]
                                |q| move |i: usize| pixels[i][q],
                            );
                            accumulate::<S, $rows, $vectors>(simd, left, right, fresh, tile);
                        }
                    }
                    Left::Weights(weights) => {
                        let left = weights.as_chunks::<$rows>().0[..terms].iter().map(
                            #[inline(always)]
                            |weights| move |i: usize| weights[i],
                        );
                        accumulate::<S, $rows, $vectors>(simd, left, right, fresh, tile);
                    }
                },)*)*
                _ => debug_assert!(false, "no such tile: {rows} by {vectors} vectors"),
            }
        };
    }
    let one = const { S::LANES == 1 };
    let wide = const { S::LANES > 1 && S::REGISTERS >= 32 };
    choose! {
        4: 6 4 2 1, if wide;
        2: 12 8, if wide;
        2: 6, if !one && !wide;
        2: 4 2 1, if true;
        1: 12 8 4 2 1, if !one;
    }
}

/// The product itself, `ROWS` by `VECTORS` accumulators in registers:
///
/// ```text
/// for q in 0..terms                              for each term of the sums
///     for i in 0..ROWS, j in 0..COLUMNS
///         tile[i][j] += left[q][i] * right[q][j]
/// ```
///
/// This is that loop, with `j` in vectors. What is different, and why:
///
/// * **The tile is a local array**, loaded before the loop and stored after it, and the loops over `i` and `j` count
///   with constant bounds. Unrolled, all its indices are constants, and the compiler keeps it in registers. Neither a
///   tile behind `&mut` nor one walked by iterators of arrays stays there: both were tried, and stored and loaded every
///   sum on every turn, at a tenth of the speed.
/// * **A turn is as many multiply-adds as fit.** Six rows by four vectors take 24 of AVX-512's 32 registers, the right
///   side four, the spread value of the left one or two. A turn is 24 multiply-adds and 10 loads, where a processor
///   can do one to two loads for each, and 24 independent chains, where it needs 4 to 8 to hide the latency of one.
///   With AVX2 it is six rows by two vectors, which leaves four of 16 registers. See [`Tile`](crate::tile::Tile) for
///   the other shapes.
/// * **Terms come from iterators** over arrays or exact chunks, not from indices into slices: lengths are constants, so
///   no access in the loop has a bounds check. For gathered pixels the iterator is a range that ends, at the latest,
///   at the constant length of a row, which does the same; and all rows are at constant distances from one address.
/// * **The left side is not a vector.** Spreading one value is a load with a broadcast, which costs what a load costs;
///   it frees the left side from any multiple of the lanes, and rows from any padding.
/// * **The order of the terms is that of the definition.** A tile holds many sums but no sum is ever split in two, so
///   the result depends neither on the tile nor on the level (as far as that fuses multiplication and addition).
///
/// At the AVX-512 level this compiles to 24 FMA, 4 loads, 6 broadcasts and 4 instructions of counting, with nothing on
/// the stack. If it should ever be slow, look there first:
/// `objdump -d --no-show-raw-insn -M intel PROGRAM | grep -B40 -A4 vfmadd231ps`.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "constant indices are what keeps the sums in registers")]
fn accumulate<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    left: impl Iterator<Item = impl Fn(usize) -> f32>,
    right: &[f32],
    fresh: bool,
    tile: &mut [f32; TILE_MAX],
) {
    let columns = const { VECTORS * S::LANES };
    let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
    if !fresh {
        for i in 0..ROWS {
            for j in 0..VECTORS {
                sums[i][j] = simd.load(&tile[i * columns + j * S::LANES..]);
            }
        }
    }
    for (left, right) in left.zip(right.chunks_exact(columns)) {
        let mut vectors = [simd.splat(0.0); VECTORS];
        for j in 0..VECTORS {
            vectors[j] = simd.load(&right[j * S::LANES..]);
        }
        for i in 0..ROWS {
            let value = simd.splat(left(i));
            for j in 0..VECTORS {
                sums[i][j] = simd.mul_add(value, vectors[j], sums[i][j]);
            }
        }
    }
    for i in 0..ROWS {
        for j in 0..VECTORS {
            simd.store(sums[i][j], &mut tile[i * columns + j * S::LANES..]);
        }
    }
}
