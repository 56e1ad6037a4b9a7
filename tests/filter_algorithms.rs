//! Every algorithm that the library offers for picture filters, chosen by name and chosen by itself, against the exact
//! result: integers bit for bit, floats within what roundings can do.

use std::collections::BTreeSet;

use convoke::mask::Mask;
use convoke::{Border, Error, Filter, FilterAlgorithm, Level, Mode, Options};
use convoke_fft::FftFilter;
use convoke_reference::{filter2d_exact, filter2d_f64};

fn masks() -> Vec<(&'static str, Mask)> {
    let mut state = 7_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.4
    };
    let mut noise = |side: usize| -> Mask {
        let weights: Vec<f32> = (0..side * side).map(|_| random()).collect();
        let sum: f32 = weights.iter().map(|w| w.abs()).sum();
        Mask::new([side, side], weights.into_iter().map(|w| w / sum).collect()).unwrap()
    };
    let (small, large) = (noise(4), noise(13));
    let named = |name: &str| name.parse::<Mask>().unwrap();
    vec![
        ("sobel-x", named("sobel-x")),
        ("laplacian", named("laplacian").offset(100.0)),
        ("emboss", named("emboss")),
        ("gaussian", named("gaussian:1.5")),
        ("box:2", named("box:2")),
        ("box:9", named("box:9")),
        // Sums of 16-bit pixels go beyond what f32 holds.
        ("box:33", named("box:33")),
        ("binomial", Mask::new([1, 5], vec![1.0, 4.0, 6.0, 4.0, 1.0]).unwrap().divisor(16.0)),
        ("a row", Mask::new([1, 7], vec![0.5, -1.0, 2.0, 3.25, 0.0, 1.0, 0.125]).unwrap().divisor(6.0)),
        // An unsharp mask.
        ("sharper", sharper(9)),
        ("noise 4", small),
        ("noise 13", large),
    ]
}

/// Twice a pixel, less a Gaussian around it: of rank 2.
fn sharper(side: usize) -> Mask {
    let gaussian = Mask::gaussian_sized(1.7, side).unwrap();
    let mut weights: Vec<f32> = gaussian.weights().iter().map(|w| -w).collect();
    weights[side * side / 2] += 2.0;
    Mask::new([side, side], weights).unwrap()
}

fn pixels(count: usize) -> impl Iterator<Item = u32> {
    (0..count as u32).map(|i| i.wrapping_mul(2_654_435_761) >> 8)
}

