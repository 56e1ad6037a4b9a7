//! `convoke filter --roi`: only a part of the picture is filtered. Its neighbours are in the sums as they are; with
//! `--isolated` the part is cut out first, so that there are none.

use std::ops::Range;

use crate::args::values::Roi;
use crate::array::{Array, Data};
use crate::error::{Failure, Outcome};
use crate::filter::Size;
use crate::memory;

/// A part of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Region {
    /// The part that was asked for, if a picture of this size has it.
    pub(crate) fn new(roi: Roi, size: Size) -> Outcome<Self> {
        let [y, x, height, width] = roi.0;
        inside("row", y, height, size.height)?;
        inside("column", x, width, size.width)?;
        Ok(Self { rows: y..y + height, columns: x..x + width })
    }

    /// Rows and columns.
    pub(crate) fn ranges(&self) -> [Range<usize>; 2] {
        [self.rows.clone(), self.columns.clone()]
    }

    /// Height and width.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }

    /// The part as a picture of its own.
    pub(crate) fn cut(&self, picture: &Array, size: Size) -> Outcome<Array> {
        let data = match &picture.data {
            Data::F32(values) => Data::F32(self.of(values, size)?),
            Data::U8(values) => Data::U8(self.of(values, size)?),
            Data::I8(values) => Data::I8(self.of(values, size)?),
            Data::I32(values) => Data::I32(self.of(values, size)?),
            Data::I16(values) => Data::I16(self.of(values, size)?),
            Data::U16(values) => Data::U16(self.of(values, size)?),
        };
        let mut shape = picture.shape.clone();
        shape[..2].copy_from_slice(&self.size());
        Ok(Array { shape, data })
    }

    /// The part's values, of those of a picture of this size.
    pub(crate) fn of<T: Copy>(&self, values: &[T], size: Size) -> Outcome<Vec<T>> {
        let columns = self.columns.start * size.channels..self.columns.end * size.channels;
        let len = self.rows.len().saturating_mul(columns.len());
        memory::check("region", len.saturating_mul(size_of::<T>()))?;
        let mut part = Vec::with_capacity(len);
        let rows = values.chunks_exact(size.width * size.channels);
        for row in rows.take(self.rows.end).skip(self.rows.start) {
            part.extend_from_slice(&row[columns.clone()]);
        }
        Ok(part)
    }
}

/// Whether `len` rows or columns from `start` on are in a picture that has `total`.
fn inside(what: &str, start: usize, len: usize, total: usize) -> Outcome<()> {
    if start < total && len <= total - start {
        return Ok(());
    }
    let noun = if len == 1 { what.to_owned() } else { format!("{what}s") };
    Err(Failure::new(format_args!(
        "--roi: must lie in the picture, which has {total} {what}s, got {len} {noun} from {what} {start} on"
    )))
}
