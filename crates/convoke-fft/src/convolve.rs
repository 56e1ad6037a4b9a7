//! The arithmetic of a pair of tiles: planes of gathered pixels in, points whose real and imaginary parts are sums out.
//!
//! A column block, or a block of rows, is transformed there and back while it is in the first cache; the tile itself is passed
//! over four times. Nothing here knows of types of pixels.

use convoke_simd::Simd;

use crate::passes::{Point, forward, inverse, load, store, transpose};
use crate::plan::{FftFilter, pitch};

/// Correlates a pair of tiles with the mask, cyclically. Returns the sum of the squares of all values, means taken off: the
/// result is good if that is finite.
#[inline(never)]
pub(crate) fn convolve<S: Simd, const L: usize>(
    simd: S,
    filter: &FftFilter,
    planes: [&[f32]; 2],
    means: [f32; 2],
    points: &mut [Point<L>],
    block: &mut [Point<L>],
) -> f32 {
    simd.vectorize(
        #[inline(always)]
        || {
            let [vertical, horizontal] = &filter.transforms;
            let [p, q] = [vertical.len(), horizontal.len()];
            let (points, block) = (&mut points[..column_pitch(p) * q / L], &mut block[..q]);
            let mut squares = [simd.splat(0.0); 2];
            for (column, x) in points.chunks_exact_mut(column_pitch(p)).zip((0..).step_by(L)) {
                let column = &mut column[..p];
                fill(simd, planes, pitch(q), means, x, column, &mut squares);
                forward(simd, vertical, column);
            }
            let spectrum = filter.spectrum.get().as_chunks::<L>().0.as_chunks::<2>().0;
            for (spectrum, y) in spectrum.chunks_exact(q).zip((0..).step_by(L)) {
                turn_block(simd, points, p, y, block);
                forward(simd, horizontal, block);
                for (point, factor) in block.iter_mut().zip(spectrum) {
                    let ([a, b], [c, d]) = (load(simd, point), load(simd, factor));
                    let re = simd.sub(simd.mul(a, c), simd.mul(b, d));
                    let im = simd.mul_add(a, d, simd.mul(b, c));
                    store(simd, [re, im], point);
                }
                inverse(simd, horizontal, block);
                turn_back(simd, block, points, p, y);
            }
            for column in points.chunks_exact_mut(column_pitch(p)) {
                inverse(simd, vertical, &mut column[..p]);
            }
            let mut lanes = [[0.0; L]; 2];
            store(simd, squares, &mut lanes);
            lanes.as_flattened().iter().sum()
        },
    )
}

/// Points from one column block to the next: not a power of two, for the same reason as [`pitch`].
pub(crate) fn column_pitch(rows: usize) -> usize {
    rows + 1
}

/// A block of columns, from `x` on, of both planes.
#[inline(always)]
fn fill<S: Simd, const L: usize>(
    simd: S,
    planes: [&[f32]; 2],
    pitch: usize,
    means: [f32; 2],
    x: usize,
    column: &mut [Point<L>],
    squares: &mut [S::F32; 2],
) {
    let means = [simd.splat(means[0]), simd.splat(means[1])];
    let (a, b) = (planes[0][x..].chunks(pitch), planes[1][x..].chunks(pitch));
    // From zero, and added at the end: what lives on across the transforms would go through memory in every step.
    let [mut squares_a, mut squares_b] = [simd.splat(0.0); 2];
    for ((point, a), b) in column.iter_mut().zip(a).zip(b) {
        let [a, b] = [simd.sub(simd.load(a), means[0]), simd.sub(simd.load(b), means[1])];
        squares_a = simd.mul_add(a, a, squares_a);
        squares_b = simd.mul_add(b, b, squares_b);
        store(simd, [a, b], point);
    }
    *squares = [simd.add(squares[0], squares_a), simd.add(squares[1], squares_b)];
}

/// Rows `y..y + L` of a tile as one block of columns, so that lanes are rows.
#[inline(always)]
fn turn_block<S: Simd, const L: usize>(
    simd: S,
    points: &[Point<L>],
    rows: usize,
    y: usize,
    block: &mut [Point<L>],
) {
    for (column, out) in points.chunks_exact(column_pitch(rows)).zip(block.as_chunks_mut::<L>().0) {
        let square = column[y..].first_chunk::<L>().expect("tiles are whole blocks high");
        for part in 0..2 {
            let mut vectors = [simd.splat(0.0); L];
            for i in 0..L {
                vectors[i] = simd.load(&square[i][part]);
            }
            let vectors = transpose::<S, L>(simd, vectors);
            for i in 0..L {
                simd.store(vectors[i], &mut out[i][part]);
            }
        }
    }
}

/// The way back.
#[inline(always)]
fn turn_back<S: Simd, const L: usize>(
    simd: S,
    block: &[Point<L>],
    points: &mut [Point<L>],
    rows: usize,
    y: usize,
) {
    for (column, square) in points.chunks_exact_mut(column_pitch(rows)).zip(block.as_chunks::<L>().0) {
        let out = column[y..].first_chunk_mut::<L>().expect("tiles are whole blocks high");
        for part in 0..2 {
            let mut vectors = [simd.splat(0.0); L];
            for i in 0..L {
                vectors[i] = simd.load(&square[i][part]);
            }
            let vectors = transpose::<S, L>(simd, vectors);
            for i in 0..L {
                simd.store(vectors[i], &mut out[i][part]);
            }
        }
    }
}
