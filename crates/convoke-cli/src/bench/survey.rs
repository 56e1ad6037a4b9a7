//! `convoke bench --survey N`: random layers, each beside what the core could do at best, to find the cliffs that a list of
//! well-known layers does not have. Prints the worst ones.

use convoke::{Algorithm, Conv2d, Conv2dDesc, Geometry, Level, Options};
use serde::Serialize;

use super::limits::Limits;
use super::timing::{Buffer, Random, Samples, noise};
use super::{print_json, random, round};
use crate::args::BenchArgs;
use crate::error::{Context, Outcome};
use crate::print;
use crate::progress::Progress;

/// How many of the worst are told.
const WORST: usize = 10;
/// How many are timed again at the end, in case something else disturbed them.
const AGAIN: usize = 40;
/// Times the limit that no layer should take, and times the product's time.
const CLIFF: f64 = 3.0;
const BEHIND: f64 = 1.1;

/// A line of output.
#[derive(Serialize)]
struct Row {
    name: String,
    median_ms: f64,
    /// What multiply-adds alone would take at the peak of this run, or moving input, weights and output once at the rate of
    /// a copy that size, whichever is longer.
    limit_ms: f64,
    /// The first over the second.
    times_limit: f64,
    /// The same layer as a matrix product; none where that is what was chosen.
    gemm_ms: Option<f64>,
    gflops: f64,
    algo: &'static str,
    level: &'static str,
}

impl Row {
    fn times_gemm(&self) -> f64 {
        self.gemm_ms.map_or(1.0, |gemm| self.median_ms / gemm)
    }
}

pub(super) fn run(args: &BenchArgs, count: u32) -> Outcome<()> {
    let level = args.common.level.0;
    let mut limits = Limits::measure(level);
    let mut generator = Random::new(args.seed);
    let problems: Vec<Conv2dDesc> = (0..count).map(|_| random::layer(&mut generator)).collect();
    let progress = Progress::new("timing", (problems.len() + AGAIN) as u64, args.common.quiet);
    let mut rows = Vec::with_capacity(problems.len());
    for desc in &problems {
        rows.push(time(desc, level, args.rounds)?);
        progress.add(1);
    }
    // Clocks change: the best that was seen is the limit.
    limits.raise(&Limits::measure(level));
    judge(&mut rows, &problems, &limits)?;
    // Other work can only make a layer slower, so the better of two times is nearer to the truth.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let badness = |row: &Row| (row.times_limit / CLIFF).max(row.times_gemm() / BEHIND);
    order.sort_by(|&a, &b| badness(&rows[b]).total_cmp(&badness(&rows[a])));
    for &at in order.iter().take(AGAIN) {
        let again = time(&problems[at], level, args.rounds)?;
        let row = &mut rows[at];
        row.median_ms = row.median_ms.min(again.median_ms);
        row.gemm_ms = row.gemm_ms.zip(again.gemm_ms).map(|(a, b)| a.min(b));
        progress.add(1);
    }
    judge(&mut rows, &problems, &limits)?;
    drop(progress);
    if args.json {
        return rows.iter().try_for_each(print_json);
    }
    print(&report(&rows, &limits, level, args.seed))
}

/// Both algorithms by turns, as often as there are rounds.
fn time(desc: &Conv2dDesc, level: Level, rounds: u32) -> Outcome<Row> {
    let name = random::name(desc);
    let geometry = Geometry::new(desc).about(&name)?;
    let weights = noise(geometry.weights_len);
    let planned = |algorithm| {
        let options = Options::new().level(level).algorithm(algorithm).threads(1);
        Conv2d::with_options(desc, &weights, &options).about(&name)
    };
    let ours = planned(Algorithm::Auto)?;
    let gemm = if ours.algorithm() == Algorithm::Gemm { None } else { Some(planned(Algorithm::Gemm)?) };
    let (src, mut dst) = (Buffer::noise(ours.src_len()), Buffer::zeros(ours.dst_len()));
    let (src, dst) = (src.first(ours.src_len()), dst.first_mut(ours.dst_len()));
    let [mut our_samples, mut gemm_samples] = [Samples::default(), Samples::default()];
    for _ in 0..rounds {
        our_samples.short_round(|| ours.run_into(src, dst)).about(&name)?;
        if let Some(gemm) = &gemm {
            gemm_samples.short_round(|| gemm.run_into(src, dst)).about(&name)?;
        }
    }
    Ok(Row {
        median_ms: our_samples.median(),
        limit_ms: 0.0,
        times_limit: 0.0,
        gemm_ms: gemm.map(|_| gemm_samples.median()),
        gflops: 0.0,
        algo: ours.algorithm().name(),
        level: ours.level().name(),
        name,
    })
}

/// Fills in what follows from times and limits.
fn judge(rows: &mut [Row], problems: &[Conv2dDesc], limits: &Limits) -> Outcome<()> {
    for (row, desc) in rows.iter_mut().zip(problems) {
        let geometry = Geometry::new(desc).about(&row.name)?;
        row.limit_ms = round(limits.of(&geometry).ms());
        row.median_ms = round(row.median_ms);
        row.times_limit = round(row.median_ms / row.limit_ms);
        row.gflops = round(2.0 * geometry.macs as f64 / row.median_ms * 1e-6);
    }
    Ok(())
}

fn report(rows: &[Row], limits: &Limits, level: Level, seed: u64) -> String {
    let mut text = format!(
        "{} random layers (seed {seed}), level {}, one thread; peak {:.1} GFLOP/s, copies of",
        rows.len(),
        level.name(),
        limits.gflops
    );
    for (bytes, rate) in &limits.copies {
        text.push_str(&format!(" {:.0} KiB at {rate:.0},", bytes / 1024.0));
    }
    text.pop();
    text.push_str(" GB/s\n");
    let mut times: Vec<f64> = rows.iter().map(|row| row.times_limit).collect();
    times.sort_by(f64::total_cmp);
    let part = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    text.push_str(&format!(
        "times the limit: median {:.2}, 90 % below {:.2}, 98 % below {:.2}; {} layers above {CLIFF}, {} slower than {BEHIND} \
         times the product\n",
        part(0.5),
        part(0.9),
        part(0.98),
        rows.iter().filter(|row| row.times_limit > CLIFF).count(),
        rows.iter().filter(|row| row.times_gemm() > BEHIND).count(),
    ));
    let mut worst = |title: &str, of: fn(&Row) -> f64| {
        text.push_str(&format!("\n{title}\n  times       ms   GFLOP/s  algorithm  layer\n"));
        let mut order: Vec<&Row> = rows.iter().collect();
        order.sort_by(|a, b| of(b).total_cmp(&of(a)));
        for row in order.into_iter().take(WORST) {
            text.push_str(&format!(
                "{:>7.2} {:>8.3} {:>9.1}  {:<9}  {}\n",
                of(row),
                row.median_ms,
                row.gflops,
                row.algo,
                row.name
            ));
        }
    };
    worst("farthest from the limit", |row| row.times_limit);
    worst("farthest behind the product", Row::times_gemm);
    text
}
