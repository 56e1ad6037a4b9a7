//! `convoke bench --chains`: blocks of layers as one chain, beside the same layers run one after the other. Both are timed
//! by turns, so that a disturbance meets both.

use convoke::{
    Activation, Algorithm, Chain, ChainDesc, Conv2d, Conv2dDesc, Geometry, Layout, Level, Options, Padding,
};
use serde::Serialize;

use super::timing::{Samples, noise};
use super::{nothing, print_json, round, wanted};
use crate::args::BenchArgs;
use crate::error::{Context, Outcome};
use crate::progress::Progress;
use crate::{peak, print};

/// An inverted residual (Sandler et al., 2018): pointwise to more channels, depthwise 3x3, pointwise to few; what came in is
/// added where it has the shape.
struct Block {
    name: &'static str,
    /// In channels, those between, out channels.
    channels: [usize; 3],
    size: usize,
    stride: usize,
}

const fn block(name: &'static str, channels: [usize; 3], size: usize, stride: usize) -> Block {
    Block { name, channels, size, stride }
}

/// Those of MobileNetV2 at 224 by 224 pixels, but for the first, which has two layers; and its first three at four times as
/// many.
const BLOCKS: &[Block] = &[
    block("mbv2_16-96-24s2@112", [16, 96, 24], 112, 2),
    block("mbv2_24-144-24@56", [24, 144, 24], 56, 1),
    block("mbv2_24-144-32s2@56", [24, 144, 32], 56, 2),
    block("mbv2_32-192-32@28", [32, 192, 32], 28, 1),
    block("mbv2_32-192-64s2@28", [32, 192, 64], 28, 2),
    block("mbv2_64-384-64@14", [64, 384, 64], 14, 1),
    block("mbv2_64-384-96@14", [64, 384, 96], 14, 1),
    block("mbv2_96-576-96@14", [96, 576, 96], 14, 1),
    block("mbv2_96-576-160s2@14", [96, 576, 160], 14, 2),
    block("mbv2_160-960-160@7", [160, 960, 160], 7, 1),
    block("mbv2_160-960-320@7", [160, 960, 320], 7, 1),
    block("large_16-96-24s2@448", [16, 96, 24], 448, 2),
    block("large_24-144-24@224", [24, 144, 24], 224, 1),
    block("large_32-192-32@112", [32, 192, 32], 112, 1),
];

/// A line of output.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// The chain, and the layers one after the other.
    median_ms: f64,
    separate_median_ms: f64,
    /// The second over the first.
    ratio: f64,
    gflops: f64,
    peak_gflops: f64,
    percent_of_peak: f64,
    strip_rows: usize,
    /// Of the chain; and what the tensors between the layers take where they are whole.
    scratch_bytes: usize,
    between_bytes: usize,
    level: &'static str,
    threads: usize,
    layout: &'static str,
}

/// A block that is ready to run both ways.
struct Problem {
    name: &'static str,
    residual: bool,
    chain: Chain<3>,
    layers: [Conv2d; 3],
    samples: [Samples; 2],
}

impl Block {
    fn descs(&self, layout: Layout) -> [Conv2dDesc; 3] {
        let Self { channels: [ins, between, outs], size, stride, .. } = *self;
        let layer = |ins, size, outs, kernel| Conv2dDesc::new(layout, 1, ins, [size; 2], outs, [kernel; 2]);
        [
            layer(ins, size, between, 1).activation(Activation::Relu6),
            layer(between, size, between, 3)
                .padding(Padding::all(1))
                .stride([stride; 2])
                .groups(between)
                .activation(Activation::Relu6),
            layer(between, size.div_ceil(stride), outs, 1),
        ]
    }

    fn problem(&self, layout: Layout, level: Level, threads: usize) -> Outcome<Problem> {
        let descs = self.descs(layout);
        let options = Options::new().level(level).algorithm(Algorithm::Direct).threads(threads);
        let mut weights = [vec![], vec![], vec![]];
        for (weights, desc) in weights.iter_mut().zip(&descs) {
            *weights = noise(Geometry::new(desc).about(self.name)?.weights_len);
        }
        let bias = descs.map(|desc| noise(desc.out_channels));
        let [a, b, c] = &weights;
        let chain = Chain::with_options(&ChainDesc::new(descs), [a, b, c], &options).about(self.name)?;
        let chain = chain.bias(bias.each_ref().map(Vec::as_slice)).about(self.name)?;
        let layer = |at: usize| {
            Conv2d::with_options(&descs[at], &weights[at], &options)
                .and_then(|layer| layer.bias(&bias[at]))
                .about(self.name)
        };
        Ok(Problem {
            name: self.name,
            residual: self.stride == 1 && self.channels[0] == self.channels[2],
            chain,
            layers: [layer(0)?, layer(1)?, layer(2)?],
            samples: Default::default(),
        })
    }
}

