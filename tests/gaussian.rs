//! The fast Gaussian: repeated boxes on every level against the reference's sums of the same weights, and the whole
//! against the exact Gaussian, within the error that it states.

use convoke::{Gaussian, GaussianDesc, GaussianMethod, Options, mask::Mask};
use convoke_core::{Border, Error, Filter2dDesc, Level, Pixel, RepeatedBoxDesc, RepeatedBoxPlan};
use convoke_harness::guard::{Canary, Guarded, STALE};
use convoke_harness::strategy::thin;
use convoke_reference::{WholePixel, filter2d_f64, round_to};

const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(-40.0),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

/// The weights of all passes along an axis, in f64, as the documentation of the descriptor defines them.
fn weights(desc: &RepeatedBoxDesc) -> Vec<f64> {
    let end = f64::from(desc.end);
    let mut one = vec![1.0; 2 * desc.radius + 3];
    (one[0], one[2 * desc.radius + 2]) = (end, end);
    let length: f64 = one.iter().sum();
    let mut all = vec![1.0];
    for _ in 0..desc.passes {
        let mut next = vec![0.0; all.len() + one.len() - 1];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in one.iter().enumerate() {
                next[i + j] += a * b / length;
            }
        }
        all = next;
    }
    all
}

/// The same filter as one mask, which rounds every weight once.
fn as_mask(desc: &RepeatedBoxDesc) -> (Filter2dDesc, Vec<f32>) {
    let v = weights(desc);
    let mask = v.iter().flat_map(|a| v.iter().map(move |b| (a * b) as f32)).collect();
    let mut filter = Filter2dDesc::new(desc.size, desc.channels, [v.len(); 2])
        .border(desc.border)
        .scale(desc.scale)
        .offset(desc.offset);
    (filter.src_row_stride, filter.dst_row_stride) = (desc.src_row_stride, desc.dst_row_stride);
    (filter, mask)
}

fn noise_at(i: usize) -> u32 {
    (i as u32 + 1).wrapping_mul(2_654_435_761) >> 7
}

fn noise(len: usize) -> impl Iterator<Item = u32> {
    (0..len).map(noise_at)
}

/// Runs with operands of exactly their lengths at odd places, NaN in plane and scratch, and zones around what is written.
fn run<I: Pixel + Canary, O: Pixel + Canary>(plan: &RepeatedBoxPlan, src: &[I]) -> Vec<O> {
    let src = Guarded::holding(src, 3);
    let mut dst = Guarded::<O>::new(plan.dst_len(), 1);
    let mut plane = Guarded::<f32>::new(plan.plane_len(), 5);
    let mut scratch = Guarded::<f32>::new(plan.scratch_len(), 7);
    assert!(plane.get().iter().chain(scratch.get()).all(|x| x.to_bits() == STALE.to_bits()));
    plan.run(src.get(), dst.get_mut(), plane.get_mut(), scratch.get_mut()).unwrap();
    for intact in [dst.intact(), plane.intact(), scratch.intact()] {
        assert!(intact, "{plan:?}: wrote outside");
    }
    dst.get().to_vec()
}

/// All sizes round strips and bands, boxes wider than the picture, every border, channels and passes.
fn problems() -> Vec<RepeatedBoxDesc> {
    let sizes = [
        [1, 1],
        [2, 3],
        [5, 63],
        [15, 64],
        [16, 65],
        [17, 31],
        [33, 16],
        [31, 130],
        [64, 17],
        [67, 22],
        [1, 90],
    ];
    let shapes =
        [(0, 0.0, 1), (0, 0.25, 3), (1, 1.0, 2), (2, 0.5, 4), (4, 0.125, 3), (7, 0.75, 1), (0, 0.7, 8)];
    let mut problems = Vec::new();
    for (i, &size) in sizes.iter().enumerate() {
        for (j, &(radius, end, passes)) in shapes.iter().enumerate() {
            let at = i * shapes.len() + j;
            let mut desc =
                RepeatedBoxDesc::new(size, 1 + at % 4, radius, end, passes).border(BORDERS[at % 6]);
            if at % 3 == 1 {
                desc = desc.scale(-0.5).offset(128.0);
            }
            if at % 5 == 2 {
                desc = desc
                    .src_row_stride(size[1] * desc.channels + 5)
                    .dst_row_stride(size[1] * desc.channels + 3);
            }
            problems.push(desc);
        }
    }
    problems
}

