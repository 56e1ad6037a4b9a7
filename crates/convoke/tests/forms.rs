//! The forms in which a filter is run: regions, planes and streams against the whole picture, with every algorithm.

use convoke::mask::Mask;
use convoke::{Border, Error, Filter, Filter2dDesc, FilterAlgorithm, FilterStream, Options, Planes};

const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(7.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

fn masks() -> Vec<Mask> {
    vec![
        "1 2 0; 0 -1 3; 1 0 1".parse().unwrap(),
        "1 2 1; 2 4 2; 1 2 1".parse::<Mask>().unwrap().divisor(16.0),
        Mask::boxed(5).unwrap(),
        Mask::gaussian(2.5).unwrap(),
    ]
}

/// Algorithms that can compute a mask, and whichever is taken.
fn algorithms(desc: &Filter2dDesc, mask: &Mask) -> Vec<FilterAlgorithm> {
    let works = |one: &FilterAlgorithm| {
        Filter::with_options(desc, mask, &Options::new().filter_algorithm(*one)).is_ok()
    };
    FilterAlgorithm::ALL.iter().copied().filter(works).collect()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| i % 251).map(|i| (i * i * 31 % 251) as u8).collect()
}

fn floats(len: usize) -> Vec<f32> {
    (0..len).map(|i| i % 1009).map(|i| ((i * i * 31 % 1009) as f32).sin()).collect()
}

fn crop<T: Copy>(whole: &[T], row_len: usize, rows: [usize; 2], cols: [usize; 2]) -> Vec<T> {
    let row = |y: usize| &whole[y * row_len..][cols[0]..cols[1]];
    (rows[0]..rows[1]).flat_map(|y| row(y).to_vec()).collect()
}

#[test]
fn a_region_is_that_part_of_the_whole() {
    let mut tried = Vec::new();
    for (i, mask) in masks().iter().enumerate() {
        for border in BORDERS {
            let (size, c) = ([90, 110], [1, 3][i % 2]);
            let desc = mask.desc(size, c).border(border);
            let (u8s, f32s) = (bytes(90 * 110 * c), floats(90 * 110 * c));
            for algorithm in algorithms(&desc, mask) {
                tried.push(algorithm);
                for threads in [1, 3] {
                    let options = Options::new().filter_algorithm(algorithm).threads(threads);
                    let filter = Filter::with_options(&desc, mask, &options).unwrap();
                    let whole_u8: Vec<u8> = filter.run(&u8s).unwrap();
                    let whole_f32: Vec<f32> = filter.run(&f32s).unwrap();
                    for [y, x, h, w] in
                        [[0, 0, 90, 110], [7, 30, 61, 53], [89, 109, 1, 1], [3, 0, 80, 2], [5, 5, 0, 3]]
                    {
                        let region = [y..y + h, x..x + w];
                        let (rows, cols) = ([y, y + h], [x * c, (x + w) * c]);
                        let got: Vec<u8> = filter.run_region(region.clone(), &u8s).unwrap();
                        assert!(
                            got == crop(&whole_u8, 110 * c, rows, cols),
                            "{algorithm} {region:?} {desc:?}"
                        );
                        let got: Vec<f32> = filter.run_region(region.clone(), &f32s).unwrap();
                        assert!(
                            got == crop(&whole_f32, 110 * c, rows, cols),
                            "{algorithm} {region:?} {desc:?}"
                        );
                    }
                }
            }
        }
    }
    for &algorithm in FilterAlgorithm::ALL {
        assert!(tried.contains(&algorithm), "{algorithm}");
    }
}

