//! `convoke filter --premultiply`: colours count as much as they are opaque.
//!
//! Where a pixel is transparent its colour is arbitrary; a filter that treats alpha as a channel like the others
//! carries such colours into their neighbours. With colours c and alpha a, and F the filter without its offset, the
//! result here is F(c a) / F(a) for colours and F(a) for alpha: compositing's "over" commutes with such a filter
//! (T. Porter and T. Duff, Compositing Digital Images, SIGGRAPH 1984). The unit of alpha cancels. All is done in
//! f32, and rounded once at the end. The offset is then added to colours and alpha, so that opaque pictures under
//! masks that sum to 1 come out as without premultiplication, but for rounding.

use crate::array::{Data, shape_text};
use crate::error::{Failure, Outcome};

/// Whether arrays of this shape and type have an alpha channel: the last of 2 or 4.
pub(crate) fn check(shape: &[usize], data: &Data) -> Outcome<()> {
    if !matches!(shape, [_, _, 2 | 4]) {
        return Err(Failure::new(format_args!(
            "--premultiply: the picture must have an alpha channel (2 or 4 channels), got {}",
            shape_text(shape)
        )));
    }
    match data {
        Data::U8(_) | Data::U16(_) | Data::F32(_) => Ok(()),
        other => Err(Failure::new(format_args!(
            "--premultiply: values must be u8, u16 or f32, got {}",
            other.element()
        ))),
    }
}

/// The colours of interleaved pixels, each multiplied by its pixel's alpha, and the alphas.
pub(crate) fn multiply(values: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let pixels = || values.chunks_exact(channels).filter_map(|pixel| pixel.split_last());
    let colours = pixels().flat_map(|(alpha, colours)| colours.iter().map(move |colour| colour * alpha));
    (colours.collect(), pixels().map(|(&alpha, _)| alpha).collect())
}

/// Interleaved pixels from filtered products and filtered alphas. Where alpha is `transparent` or less, colours
/// are 0. `offset` is added to all.
pub(crate) fn divide(products: &[f32], alphas: &[f32], transparent: f32, offset: f32) -> Vec<f32> {
    let count = products.len() / alphas.len().max(1);
    let mut values = Vec::with_capacity(products.len() + alphas.len());
    for (colours, &alpha) in products.chunks_exact(count.max(1)).zip(alphas) {
        values.extend(colours.iter().map(|&colour| {
            let quotient = if alpha <= transparent { 0.0 } else { colour / alpha };
            // A mask with negative weights may leave hardly any alpha and much colour.
            let finite = if colour.is_finite() { quotient.clamp(-f32::MAX, f32::MAX) } else { quotient };
            finite + offset
        }));
        values.push(alpha + offset);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let (products, alphas) = multiply(&[10.0, 20.0, 30.0, 0.5, 7.0, 8.0, 9.0, 0.0], 4);
        assert_eq!((&products[..], &alphas[..]), (&[5.0, 10.0, 15.0, 0.0, 0.0, 0.0][..], &[0.5, 0.0][..]));
        assert_eq!(divide(&products, &alphas, 0.0, 0.0), [10.0, 20.0, 30.0, 0.5, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(divide(&products, &alphas, 0.0, 1.0), [11.0, 21.0, 31.0, 1.5, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn finite_unless_the_input_was_not() {
        let divided = divide(&[1.0, -1.0, 3.0, f32::NAN], &[1e-40, 1e-40, -0.5, 1.0], 0.0, 0.0);
        assert_eq!(divided[..6], [f32::MAX, 1e-40, -f32::MAX, 1e-40, 0.0, -0.5]);
        assert!(divided[6].is_nan());
    }
}
