//! Pieces of an output: contiguous parts of `dst` that may be computed in any order, by anyone. The seam between
//! the core, which has no threads, and whoever has.

use core::ops::Range;

use super::desc::{Conv2dDesc, Layout};
use super::geometry::Geometry;
use crate::error::Error;

/// A contiguous part of the output: some rows of one image (NHWC) or plane (NCHW), or several of them whole.
///
/// Computing pieces instead of the whole changes no bit of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Images (NHWC), or planes `n*K + k` (NCHW).
    pub(crate) outer: Range<usize>,
    /// Output rows of each; all of them if `outer` has more than one.
    pub(crate) rows: Range<usize>,
    pub(crate) dst: Range<usize>,
}

impl Piece {
    /// The elements of `dst` that this piece is. Consecutive pieces follow each other without gaps.
    pub fn dst_range(&self) -> Range<usize> {
        self.dst.clone()
    }

    /// The channels of a piece of something of `len` elements that each of `channels` has an equal part of.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a piece of something else.
    pub(crate) fn channels(&self, channels: usize, len: usize) -> Result<Range<usize>, Error> {
        let stride = len / channels.max(1);
        let Range { start, end } = self.outer;
        if end > channels || self.rows != (0..1) || self.dst != (start * stride..end * stride) {
            return Err(Error::TooLarge { operand: "piece", required: len, got: self.dst.end });
        }
        Ok(self.outer.clone())
    }

    /// Output rows of the piece, counted over all its images or planes.
    pub fn row_count(&self) -> usize {
        self.outer.len() * self.rows.len()
    }
}

/// The pieces of an output, in the order in which they lie in `dst`.
#[derive(Clone, Debug)]
pub struct Pieces {
    /// Images or planes, in granules that are not cut, and into how many pieces these are divided.
    outer: usize,
    granule: usize,
    outer_pieces: usize,
    /// Rows of each, likewise.
    rows: usize,
    row_pieces: usize,
    next: [usize; 2],
    outer_stride: usize,
    row_stride: usize,
    len: usize,
}

impl Pieces {
    /// About `count` pieces of as similar size as can be: whole images or planes where there are enough of them, rows of them
    /// where there are not. `granule` is the number of planes that a kernel makes together, and which are not cut for that.
    pub fn new(desc: &Conv2dDesc, geometry: &Geometry, count: usize, granule: usize) -> Self {
        let dst = &geometry.dst;
        let (outer, outer_stride, granule) = match desc.layout {
            Layout::Nhwc => (desc.batch, dst.image, 1),
            Layout::Nchw => (desc.batch * desc.out_channels, dst.channel, granule.max(1)),
        };
        let rows = geometry.out_size[0];
        let count = count.max(1);
        let granules = outer.div_ceil(granule).max(1);
        // A part of what a kernel makes together would take as long as all of it.
        let row_pieces = if granule > 1 { 1 } else { count.div_ceil(granules).min(rows).max(1) };
        Self {
            outer,
            granule,
            outer_pieces: granules.min(count),
            rows,
            row_pieces,
            next: [0, 0],
            outer_stride,
            row_stride: dst.row,
            len: dst.len,
        }
    }

    /// Pieces for so many threads: several for each, so that threads which are slowed down by others leave work to those
    /// which are not, unless that would make them so small that reading the weights, as each piece does, takes longer than
    /// multiplying.
    pub fn for_threads(desc: &Conv2dDesc, geometry: &Geometry, threads: usize, granule: usize) -> Self {
        /// Pieces of a thread.
        const MOST: usize = 4;
        /// Pixels of a piece: with fewer, tiles that are not full and weights from a shared cache take more than a tenth.
        const LEAST: usize = 256;
        let threads = threads.max(1);
        let [p, q] = geometry.out_size;
        let each = match desc.layout {
            Layout::Nhwc => (desc.batch.saturating_mul(p).saturating_mul(q) / threads / LEAST).clamp(1, MOST),
            // Planes are divided, and their weights with them.
            Layout::Nchw => MOST,
        };
        Self::new(desc, geometry, threads.saturating_mul(each), granule)
    }

    /// Pieces of something that each of `channels` has an equal part of: about `count` of them, by whole `granule`s of channels.
    pub(crate) fn of_channels(channels: usize, len: usize, count: usize, granule: usize) -> Self {
        let granule = granule.max(1);
        let stride = len / channels.max(1);
        Self {
            outer: if len == 0 { 0 } else { channels },
            granule,
            outer_pieces: channels.div_ceil(granule).clamp(1, count.max(1)),
            rows: 1,
            row_pieces: 1,
            next: [0, 0],
            outer_stride: stride,
            row_stride: stride,
            len,
        }
    }
}

/// Where part `at` of `count` starts, if `len` is divided as evenly as can be.
fn start(len: usize, count: usize, at: usize) -> usize {
    len / count * at + at.min(len % count)
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let [outer, row] = self.next;
        if outer >= self.outer_pieces || self.outer == 0 || self.rows == 0 {
            return None;
        }
        self.next = if row + 1 < self.row_pieces { [outer, row + 1] } else { [outer + 1, 0] };
        let granules = self.outer.div_ceil(self.granule);
        let outer_at = |at| (start(granules, self.outer_pieces, at) * self.granule).min(self.outer);
        let row_at = |at| start(self.rows, self.row_pieces, at);
        let at =
            |[outer, row]: [usize; 2]| outer_at(outer) * self.outer_stride + row_at(row) * self.row_stride;
        // The last row of all has nothing behind it.
        let end = at(self.next).min(self.len);
        Some(Piece {
            outer: outer_at(outer)..outer_at(outer + 1),
            rows: row_at(row)..row_at(row + 1),
            dst: at([outer, row])..end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the layout, the count and the padding between rows, pieces follow each other from the start of `dst` to
    /// its end, and their rows are all rows.
    #[test]
    fn pieces_tile_the_output() {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            for (batch, channels, height) in
                [(0, 3, 4), (1, 1, 1), (1, 1, 9), (1, 70, 3), (3, 5, 7), (5, 33, 1)]
            {
                for count in [0, 1, 2, 3, 7, 100] {
                    let desc = Conv2dDesc::new(layout, batch, 2, [height, 4], channels, [1, 1])
                        .dst_row_stride(4 * channels + 3);
                    let geometry = Geometry::new(&desc).unwrap();
                    let (mut next, mut rows, mut sizes) = (0, 0, [usize::MAX, 0]);
                    for piece in Pieces::new(&desc, &geometry, count, 32) {
                        assert_eq!(piece.dst_range().start, next);
                        assert!(!piece.dst_range().is_empty());
                        next = piece.dst_range().end;
                        rows += piece.row_count();
                        if layout == Layout::Nhwc {
                            sizes = [sizes[0].min(piece.row_count()), sizes[1].max(piece.row_count())];
                        }
                    }
                    assert!(sizes[1] <= sizes[0].saturating_add(height.max(1)), "{sizes:?} rows");
                    if batch == 1 {
                        assert!(sizes[1] <= sizes[0].saturating_add(1), "{sizes:?} rows");
                    }
                    assert_eq!(next, geometry.dst.len);
                    let planes = if layout == Layout::Nchw { channels } else { 1 };
                    assert_eq!(rows, batch * planes * height);
                }
            }
        }
    }
}