/// How far a result may lie from the reference's, by its magnitude: the plan's terms and one for the mask's own rounding.
fn bound(plan: &RepeatedBoxPlan, magnitude: f64) -> f64 {
    let part = (plan.error_terms() + 1) as f64 / 16_777_216.0;
    part * (1.0 + part) * magnitude
}

#[test]
fn floats_are_within_the_bound_at_every_level() {
    for desc in problems() {
        let (filter, mask) = as_mask(&desc);
        let level = Level::detect();
        let plan = RepeatedBoxPlan::new(&desc, level).unwrap();
        let src: Vec<f32> = noise(plan.src_len()).map(|x| (x % 4093) as f32 * 0.123 - 250.0).collect();
        let (values, magnitudes) = filter2d_f64(&filter, &mask, &src);
        for level in Level::available() {
            let plan = RepeatedBoxPlan::new(&desc, level).unwrap();
            for (i, got) in run::<f32, f32>(&plan, &src).into_iter().enumerate() {
                if !convoke_reference::filter2d::is_pixel(&filter, i) {
                    assert!(got.is_canary(), "{desc:?} at {i}: wrote between rows");
                    continue;
                }
                let off = (f64::from(got) - values[i]).abs();
                assert!(
                    off <= bound(&plan, magnitudes[i]),
                    "{desc:?}, {level}, at {i}: {got}, not {}",
                    values[i]
                );
            }
        }
    }
}

/// From each type of integers to itself: the real value is within the bound of one that rounds so.
fn integers<T: Pixel + Canary + WholePixel + Into<f64>>(of: impl Fn(u32) -> T) {
    for desc in problems().into_iter().step_by(3) {
        let (filter, mask) = as_mask(&desc);
        for level in Level::available() {
            let plan = RepeatedBoxPlan::new(&desc, level).unwrap();
            let src: Vec<T> = noise(plan.src_len()).map(&of).collect();
            let wide: Vec<f64> = src.iter().map(|&x| x.into()).collect();
            let (values, magnitudes) = filter2d_f64(&filter, &mask, &wide);
            for (i, got) in run::<T, T>(&plan, &src).into_iter().enumerate() {
                if convoke_reference::filter2d::is_pixel(&filter, i) {
                    let off = bound(&plan, magnitudes[i]);
                    let [low, high]: [f64; 2] = [-off, off].map(|off| round_to::<T>(values[i] + off).into());
                    let got: f64 = got.into();
                    assert!(
                        (low..=high).contains(&got),
                        "{desc:?}, {level}, at {i}: {got}, not {}",
                        values[i]
                    );
                } else {
                    assert!(got.is_canary(), "{desc:?} at {i}: wrote between rows");
                }
            }
        }
    }
}

#[test]
fn bytes_are_rounded_sums() {
    integers(|x| x as u8);
}

#[test]
fn words_are_rounded_sums() {
    integers(|x| x as u16);
    integers(|x| x as i16);
}

#[test]
fn levels_that_fuse_and_parts_give_the_same_bits() {
    for desc in problems().into_iter().filter(|desc| desc.dst_row_stride.is_none()) {
        let mut first: [Option<Vec<u32>>; 2] = [None, None];
        for level in Level::available() {
            let plan = RepeatedBoxPlan::new(&desc, level).unwrap();
            let src: Vec<f32> = noise(plan.src_len()).map(|x| x as f32 / 3.0).collect();
            let whole: Vec<f32> = run(&plan, &src);
            let bits: Vec<u32> = whole.iter().map(|x| x.to_bits()).collect();
            // One strip after the other from the last one up, and rows in parts that are no bands.
            let mut plane = vec![f32::NAN; plan.plane_len()];
            let mut scratch = vec![f32::NAN; plan.scratch_len()];
            let parts = plane.chunks_mut(plan.strip_len()).enumerate().rev();
            for (i, part) in parts {
                plan.run_strips(i..i + 1, &src, part, &mut scratch).unwrap();
            }
            let row_len = desc.size[1] * desc.channels;
            let mut parts = vec![0.0_f32; plan.dst_len()];
            for (i, part) in parts.chunks_mut(7 * row_len).enumerate() {
                let rows = i * 7..i * 7 + part.len() / row_len;
                plan.run_rows(rows, &plane, part, &mut scratch).unwrap();
            }
            assert!(parts.iter().map(|x| x.to_bits()).eq(bits.iter().copied()), "{desc:?}, {level}");
            let same = &mut first[usize::from(level.fused())];
            assert_eq!(same.get_or_insert_with(|| bits.clone()), &bits, "{desc:?}, {level}");
        }
    }
}

