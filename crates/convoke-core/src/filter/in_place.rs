//! A filter whose result takes the picture's place: a stream whose rows are read from where its results will stand. What
//! the mask needs of rows that are overwritten is in the stream's window.

use super::pack::PackedMask;
use super::pixel::Pixel;
use super::plan::Filter2dPlan;
use crate::error::{Error, check_len};
use crate::{Border, Filter2dDesc};

impl Filter2dPlan {
    /// Filters a picture in place, with the bits of [`run`](Self::run).
    ///
    /// `buffer` has at least [`stream_len`](Self::stream_len) elements: room for about as many rows as the mask has,
    /// where a run into another picture needs that picture.
    ///
    /// ```
    /// use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level};
    /// let desc = Filter2dDesc::new([1, 5], 1, [1, 3]).border(Border::Replicate);
    /// let plan = Filter2dPlan::new(&desc, Level::detect())?;
    /// let mut packing = vec![0.0; plan.packed_len()];
    /// let mask = plan.pack(&[1.0, 1.0, 1.0], &mut packing)?;
    /// let mut picture = [1_u8, 2, 3, 4, 5];
    /// plan.run_in_place(&mask, &mut picture, &mut vec![0.0; plan.stream_len()])?;
    /// assert_eq!(picture, [4, 6, 9, 12, 14]);
    /// # Ok::<(), convoke_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotInPlace`] with [`Border::Wrap`], whose last outputs read the first rows again, and where the row
    /// strides of `src` and `dst` differ; [`Error::Length`] for a picture of the wrong length; what
    /// [`stream`](Self::stream) finds wrong. `picture` is then as it was.
    pub fn run_in_place<P: Pixel>(
        &self,
        mask: &PackedMask<'_>,
        picture: &mut [P],
        buffer: &mut [f32],
    ) -> Result<(), Error> {
        let Filter2dDesc { border, size: [height, _], .. } = self.desc;
        if border == Border::Wrap || self.src_stride != self.dst_stride {
            return Err(Error::NotInPlace);
        }
        check_len("picture", self.src_len(), picture.len())?;
        let (stride, row_len) = (self.src_stride, self.row_len());
        let mut stream = self.stream::<P, P, _>(mask, buffer)?;
        let mut done = 0;
        // Output row `y` is ready once input row `y` and what lies below it under the mask are pushed, never earlier.
        while let Some(y) = stream.wants() {
            stream.push(&picture[y * stride..][..row_len])?;
            while done < height && stream.pull(&mut picture[done * stride..][..row_len])? {
                done += 1;
            }
        }
        Ok(())
    }
}