#[test]
fn regions_that_are_refused() {
    let mask = Mask::boxed(3).unwrap();
    let filter = Filter::new(&mask.desc([4, 6], 2), &mask).unwrap();
    let src = bytes(48);
    let mut dst = [9_u8; 5];
    let error = filter.run_region_into([0..1, 1..3], &src, &mut dst);
    assert_eq!(error, Err(Error::Length { operand: "dst", required: 4, got: 5 }));
    let error = filter.run_region_into([0..5, 1..3], &src, &mut dst);
    assert_eq!(error, Err(Error::TooLarge { operand: "rows", required: 4, got: 5 }));
    let error = filter.run_region::<_, u8>([0..4, 1..usize::MAX], &src);
    assert_eq!(error, Err(Error::TooLarge { operand: "columns", required: 6, got: usize::MAX }));
    #[expect(clippy::reversed_empty_ranges, reason = "what a confused caller may pass")]
    let reversed = 3..2;
    assert!(filter.run_region::<_, u8>([reversed, 0..6], &src).is_err());
    let error = filter.run_region::<_, u8>([0..1, 0..1], &src[1..]);
    assert_eq!(error, Err(Error::Length { operand: "src", required: 48, got: 47 }));
    assert_eq!(dst, [9; 5]);
}

#[test]
fn planes_are_channels() {
    for mask in masks() {
        for (height, width) in [(5, 7), (120, 130)] {
            let pixels = height * width;
            let desc = mask.desc([height, width], 1).border(Border::Reflect);
            let src = bytes(pixels * 3);
            let plane = |c: usize| src.iter().skip(c).step_by(3).copied();
            for algorithm in algorithms(&desc, &mask) {
                for threads in [1, 4] {
                    let options = Options::new().filter_algorithm(algorithm).threads(threads);
                    let filter = Filter::with_options(&desc, &mask, &options).unwrap();
                    let interleaved = mask.desc([height, width], 3).border(Border::Reflect);
                    let interleaved = Filter::with_options(&interleaved, &mask, &options).unwrap();
                    let right: Vec<u8> = interleaved.run(&src).unwrap();
                    // A gap of 5 in src and of 2 in dst.
                    let (from, to) = (pixels + 5, pixels + 2);
                    let mut planar = vec![1; 2 * from + pixels];
                    for c in 0..3 {
                        planar[c * from..][..pixels].copy_from_slice(&plane(c).collect::<Vec<_>>());
                    }
                    let mut dst = vec![99_u8; 2 * to + pixels];
                    let planes = Planes::new(3).src_stride(from).dst_stride(to);
                    filter.run_planes(planes, &planar, &mut dst).unwrap();
                    for (at, &got) in dst.iter().enumerate() {
                        let (c, i) = (at / to, at % to);
                        assert_eq!(got, if i < pixels { right[i * 3 + c] } else { 99 }, "{algorithm} {at}");
                    }
                }
            }
        }
    }
}

#[test]
fn planes_that_are_refused() {
    let mask = Mask::boxed(3).unwrap();
    let filter = Filter::new(&mask.desc([2, 3], 1), &mask).unwrap();
    let mut dst = [9_u8; 12];
    let mut run = |planes, src: &[u8]| filter.run_planes(planes, src, &mut dst);
    assert_eq!(run(Planes::new(0), &[]), Err(Error::TooSmall { operand: "planes", required: 1, got: 0 }));
    let error = Error::TooSmall { operand: "src plane stride", required: 6, got: 5 };
    assert_eq!(run(Planes::new(2).src_stride(5), &[0; 11]), Err(error));
    let error = Error::TooSmall { operand: "dst plane stride", required: 6, got: 5 };
    assert_eq!(run(Planes::new(2).dst_stride(5), &[0; 12]), Err(error));
    let error = Error::Length { operand: "src", required: 12, got: 11 };
    assert_eq!(run(Planes::new(2), &[0; 11]), Err(error));
    let error = Error::Overflow { operand: "src" };
    assert_eq!(run(Planes::new(3).src_stride(usize::MAX), &[0; 11]), Err(error));
    assert_eq!(dst, [9; 12]);
}

