//! Times filters in the frequency domain against the direct plan: where one overtakes the other, and how well the model
//! predicts it.
//!
//! ```text
//! cargo run --release -p convoke-fft --example crossover                    the table
//! cargo run --release -p convoke-fft --example crossover -- tiles 31        tile shapes for a 31x31 mask on 1080p
//! cargo run --release -p convoke-fft --example crossover -- loop 31 3 u8    one filter of 512x512, over and over, for a profiler
//! ```

use std::time::Instant;

use convoke_core::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Pixel};
use convoke_fft::{FftFilter, FftFilterPlan};

/// The least time of a few rounds, in nanoseconds.
fn least(rounds: usize, mut run: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut least = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        run()?;
        least = least.min(start.elapsed().as_nanos() as f64);
    }
    Ok(least)
}

/// A sequence of bytes without a pattern, smooth like a picture: neighbours are correlated.
fn picture(desc: &Filter2dDesc) -> Vec<u8> {
    let [height, width] = desc.size;
    let mut state = 1_u32;
    let mut bytes = Vec::with_capacity(height * width * desc.channels);
    for y in 0..height {
        for x in 0..width {
            for c in 0..desc.channels {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let wave = (x as f32 / 57.0 + c as f32).sin() + (y as f32 / 91.0).cos();
                bytes.push((127.0 + 45.0 * wave + (state >> 27) as f32) as u8);
            }
        }
    }
    bytes
}

fn mask(side: usize) -> Vec<f32> {
    let mut state = 7_u32;
    let mut mask: Vec<f32> = (0..side * side)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.3
        })
        .collect();
    let sum: f32 = mask.iter().map(|w| w.abs()).sum();
    mask.iter_mut().for_each(|w| *w /= sum);
    mask
}

/// Nanoseconds per pixel: direct, in the frequency domain.
fn compare<T: Pixel + Default>(filter: &FftFilter, mask: &[f32], src: &[T]) -> Result<[f64; 2], Error> {
    let desc = *filter.plan().desc();
    let direct = Filter2dPlan::new(&desc, filter.plan().level())?;
    let mut packing = vec![0.0; direct.packed_len()];
    let packed = direct.pack(mask, &mut packing)?;
    let mut scratch = vec![0.0; direct.scratch_len().max(filter.scratch_len())];
    let mut dst = vec![T::default(); direct.dst_len()];
    let pixels = (desc.size[0] * desc.size[1]) as f64;
    let direct = least(3, || direct.run(&packed, src, &mut dst, &mut scratch))?;
    let fft = least(5, || filter.run(src, &mut dst, &mut scratch))?;
    Ok([direct, fft].map(|time| time / pixels))
}

fn table(level: Level) -> Result<(), Error> {
    println!("{level}; ns per pixel");
    println!("picture    channels type side  direct     fft  predicted  tile");
    for size in [[512, 512], [1080, 1920]] {
        for channels in [1, 3] {
            for side in [7, 9, 11, 13, 15, 17, 21, 31, 63] {
                let desc = Filter2dDesc::new(size, channels, [side, side]).border(Border::Reflect101);
                let mask = mask(side);
                let filter = FftFilter::new(&desc, &mask, level)?;
                let bytes = picture(&desc);
                let reals: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
                let pixels = (size[0] * size[1]) as f64;
                for (name, [direct, fft]) in
                    [("f32", compare(&filter, &mask, &reals)?), ("u8", compare(&filter, &mask, &bytes)?)]
                {
                    let [p, q] = filter.plan().tile();
                    println!(
                        "{:>4}x{:<5} {channels:>8} {name:>4} {side:>4} {direct:>7.2} {fft:>7.2} {:>10.2}  {p}x{q}",
                        size[0],
                        size[1],
                        filter.predicted_cost() / pixels,
                    );
                }
            }
        }
    }
    Ok(())
}

fn tiles(level: Level, side: usize) -> Result<(), Error> {
    let desc = Filter2dDesc::new([1080, 1920], 1, [side, side]).border(Border::Reflect101);
    let mask = mask(side);
    let src: Vec<f32> = picture(&desc).iter().map(|&byte| byte.into()).collect();
    let pixels = (desc.size[0] * desc.size[1]) as f64;
    println!(
        "{level}, {side}x{side}, f32; tile, ns per pixel, predicted; ns per point and pair of tiles, predicted"
    );
    for p in [48, 64, 80, 96, 128, 144, 160, 192, 256, 320, 384, 512] {
        for q in [48, 64, 96, 128, 144, 160, 192, 256, 320, 384, 512] {
            if p <= side || q <= side {
                continue;
            }
            let Ok(plan) = FftFilterPlan::with_points(&desc, level, [p, q]) else { continue };
            let filter = plan.filter(&mask)?;
            let mut scratch = vec![0.0; filter.scratch_len()];
            let mut dst = vec![0.0_f32; filter.dst_len()];
            let time = least(5, || filter.run(&src, &mut dst, &mut scratch))?;
            let outputs = plan.tile_outputs();
            let pairs = desc.size[0].div_ceil(outputs[0]) * desc.size[1].div_ceil(outputs[1]).div_ceil(2);
            let points = (pairs * p * q) as f64;
            println!(
                "{p:>4} {q:>4}  {:>6.2} {:>6.2}   {:>6.3} {:>6.3}",
                time / pixels,
                plan.predicted_cost() / pixels,
                time / points,
                plan.predicted_cost() / points
            );
        }
    }
    Ok(())
}

/// Runs one filter for about two seconds.
fn repeat(level: Level, side: usize, channels: usize, bytes: bool) -> Result<(), Error> {
    let desc = Filter2dDesc::new([512, 512], channels, [side, side]).border(Border::Reflect101);
    let filter = FftFilter::new(&desc, &mask(side), level)?;
    let src = picture(&desc);
    let reals: Vec<f32> = src.iter().map(|&byte| byte.into()).collect();
    let mut scratch = vec![0.0; filter.scratch_len()];
    let (mut dst_bytes, mut dst_reals) = (src.clone(), reals.clone());
    let (start, mut rounds) = (Instant::now(), 0);
    while start.elapsed().as_secs() < 2 {
        if bytes {
            filter.run(&src, &mut dst_bytes, &mut scratch)?;
        } else {
            filter.run(&reals, &mut dst_reals, &mut scratch)?;
        }
        rounds += 1;
    }
    println!("{:.2} ns per pixel", start.elapsed().as_nanos() as f64 / f64::from(rounds) / 512.0 / 512.0);
    Ok(())
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let level = std::env::var("CONVOKE_BENCH_LEVELS")
        .ok()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Level::detect());
    match arguments.first().map(String::as_str) {
        Some("loop") => {
            let number = |at: usize| arguments.get(at).and_then(|number| number.parse().ok());
            let bytes = arguments.get(3).is_some_and(|kind| kind == "u8");
            repeat(level, number(1).unwrap_or(31), number(2).unwrap_or(1), bytes)
        }
        Some("tiles") => tiles(level, arguments.get(1).and_then(|side| side.parse().ok()).unwrap_or(31)),
        _ => table(level),
    }
}
