//! Which part of an output a call computes, and where that part lies in the buffer it was given. Backends turn a
//! whole run, a range of rows or a piece into one [`Part`] and then need not know which it was.

use core::ops::Range;

use super::desc::{Conv2dDesc, Layout};
use super::geometry::{Geometry, Strides};
use super::piece::Piece;
use crate::error::{Error, check_len};

/// A box of outputs: images, out channels and rows. Columns are always whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Part {
    /// Planes `n*K + k` from first to last. A box of images and channels, unless the layout is NCHW, where a piece
    /// may start and end within an image.
    planes: Range<usize>,
    /// Output rows.
    pub rows: Range<usize>,
    /// Where the elements lie in the buffer of the part...
    strides: Strides,
    /// ...after subtracting the place of its first one.
    origin: usize,
    out_channels: usize,
}

impl Part {
    /// All of the output; `dst_len` is the length of the buffer for it.
    ///
    /// # Errors
    /// [`Error::Length`] if the buffer has another length than `dst`.
    pub fn whole(desc: &Conv2dDesc, geometry: &Geometry, dst_len: usize) -> Result<Self, Error> {
        check_len("dst", geometry.dst.len, dst_len)?;
        Ok(Self {
            planes: 0..desc.batch * desc.out_channels,
            rows: 0..geometry.out_size[0],
            strides: geometry.dst,
            origin: 0,
            out_channels: desc.out_channels,
        })
    }

    /// The output rows `rows` of every image, in a buffer that is a tensor of just those rows with the row stride of
    /// `dst`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the range ends beyond the output, [`Error::TooSmall`] if it ends before it starts,
    /// [`Error::Length`] if the buffer has another length than that tensor.
    pub fn rows(
        desc: &Conv2dDesc,
        geometry: &Geometry,
        rows: Range<usize>,
        dst_len: usize,
    ) -> Result<Self, Error> {
        let [height, width] = geometry.out_size;
        if rows.end > height {
            return Err(Error::TooLarge { operand: "end of rows", required: height, got: rows.end });
        }
        if rows.start > rows.end {
            return Err(Error::TooSmall { operand: "end of rows", required: rows.start, got: rows.end });
        }
        let sizes = [desc.batch, desc.out_channels, rows.len(), width];
        let strides = Strides::new("dst", desc.layout, sizes, Some(geometry.dst.row))?;
        check_len("dst", strides.len, dst_len)?;
        let origin = rows.start * strides.row;
        let planes = if rows.is_empty() { 0..0 } else { 0..desc.batch * desc.out_channels };
        Ok(Self { planes, rows, strides, origin, out_channels: desc.out_channels })
    }

    /// A piece, in a buffer of exactly its elements.
    ///
    /// # Errors
    /// [`Error::Length`] if the buffer has another length than the piece; [`Error::TooLarge`] if the piece is of
    /// another plan and does not lie in this one's output.
    pub fn piece(
        desc: &Conv2dDesc,
        geometry: &Geometry,
        piece: &Piece,
        dst_len: usize,
    ) -> Result<Self, Error> {
        let planes = match desc.layout {
            Layout::Nhwc => 1,
            Layout::Nchw => desc.out_channels,
        };
        for (operand, required, got) in [
            ("piece", desc.batch * planes, piece.outer.end),
            ("rows of the piece", geometry.out_size[0], piece.rows.end),
        ] {
            if got > required {
                return Err(Error::TooLarge { operand, required, got });
            }
        }
        check_len("dst", piece.dst.len(), dst_len)?;
        let (scale, outer_stride) = match desc.layout {
            Layout::Nhwc => (desc.out_channels, geometry.dst.image),
            Layout::Nchw => (1, geometry.dst.channel),
        };
        let origin = piece.outer.start * outer_stride + piece.rows.start * geometry.dst.row;
        // A piece of another plan may be too short for the rows of this one.
        let row_len = match desc.layout {
            Layout::Nhwc => geometry.out_size[1] * desc.out_channels,
            Layout::Nchw => geometry.out_size[1],
        };
        let end = match (piece.outer.len(), piece.rows.len()) {
            (0, _) | (_, 0) => origin,
            _ => (piece.outer.end - 1) * outer_stride + (piece.rows.end - 1) * geometry.dst.row + row_len,
        };
        if piece.dst.start != origin || piece.dst.end < end || piece.dst.end > geometry.dst.len {
            return Err(Error::TooLarge { operand: "piece", required: geometry.dst.len, got: piece.dst.end });
        }
        Ok(Self {
            planes: piece.outer.start * scale..piece.outer.end * scale,
            rows: piece.rows.clone(),
            strides: geometry.dst,
            origin,
            out_channels: desc.out_channels,
        })
    }

    /// The output rows `rows` of a single image, in a buffer that starts with the first of them and has these strides.
    pub(super) fn of_image(strides: Strides, rows: Range<usize>, out_channels: usize) -> Self {
        let origin = rows.start * strides.row;
        Self { planes: 0..out_channels, rows, strides, origin, out_channels }
    }

    /// Where the elements lie in the part's buffer, but for its first one's place.
    pub(super) fn strides(&self) -> Strides {
        self.strides
    }

    /// Of this part, the outputs of some planes that lie `first + i * stride` and whose `i` is a row of `rows`: as a part of its
    /// own, and where its buffer starts in that of this one. `dst` has the steps between such outputs.
    pub(super) fn every(
        &self,
        planes: Range<usize>,
        rows: Range<usize>,
        first: [usize; 2],
        stride: usize,
        dst: Strides,
    ) -> (Self, usize) {
        let (n, k) = (planes.start / self.out_channels, planes.start % self.out_channels);
        let start = self.at(n, k, first[0] + rows.start * stride, first[1]);
        let strides = Strides { row: dst.row, pixel: dst.pixel, ..self.strides };
        let origin = strides.at(n, k, rows.start, 0);
        (Self { planes, rows, strides, origin, out_channels: self.out_channels }, start)
    }

    /// Some rows of some planes of one image, `width` columns each, in a buffer of just those.
    pub(super) fn strip(planes: Range<usize>, rows: Range<usize>, width: usize, out_channels: usize) -> Self {
        let channel = rows.len() * width;
        let strides = Strides { image: 0, channel, row: width, pixel: 1, len: planes.len() * channel };
        let origin = strides.at(0, planes.start % out_channels, rows.start, 0);
        Self { planes, rows, strides, origin, out_channels }
    }

    /// The images that the part touches.
    pub fn images(&self) -> Range<usize> {
        // Never 0, which the compiler does not know.
        let channels = self.out_channels.max(1);
        self.planes.start / channels..self.planes.end.div_ceil(channels)
    }

    /// The out channels of image `n` that are in the part.
    pub fn channels(&self, n: usize) -> Range<usize> {
        let first = n * self.out_channels;
        self.planes.start.saturating_sub(first)..self.planes.end.saturating_sub(first).min(self.out_channels)
    }

    /// The index in the part's buffer of output (n, k, y, x).
    #[inline(always)]
    pub fn at(&self, n: usize, k: usize, y: usize, x: usize) -> usize {
        self.strides.at(n, k, y, x) - self.origin
    }

    /// Elements from one row, pixel and channel to the next, in the part's buffer and in `dst` alike.
    pub fn steps(&self) -> [usize; 3] {
        [self.strides.row, self.strides.pixel, self.strides.channel]
    }
}