/// Streams choose among what streams, say so, and give the bits of a filter with that algorithm.
#[test]
fn streams_take_the_fastest_algorithm_that_streams() {
    for (i, mask) in masks().iter().chain([&Mask::gaussian(5.0).unwrap()]).enumerate() {
        for border in BORDERS {
            let desc = mask.desc([37, 41], 2).border(border);
            let options = Options::new();
            let candidates = FilterStream::<f32, f32>::explain(&desc, mask, &options).unwrap();
            assert!(candidates.windows(2).all(|pair| pair[0].cost <= pair[1].cost));
            for asked in [FilterAlgorithm::Auto, FilterAlgorithm::Direct, FilterAlgorithm::Separable] {
                let options = options.filter_algorithm(asked);
                if i == 0 && asked == FilterAlgorithm::Separable {
                    let error = FilterStream::<f32, f32>::with_options(&desc, mask, &options).err();
                    assert_eq!(error, Some(Error::NotSeparable));
                    continue;
                }
                let stream = FilterStream::<f32, f32>::with_options(&desc, mask, &options).unwrap();
                let algorithm = stream.algorithm();
                assert_eq!(
                    algorithm,
                    if asked == FilterAlgorithm::Auto { candidates[0].algorithm } else { asked }
                );
                assert!(stream.describe().starts_with("stream of "), "{}", stream.describe());
                let options = options.filter_algorithm(algorithm);
                let filter = Filter::with_options(&desc, mask, &options).unwrap();
                let src = floats(37 * 41 * 2);
                assert!(
                    drain(stream, &src, 82) == filter.run::<_, f32>(&src).unwrap(),
                    "{algorithm} {desc:?}"
                );
                let options = Options::new().filter_algorithm(asked);
                let stream = FilterStream::<u8, u8>::with_options(&desc, mask, &options).unwrap();
                let src = bytes(37 * 41 * 2);
                let any = Filter::new(&desc, mask).unwrap();
                assert!(drain(stream, &src, 82) == any.run::<_, u8>(&src).unwrap(), "{algorithm} {desc:?}");
            }
            for asked in [FilterAlgorithm::Box, FilterAlgorithm::Narrow] {
                let options = options.filter_algorithm(asked);
                let filter = Filter::with_options(&desc, mask, &options);
                let stream = FilterStream::<f32, f32>::with_options(&desc, mask, &options);
                assert_eq!(stream.as_ref().err(), filter.as_ref().err(), "{asked} {desc:?}");
                let (Ok(filter), Ok(stream)) = (filter, stream) else { continue };
                let src = floats(37 * 41 * 2);
                assert!(drain(stream, &src, 82) == filter.run::<_, f32>(&src).unwrap(), "{asked} {desc:?}");
            }
            let options = options.filter_algorithm(FilterAlgorithm::Fft);
            let error = FilterStream::<u8, u8>::with_options(&desc, mask, &options).err();
            assert_eq!(error, Some(Error::NotStreamed));
        }
    }
    let mask = Mask::gaussian(5.0).unwrap();
    let large = FilterStream::<u8, u8>::new(&mask.desc([100, 100], 1), &mask).unwrap();
    assert_eq!(large.algorithm(), FilterAlgorithm::Separable);
    let mask = Mask::boxed(15).unwrap();
    let desc = mask.desc([100, 100], 1);
    let large = FilterStream::<u8, u8>::new(&desc, &mask).unwrap();
    assert_eq!(large.algorithm(), FilterAlgorithm::Narrow);
    let large = FilterStream::<f32, u8>::new(&desc, &mask).unwrap();
    assert_eq!(large.algorithm(), FilterAlgorithm::Box);
    // Sums of 31x31 words are not exact in f32.
    let mask = Mask::boxed(31).unwrap();
    let large = FilterStream::<u16, u16>::new(&mask.desc([100, 100], 1), &mask).unwrap();
    assert_eq!(large.algorithm(), FilterAlgorithm::Separable);
}

