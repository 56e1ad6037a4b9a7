//! How the product is cut: the register tile, the depth of a block, the pixels of a block. Decided once, by the plan.
//!
//! A tile is `rows` by `vectors * lanes` outputs, held in registers. The vectors lie along the dimension that is
//! contiguous in `dst`, so that a tile is stored as it is:
//!
//! | layout | rows of the tile ("left") | columns of the tile ("right"), in vectors |
//! |--------|---------------------------|-------------------------------------------|
//! | NHWC   | output pixels             | out channels                              |
//! | NCHW   | out channels              | output pixels                             |
//!
//! The two layouts thus compute transposed products with the same code.

use convoke_core::{Conv2dDesc, Error, Geometry, Layout, Level};

/// Depth of a block: after this many terms a tile goes back to memory and the next panel is gathered.
///
/// A panel of 32 columns is then 32 KiB, which the first-level cache holds or nearly holds, while loading and storing
/// the tile costs 48 instructions beside 6144 multiplications.
pub(crate) const DEPTH: usize = 256;

/// Elements from one gathered pixel to the next when pixels are rows (NHWC).
///
/// One cache line more than `DEPTH`: at a distance of exactly 1 KiB, all rows of a tile would compete for a sixteenth
/// of the first-level cache. It is a constant because the rows of a tile are then at constant distances, and the hot
/// loop addresses them all from one register.
pub(crate) const ROW: usize = DEPTH + 16;

/// Elements that a tile may have: what `product` keeps in memory between registers and `dst`.
pub(crate) const TILE_MAX: usize = 384;

/// Columns that a tile may have.
pub(crate) const COLUMNS_MAX: usize = 64;

/// The shape of the tile and of the blocks around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Rows of a full tile. Fewer rows are taken in powers of two: see [`Tile::steps`].
    pub(crate) rows: usize,
    /// Vectors in each row.
    pub(crate) vectors: usize,
    /// Outputs in each row: `vectors * lanes`.
    pub(crate) columns: usize,
    /// Pixels that are gathered together.
    pub(crate) block: usize,
}

impl Tile {
    /// The tile for a problem: the cheapest of the shapes that fill the level's registers with accumulators, one row of
    /// the right side and one value of the left.
    pub(crate) fn choose(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> Self {
        let shapes: &[[usize; 2]] = match (level.lanes(), level.registers()) {
            (1, _) => &[[4, 2]],
            (_, 32..) => &[[6, 4], [12, 2], [12, 1]],
            _ => &[[6, 2], [12, 1]],
        };
        let pixels = pixel_count(desc, geometry);
        let wanted = match desc.layout {
            Layout::Nhwc => geometry.group_out,
            Layout::Nchw => pixels,
        };
        // Multiply-adds, those of columns that nobody wants counted, and a fifth of one for every load: measured on
        // Zen 4, where the three shapes of AVX-512 stand at 93, 91 and 86 % of the peak.
        let cost = |[rows, vectors]: [usize; 2]| {
            let loads = (rows + vectors) as f64 / (rows * vectors) as f64;
            wanted.next_multiple_of(vectors * level.lanes()) as f64 * (1.0 + 0.2 * loads)
        };
        let mut best = shapes[0];
        for &shape in shapes {
            if cost(shape) < cost(best) {
                best = shape;
            }
        }
        let [rows, vectors] = best;
        let columns = vectors * level.lanes();
        // One lane means a small machine, where a few KiB of scratch are a matter of having them at all. Both numbers
        // are multiples of every shape's rows or columns.
        let block = match (desc.layout, level.lanes()) {
            (Layout::Nhwc, 1) => pixels.min(24),
            (Layout::Nhwc, _) => pixels.min(96),
            (Layout::Nchw, 1) => pixels.next_multiple_of(columns).min(32),
            (Layout::Nchw, _) => pixels.next_multiple_of(columns).min(128),
        };
        Self { rows, vectors, columns, block }
    }

    /// Elements of a block of gathered pixels.
    pub(crate) fn block_len(&self, desc: &Conv2dDesc, depth: usize) -> usize {
        match desc.layout {
            Layout::Nhwc => self.block * ROW,
            Layout::Nchw => self.block * depth.min(DEPTH),
        }
    }

    /// Cuts `count` rows into tiles, `(first row, rows)`: full ones, then powers of two.
    ///
    /// Every number of rows of a tile is a loop of its own in the program; this keeps them few and yet computes no row
    /// in vain.
    pub(crate) fn steps(&self, count: usize) -> impl Iterator<Item = (usize, usize)> {
        let (rows, mut next) = (self.rows, 0);
        core::iter::from_fn(move || {
            let left = count - next;
            let step = if left >= rows { rows } else { 1_usize << left.checked_ilog2()? };
            next += step;
            Some((next - step, step))
        })
    }
}

/// Output pixels of all images.
fn pixel_count(desc: &Conv2dDesc, geometry: &Geometry) -> usize {
    // No more than `dst` has elements, apart from padding between rows.
    desc.batch * geometry.out_size[0] * geometry.out_size[1]
}

/// Terms of each sum: R * S * C / G.
pub(crate) fn depth(desc: &Conv2dDesc, geometry: &Geometry) -> usize {
    desc.kernel[0] * desc.kernel[1] * geometry.group_in
}

/// The blocks of the depth, `(first term, terms)`.
pub(crate) fn depth_blocks(depth: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..depth).step_by(DEPTH).map(move |first| (first, DEPTH.min(depth - first)))
}

/// Elements of the packed weights.
///
/// # Errors
/// If padding the out channels of every group to whole tiles takes more than memory can hold.
pub(crate) fn weights_len(desc: &Conv2dDesc, geometry: &Geometry, tile: &Tile) -> Result<usize, Error> {
    match desc.layout {
        Layout::Nchw => Some(geometry.weights_len),
        Layout::Nhwc => geometry
            .group_out
            .checked_next_multiple_of(tile.columns)
            .and_then(|columns| columns.checked_mul(desc.groups))
            .and_then(|columns| columns.checked_mul(depth(desc, geometry))),
    }
    .filter(|&len| len <= isize::MAX as usize / 8)
    .ok_or(Error::Overflow { operand: "packed weights" })
}