impl Problem {
    fn run(&mut self, src: &[f32], between: [&mut [f32]; 2], dst: &mut [f32]) -> Outcome<()> {
        let Self { name, residual, chain, layers: [first, second, third], samples: [fused, separate] } = self;
        let src = &src[..chain.src_len()];
        let dst = &mut dst[..chain.dst_len()];
        let [a, b] = between;
        let (a, b) = (&mut a[..first.dst_len()], &mut b[..second.dst_len()]);
        fused
            .round(|| match residual {
                true => chain.run_residual_into(src, src, dst),
                false => chain.run_into(src, dst),
            })
            .about(*name)?;
        separate
            .round(|| {
                first.run_into(src, a)?;
                second.run_into(a, b)?;
                match residual {
                    true => third.run_residual_into(b, src, dst),
                    false => third.run_into(b, dst),
                }
            })
            .about(*name)
    }

    fn row(&self, peak: f64, level: Level, threads: usize, layout: Layout) -> Row {
        let [median, separate] = self.samples.each_ref().map(Samples::median);
        let gflops = 2.0 * self.chain.plan().macs() as f64 / median * 1e-6;
        let [first, second, _] = &self.layers;
        Row {
            name: self.name,
            median_ms: round(median),
            separate_median_ms: round(separate),
            ratio: round(separate / median),
            gflops: round(gflops),
            peak_gflops: round(peak),
            percent_of_peak: round(100.0 * gflops / peak),
            strip_rows: self.chain.plan().strip_rows(),
            scratch_bytes: self.chain.plan().describe().scratch_bytes,
            between_bytes: (first.dst_len() + second.dst_len()) * size_of::<f32>(),
            level: level.name(),
            threads,
            layout: if layout == Layout::Nchw { "nchw" } else { "nhwc" },
        }
    }
}

pub(super) fn run(args: &BenchArgs, threads: usize) -> Outcome<()> {
    let (level, layout) = (args.common.level.0, args.layout);
    let mut problems = BLOCKS
        .iter()
        .filter(|block| wanted(args, block.name))
        .map(|block| block.problem(layout, level, threads))
        .collect::<Outcome<Vec<_>>>()?;
    if problems.is_empty() {
        return nothing();
    }
    let longest = |len: fn(&Problem) -> usize| problems.iter().map(len).max().unwrap_or(0);
    let src = noise(longest(|problem| problem.chain.src_len()));
    let mut dst = vec![0.0; longest(|problem| problem.chain.dst_len())];
    let mut between =
        [0, 1].map(|at| vec![0.0; problems.iter().map(|p| p.layers[at].dst_len()).max().unwrap_or(0)]);
    let progress = Progress::new("timing", u64::from(args.rounds) * problems.len() as u64, args.common.quiet);
    let mut best_peak = 0_f64;
    for _ in 0..args.rounds {
        best_peak = best_peak.max(peak::gflops_on(level, threads));
        for problem in &mut problems {
            let [a, b] = &mut between;
            problem.run(&src, [a, b], &mut dst)?;
            progress.add(1);
        }
    }
    drop(progress);
    let rows: Vec<Row> =
        problems.iter().map(|problem| problem.row(best_peak, level, threads, layout)).collect();
    if args.json { rows.iter().try_for_each(print_json) } else { print(&table(&rows, best_peak)) }
}

fn table(rows: &[Row], peak: f64) -> String {
    let mut text = format!("peak {peak:.1} GFLOP/s; measured in this run\n");
    text.push_str("name                         median ms  separate ms  ratio  % of peak  strip  scratch KiB  between KiB\n");
    for row in rows {
        text.push_str(&format!(
            "{:<28} {:>9.4}  {:>11.4}  {:>5.2}  {:>9.1}  {:>5}  {:>11}  {:>11}\n",
            row.name,
            row.median_ms,
            row.separate_median_ms,
            row.ratio,
            row.percent_of_peak,
            row.strip_rows,
            row.scratch_bytes / 1024,
            row.between_bytes / 1024,
        ));
    }
    let mean = rows.iter().map(|row| row.ratio.ln()).sum::<f64>() / rows.len() as f64;
    text.push_str(&format!("geometric mean of the ratios {:.3}\n", mean.exp()));
    text
}
