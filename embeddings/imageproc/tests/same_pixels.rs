//! Beside `imageproc` itself: no pixel differs where the definitions agree, and where they do not, by no more than the crate says.

use convoke_embedding_imageproc as ours;
use convoke_embedding_imageproc::{FilterError, Kernel};
use image::{GrayImage, ImageBuffer, Luma, LumaA, Pixel, Primitive, Rgb, Rgba};
use imageproc::definitions::Image;
use imageproc::{filter, gradients, kernel};

/// Sizes below, at and above those of the masks and of vectors.
const SIZES: [(u32, u32); 7] = [(1, 1), (2, 5), (5, 2), (16, 9), (17, 33), (64, 3), (131, 70)];

/// Pixels without a pattern, the same every time.
fn picture<P: Pixel<Subpixel = S>, S: Primitive>(
    (width, height): (u32, u32),
    mut value: impl FnMut(u32) -> S,
) -> Image<P> {
    let mut state = width * 1000 + height;
    let count = (width * height) as usize * usize::from(P::CHANNEL_COUNT);
    let values = (0..count).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        value(state >> 8)
    });
    ImageBuffer::from_raw(width, height, values.collect()).unwrap()
}

fn gray(size: (u32, u32)) -> GrayImage {
    picture(size, |bits| bits as u8)
}

#[test]
fn whole_numbered_kernels_give_the_same_pixels() {
    let weights = [3, -1, 0, 7, 2, -5, 1, 1, -2, 4, 0, 6, -3, 2, 1];
    for size in SIZES {
        for (width, height) in [(3, 5), (5, 3), (15, 1), (1, 15), (3, 3), (2, 2), (4, 3)] {
            let taps = &weights[..(width * height) as usize];
            let theirs = kernel::Kernel::new(taps, width, height);
            let mine = Kernel::new(taps, width, height).unwrap();

            let source: Image<Rgb<u8>> = picture(size, |bits| bits as u8);
            let to_i16 = ours::filter_clamped::<_, i32, i16>(&source, mine).unwrap();
            assert_eq!(to_i16, filter::filter_clamped::<_, i32, i16>(&source, theirs));
            let to_u8 = ours::filter_clamped::<_, i32, u8>(&source, mine).unwrap();
            assert_eq!(to_u8, filter::filter_clamped::<_, i32, u8>(&source, theirs));

            let source: Image<LumaA<u16>> = picture(size, |bits| bits as u16);
            let to_u16 = ours::filter_clamped::<_, i32, u16>(&source, mine).unwrap();
            assert_eq!(to_u16, filter::filter_clamped::<_, i32, u16>(&source, theirs));
        }
    }
}

#[test]
fn gradients_and_laplacian_are_the_same() {
    for size in SIZES {
        let source = gray(size);
        for (mine, theirs) in [
            (ours::horizontal_sobel(&source), gradients::horizontal_sobel(&source)),
            (ours::vertical_sobel(&source), gradients::vertical_sobel(&source)),
            (ours::horizontal_scharr(&source), gradients::horizontal_scharr(&source)),
            (ours::vertical_scharr(&source), gradients::vertical_scharr(&source)),
            (ours::horizontal_prewitt(&source), gradients::horizontal_prewitt(&source)),
            (ours::vertical_prewitt(&source), gradients::vertical_prewitt(&source)),
            (ours::laplacian_filter(&source), filter::laplacian_filter(&source)),
        ] {
            assert_eq!(mine.unwrap(), theirs);
        }
        assert_eq!(ours::sobel_gradients(&source).unwrap(), gradients::sobel_gradients(&source));
        assert_eq!(ours::prewitt_gradients(&source).unwrap(), gradients::prewitt_gradients(&source));
    }
}

