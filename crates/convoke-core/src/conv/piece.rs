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
    /// Images or planes, and how many go into a piece (1 when they are cut into rows).
    outer: usize,
    outer_step: usize,
    /// Rows of each, and how many go into a piece.
    rows: usize,
    row_step: usize,
    next: [usize; 2],
    outer_stride: usize,
    row_stride: usize,
    len: usize,
}

impl Pieces {
    /// About `count` pieces of similar size: whole images or planes where there are enough of them, rows of them
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
        let (outer_step, row_step) = if granules >= count {
            (granules.div_ceil(count) * granule, rows)
        } else if granule > 1 {
            // A part of what a kernel makes together would take as long as all of it.
            (granule, rows)
        } else if rows > 1 {
            (1, rows.div_ceil(count.div_ceil(outer.max(1))))
        } else {
            (outer.div_ceil(count).max(1), rows)
        };
        Self {
            outer,
            outer_step,
            rows,
            row_step,
            next: [0, 0],
            outer_stride,
            row_stride: dst.row,
            len: dst.len,
        }
    }

    /// Pieces of something that each of `channels` has an equal part of: about `count` of them, by whole `granule`s of channels.
    pub(crate) fn of_channels(channels: usize, len: usize, count: usize, granule: usize) -> Self {
        let granule = granule.max(1);
        let stride = len / channels.max(1);
        Self {
            outer: if len == 0 { 0 } else { channels },
            outer_step: channels.div_ceil(granule).div_ceil(count.max(1)).max(1) * granule,
            rows: 1,
            row_step: 1,
            next: [0, 0],
            outer_stride: stride,
            row_stride: stride,
            len,
        }
    }
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let [outer, row] = self.next;
        if outer >= self.outer {
            return None;
        }
        let outer_end = (outer + self.outer_step).min(self.outer);
        let row_end = row.saturating_add(self.row_step).min(self.rows);
        self.next = if row_end < self.rows { [outer, row_end] } else { [outer_end, 0] };
        let at = |[outer, row]: [usize; 2]| outer * self.outer_stride + row * self.row_stride;
        // The last row of all has nothing behind it.
        let end = at(self.next).min(self.len);
        Some(Piece { outer: outer..outer_end, rows: row..row_end, dst: at([outer, row])..end })
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
                    let (mut next, mut rows) = (0, 0);
                    for piece in Pieces::new(&desc, &geometry, count, 32) {
                        assert_eq!(piece.dst_range().start, next);
                        assert!(!piece.dst_range().is_empty());
                        next = piece.dst_range().end;
                        rows += piece.row_count();
                    }
                    assert_eq!(next, geometry.dst.len);
                    let planes = if layout == Layout::Nchw { channels } else { 1 };
                    assert_eq!(rows, batch * planes * height);
                }
            }
        }
    }
}