#[test]
fn infinity_and_nan_stay_in_their_windows() {
    for level in Level::available() {
        for (bad, channels) in [(f32::INFINITY, 1), (f32::NEG_INFINITY, 3), (f32::NAN, 2)] {
            // An end of zero is part of the window, too.
            for end in [0.0, 0.5] {
                let (height, width, at) = (40, 70, [19, 33]);
                let desc = RepeatedBoxDesc::new([height, width], channels, 1, end, 3).border(Border::Zero);
                let plan = RepeatedBoxPlan::new(&desc, level).unwrap();
                let mut src = vec![1.0; plan.src_len()];
                src[(at[0] * width + at[1]) * channels] = bad;
                for (i, got) in run::<f32, f32>(&plan, &src).into_iter().enumerate() {
                    let (y, x, c) = (i / channels / width, i / channels % width, i % channels);
                    let inside = y.abs_diff(at[0]).max(x.abs_diff(at[1])) <= desc.reach() && c == 0;
                    assert_eq!(got.is_finite(), !inside, "{level}, {bad}, {end}, at {y}, {x}, {c}: {got}");
                }
            }
        }
    }
}

#[test]
fn the_error_is_what_it_says() {
    for (at, sigma) in thin([0.4, 1.0, 2.5, 6.0, 11.0]).enumerate() {
        for passes in thin([1, 3, 4, 5, 8]) {
            let size = [47, 83];
            let border = BORDERS[(at + passes) % 6];
            let desc = GaussianDesc::new(size, 1, sigma).border(border);
            let mask = Mask::gaussian(sigma).unwrap();
            let fast = Gaussian::new(&desc.method(GaussianMethod::ExtendedBox { passes })).unwrap();
            assert!(fast.error() > 0.0 && fast.error() < 0.3, "{sigma}, {passes}: {}", fast.error());
            // Noise, an edge, and a disc, where the box is furthest from the bell.
            let pictures: [&dyn Fn(usize, usize) -> f32; 3] = [
                &|y, x| (noise_at(y * 83 + x) % 256) as f32,
                &|y, x| if x + y > 60 { 255.0 } else { 0.0 },
                &|y, x| {
                    let [y, x] = [y.abs_diff(23) as f64, x.abs_diff(41) as f64];
                    if (y * y + x * x).sqrt() / sigma < 1.0 { 255.0 } else { 0.0 }
                },
            ];
            for (which, picture) in pictures.into_iter().enumerate() {
                let src: Vec<f32> = (0..47 * 83).map(|i| picture(i / 83, i % 83)).collect();
                let filter = mask.desc(size, 1).border(border);
                let (exact, _) = filter2d_f64(&filter, mask.weights(), &src);
                let outside = if let Border::Constant(value) = border { value } else { 0.0 };
                let range = 255.0 - f64::from(outside.min(0.0));
                let bound = fast.error() * range + fast.rounding_bound(255.0).unwrap();
                let got: Vec<f32> = fast.run(&src).unwrap();
                for (i, (got, exact)) in got.iter().zip(&exact).enumerate() {
                    let off = (f64::from(*got) - exact).abs();
                    assert!(
                        off <= bound,
                        "{sigma}, {passes}, {border:?}, picture {which} at {i}: {off} > {bound}"
                    );
                }
            }
        }
    }
}

/// The bound is not a loose one: for the picture of all pixels whose weight is too great, the result is off by it.
#[test]
fn some_picture_is_as_bad_as_the_error_says() {
    let (sigma, passes, side) = (3.0, 3, 41);
    let fast = GaussianDesc::new([side; 2], 1, sigma).method(GaussianMethod::ExtendedBox { passes });
    let fast = Gaussian::new(&fast).unwrap();
    let impulse = |i: usize| (0..side * side).map(|j| f32::from(u8::from(i == j))).collect::<Vec<f32>>();
    let middle = side * side / 2;
    let response: Vec<f32> = fast.run(&impulse(middle)).unwrap();
    let exact: Vec<f32> =
        Gaussian::new(&GaussianDesc::new([side; 2], 1, sigma)).unwrap().run(&impulse(middle)).unwrap();
    let worst: f64 = response.iter().zip(&exact).map(|(a, b)| (f64::from(*a) - f64::from(*b)).max(0.0)).sum();
    assert!((worst - fast.error()).abs() < 1e-5, "{worst}, {}", fast.error());
}