/// `imageproc` cuts off a sum of floats, which is below the exact value by less than 1 and some roundings; ours is the nearest.
#[test]
fn kernels_of_floats_are_rounded_and_not_cut_off() {
    let taps = [0.11, 0.2, 0.07, 0.3, 0.05, 0.09, 0.1, 0.02, 0.06];
    let mut differ = 0;
    for size in SIZES {
        let source: Image<Rgba<u8>> = picture(size, |bits| bits as u8);
        let mine = ours::filter_clamped::<_, f32, u8>(&source, Kernel::new(&taps, 3, 3).unwrap()).unwrap();
        let theirs = filter::filter_clamped::<_, f32, u8>(&source, kernel::Kernel::new(&taps, 3, 3));
        for (mine, theirs) in mine.iter().zip(theirs.iter()) {
            assert!(matches!(i16::from(*mine) - i16::from(*theirs), 0 | 1), "{mine} and {theirs}");
            differ += u32::from(mine != theirs);
        }
    }
    assert!(differ > 1000, "{differ}: then the table in lib.rs is wrong");
}

/// Both sums have an error of at most `n u` of the magnitude, which is what is summed: nothing is negative.
#[test]
fn floats_agree_within_the_bounds_of_both() {
    for size in SIZES {
        let source: Image<Rgb<f32>> = picture(size, |bits| bits as f32 / (1 << 24) as f32);
        for sigma in [0.6_f32, 1.0, 2.3] {
            let mine = ours::gaussian_blur_f32(&source, sigma).unwrap();
            let theirs = filter::gaussian_blur_f32(&source, sigma);
            // Weights are products of factors, rounded once more here; sums are of up to side^2 terms in one way or another.
            let side = 2.0 * (2.0 * sigma).ceil() + 1.0;
            let relative = 2.0 * (side * side + 8.0) * f32::EPSILON / 2.0;
            for (mine, theirs) in mine.iter().zip(theirs.iter()) {
                assert!((mine - theirs).abs() <= relative * theirs, "{mine} and {theirs}, sigma {sigma}");
            }
        }
    }
}

/// Cut off twice, `imageproc`'s blur is below the exact value by less than 2.
#[test]
fn blurred_bytes_are_at_most_two_brighter() {
    let mut differ = [0; 3];
    for size in SIZES {
        let source: Image<Rgb<u8>> = picture(size, |bits| bits as u8);
        for sigma in [0.5, 1.5, 3.0] {
            let mine = ours::gaussian_blur_f32(&source, sigma).unwrap();
            let theirs = filter::gaussian_blur_f32(&source, sigma);
            for (mine, theirs) in mine.iter().zip(theirs.iter()) {
                let by = i16::from(*mine) - i16::from(*theirs);
                assert!((0..=2).contains(&by), "{mine} and {theirs}, sigma {sigma}");
                differ[by as usize] += 1;
            }
        }
        // What neither cuts off: a flat picture stays flat here.
        let flat: GrayImage = ImageBuffer::from_pixel(size.0, size.1, Luma([200]));
        assert_eq!(ours::gaussian_blur_f32(&flat, 2.0).unwrap(), flat);
    }
    assert!(differ.iter().all(|&count| count > 100), "{differ:?}");
}

#[test]
fn what_is_wrong_is_an_error() {
    let source = gray((4, 4));
    assert!(matches!(Kernel::new(&[1, 2], 3, 1), Err(FilterError::Mask(_))));
    assert!(matches!(Kernel::<i32>::new(&[], 0, 0), Err(FilterError::Mask(_))));
    let wide = Kernel::new(&[1, (1 << 24) + 1], 2, 1).unwrap();
    let error = ours::filter_clamped::<_, i32, i16>(&source, wide).unwrap_err();
    assert_eq!(error, FilterError::Weight { index: 1 });
    assert_eq!(error.to_string(), "kernel: must be values of f32, element 1 is not");
    let infinite = Kernel::new(&[f32::INFINITY], 1, 1).unwrap();
    assert!(matches!(ours::filter_clamped::<_, f32, u8>(&source, infinite), Err(FilterError::Mask(_))));
    for sigma in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(ours::gaussian_blur_f32(&source, sigma), Err(FilterError::Sigma));
    }
    assert_eq!(ours::horizontal_sobel(&GrayImage::new(0, 3)).unwrap().dimensions(), (0, 3));
}
