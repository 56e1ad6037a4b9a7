//! Times of layers.

use convoke::{Algorithm, Conv2d, Layout, Level, Options};
use serde::Serialize;

use super::limits::Limits;
use super::shapes::{self, Shape};
use super::timing::{Buffer, Samples, noise};
use super::{nothing, print_json, round, wanted};
use crate::args::BenchArgs;
use crate::args::values::LayerAlgorithm;
use crate::error::{Context, Failure, Outcome};
use crate::progress::Progress;
use crate::{peak, print};

/// A line of output.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    median_ms: f64,
    min_ms: f64,
    /// Of the median: 2 N K P Q (C/G) R S operations, padding counted, whatever the algorithm does.
    gflops: f64,
    /// What the same cores did from registers in the same run, at the same level.
    peak_gflops: f64,
    percent_of_peak: f64,
    algo: &'static str,
    level: &'static str,
    threads: usize,
    layout: &'static str,
    /// Bytes per second, read and written, of a copy from memory to memory on one core.
    copy_gb_s: f64,
    /// Bytes of input, weights and output, and bytes per second of a copy that large on one core.
    bytes: f64,
    copy_of_bytes_gb_s: f64,
    /// What the layer would take if its limit were all that it met, and what that is: multiply-adds at the peak, or moving
    /// its bytes once.
    limit_ms: f64,
    limit: &'static str,
}

/// A layer that is ready to run.
struct Problem {
    shape: Shape,
    layer: Conv2d,
    samples: Samples,
}

pub(super) fn run(args: &BenchArgs, threads: usize) -> Outcome<()> {
    let level = args.common.level.0;
    let algorithm = match args.algo.parse().about("--algo")? {
        LayerAlgorithm::Planned(algorithm) => algorithm,
        LayerAlgorithm::Reference => {
            return Failure::about("--algo", "the naive reference is not for timing");
        }
    };
    let shapes = match &args.shapes {
        Some(path) => shapes::read(path)?,
        None => shapes::built_in()?,
    };
    let mut problems = shapes
        .into_iter()
        .filter(|shape| wanted(args, &shape.name))
        .map(|shape| problem(shape, args.layout, level, algorithm, threads))
        .collect::<Outcome<Vec<_>>>()?;
    if problems.is_empty() {
        return nothing();
    }

    // All problems use the same memory, from its start: a layer finds its input where the last call of the same
    // left it.
    let longest =
        |len: fn(&Conv2d) -> usize| problems.iter().map(|problem| len(&problem.layer)).max().unwrap_or(0);
    let src = Buffer::noise(longest(Conv2d::src_len));
    let mut dst = Buffer::zeros(longest(Conv2d::dst_len));
    let progress = Progress::new("timing", u64::from(args.rounds) * problems.len() as u64, args.common.quiet);
    let mut limits = Limits::measure(level);
    for _ in 0..args.rounds {
        limits.gflops = limits.gflops.max(peak::gflops_on(level, threads));
        for Problem { shape, layer, samples } in &mut problems {
            let (src, dst) = (src.first(layer.src_len()), dst.first_mut(layer.dst_len()));
            samples.round(|| layer.run_into(src, dst)).about(&shape.name)?;
            progress.add(1);
        }
    }
    drop(progress);

    limits.raise(&Limits { gflops: 0.0, ..Limits::measure(level) });
    let rows: Vec<Row<'_>> = problems.iter().map(|problem| row(problem, &limits, threads)).collect();
    if args.json { rows.iter().try_for_each(print_json) } else { print(&table(&rows, &limits)) }
}

fn problem(
    shape: Shape,
    layout: Layout,
    level: Level,
    algorithm: Algorithm,
    threads: usize,
) -> Outcome<Problem> {
    let desc = shape.desc(layout);
    let geometry = convoke::Geometry::new(&desc).about(&shape.name)?;
    let options = Options::new().level(level).algorithm(algorithm).threads(threads);
    let layer = Conv2d::with_options(&desc, &noise(geometry.weights_len), &options).about(&shape.name)?;
    Ok(Problem { shape, layer, samples: Samples::default() })
}

fn row<'a>(problem: &'a Problem, limits: &Limits, threads: usize) -> Row<'a> {
    let Problem { shape, layer, samples } = problem;
    let median = samples.median();
    let gflops = 2.0 * layer.geometry().macs as f64 / median * 1e-6;
    let least = limits.of(layer.geometry());
    Row {
        name: &shape.name,
        median_ms: round(median),
        min_ms: round(samples.min()),
        gflops: round(gflops),
        peak_gflops: round(limits.gflops),
        percent_of_peak: round(100.0 * gflops / limits.gflops),
        algo: layer.algorithm().name(),
        level: layer.level().name(),
        threads,
        layout: if layer.desc().layout == Layout::Nchw { "nchw" } else { "nhwc" },
        copy_gb_s: round(limits.copy_gb_s()),
        bytes: least.bytes,
        copy_of_bytes_gb_s: round(least.gb_s),
        limit_ms: round(least.ms()),
        limit: least.resource(),
    }
}

fn table(rows: &[Row<'_>], limits: &Limits) -> String {
    let (peak, copy) = (limits.gflops, limits.copy_gb_s());
    let mut text = format!("peak {peak:.1} GFLOP/s, copy {copy:.1} GB/s; measured in this run\n");
    text.push_str(
        "name                                 median ms     min ms   GFLOP/s  % of peak  % of limit                algorithm\n",
    );
    for row in rows {
        text.push_str(&format!(
            "{:<36} {:>9.4}  {:>9.4}  {:>8.1}  {:>9.1}  {:>5.1} {:<18}  {} {} {} x{}\n",
            row.name,
            row.median_ms,
            row.min_ms,
            row.gflops,
            row.percent_of_peak,
            100.0 * row.limit_ms / row.median_ms,
            format!("({})", row.limit),
            row.algo,
            row.level,
            row.layout,
            row.threads
        ));
    }
    text
}
