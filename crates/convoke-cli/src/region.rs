//! `convoke filter --roi`: only a part of the picture is filtered. The part is cut out with as many neighbours as
//! the mask may reach, and [`Region::keep`] takes from the filtered piece what was asked for.

use std::ops::Range;

use convoke::Border;

use crate::args::values::Roi;
use crate::array::{Array, Data};
use crate::error::{Failure, Outcome};
use crate::filter::Size;
use crate::memory;

/// Where the part that was asked for lies in the piece that is filtered.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Width of the piece.
    width: usize,
}

impl Region {
    /// Cuts the piece out of the picture. `mask` is the mask's height and width; with `isolated`, no neighbours come
    /// along, and the border begins where the part ends.
    pub(crate) fn cut(
        picture: &Array,
        size: Size,
        roi: Roi,
        mask: [usize; 2],
        border: Border,
        isolated: bool,
    ) -> Outcome<(Self, Array)> {
        let [y, x, height, width] = roi.0;
        inside("row", y, height, size.height)?;
        inside("column", x, width, size.width)?;
        // Wherever the anchor is, and whichever way the mask is turned, it reaches no further than this.
        let reach = mask.map(|taps| if isolated { 0 } else { taps - 1 });
        let (rows, first_row) = span(y, height, size.height, reach[0], border);
        let (columns, first_column) = span(x, width, size.width, reach[1], border);
        let piece = Patch { rows: &rows, columns: &columns, width: size.width, channels: size.channels };
        let data = match &picture.data {
            Data::F32(values) => Data::F32(piece.of(values)?),
            Data::U8(values) => Data::U8(piece.of(values)?),
            Data::I8(values) => Data::I8(piece.of(values)?),
            Data::I32(values) => Data::I32(piece.of(values)?),
            Data::I16(values) => Data::I16(piece.of(values)?),
            Data::U16(values) => Data::U16(piece.of(values)?),
        };
        let mut shape = picture.shape.clone();
        shape[..2].copy_from_slice(&[rows.len(), columns.len()]);
        let region = Self {
            rows: first_row..first_row + height,
            columns: first_column..first_column + width,
            width: columns.len(),
        };
        Ok((region, Array { shape, data }))
    }

    /// Height and width of the part.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }

    /// The part, from the filtered piece.
    pub(crate) fn keep<T: Copy>(&self, piece: &[T], channels: usize) -> Vec<T> {
        let columns = self.columns.start * channels..self.columns.end * channels;
        let rows = piece.chunks_exact(self.width * channels).take(self.rows.end).skip(self.rows.start);
        rows.flat_map(|row| &row[columns.clone()]).copied().collect()
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

/// The rows (or columns) of the picture that make up the piece, and which of them is the first that was asked for.
///
/// Zeros, constants and repeated edges are the same outside the piece as outside the picture, so that the piece may
/// end where the picture ends. Mirrored and repeated pictures are not, since the piece is shorter than the picture
/// that is mirrored: there the piece holds the values that the border mode would have read.
fn span(start: usize, len: usize, total: usize, reach: usize, border: Border) -> (Vec<usize>, usize) {
    match border {
        _ if reach == 0 => ((start..start + len).collect(), 0),
        Border::Zero | Border::Constant(_) | Border::Replicate => {
            let first = start.saturating_sub(reach);
            ((first..(start + len + reach).min(total)).collect(), start - first)
        }
        Border::Reflect | Border::Reflect101 | Border::Wrap => {
            let places = start as isize - reach as isize..(start + len + reach) as isize;
            (places.filter_map(|at| border.index(at, total)).collect(), reach)
        }
    }
}

/// Rows and columns of a picture that make up another one.
struct Patch<'a> {
    rows: &'a [usize],
    columns: &'a [usize],
    width: usize,
    channels: usize,
}

impl Patch<'_> {
    fn of<T: Copy>(&self, values: &[T]) -> Outcome<Vec<T>> {
        let len = self.rows.len().saturating_mul(self.columns.len()).saturating_mul(self.channels);
        memory::check("region", len.saturating_mul(size_of::<T>()))?;
        let mut patch = Vec::with_capacity(len);
        for &y in self.rows {
            let row = &values[y * self.width * self.channels..][..self.width * self.channels];
            for &x in self.columns {
                patch.extend_from_slice(&row[x * self.channels..][..self.channels]);
            }
        }
        Ok(patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_with_the_picture_or_read_beyond_it() {
        assert_eq!(span(2, 1, 4, 2, Border::Replicate), (vec![0, 1, 2, 3], 2));
        assert_eq!(span(3, 1, 4, 1, Border::Zero), (vec![2, 3], 1));
        assert_eq!(span(0, 2, 4, 1, Border::Wrap), (vec![3, 0, 1, 2], 1));
        assert_eq!(span(3, 1, 4, 2, Border::Reflect101), (vec![1, 2, 3, 2, 1], 2));
        assert_eq!(span(0, 1, 1, 3, Border::Reflect), (vec![0; 7], 3));
    }
}
