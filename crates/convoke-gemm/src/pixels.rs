//! The output pixels of a call as one long list: image after image, row after row. The product does not care where
//! one row ends and the next begins, so a tile may span rows and images; only gather and scatter ask.

use core::ops::Range;

use convoke_core::Part;

/// The pixels of some whole images, or of the same rows of each.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    images: Range<usize>,
    rows: Range<usize>,
    width: usize,
}

/// Pixels that follow each other in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Place in the list, counted from where the caller began.
    pub(crate) first: usize,
    /// Image, row and column of the first.
    pub(crate) n: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    /// How many.
    pub(crate) len: usize,
}

impl Pixels {
    pub(crate) fn new(images: Range<usize>, rows: Range<usize>, width: usize) -> Self {
        Self { images, rows, width }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.images.len() * self.rows.len() * self.width
    }

    /// The same pixels, every image as one long row: right wherever a row begins where the one before it ends.
    pub(crate) fn with_rows_joined(&self) -> Self {
        let first = self.rows.start;
        Self { images: self.images.clone(), rows: first..first + 1, width: self.rows.len() * self.width }
    }

    /// Image, row and column of pixel `p`.
    pub(crate) fn at(&self, p: usize) -> (usize, usize, usize) {
        let (line, x) = (p / self.width, p % self.width);
        let (n, y) = (line / self.rows.len(), line % self.rows.len());
        (self.images.start + n, self.rows.start + y, x)
    }

    /// The `count` pixels from `p`, cut where rows end.
    #[inline(always)]
    pub(crate) fn runs(&self, p: usize, count: usize) -> impl Iterator<Item = Run> {
        let (mut n, mut y, mut x) = if count == 0 { (0, 0, 0) } else { self.at(p) };
        let (rows, width) = (self.rows.clone(), self.width);
        let mut first = 0;
        core::iter::from_fn(move || {
            if first == count {
                return None;
            }
            let run = Run { first, n, y, x, len: (width - x).min(count - first) };
            first += run.len;
            (y, x) = (y + 1, 0);
            if y == rows.end {
                (n, y) = (n + 1, rows.start);
            }
            Some(run)
        })
    }
}

/// The part of an output as boxes: some images, all their pixels in the part, and the same out channels of each.
///
/// Only a piece in NCHW that starts or ends within an image has more than one.
pub(crate) fn boxes(part: &Part, width: usize) -> impl Iterator<Item = (Pixels, Range<usize>)> {
    let images = part.images();
    let mut next = images.start;
    core::iter::from_fn(move || {
        let first = next;
        if first >= images.end || part.rows.is_empty() {
            return None;
        }
        let channels = part.channels(first);
        next += 1;
        while next < images.end && part.channels(next) == channels {
            next += 1;
        }
        Some((Pixels::new(first..next, part.rows.clone(), width), channels))
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Runs are the list of pixels, whatever the start and the count, and agree with `at`.
    #[test]
    fn runs_are_the_pixels() {
        let pixels = Pixels::new(2..4, 1..4, 5);
        let all: Vec<_> =
            (2..4).flat_map(|n| (1..4).flat_map(move |y| (0..5).map(move |x| (n, y, x)))).collect();
        assert_eq!(pixels.len(), all.len());
        for p in 0..=all.len() {
            for count in 0..=all.len() - p {
                let mut found = Vec::new();
                for run in pixels.runs(p, count) {
                    assert_eq!(run.first, found.len());
                    found.extend((run.x..run.x + run.len).map(|x| (run.n, run.y, x)));
                }
                assert_eq!(found, all[p..p + count]);
            }
        }
        for (p, &pixel) in all.iter().enumerate() {
            assert_eq!(pixels.at(p), pixel);
        }
    }
}
