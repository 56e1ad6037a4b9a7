//! Times layers of real networks, their gradients by input, weights and bias, and the packing of weights: one group per layer,
//! `what/level/layout` within it, throughput in floating-point operations per second.
//!
//! ```text
//! cargo bench --bench gradients                     the best level, all layers
//! cargo bench --bench gradients -- rn50_l2_3x3_128  the layers whose names contain this
//! cargo bench --bench gradients -- --test           each once, scaled down
//! ```
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use convoke_core::{
    BiasGradPlan, Conv2dDesc, Conv2dPlan, InputGradPlan, Layout, Level, Operands, WeightsGradPlan,
};
use convoke_harness::ConvProblem;
use convoke_harness::layers::LAYERS;
use convoke_harness::timing::{is_test, wanted};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

fn gradients(criterion: &mut Criterion) {
    type Time = fn(&mut Bencher<'_>, &Conv2dDesc, Level);
    const KINDS: [(&str, Time); 5] = [
        ("layer", layer),
        ("input", input),
        ("weights", weights),
        ("bias", bias),
        ("pack-input", pack_input),
    ];
    for layer in LAYERS {
        let size = if is_test() { layer.scaled_down() } else { *layer };
        let mut group = criterion.benchmark_group(layer.name);
        group.throughput(Throughput::Elements(2 * size.macs()));
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        for level in Level::available().filter(|&level| wanted(level)) {
            for (name, layout) in [("nhwc", Layout::Nhwc), ("nchw", Layout::Nchw)] {
                for (kind, time) in KINDS {
                    let desc = size.desc(layout);
                    group.bench_function(format!("{kind}/{level}/{name}"), |bencher| {
                        time(bencher, &desc, level);
                    });
                }
            }
        }
        group.finish();
    }
}

/// Real numbers in the shape of a layer's output.
fn grad_output(desc: &Conv2dDesc, len: usize) -> Vec<f32> {
    let mut random = convoke_harness::Random::new(desc.kernel[0] as u64, 9);
    (0..len).map(|_| random.real()).collect()
}

fn layer(bencher: &mut Bencher<'_>, desc: &Conv2dDesc, level: Level) {
    let data = ConvProblem::new(*desc).real().data();
    let plan = Conv2dPlan::new(desc, level).expect("a layer of the table");
    let (mut packing, mut scratch) = (vec![0.0; plan.packed_len()], vec![0.0; plan.scratch_len()]);
    let mut dst = vec![0.0; plan.geometry().dst.len];
    let operands = Operands::new(&data.src, plan.pack(&data.weights, &mut packing).expect("its weights"));
    bencher.iter(|| plan.run(&operands, black_box(&mut dst), &mut scratch).expect("its operands"));
}

fn input(bencher: &mut Bencher<'_>, desc: &Conv2dDesc, level: Level) {
    let data = ConvProblem::new(*desc).real().data();
    let plan = InputGradPlan::new(desc, level).expect("a layer of the table");
    let (mut packing, mut scratch) = (vec![0.0; plan.packed_len()], vec![0.0; plan.scratch_len()]);
    let (dy, mut dx) = (grad_output(desc, plan.geometry().src.len), vec![0.0; plan.geometry().dst.len]);
    let operands = Operands::new(&dy, plan.pack(&data.weights, &mut packing).expect("its weights"));
    bencher.iter(|| plan.run(&operands, black_box(&mut dx), &mut scratch).expect("its operands"));
}

fn weights(bencher: &mut Bencher<'_>, desc: &Conv2dDesc, level: Level) {
    let data = ConvProblem::new(*desc).real().data();
    let plan = WeightsGradPlan::new(desc, level).expect("a layer of the table");
    let mut scratch = vec![0.0; plan.scratch_len()];
    let (dy, mut dw) = (grad_output(desc, plan.geometry().dst.len), vec![0.0; data.weights.len()]);
    bencher.iter(|| plan.run(&dy, &data.src, black_box(&mut dw), &mut scratch).expect("its operands"));
}

fn bias(bencher: &mut Bencher<'_>, desc: &Conv2dDesc, level: Level) {
    let plan = BiasGradPlan::new(desc, level).expect("a layer of the table");
    let (dy, mut db) = (grad_output(desc, plan.grad_output_len()), vec![0.0; desc.out_channels]);
    bencher.iter(|| plan.run(&dy, black_box(&mut db)).expect("its operands"));
}

fn pack_input(bencher: &mut Bencher<'_>, desc: &Conv2dDesc, level: Level) {
    let data = ConvProblem::new(*desc).real().data();
    let plan = InputGradPlan::new(desc, level).expect("a layer of the table");
    let mut packing = vec![0.0; plan.packed_len()];
    bencher.iter(|| {
        plan.pack(&data.weights, black_box(&mut packing)).expect("its weights");
    });
}

criterion_group!(benches, gradients);
criterion_main!(benches);
