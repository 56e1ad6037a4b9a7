//! Where a tensor lies in a slice: its layout, its sizes, its first element and the elements from one row to the next. And why some arrays have no such place.

use std::fmt;
use std::ops::Range;

use convoke::Layout;

/// Where the elements of a [`View`](crate::View) lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    layout: Layout,
    /// `[n, c, h, w]`.
    shape: [usize; 4],
    row: usize,
    start: usize,
    /// Whether the other layout would have every element in the same place.
    both: bool,
}

impl Place {
    /// Of a tensor without gaps.
    pub(crate) fn of(
        (n, c, h, w): (usize, usize, usize, usize),
        strides: &[isize],
    ) -> Result<Self, Inexpressible> {
        let shape = [n, c, h, w];
        // Where there is but one of something, how far it is to the next means nothing.
        let fits = |dense: [usize; 4]| {
            let matches = |axis: usize| shape[axis] < 2 || usize::try_from(strides[axis]) == Ok(dense[axis]);
            shape.contains(&0) || (0..4).all(matches)
        };
        let nchw = fits([c * h * w, h * w, w, 1]);
        let nhwc = fits([c * h * w, 1, w * c, c]);
        let (layout, row) = match (nchw, nhwc) {
            (true, _) => (Layout::Nchw, w),
            (false, true) => (Layout::Nhwc, w * c),
            (false, false) => return Err(Inexpressible::Order),
        };
        Ok(Self { layout, shape, row, start: 0, both: nchw && nhwc })
    }

    pub(crate) fn of_picture((h, w, c): (usize, usize, usize)) -> Self {
        Self { layout: Layout::Nhwc, shape: [1, c, h, w], row: w * c, start: 0, both: c == 1 }
    }

    /// The order of axes in which the tensor is contiguous.
    pub(crate) fn order(&self) -> [usize; 4] {
        match self.layout {
            Layout::Nchw => [0, 1, 2, 3],
            Layout::Nhwc => [0, 2, 3, 1],
        }
    }

    /// Elements of a pixel, and planes or images.
    fn pixel_and_outer(&self) -> [usize; 2] {
        let [n, c, ..] = self.shape;
        match self.layout {
            Layout::Nchw => [1, n * c],
            Layout::Nhwc => [c, n],
        }
    }

    pub(crate) fn columns(self, columns: Range<usize>) -> Result<Self, Inexpressible> {
        let [n, c, h, w] = self.shape;
        let columns = inside(columns, w)?;
        let [pixel, _] = self.pixel_and_outer();
        // Of several channels there was one pixel only, and now perhaps none.
        let both = self.both && c == 1;
        let start = self.start + columns.start * pixel;
        Ok(Self { shape: [n, c, h, columns.len()], start, both, ..self })
    }

    pub(crate) fn rows(self, rows: Range<usize>) -> Result<Self, Inexpressible> {
        let [n, c, h, w] = self.shape;
        let rows = inside(rows, h)?;
        if rows.len() != h && self.pixel_and_outer()[1] != 1 {
            return Err(Inexpressible::Planes);
        }
        let both = self.both && c == 1; // as above
        let start = self.start + rows.start * self.row;
        Ok(Self { shape: [n, c, rows.len(), w], start, both, ..self })
    }

    /// From the first element to the last.
    pub(crate) fn range(&self) -> Range<usize> {
        let [pixel, outer] = self.pixel_and_outer();
        let [_, _, h, w] = self.shape;
        let len = match outer * h {
            0 => 0,
            rows => (rows - 1) * self.row + w * pixel,
        };
        self.start..self.start + len
    }

    /// The same place called by that layout's name, where it is one of it too.
    fn in_layout(self, layout: Layout) -> Option<Self> {
        let [_, c, _, w] = self.shape;
        match layout {
            _ if layout == self.layout => Some(self),
            _ if !self.both => None,
            // Of one channel, rows are the same in both.
            _ if c == 1 => Some(Self { layout, ..self }),
            Layout::Nchw => Some(Self { layout, row: w, ..self }),
            Layout::Nhwc => Some(Self { layout, row: w * c, ..self }),
        }
    }

    /// Two places in the layout that both have.
    pub(crate) fn agree(self, other: Self) -> Option<[Self; 2]> {
        let in_other = self.in_layout(other.layout).map(|place| [place, other]);
        in_other.or_else(|| other.in_layout(self.layout).map(|place| [self, place]))
    }

    /// The order in memory.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Sizes, `[n, c, h, w]`.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// Elements from one row to the next.
    pub fn row_stride(&self) -> usize {
        self.row
    }
}

fn inside(range: Range<usize>, size: usize) -> Result<Range<usize>, Inexpressible> {
    if range.start <= range.end && range.end <= size { Ok(range) } else { Err(Inexpressible::Outside) }
}

/// Why an array cannot be an operand as it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inexpressible {
    /// Its elements do not follow each other, or in neither layout: it is a slice of something, turned round, or broadcast.
    Order,
    /// Rows are asked for of several planes or images, which would have a gap between them.
    Planes,
    /// Rows or columns are asked for that it has not got.
    Outside,
    /// One tensor is NCHW, the other NHWC.
    Layouts,
    /// Two pictures are not of the same size.
    Sizes,
}

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "array: must be contiguous as (n, c, h, w) or as (n, h, w, c); of a slice, give the whole array and its rows and columns",
            Self::Planes => "rows: must be all rows where there are several planes or images",
            Self::Outside => "range: must lie in the array",
            Self::Layouts => "src and dst: must be of one layout",
            Self::Sizes => "src and dst: must be of one size",
        })
    }
}

impl std::error::Error for Inexpressible {}
