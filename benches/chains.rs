//! Times the blocks of MobileNetV2 as chains, beside the same layers one after the other.
//!
//! ```text
//! cargo bench --bench chains                    both layouts, all blocks
//! cargo bench --bench chains -- 24-144          the blocks whose names contain this
//! cargo bench --bench chains -- --test          each once
//! ```
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use convoke_core::{ChainDesc, ChainOperands, ChainPlan, Conv2dPlan, Layout, Level, Operands};
use convoke_harness::layers::{BLOCKS, Block};
use convoke_harness::timing::wanted;
use convoke_harness::{ChainProblem, ConvData};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

fn chains(criterion: &mut Criterion) {
    for block in BLOCKS {
        let mut group = criterion.benchmark_group(block.name);
        let macs: u64 = ChainPlan::new(&ChainDesc::new(block.descs(Layout::Nhwc)), Level::detect())
            .expect("a block of the table")
            .macs();
        group.throughput(Throughput::Elements(2 * macs));
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        for level in Level::available().filter(|&level| wanted(level)) {
            for (name, layout) in [("nhwc", Layout::Nhwc), ("nchw", Layout::Nchw)] {
                group.bench_function(format!("chain/{level}/{name}"), |bencher| {
                    time_chain(bencher, block, layout, level);
                });
                group.bench_function(format!("separate/{level}/{name}"), |bencher| {
                    time_separate(bencher, block, layout, level);
                });
            }
        }
        group.finish();
    }
}

/// Operands are made where they are timed, so that benchmarks that are filtered out cost nothing.
fn data(block: &Block, layout: Layout) -> Vec<ConvData> {
    ChainProblem::new(&block.descs(layout)).data().layers
}

fn time_chain(bencher: &mut Bencher<'_>, block: &Block, layout: Layout, level: Level) {
    let data = data(block, layout);
    let plan = ChainPlan::new(&ChainDesc::new(block.descs(layout)), level).expect("a block of the table");
    let mut packing = vec![0.0; plan.packed_len()];
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut dst = vec![0.0; plan.last().dst.len];
    let weights = plan
        .pack([0, 1, 2].map(|at| data[at].weights.as_slice()), &mut packing)
        .expect("weights of the block");
    let operands = ChainOperands {
        bias: [0, 1, 2].map(|at| data[at].bias.as_deref()),
        ..ChainOperands::new(&data[0].src, weights)
    };
    bencher.iter(|| plan.run(&operands, black_box(&mut dst), &mut scratch).expect("operands of the block"));
}

fn time_separate(bencher: &mut Bencher<'_>, block: &Block, layout: Layout, level: Level) {
    let data = data(block, layout);
    let plans = block.descs(layout).map(|desc| Conv2dPlan::new(&desc, level).expect("a block of the table"));
    let mut packings = plans.map(|plan| vec![0.0; plan.packed_len()]);
    let mut scratch = plans.map(|plan| vec![0.0; plan.scratch_len()]);
    let mut outs = plans.map(|plan| vec![0.0; plan.geometry().dst.len]);
    for (at, packing) in packings.iter_mut().enumerate() {
        plans[at].pack(&data[at].weights, packing).expect("weights of the block");
    }
    let weights = [0, 1, 2].map(|at| plans[at].open(&packings[at]).expect("weights of the block"));
    bencher.iter(|| {
        for (at, plan) in plans.iter().enumerate() {
            let (before, now) = outs.split_at_mut(at);
            let src = before.last().unwrap_or(&data[0].src);
            let operands = Operands { bias: data[at].bias.as_deref(), ..Operands::new(src, weights[at]) };
            plan.run(&operands, black_box(&mut now[0]), &mut scratch[at]).expect("operands of the block");
        }
    });
}

criterion_group!(benches, chains);
criterion_main!(benches);
