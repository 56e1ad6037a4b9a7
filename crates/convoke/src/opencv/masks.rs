//! Means, derivatives and any mask of whole numbers, as OpenCV has them.

use convoke_core::{Border, NarrowDesc, NarrowMask, NarrowPixel, Rounding};

use super::{
    OpenCvError, Picture,
    run::{result, run},
};
use crate::options::Options;

/// Largest area whose means OpenCV makes in fixed point.
const FIXED: usize = 256;

/// `boxFilter`, and `blur` with `normalize`: the sum or the mean over `size` rows and columns.
///
/// `anchor` is the row and column of the mask that lies on the output pixel; `None` for the middle, `size / 2` rounded
/// down. Sums are clamped to 255. Means are rounded as OpenCV does it:
///
/// * areas up to 256 pixels that are no power of two: to nearest, ties up;
/// * areas that are a power of two from 2 to 256: one is added to the sum first, so that of the sums below a tie the
///   greatest is rounded up too (and in areas of two pixels, every mean is one half too high);
/// * larger areas: the `f32` product of the sum with `1 / area`, ties to even.
///
/// # Errors
/// [`OpenCvError::Filter`] for a picture or a mask that is empty, a mask larger than 4095, an anchor outside it, or a
/// picture of the wrong length.
pub fn box_filter(
    picture: &Picture<'_>,
    size: [usize; 2],
    anchor: Option<[usize; 2]>,
    normalize: bool,
    border: Border,
    options: &Options,
) -> Result<Vec<u8>, OpenCvError> {
    let mut dst = result(picture)?;
    box_filter_into(picture, size, anchor, normalize, border, options, &mut dst)?;
    Ok(dst)
}

/// [`box_filter`] to a buffer as long as the picture, so that none is allocated and cleared for every call.
///
/// # Errors
/// As for [`box_filter`], and [`OpenCvError::Filter`] for a buffer of another length.
pub fn box_filter_into(
    picture: &Picture<'_>,
    size: [usize; 2],
    anchor: Option<[usize; 2]>,
    normalize: bool,
    border: Border,
    options: &Options,
    dst: &mut [u8],
) -> Result<(), OpenCvError> {
    let anchor = anchor.unwrap_or(size.map(|side| side / 2));
    let mut desc =
        NarrowDesc::new(picture.size, picture.channels, NarrowMask::Ones(size)).anchor(anchor).border(border);
    let area = size[0].saturating_mul(size[1]);
    if normalize && area > 0 {
        desc = desc.divisor(u32::try_from(area).unwrap_or(u32::MAX));
        desc = if area > FIXED {
            desc.rounding(Rounding::SinglePrecision)
        } else {
            let one_more = area > 1 && area.is_power_of_two();
            desc.rounding(Rounding::TiesUp).offset(one_more.into())
        };
    }
    Ok(run(picture, &desc, options, dst)?)
}

/// `Sobel`: the derivative of `order[0]` along y and `order[1]` along x, over `size` (1, 3, 5 or 7) pixels; with size 1,
/// three pixels along the derivative and one across it. To `i16` or `u8`, clamped.
///
/// # Errors
/// [`OpenCvError::DerivativeSize`], [`OpenCvError::Order`], and [`OpenCvError::Filter`] as for [`box_filter`].
pub fn sobel<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    order: [usize; 2],
    size: usize,
    border: Border,
    options: &Options,
) -> Result<Vec<O>, OpenCvError> {
    let mut dst = result(picture)?;
    sobel_into(picture, order, size, border, options, &mut dst)?;
    Ok(dst)
}

/// [`sobel`] to a buffer as long as the picture, so that none is allocated and cleared for every call.
///
/// # Errors
/// As for [`sobel`], and [`OpenCvError::Filter`] for a buffer of another length.
pub fn sobel_into<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    order: [usize; 2],
    size: usize,
    border: Border,
    options: &Options,
    dst: &mut [O],
) -> Result<(), OpenCvError> {
    if ![1, 3, 5, 7].contains(&size) {
        return Err(OpenCvError::DerivativeSize { got: size });
    }
    if order == [0, 0] || order.iter().any(|&order| order >= size.max(3)) {
        return Err(OpenCvError::Order { got: order });
    }
    let [column, row] = order.map(|order| derivative(size, order));
    separable(picture, &column, &row, border, options, dst)
}