#[test]
fn threads_and_levels_of_the_facade_agree() {
    let desc = GaussianDesc::new([211, 301], 3, 9.0).border(Border::Reflect101);
    let desc = desc.method(GaussianMethod::ExtendedBox { passes: 4 });
    let src: Vec<u8> = noise(211 * 301 * 3).map(|x| x as u8).collect();
    let run = |threads| -> Vec<f32> {
        Gaussian::with_options(&desc, &Options::new().threads(threads)).unwrap().run(&src).unwrap()
    };
    let one = run(1);
    for threads in [2, 3, 8] {
        assert!(
            run(threads).iter().map(|x| x.to_bits()).eq(one.iter().map(|x| x.to_bits())),
            "{threads} threads"
        );
    }
}

#[test]
fn what_cannot_be_says_why() {
    let desc = RepeatedBoxDesc::new([8, 8], 1, 2, 0.5, 3);
    let error = |desc: RepeatedBoxDesc| RepeatedBoxPlan::new(&desc, Level::detect()).unwrap_err();
    let with = |change: &dyn Fn(&mut RepeatedBoxDesc)| {
        let mut desc = desc;
        change(&mut desc);
        error(desc)
    };
    assert_eq!(with(&|d| d.passes = 0), Error::TooSmall { operand: "passes", required: 1, got: 0 });
    assert_eq!(with(&|d| d.passes = 9), Error::TooLarge { operand: "passes", required: 8, got: 9 });
    assert_eq!(with(&|d| d.channels = 5), Error::TooLarge { operand: "channels", required: 4, got: 5 });
    assert_eq!(with(&|d| d.end = 1.5), Error::NotAPart { operand: "end" });
    assert_eq!(with(&|d| d.end = f32::NAN), Error::NotAPart { operand: "end" });
    assert_eq!(with(&|d| d.scale = f32::INFINITY), Error::NotFinite { operand: "scale", index: 0 });
    assert_eq!(
        with(&|d| d.src_row_stride = Some(7)),
        Error::TooSmall { operand: "src row stride", required: 8, got: 7 }
    );
    for radius in [usize::MAX, usize::MAX / 2, usize::MAX / 8, isize::MAX as usize / 4] {
        assert!(matches!(with(&|d| d.radius = radius), Error::Overflow { .. }), "{radius}");
    }
    for size in [[usize::MAX, 1], [1, usize::MAX], [convoke_harness::hostile::FAR; 2]] {
        assert!(matches!(with(&|d| d.size = size), Error::Overflow { .. }), "{size:?}");
    }

    let plan = RepeatedBoxPlan::new(&desc, Level::detect()).unwrap();
    let (mut plane, mut scratch) = (vec![0.0; plan.plane_len()], vec![0.0; plan.scratch_len()]);
    let mut dst = vec![7_u8; 64];
    let length = |operand, required, got| Error::Length { operand, required, got };
    assert_eq!(plan.run(&[0_u8; 63], &mut dst, &mut plane, &mut scratch), Err(length("src", 64, 63)));
    assert_eq!(plan.run(&[0_u8; 64], &mut dst[..63], &mut plane, &mut scratch), Err(length("dst", 64, 63)));
    let short = plane.len() - 1;
    assert_eq!(
        plan.run(&[0_u8; 64], &mut dst, &mut plane[..short], &mut scratch),
        Err(length("plane", short + 1, short))
    );
    let short = scratch.len() - 1;
    assert_eq!(
        plan.run(&[0_u8; 64], &mut dst, &mut plane, &mut scratch[..short]),
        Err(length("scratch", short + 1, short))
    );
    let beyond = plan.run_rows(8..9, &plane, &mut dst[..8], &mut scratch);
    assert_eq!(beyond, Err(Error::TooLarge { operand: "rows", required: 8, got: 9 }));
    assert_eq!(dst, [7; 64]);

    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        let desc = GaussianDesc::new([8, 8], 1, sigma).method(GaussianMethod::ExtendedBox { passes: 3 });
        let error = Gaussian::new(&desc).unwrap_err().to_string();
        assert!(error.contains("positive sigma"), "{error}");
    }
    for text in ["", "Box", "box:", "box:0", "box:9", "box:x", "exact:3", "iir"] {
        assert!(text.parse::<GaussianMethod>().is_err(), "{text}");
    }
}
