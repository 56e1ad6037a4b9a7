//! Streams as an engine for picture filters: the rows of a picture in memory are pushed, and the rows of the result pulled,
//! so that streams are held to all that whole pictures are held to.

use std::fmt::{self, Display};
use std::ops::Range;

use convoke_core::{Error, Filter2dDesc, Filter2dPlan, Level, PackedMask, Pixel};

/// A plan that streams.
#[derive(Clone, Copy, Debug)]
pub struct Streamed(Filter2dPlan);

impl Streamed {
    /// Plans a stream.
    ///
    /// # Errors
    /// Those of [`Filter2dPlan::new`].
    pub fn new(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        Filter2dPlan::new(desc, level).map(Self)
    }

    /// Elements of `src`.
    pub fn src_len(&self) -> usize {
        self.0.src_len()
    }

    /// Elements of `dst`.
    pub fn dst_len(&self) -> usize {
        self.0.dst_len()
    }

    /// Elements of the packing buffer.
    pub fn packed_len(&self) -> usize {
        self.0.packed_len()
    }

    /// Elements of the stream's buffer.
    pub fn scratch_len(&self) -> usize {
        self.0.desc().stream_len()
    }

    /// The `n` of the error bound.
    pub fn error_terms(&self) -> usize {
        self.0.error_terms()
    }

    /// The plan in words.
    pub fn describe(&self) -> impl Display {
        struct Words(convoke_core::FilterDescription);
        impl Display for Words {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "stream of {}", self.0)
            }
        }
        Words(self.0.describe())
    }

    /// Packs a mask.
    ///
    /// # Errors
    /// Those of [`Filter2dPlan::pack`].
    pub fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<PackedMask<'p>, Error> {
        self.0.pack(mask, buffer)
    }

    /// Streams the whole picture.
    ///
    /// # Errors
    /// As for [`run_rows`](Self::run_rows).
    pub fn run<I: Pixel, O: Pixel>(
        &self,
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        self.run_rows(0..self.0.desc().size[0], mask, src, dst, scratch)
    }

    /// Streams the whole picture, and keeps some rows of the result. Others go to where the first of these will be.
    ///
    /// # Errors
    /// Those of a run: wrong lengths, rows outside the picture, a foreign mask.
    pub fn run_rows<I: Pixel, O: Pixel>(
        &self,
        rows: Range<usize>,
        mask: &PackedMask<'_>,
        src: &[I],
        dst: &mut [O],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let desc = self.0.desc();
        let [height, width] = desc.size;
        let row_len = width * desc.channels;
        let [src_stride, dst_stride] =
            [desc.src_row_stride, desc.dst_row_stride].map(|stride| stride.unwrap_or(row_len));
        if rows.end > height {
            return Err(Error::TooLarge { operand: "rows", required: height, got: rows.end });
        }
        if rows.start > rows.end {
            return Err(Error::TooLarge { operand: "rows", required: rows.end, got: rows.start });
        }
        let dst_len = if rows.is_empty() { 0 } else { (rows.len() - 1) * dst_stride + row_len };
        for (operand, required, got) in [("src", self.src_len(), src.len()), ("dst", dst_len, dst.len())] {
            if required != got {
                return Err(Error::Length { operand, required, got });
            }
        }
        if scratch.len() < self.scratch_len() {
            return Err(Error::Length {
                operand: "scratch",
                required: self.scratch_len(),
                got: scratch.len(),
            });
        }
        let mut stream = self.0.stream::<I, O, _>(mask, scratch)?;
        let mut next = if rows.is_empty() { rows.end } else { 0 };
        while next < rows.end {
            if let Some(y) = stream.wants() {
                stream.push(&src[y * src_stride..][..row_len])?;
            }
            while next < rows.end {
                let at = next.saturating_sub(rows.start) * dst_stride;
                if !stream.pull(&mut dst[at..][..row_len])? {
                    break;
                }
                next += 1;
            }
        }
        Ok(())
    }
}
