//! What a repeated box is asked to do, as plain data.

use crate::Border;

/// A blur by an extended box, repeated.
///
/// One pass along one axis has the weights
///
/// ```text
/// w[i] = 1 / L  for |i| <= radius,   end / L  for |i| = radius + 1,     L = 2 * radius + 1 + 2 * end
/// ```
///
/// and the filter is `passes` of them down the picture and as many across: the mask `v v^T`, `v` being `w` convolved with
/// itself. It reaches `passes * (radius + 1)` pixels to every side ([`reach`](Self::reach)). With variance `s^2` of `w`
/// the mask approaches the Gaussian of variance `passes * s^2`; `convoke::Gaussian` chooses radius and end for a
/// Gaussian and knows how far off that is. (Gwosdek, Grewenig, Bruhn, Weickert, *Theoretical foundations of Gaussian
/// convolution by extended box filtering*, 2011.)
///
/// ```
/// use convoke_core::{Border, RepeatedBoxDesc};
/// let desc = RepeatedBoxDesc::new([480, 640], 3, 9, 0.5, 3).border(Border::Reflect101);
/// assert_eq!(desc.reach(), 30);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RepeatedBoxDesc {
    /// Height and width of the picture, and of the result.
    pub size: [usize; 2],
    /// Interleaved channels, 1 to 4.
    pub channels: usize,
    /// Pixels on either side of the middle with the full weight.
    pub radius: usize,
    /// The part of that weight which the next pixel has, from 0 to 1.
    pub end: f32,
    /// Passes along each axis, 1 to 8.
    pub passes: usize,
    /// What is read outside the picture.
    pub border: Border,
    /// Factor of every result.
    pub scale: f32,
    /// Added to every result after scaling.
    pub offset: f32,
    /// Elements from one row of `src` to the next; `None` for `W * channels`.
    pub src_row_stride: Option<usize>,
    /// The same for `dst`.
    pub dst_row_stride: Option<usize>,
}

impl RepeatedBoxDesc {
    /// A blur with zero border and results taken as they are. `size` is `[H, W]`.
    pub const fn new(size: [usize; 2], channels: usize, radius: usize, end: f32, passes: usize) -> Self {
        Self {
            size,
            channels,
            radius,
            end,
            passes,
            border: Border::Zero,
            scale: 1.0,
            offset: 0.0,
            src_row_stride: None,
            dst_row_stride: None,
        }
    }

    /// Sets what is read outside the picture.
    pub const fn border(mut self, border: Border) -> Self {
        self.border = border;
        self
    }

    /// Sets the factor of every result.
    pub const fn scale(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// Sets what is added to every result after scaling.
    pub const fn offset(mut self, offset: f32) -> Self {
        self.offset = offset;
        self
    }

    /// Sets the elements from one row of `src` to the next.
    pub const fn src_row_stride(mut self, elements: usize) -> Self {
        self.src_row_stride = Some(elements);
        self
    }

    /// Sets the elements from one row of `dst` to the next.
    pub const fn dst_row_stride(mut self, elements: usize) -> Self {
        self.dst_row_stride = Some(elements);
        self
    }

    /// Pixels that a result reads to each side: `passes * (radius + 1)`, or `usize::MAX` if that is more.
    pub const fn reach(&self) -> usize {
        self.passes.saturating_mul(self.radius.saturating_add(1))
    }
}
