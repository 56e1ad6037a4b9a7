//! The order of sums over pixels. They are long: a batch of 32 images of 112 by 112 pixels has 400,000 terms, whose roundings
//! would be those of a sum in which one number follows another 400,000 times. So the rows of all images, one after the other, are cut into
//! blocks of up to 256 pixels; each block is summed pixel by pixel from `+0`, and the blocks' sums are added in order. The error then
//! grows with 256 and the number of blocks. Which pixels are a block depends on the number and length of the rows, and on
//! nothing else: not on level, layout, pieces or threads.

use core::ops::Range;

/// Pixels of a block, at most.
const MOST: usize = 256;

/// How the output pixels of all images are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Rows of an image, and images.
    height: usize,
    images: usize,
    width: usize,
    /// Rows and columns of a block. Several rows are whole.
    rows: usize,
    cols: usize,
}

/// Pixels that are summed together: rows counted over all images, by columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) rows: Range<usize>,
    pub(crate) cols: Range<usize>,
    /// Whether it is the first of all.
    pub(crate) first: bool,
    height: usize,
}

/// What of a block lies in one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) image: usize,
    pub(crate) ys: Range<usize>,
    pub(crate) xs: Range<usize>,
    /// Pixels of the block before it.
    pub(crate) at: usize,
    /// Its number in the block.
    pub(crate) number: usize,
}

impl Blocks {
    pub(crate) fn new(images: usize, [height, width]: [usize; 2]) -> Self {
        // Blocks of about the same size.
        let even = |all: usize, most: usize| all.div_ceil(all.div_ceil(most).max(1)).max(1);
        let rows = match MOST / width {
            0 => 1,
            most => even(images.saturating_mul(height), most),
        };
        Self { height, images, width, rows, cols: even(width, MOST) }
    }

    /// Pixels of a block, at most.
    pub(crate) fn most(&self) -> usize {
        self.rows * self.cols
    }

    /// Images that a block touches, at most, and the rows of one.
    pub(crate) fn segments(&self) -> [usize; 2] {
        let most = if self.rows.is_multiple_of(self.height) {
            self.rows / self.height
        } else {
            // The first and the last may be cut.
            (self.rows + self.height - 2) / self.height + 1
        };
        [most.min(self.images.max(1)), self.rows.min(self.height)]
    }

    /// Columns of a block, at most.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// The number of blocks.
    pub(crate) fn count(&self) -> usize {
        let rows = self.images.saturating_mul(self.height);
        rows.div_ceil(self.rows).saturating_mul(self.width.div_ceil(self.cols))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Block> + Clone {
        let Self { height, images, width, rows, cols } = *self;
        let all = images * height;
        (0..all).step_by(rows).flat_map(move |row| {
            (0..width).step_by(cols).map(move |col| Block {
                rows: row..(row + rows).min(all),
                cols: col..(col + cols).min(width),
                first: row == 0 && col == 0,
                height,
            })
        })
    }
}

impl Block {
    /// Its pixels.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() * self.cols.len()
    }

    /// Image by image.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Segment> + Clone + use<'_> {
        let Self { rows, cols, height, .. } = self;
        let images = rows.start / height..rows.end.div_ceil(*height);
        images.enumerate().map(move |(number, image)| {
            let first = image * height;
            let start = rows.start.saturating_sub(first);
            let end = (rows.end - first).min(*height);
            let at = (first + start - rows.start) * cols.len();
            Segment { image, ys: start..end, xs: cols.clone(), at, number }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks are all pixels in order, none is large, and segments are what they say.
    #[test]
    fn blocks_are_all_pixels() {
        for (images, size) in [
            (0, [3, 4]),
            (1, [1, 1]),
            (300, [1, 1]),
            (7, [7, 7]),
            (2, [56, 56]),
            (3, [5, 100]),
            (2, [2, 256]),
            (1, [3, 257]),
            (2, [2, 1000]),
            (33, [14, 14]),
        ] {
            let blocks = Blocks::new(images, size);
            let (mut pixels, mut count) = (0, 0);
            let mut next = (0, 0);
            for block in blocks.iter() {
                assert!(block.len() <= MOST && block.len() <= blocks.most());
                assert_eq!(block.first, count == 0);
                count += 1;
                let mut at = 0;
                for (number, segment) in block.segments().enumerate() {
                    assert_eq!((segment.number, segment.at), (number, at));
                    at += segment.ys.len() * segment.xs.len();
                    assert!(segment.image < images && segment.ys.end <= size[0] && segment.xs.end <= size[1]);
                    assert!(number < blocks.segments()[0] && segment.ys.len() <= blocks.segments()[1]);
                    let row = segment.image * size[0] + segment.ys.start;
                    assert_eq!((row, segment.xs.start), next);
                    let last = segment.image * size[0] + segment.ys.end;
                    next = if segment.xs.end == size[1] { (last, 0) } else { (row, segment.xs.end) };
                }
                assert_eq!(at, block.len());
                pixels += at;
            }
            assert_eq!(pixels, images * size[0] * size[1]);
            assert_eq!(count, blocks.count());
        }
    }
}
