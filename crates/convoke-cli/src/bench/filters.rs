//! Times of picture filters: the same pictures, masks and names that other libraries are timed with.

use convoke::mask::Mask;
use convoke::{Border, Error, Filter, FilterAlgorithm, Level, Options, opencv};
use serde::Serialize;

use super::timing::{Samples, noise};
use super::{nothing, print_json, round, wanted};
use crate::args::BenchArgs;
use crate::args::values::FilterChoice;
use crate::error::{Context, Failure, Outcome};
use crate::progress::Progress;
use crate::{peak, print};

/// A line of output. Times count all channels of a pixel as one.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    ns_per_px: f64,
    min_ns_per_px: f64,
    /// A copy of the same picture, in the same rounds: the least that any filter could take.
    copy_ns_per_px: f64,
    /// The longer of that copy and, where floats are multiplied by taps (direct, separable), of the algorithm's multiply-adds
    /// at the peak of this run.
    limit_ns_per_px: f64,
    median_ms: f64,
    min_ms: f64,
    algo: &'static str,
    level: &'static str,
    threads: usize,
}

const SIZES: [(&str, [usize; 2]); 3] =
    [("512x512", [512, 512]), ("1080p", [1080, 1920]), ("4k", [2160, 3840])];
const CHANNELS: [(&str, usize); 2] = [("gray", 1), ("rgb", 3)];

/// Pixels in and out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Types {
    Bytes,
    Floats,
    /// The gradient of bytes has signs.
    BytesToSigned,
}

/// What is timed.
enum What {
    Copy,
    Filter(Box<Filter>),
    /// OpenCV's Gaussian of this size, bit for bit: what its times are to be compared with. Allocates its result.
    OpenCvGaussian {
        picture: [usize; 2],
        channels: usize,
        side: usize,
        options: Options,
    },
}

struct Problem {
    name: String,
    pixels: usize,
    what: What,
    len: usize,
    types: Types,
    samples: Samples,
    copies: Samples,
}

pub(super) fn run(args: &BenchArgs, threads: usize) -> Outcome<()> {
    let FilterChoice::Planned(algorithm) = args.algo.parse().about("--algo")? else {
        return Failure::about("--algo", "the reference is not there to be timed");
    };
    let level = args.common.level.0;
    let options = Options::new().level(level).threads(threads).filter_algorithm(algorithm);
    let mut problems = problems(args, &options)?;
    let Some(longest) = problems.iter().map(|problem| problem.len).max() else { return nothing() };

    let src_f32: Vec<f32> = noise(longest).into_iter().map(|x| ((x + 1.0) * 127.0).floor()).collect();
    let src_u8: Vec<u8> = src_f32.iter().map(|&x| x as u8).collect();
    let mut dst_f32 = vec![0_f32; longest];
    let mut dst_u8 = vec![0_u8; longest];
    let mut dst_i16 = vec![0_i16; longest];
    let progress = Progress::new("timing", u64::from(args.rounds) * problems.len() as u64, args.common.quiet);
    let mut gflops = 0_f64;
    for _ in 0..args.rounds {
        gflops = gflops.max(peak::gflops_on(level, threads));
        for problem in &mut problems {
            let len = problem.len;
            let (bytes, floats) = (&src_u8[..len], &src_f32[..len]);
            let (to_bytes, to_floats) = (&mut dst_u8[..len], &mut dst_f32[..len]);
            let Ok(()) = problem.copies.round(|| {
                if problem.types == Types::Floats {
                    std::hint::black_box(&mut *to_floats).copy_from_slice(std::hint::black_box(floats));
                } else {
                    std::hint::black_box(&mut *to_bytes).copy_from_slice(std::hint::black_box(bytes));
                }
                Ok::<(), std::convert::Infallible>(())
            });
            match &problem.what {
                What::Copy => {}
                What::Filter(filter) => {
                    let timed = problem.samples.round(|| match problem.types {
                        Types::Bytes => filter.run_into(bytes, to_bytes),
                        Types::Floats => filter.run_into(floats, to_floats),
                        Types::BytesToSigned => filter.run_into(bytes, &mut dst_i16[..len]),
                    });
                    timed.about(&problem.name)?;
                }
                &What::OpenCvGaussian { picture: size, channels, side, options } => {
                    let picture = opencv::Picture { pixels: bytes, size, channels };
                    let timed = problem.samples.round(|| {
                        let border = Border::Reflect101;
                        opencv::gaussian_blur_into(&picture, [side; 2], [0.0; 2], border, &options, to_bytes)
                    });
                    timed.about(&problem.name)?;
                }
            }
            progress.add(1);
        }
    }
    drop(progress);

    let rows: Vec<Row<'_>> = problems.iter().map(|problem| row(problem, level, threads, gflops)).collect();
    if args.json { rows.iter().try_for_each(print_json) } else { print(&table(&rows, gflops)) }
}