/// `Scharr`: the first derivative along y (`order` `[1, 0]`) or x (`[0, 1]`), smoothed by `[3 10 3]` across it.
///
/// # Errors
/// [`OpenCvError::Order`], and [`OpenCvError::Filter`] as for [`box_filter`].
pub fn scharr<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    order: [usize; 2],
    border: Border,
    options: &Options,
) -> Result<Vec<O>, OpenCvError> {
    let mut dst = result(picture)?;
    scharr_into(picture, order, border, options, &mut dst)?;
    Ok(dst)
}

/// [`scharr`] to a buffer as long as the picture, so that none is allocated and cleared for every call.
///
/// # Errors
/// As for [`scharr`], and [`OpenCvError::Filter`] for a buffer of another length.
pub fn scharr_into<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    order: [usize; 2],
    border: Border,
    options: &Options,
    dst: &mut [O],
) -> Result<(), OpenCvError> {
    if ![[0, 1], [1, 0]].contains(&order) {
        return Err(OpenCvError::Order { got: order });
    }
    let [column, row]: [&[i16]; 2] = order.map(|order| -> &[i16] {
        if order == 1 { &[-1, 0, 1] } else { &[3, 10, 3] }
    });
    separable(picture, column, row, border, options, dst)
}

/// `filter2D` with a mask of `size` rows and columns of whole numbers, and a whole `delta`, to `u8` or `i16`, clamped.
///
/// # Errors
/// [`OpenCvError::Filter`] as for [`box_filter`], for a mask of another length, and for sums that could reach 2^30.
pub fn filter2d<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    size: [usize; 2],
    taps: &[i16],
    anchor: Option<[usize; 2]>,
    delta: i32,
    border: Border,
    options: &Options,
) -> Result<Vec<O>, OpenCvError> {
    let mut dst = result(picture)?;
    filter2d_into(picture, size, taps, anchor, delta, border, options, &mut dst)?;
    Ok(dst)
}

/// [`filter2d`] to a buffer as long as the picture, so that none is allocated and cleared for every call.
///
/// # Errors
/// As for [`filter2d`], and [`OpenCvError::Filter`] for a buffer of another length.
#[expect(clippy::too_many_arguments, reason = "those of the function that it is named after")]
pub fn filter2d_into<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    size: [usize; 2],
    taps: &[i16],
    anchor: Option<[usize; 2]>,
    delta: i32,
    border: Border,
    options: &Options,
    dst: &mut [O],
) -> Result<(), OpenCvError> {
    let mut desc = NarrowDesc::new(picture.size, picture.channels, NarrowMask::Full { size, taps })
        .border(border)
        .offset(delta);
    if let Some(anchor) = anchor {
        desc = desc.anchor(anchor);
    }
    Ok(run(picture, &desc, options, dst)?)
}

fn separable<O: NarrowPixel + Default>(
    picture: &Picture<'_>,
    column: &[i16],
    row: &[i16],
    border: Border,
    options: &Options,
    dst: &mut [O],
) -> Result<(), OpenCvError> {
    let mask = NarrowMask::Separable { column, row };
    let desc = NarrowDesc::new(picture.size, picture.channels, mask).border(border);
    Ok(run(picture, &desc, options, dst)?)
}

/// A binomial that is differenced `order` times. With size 1 it is as short as it can be.
fn derivative(size: usize, order: usize) -> Vec<i16> {
    let size = if size == 1 && order > 0 { 3 } else { size };
    let mut taps = vec![1];
    for step in 1..size {
        // (1 + z) for each sum, (-1 + z) for each difference.
        let sign = if step < size - order { 1 } else { -1 };
        let mut next = vec![0; taps.len() + 1];
        for (i, tap) in taps.iter().enumerate() {
            next[i] += sign * tap;
            next[i + 1] += tap;
        }
        taps = next;
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::derivative;

    #[test]
    fn derivatives_are_differenced_binomials() {
        assert_eq!(derivative(1, 0), [1]);
        assert_eq!(derivative(1, 1), [-1, 0, 1]);
        assert_eq!(derivative(1, 2), [1, -2, 1]);
        assert_eq!(derivative(3, 0), [1, 2, 1]);
        assert_eq!(derivative(3, 1), [-1, 0, 1]);
        assert_eq!(derivative(5, 0), [1, 4, 6, 4, 1]);
        assert_eq!(derivative(5, 1), [-1, -2, 0, 2, 1]);
        assert_eq!(derivative(5, 2), [1, 0, -2, 0, 1]);
        assert_eq!(derivative(7, 1), [-1, -4, -5, 0, 5, 4, 1]);
    }
}