#[test]
fn all_give_the_exact_integers_and_floats_within_roundings() {
    let mut seen = BTreeSet::new();
    for (at, (name, mask)) in masks().into_iter().enumerate() {
        let (size, channels) = ([33 + at, 71], 1 + at % 4);
        let border =
            [Border::Reflect101, Border::Zero, Border::Wrap, Border::Replicate, Border::Constant(9.0)]
                [at % 5];
        let mode = if at % 2 == 0 { Mode::Correlate } else { Mode::Convolve };
        let desc = mask.desc(size, channels).border(border).mode(mode);
        let count = size[0] * size[1] * channels;
        let bytes: Vec<u8> = pixels(count).map(|x| x as u8).collect();
        let words: Vec<u16> = pixels(count).map(|x| x as u16).collect();
        let floats: Vec<f32> = pixels(count).map(|x| x as u8 as f32 - 100.0).collect();
        let to_bytes: Vec<u8> = filter2d_exact(&desc, mask.weights(), &bytes);
        let to_signed: Vec<i16> = filter2d_exact(&desc, mask.weights(), &bytes);
        let to_words: Vec<u16> = filter2d_exact(&desc, mask.weights(), &words);
        let (real, magnitudes) = filter2d_f64(&desc, mask.weights(), &floats);
        let [r, s] = desc.mask_size;
        let largest = floats.iter().fold(9.0_f32, |largest, x| largest.max(x.abs()));
        for level in Level::available() {
            for &algorithm in FilterAlgorithm::ALL {
                let options = Options::new().level(level).threads(1 + at % 2).filter_algorithm(algorithm);
                let filter = match Filter::with_options(&desc, &mask, &options) {
                    Ok(filter) => filter,
                    Err(Error::NotSeparable | Error::NotRankTwo | Error::NotBox | Error::NotNarrow) => {
                        continue;
                    }
                    Err(error) => panic!("{name}, {algorithm}: {error}"),
                };
                seen.insert(algorithm.name());
                let about = format!("{name}, {algorithm}, {level}: {}", filter.describe());
                assert_eq!(filter.run::<u8, u8>(&bytes).unwrap(), to_bytes, "{about}");
                assert_eq!(filter.run::<u8, i16>(&bytes).unwrap(), to_signed, "{about}");
                match filter.run::<u16, u16>(&words) {
                    Ok(got) => assert_eq!(got, to_words, "{about}"),
                    // Only a box has sums that f32 cannot hold, and nothing else to fall back to.
                    Err(error) => {
                        assert!(matches!(error, Error::Inexact { .. }) && algorithm == FilterAlgorithm::Box)
                    }
                }
                // The bounds of the contract, with one rounding each for scale, divisor and offset.
                let terms = 3 + match filter.algorithm() {
                    FilterAlgorithm::Separable => r + s + 10,
                    FilterAlgorithm::Box => r + s,
                    _ => r * s,
                };
                let fft = (filter.algorithm() == FilterAlgorithm::Fft)
                    .then(|| FftFilter::new(&desc, mask.weights(), level).unwrap().error_bound(largest));
                let got: Vec<f32> = filter.run(&floats).unwrap();
                for (i, (got, real)) in got.iter().zip(&real).enumerate() {
                    let part = terms as f64 / 16_777_216.0;
                    let bound = fft.unwrap_or(part * (1.0 + part) * magnitudes[i]);
                    assert!(
                        (f64::from(*got) - real).abs() <= bound,
                        "{about} at {i}: {got}, should be {real}"
                    );
                }
            }
        }
    }
    // No algorithm was skipped for every mask.
    assert_eq!(seen.len(), FilterAlgorithm::ALL.len(), "{seen:?}");
}

#[test]
fn what_a_mask_is_not_is_an_error_that_says_so() {
    let laplacian = Mask::laplacian();
    let desc = laplacian.desc([8, 8], 1);
    let error = |algorithm| {
        let options = Options::new().filter_algorithm(algorithm);
        Filter::with_options(&desc, &laplacian, &options).unwrap_err()
    };
    assert_eq!(error(FilterAlgorithm::Separable), Error::NotSeparable);
    assert_eq!(error(FilterAlgorithm::Box), Error::NotBox);
    let options = Options::new().filter_algorithm(FilterAlgorithm::RankTwo);
    assert!(Filter::with_options(&desc, &laplacian, &options).is_ok());
    let diagonal = Mask::new([3, 3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
    assert_eq!(Filter::with_options(&desc, &diagonal, &options).unwrap_err(), Error::NotRankTwo);
    let real = Mask::new([1, 2], vec![0.1, 0.3]).unwrap();
    let options = Options::new().filter_algorithm(FilterAlgorithm::Narrow);
    let error = Filter::with_options(&real.desc([8, 8], 1), &real, &options).unwrap_err();
    assert_eq!(error, Error::NotNarrow);
    assert!(error.to_string().contains("whole numbers"));
}

#[test]
fn the_choice_is_the_first_candidate() {
    let options = Options::new();
    for (mask, expected) in [
        ("gaussian:3", FilterAlgorithm::Separable),
        ("box:31", FilterAlgorithm::Box),
        ("laplacian", FilterAlgorithm::Direct),
        ("motion:41,30", FilterAlgorithm::Fft),
    ] {
        let mask: Mask = mask.parse().unwrap();
        let desc = mask.desc([1080, 1920], 1);
        let candidates = Filter::explain(&desc, &mask, &options).unwrap();
        assert!(candidates.is_sorted_by(|a, b| a.cost <= b.cost));
        assert_eq!(candidates[0].algorithm, expected, "{candidates:?}");
        assert_eq!(Filter::new(&desc, &mask).unwrap().algorithm(), expected);
    }
}