/// All problems that are asked for.
fn problems(args: &BenchArgs, options: &Options) -> Outcome<Vec<Problem>> {
    let mut problems = Vec::new();
    for (size_name, size) in SIZES {
        for (channels_name, channels) in CHANNELS {
            for (type_name, floats) in [("u8", false), ("f32", true)] {
                for (mask_name, mask) in masks().about("bench")? {
                    let name = format!("{mask_name}_{size_name}_{channels_name}_{type_name}");
                    if !wanted(args, &name) {
                        continue;
                    }
                    // With floats `gauss_*` is exact already.
                    if floats && mask_name.starts_with("gaussexact") {
                        continue;
                    }
                    let types = match (floats, mask_name == "sobel_3") {
                        (true, _) => Types::Floats,
                        (false, true) => Types::BytesToSigned,
                        (false, false) => Types::Bytes,
                    };
                    // From bytes, `gauss_*` has OpenCV's results, as it is compared with OpenCV's times.
                    let gauss = mask_name.strip_prefix("gauss_").filter(|_| types == Types::Bytes);
                    let is_auto = options.filter_algorithm == FilterAlgorithm::Auto;
                    let what = match (&mask, gauss.and_then(|side| side.parse().ok())) {
                        (None, _) => What::Copy,
                        (_, Some(side)) if is_auto => {
                            What::OpenCvGaussian { picture: size, channels, side, options: *options }
                        }
                        (_, Some(_)) => continue,
                        (Some(mask), None) => {
                            let desc = mask.desc(size, channels).border(Border::Reflect101);
                            match Filter::with_options(&desc, mask, options) {
                                // What the algorithm cannot do has no line.
                                Err(
                                    Error::NotSeparable
                                    | Error::NotRankTwo
                                    | Error::NotBox
                                    | Error::NotNarrow,
                                ) => continue,
                                filter => What::Filter(Box::new(filter.about(&name)?)),
                            }
                        }
                    };
                    let pixels = size[0] * size[1];
                    let (samples, copies) = (Samples::default(), Samples::default());
                    problems.push(Problem {
                        name,
                        pixels,
                        what,
                        len: pixels * channels,
                        types,
                        samples,
                        copies,
                    });
                }
            }
        }
    }
    Ok(problems)
}

/// The masks by name, and `memcpy`, which has none.
fn masks() -> Result<Vec<(String, Option<Mask>)>, convoke::mask::MaskError> {
    let mut masks = Vec::new();
    for side in [3, 5, 7, 15, 31] {
        let mut weights = noise(side * side);
        let sum: f32 = weights.iter().map(|weight| weight.abs()).sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        masks.push((format!("filter2d_{side}"), Some(Mask::new([side, side], weights)?)));
    }
    for side in [5, 11, 31] {
        // A column times a row.
        let mut profile: Vec<f32> = noise(side).into_iter().map(|x| x + 1.0).collect();
        let sum: f32 = profile.iter().sum();
        profile.iter_mut().for_each(|weight| *weight /= sum);
        let weights = profile.iter().flat_map(|a| profile.iter().map(move |b| a * b)).collect();
        masks.push((format!("sepfilter_{side}"), Some(Mask::new([side, side], weights)?)));
    }
    for side in [3, 15, 63] {
        masks.push((format!("box_{side}"), Some(Mask::boxed(side)?)));
    }
    for side in [3, 5, 31] {
        // The standard deviation that OpenCV derives from a size.
        let sigma = 0.3 * ((side as f64 - 1.0) * 0.5 - 1.0) + 0.8;
        let mask = Mask::gaussian_sized(sigma, side)?;
        masks.push((format!("gauss_{side}"), Some(mask.clone())));
        masks.push((format!("gaussexact_{side}"), Some(mask)));
    }
    masks.push(("sobel_3".to_owned(), Some(Mask::sobel_x())));
    masks.push(("memcpy".to_owned(), None));
    Ok(masks)
}

impl Problem {
    /// The algorithm that runs.
    fn algorithm(&self) -> Option<FilterAlgorithm> {
        let What::Filter(filter) = &self.what else { return None };
        Some(match self.types {
            Types::Floats => filter.algorithm(),
            Types::Bytes => filter.algorithm_for::<u8, u8>(),
            Types::BytesToSigned => filter.algorithm_for::<u8, i16>(),
        })
    }

    /// Multiply-adds of floats for a pixel; none where it is not these that the algorithm is made of.
    fn multiply_adds(&self) -> usize {
        let What::Filter(filter) = &self.what else { return 0 };
        let ([r, s], channels) = (filter.desc().mask_size, filter.desc().channels);
        channels
            * match self.algorithm() {
                Some(FilterAlgorithm::Direct) => r * s,
                Some(FilterAlgorithm::Separable) => r + s,
                Some(FilterAlgorithm::RankTwo) => 2 * (r + s),
                _ => 0,
            }
    }
}

fn row(problem: &Problem, level: Level, threads: usize, gflops: f64) -> Row<'_> {
    let samples = if matches!(problem.what, What::Copy) { &problem.copies } else { &problem.samples };
    let per_pixel = |ms: f64| round(ms * 1e6 / problem.pixels as f64);
    Row {
        name: &problem.name,
        ns_per_px: per_pixel(samples.median()),
        min_ns_per_px: per_pixel(samples.min()),
        copy_ns_per_px: per_pixel(problem.copies.median()),
        limit_ns_per_px: round(
            (problem.copies.median() * 1e6 / problem.pixels as f64)
                .max(2.0 * problem.multiply_adds() as f64 / gflops),
        ),
        median_ms: round(samples.median()),
        min_ms: round(samples.min()),
        algo: match &problem.what {
            What::Copy => "copy",
            What::OpenCvGaussian { .. } => "opencv",
            What::Filter(_) => problem.algorithm().map_or("", FilterAlgorithm::name),
        },
        level: level.name(),
        threads,
    }
}

fn table(rows: &[Row<'_>], gflops: f64) -> String {
    let mut text = format!("peak {gflops:.1} GFLOP/s; measured in this run\n");
    text.push_str(
        "name                             ns/pixel   least ns/pixel   copy ns/pixel   x copy   x limit  algorithm\n",
    );
    for row in rows {
        text.push_str(&format!(
            "{:<32} {:>8.4}  {:>15.4}  {:>14.4}  {:>7.1}  {:>8.2}  {}\n",
            row.name,
            row.ns_per_px,
            row.min_ns_per_px,
            row.copy_ns_per_px,
            row.ns_per_px / row.copy_ns_per_px,
            row.ns_per_px / row.limit_ns_per_px,
            row.algo
        ));
    }
    text
}