/// Bytes in narrow integers: every border, anchor and height, masks taller than the picture included.
#[test]
fn narrow_streams_change_no_bit() {
    let options = Options::new().filter_algorithm(FilterAlgorithm::Narrow);
    for height in [1, 2, 5, 9, 20, 47] {
        for (rows, weights) in [(1, "1 2 1"), (3, "1 2 1"), (4, "1 -1"), (7, "3"), (23, "1 1 1")] {
            let row: Vec<f32> = weights.split(' ').map(|w| w.parse().unwrap()).collect();
            for kind in 0..3 {
                // A box, factors, and neither.
                let tap = |y: usize| [1.0, 1.0 + (y % 3) as f32][kind.min(1)];
                let mut mask: Vec<f32> =
                    (0..rows).flat_map(|y| row.iter().map(move |w| w * tap(y))).collect();
                if kind == 2 && rows * row.len() <= 49 {
                    mask[0] += 1.0;
                }
                let mask = Mask::new([rows, row.len()], mask).unwrap().divisor(7.0);
                let borders = BORDERS.into_iter().chain([Border::Constant(200.0)]);
                for border in
                    borders.filter(|border| border.outside().fract() == 0.0 && border.outside() >= 0.0)
                {
                    for anchor in [0, rows / 2, rows - 1] {
                        for mode in [convoke::Mode::Correlate, convoke::Mode::Convolve] {
                            let desc = mask.desc([height, 11], 3).border(border).mode(mode);
                            let desc = desc.anchor([anchor, row.len() / 2]);
                            let src = bytes(height * 33);
                            let filter = Filter::with_options(&desc, &mask, &options).unwrap();
                            let stream = FilterStream::<u8, u8>::new(&desc, &mask).unwrap();
                            assert_eq!(stream.algorithm(), FilterAlgorithm::Narrow);
                            let streamed = drain(stream.clone(), &src, 33);
                            assert!(streamed == filter.run::<_, u8>(&src).unwrap(), "{desc:?}");
                        }
                    }
                }
            }
        }
    }
    let mask: Mask = "1 2 1".parse().unwrap();
    let mut stream = FilterStream::<u8, i16>::new(&mask.desc([1, 4], 1), &mask).unwrap();
    assert_eq!(stream.push(&[1; 3]), Err(Error::Length { operand: "row", required: 4, got: 3 }));
    assert_eq!((stream.wants(), stream.pull(&mut [0; 4])), (Some(0), Ok(false)));
    stream.push(&[1; 4]).unwrap();
    assert_eq!(stream.push(&[1; 4]), Err(Error::NotWanted { operand: "row" }));
    assert_eq!(stream.pull(&mut [0; 5]), Err(Error::Length { operand: "dst", required: 4, got: 5 }));
    let mut row = [0; 4];
    assert_eq!((stream.pull(&mut row), row, stream.is_finished()), (Ok(true), [3, 4, 4, 3], true));
}

/// What is chosen for integers and for floats may differ; either is what the filter of that name makes.
#[test]
fn each_kind_of_pixels_has_its_algorithm() {
    use convoke::PixelKind::{Bytes, Floats, Words};
    let mask = Mask::gaussian_sized(1.1, 5).unwrap();
    // Larger than the caches, if not by much.
    let desc = mask.desc([1500, 1100], 3);
    let options = Options::new().threads(2);
    let fastest = [Bytes, Floats, Words]
        .map(|kind| Filter::explain_for(kind, &desc, &mask, &options).unwrap()[0].algorithm);
    let filter = Filter::with_options(&desc, &mask, &options).unwrap();
    let of_types = [
        filter.algorithm_for::<u8, u8>(),
        filter.algorithm_for::<u8, f32>(),
        filter.algorithm_for::<u16, u8>(),
    ];
    assert_eq!(of_types, fastest);
    assert_eq!(filter.algorithm_for::<i16, u16>(), fastest[2]);
    assert_eq!(filter.algorithm(), fastest[1]);
    let src = bytes(1500 * 1100 * 3);
    for algorithm in [FilterAlgorithm::Direct, FilterAlgorithm::Separable] {
        let other = Filter::with_options(&desc, &mask, &options.filter_algorithm(algorithm)).unwrap();
        assert!(other.run::<_, u8>(&src).unwrap() == filter.run::<_, u8>(&src).unwrap());
        if algorithm == fastest[1] {
            assert!(other.run::<_, f32>(&src).unwrap() == filter.run::<_, f32>(&src).unwrap());
        }
    }
}

fn drain<P>(mut stream: FilterStream<P, P>, src: &[P], row_len: usize) -> Vec<P>
where
    P: convoke::Pixel + Copy + Default,
{
    let (mut row, mut all) = (vec![P::default(); row_len], Vec::new());
    while let Some(y) = stream.wants() {
        stream.push(&src[y * row_len..][..row_len]).unwrap();
        while stream.pull(&mut row).unwrap() {
            all.extend_from_slice(&row);
        }
    }
    all
}
