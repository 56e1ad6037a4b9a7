//! Arrays of [`ndarray`] as what Convoke reads and writes, without copying an element.
//!
//! Axes of a tensor are always `(n, c, h, w)`, and how it lies in memory says which [`Layout`] it is: a standard array is NCHW, an array of `(n, h, w, c)` seen
//! through `permuted_axes([0, 3, 1, 2])` is NHWC. A part of a tensor or picture is a [`View`] of the whole array, narrowed by [`View::rows`] and
//! [`View::columns`]: rows are then as far apart as those of the whole, which descriptors call row strides.
//!
//! Why not the slice of an array? What lies between its rows is no part of it, and may be borrowed by another slice that somebody writes to. Safe code cannot make one
//! `&[f32]` of it, so such a slice is [`Inexpressible`], and the whole array must be given.
//!
//! ```
//! use convoke::{Conv2d, Conv2dDesc};
//! use convoke_embedding_ndarray::{View, layer, weights};
//! use ndarray::Array4;
//!
//! let image = Array4::<f32>::ones((1, 2, 6, 8));
//! let mut features = Array4::<f32>::zeros((1, 3, 4, 10));
//!
//! // The left half of the image, to the columns from the third on.
//! let src = View::new(image.view())?.columns(0..4)?;
//! let mut dst = View::new_mut(features.view_mut())?.columns(3..5)?;
//! let desc = layer(src.place(), dst.place(), [3, 3])?;
//! let conv = Conv2d::new(&desc, &weights(Array4::ones((3, 2, 3, 3)).view(), desc.layout))?;
//! conv.run_into(src.values(), dst.values_mut())?;
//! assert_eq!(features[[0, 2, 3, 4]], 18.0);
//! assert_eq!(features[[0, 2, 3, 5]], 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod place;

use std::ops::{Deref, DerefMut, Range};

use convoke::{Conv2dDesc, Filter2dDesc, Layout, mask::Mask};
use ndarray::{ArrayView3, ArrayView4, ArrayViewMut3, ArrayViewMut4};

pub use place::{Inexpressible, Place};

/// A tensor or picture as Convoke takes it: the elements of an array, and which of them.
#[derive(Clone, Debug)]
pub struct View<S> {
    elements: S,
    place: Place,
}

impl<'a, A> View<&'a [A]> {
    /// A tensor to be read, of axes `(n, c, h, w)`.
    ///
    /// # Errors
    /// [`Inexpressible`] unless its elements follow each other in one of the two layouts.
    pub fn new(tensor: ArrayView4<'a, A>) -> Result<Self, Inexpressible> {
        let place = Place::of(tensor.dim(), tensor.strides())?;
        let elements = in_order(tensor.permuted_axes(place.order()).to_slice())?;
        Ok(Self { elements, place })
    }

    /// A picture to be read, of axes `(h, w, c)`; of one channel, where they are `(h, w)`, after `insert_axis(Axis(2))`.
    ///
    /// # Errors
    /// [`Inexpressible`] unless its elements follow each other in that order.
    pub fn picture(picture: ArrayView3<'a, A>) -> Result<Self, Inexpressible> {
        let place = Place::of_picture(picture.dim());
        Ok(Self { elements: in_order(picture.to_slice())?, place })
    }
}

impl<'a, A> View<&'a mut [A]> {
    /// A tensor to be written, of axes `(n, c, h, w)`.
    ///
    /// # Errors
    /// As [`View::new`].
    pub fn new_mut(tensor: ArrayViewMut4<'a, A>) -> Result<Self, Inexpressible> {
        let place = Place::of(tensor.dim(), tensor.strides())?;
        let elements = in_order(tensor.permuted_axes(place.order()).into_slice())?;
        Ok(Self { elements, place })
    }

    /// A picture to be written, of axes `(h, w, c)`.
    ///
    /// # Errors
    /// As [`View::picture`].
    pub fn picture_mut(picture: ArrayViewMut3<'a, A>) -> Result<Self, Inexpressible> {
        let place = Place::of_picture(picture.dim());
        Ok(Self { elements: in_order(picture.into_slice())?, place })
    }
}

fn in_order<S>(elements: Option<S>) -> Result<S, Inexpressible> {
    elements.ok_or(Inexpressible::Order)
}

impl<S> View<S> {
    /// Some columns of it.
    ///
    /// # Errors
    /// [`Inexpressible::Outside`] if it has not got them.
    pub fn columns(self, columns: Range<usize>) -> Result<Self, Inexpressible> {
        Ok(Self { place: self.place.columns(columns)?, ..self })
    }

    /// Some rows of it.
    ///
    /// # Errors
    /// [`Inexpressible::Outside`] if it has not got them; [`Inexpressible::Planes`] if it has several planes (NCHW) or images, whose rows would then have
    /// a gap between them.
    pub fn rows(self, rows: Range<usize>) -> Result<Self, Inexpressible> {
        Ok(Self { place: self.place.rows(rows)?, ..self })
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// From its first element to its last: what a plan calls `src`.
    pub fn values<A>(&self) -> &[A]
    where
        S: Deref<Target = [A]>,
    {
        &self.elements[self.place.range()]
    }

    /// The same to be written: what a plan calls `dst`. What lies between rows stays as it is.
    pub fn values_mut<A>(&mut self) -> &mut [A]
    where
        S: DerefMut<Target = [A]>,
    {
        &mut self.elements[self.place.range()]
    }
}

/// The descriptor of a layer from one view to another, with all sizes and strides but those of the window; without padding, to be refined with its
/// setters. A `dst` of another size than the layer makes is an error when it runs.
///
/// # Errors
/// [`Inexpressible::Layouts`] if one is NCHW, the other NHWC.
pub fn layer(src: &Place, dst: &Place, kernel: [usize; 2]) -> Result<Conv2dDesc, Inexpressible> {
    let [src, dst] = src.agree(*dst).ok_or(Inexpressible::Layouts)?;
    let [batch, channels, height, width] = src.shape();
    Ok(Conv2dDesc::new(src.layout(), batch, channels, [height, width], dst.shape()[1], kernel)
        .src_row_stride(src.row_stride())
        .dst_row_stride(dst.row_stride()))
}

/// The descriptor of a filter from one picture to another of the same size.
///
/// # Errors
/// [`Inexpressible::Sizes`] if they are not of one size.
pub fn filter(src: &Place, dst: &Place, mask: &Mask) -> Result<Filter2dDesc, Inexpressible> {
    let [_, channels, height, width] = src.shape();
    if src.shape() != dst.shape() {
        return Err(Inexpressible::Sizes);
    }
    Ok(mask.desc([height, width], channels).src_row_stride(src.row_stride()).dst_row_stride(dst.row_stride()))
}

/// Weights of axes `(k, c / groups, r, s)` in the order of a layout. The one thing that is copied: packing would do it anyway.
pub fn weights(weights: ArrayView4<'_, f32>, layout: Layout) -> Vec<f32> {
    match layout {
        Layout::Nchw => weights.iter().copied().collect(),
        Layout::Nhwc => weights.permuted_axes([0, 2, 3, 1]).iter().copied().collect(),
    }
}
