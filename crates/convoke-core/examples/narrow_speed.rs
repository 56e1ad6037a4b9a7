//! How fast narrow filters are: nanoseconds per pixel of usual filters on usual pictures, beside a copy, at every
//! level. `cargo run --release -p convoke-core --example narrow_speed [-- NAME [SKIP]]` runs those whose name
//! contains it, without the first levels.

use std::hint::black_box;
use std::time::Instant;

use convoke_core::{Border, Level, NarrowDesc, NarrowMask, NarrowPixel, NarrowPlan, NarrowScratch, Rounding};

/// The best of several times, in nanoseconds.
fn best(mut run: impl FnMut()) -> f64 {
    run();
    let mut least = f64::INFINITY;
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < 5 || start.elapsed().as_millis() < 60 {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed().as_nanos() as f64);
        rounds += 1;
    }
    least
}

fn time<O: NarrowPixel + Default>(desc: &NarrowDesc<'_>, level: Level, src: &[u8]) -> f64 {
    let plan = NarrowPlan::new(desc, level).expect("a plan");
    let len = plan.scratch_len();
    let (mut bytes, mut halves, mut words) = (vec![0; len.bytes], vec![0; len.halves], vec![0; len.words]);
    let mut dst = vec![O::default(); plan.dst_len()];
    best(|| {
        let mut scratch = NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
        plan.run(black_box(src), black_box(&mut dst), &mut scratch).expect("a run");
    })
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let skip = std::env::args().nth(2).and_then(|levels| levels.parse().ok()).unwrap_or(0);
    let binomial: [&[i16]; 2] = [&[1, 2, 1], &[1, 4, 6, 4, 1]];
    // Eight fractional bits, as OpenCV has them.
    let half = [0, 0, 1, 1, 2, 3, 5, 6, 9, 11, 14, 16, 18, 20, 14];
    let wide: Vec<i16> = half.into_iter().chain([16]).chain(half.into_iter().rev()).collect();
    let ones = NarrowMask::Ones;
    let square = |line| NarrowMask::Separable { column: line, row: line };
    assert_eq!(wide.iter().sum::<i16>(), 256);
    let masks: &[(&str, NarrowMask<'_>, u32)] = &[
        ("box_3", ones([3, 3]), 9),
        ("box_5", ones([5, 5]), 25),
        ("box_15", ones([15, 15]), 225),
        ("box_63", ones([63, 63]), 3969),
        ("gauss_3", square(binomial[0]), 16),
        ("gauss_5", square(binomial[1]), 256),
        ("gauss_31", square(&wide), 1 << 16),
        ("sobel_3", NarrowMask::Separable { column: &[1, 2, 1], row: &[-1, 0, 1] }, 0),
        ("sobel_5", NarrowMask::Separable { column: &[1, 4, 6, 4, 1], row: &[-1, -2, 0, 2, 1] }, 0),
        ("laplacian", NarrowMask::Full { size: [3, 3], taps: &[0, 1, 0, 1, -4, 1, 0, 1, 0] }, 0),
        ("sharpen", NarrowMask::Full { size: [3, 3], taps: &[0, -1, 0, -1, 5, -1, 0, -1, 0] }, 1),
    ];
    for (size_name, [h, w]) in [("512x512", [512, 512]), ("1080p", [1080, 1920])] {
        for (channels_name, channels) in [("gray", 1), ("rgb", 3)] {
            let src: Vec<u8> = (0..h * w * channels).map(|i| ((i * 7919) >> 5) as u8).collect();
            let pixels = (h * w) as f64;
            let mut copy = vec![0; src.len()];
            let copied = best(|| black_box(&mut copy[..]).copy_from_slice(black_box(&src))) / pixels;
            for &(name, mask, divisor) in masks {
                let name = format!("{name}_{size_name}_{channels_name}");
                if !name.contains(&only) {
                    continue;
                }
                print!("{name:24} copy {copied:.3}");
                for level in Level::available().skip(skip) {
                    let mut desc = NarrowDesc::new([h, w], channels, mask).border(Border::Reflect101);
                    let ns = if divisor == 0 {
                        time::<i16>(&desc, level, &src)
                    } else {
                        desc = desc.divisor(divisor);
                        let up = time::<u8>(&desc.rounding(Rounding::TiesUp), level, &src);
                        print!("  {level} up {:.3}", up / pixels);
                        time::<u8>(&desc, level, &src)
                    };
                    print!("  {level} {:.3}", ns / pixels);
                }
                println!();
            }
        }
    }
}
