//! Measures picture filters at growing mask sizes and prints the rows of the table that the plot is drawn from. Called by
//! the script `measure`, which writes the head of the table and adds the rows of others.
//!
//! Grey pictures of 1920x1080 pixels, one thread, border `reflect101`. Each algorithm is asked for by name and gets a
//! mask of its kind: `direct` and `fft` one of random numbers, which nothing can take a short cut through; `separable` a
//! Gaussian; `box` and `narrow` (integers of 16 bits, on bytes only) ones. A time is the least of many rounds; rounds
//! go over all filters in turn, so that a busy moment of the machine spoils one round of everything and not all rounds
//! of one filter.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use convoke::mask::Mask;
use convoke::{Border, Filter, FilterAlgorithm, Level, Options, Pixel};
use convoke_simd::{Kernel, Simd};

const HEIGHT: usize = 1080;
const WIDTH: usize = 1920;
const SIDES: &[usize] = &[3, 5, 7, 9, 11, 15, 21, 31, 45, 63];
const ROUNDS: usize = 40;
/// Seconds for each filter in each round, if one run does not take longer.
const SHARE: f64 = 0.025;

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let bytes: Vec<u8> = (0..HEIGHT * WIDTH).map(|_| (random.next() >> 56) as u8).collect();
    let floats: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
    measure("f32", &floats, &mut random)?;
    measure("u8", &bytes, &mut random)
}

/// Prints the rows for pixels of one type.
fn measure<P: Pixel + Copy + Default>(
    pixels: &str,
    src: &[P],
    random: &mut Random,
) -> Result<(), Box<dyn Error>> {
    let mut dst = vec![P::default(); src.len()];
    let filters = filters(pixels == "u8", random)?;
    let mut least = vec![f64::INFINITY; filters.len()];
    let [mut copy, mut multiply_add] = [f64::INFINITY; 2];
    for round in 0..ROUNDS {
        eprintln!("{pixels}: round {} of {ROUNDS}", round + 1);
        multiply_add = multiply_add.min(seconds_of_a_multiply_add(Level::detect()));
        let copied = fastest(|| -> Result<(), convoke::Error> {
            black_box(&mut dst[..]).copy_from_slice(black_box(src));
            Ok(())
        });
        copy = copy.min(copied?);
        for ((_, _, filter), least) in filters.iter().zip(&mut least) {
            *least = least.min(fastest(|| filter.run_into(black_box(src), black_box(&mut dst)))?);
        }
    }
    let pixel = 1e9 / src.len() as f64;
    println!("{pixels},limit,copy,1,{:.4}", copy * pixel);
    println!("{pixels},limit,multiply-add,1,{:.6}", multiply_add * 1e9);
    for ((algorithm, side, _), least) in filters.iter().zip(least) {
        println!("{pixels},convoke,{algorithm},{side},{:.4}", least * pixel);
    }
    Ok(())
}

/// An algorithm with a mask of some side.
type Job = (FilterAlgorithm, usize, Filter);

/// Every algorithm with every mask.
fn filters(bytes: bool, random: &mut Random) -> Result<Vec<Job>, Box<dyn Error>> {
    let mut all = Vec::new();
    for &side in SIDES {
        // As OpenCV has it: sigma of a Gaussian from the side.
        let bell = Mask::gaussian_sized(0.15 * side as f64 + 0.35, side)?;
        let noise = random.mask(side)?;
        let ones = Mask::boxed(side)?;
        let jobs = [
            (FilterAlgorithm::Direct, &noise),
            (FilterAlgorithm::Fft, &noise),
            (FilterAlgorithm::Separable, &bell),
            (FilterAlgorithm::Box, &ones),
            (FilterAlgorithm::Narrow, &ones),
        ];
        for (algorithm, mask) in jobs {
            if algorithm == FilterAlgorithm::Narrow && !bytes {
                continue;
            }
            let desc = mask.desc([HEIGHT, WIDTH], 1).border(Border::Reflect101);
            let options = Options::new().threads(1).filter_algorithm(algorithm);
            match Filter::with_options(&desc, mask, &options) {
                Ok(filter) => all.push((algorithm, side, filter)),
                // A gap in the plot.
                Err(error) => eprintln!("{algorithm} has no {side}x{side}: {error}"),
            }
        }
    }
    Ok(all)
}

/// Seconds that the fastest of a few runs took.
fn fastest<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut least = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < SHARE {
        let start = Instant::now();
        run()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

/// Seconds that one multiply-add of one lane takes this core when nothing else is in its way.
fn seconds_of_a_multiply_add(level: Level) -> f64 {
    let calls = (0..200).map(|_| {
        let start = Instant::now();
        black_box(level.dispatch(MultiplyAdds { factor: black_box(0.5), term: black_box(0.75) }));
        start.elapsed().as_secs_f64()
    });
    calls.fold(f64::INFINITY, f64::min) / (CHAINS * STEPS * level.lanes()) as f64
}

/// Independent sums: enough to hide the latency of a multiply-add, few enough for 16 registers.
const CHAINS: usize = 12;
/// Multiply-adds of each sum in a call.
const STEPS: usize = 4096;

/// Multiply-adds in registers. Gives a sum, so that all must be computed.
struct MultiplyAdds {
    factor: f32,
    term: f32,
}

impl Kernel for MultiplyAdds {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (factor, term) = (simd.splat(self.factor), simd.splat(self.term));
        let mut sums = [simd.splat(1.0); CHAINS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = simd.mul_add(*sum, factor, term);
            }
        }
        let total = sums.into_iter().fold(term, |a, b| simd.add(a, b));
        let mut first = [0.0];
        simd.store_first(total, &mut first);
        first[0]
    }
}

/// Marsaglia's xorshift generator of 64 bits (*Xorshift RNGs*, 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A mask of numbers from 0 to 1, scaled so that they sum to 1: results stay inside the range of bytes, where each
    /// must be rounded.
    fn mask(&mut self, side: usize) -> Result<Mask, convoke::mask::MaskError> {
        let mut weights: Vec<f32> =
            (0..side * side).map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Mask::new([side, side], weights)
    }
}
