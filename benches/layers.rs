//! Times layers of real networks on every algorithm: one group per layer, `algorithm/level/layout` within it, throughput in
//! floating-point operations per second.
//!
//! ```text
//! cargo bench --bench layers                          the best level, all layers
//! cargo bench --bench layers -- rn50_l2_3x3_128       the layers whose names contain this
//! CONVOKE_BENCH_LEVELS=avx2,avx512 cargo bench ...    chosen levels, or `all`
//! cargo bench --bench layers -- --test                each once, scaled down
//! ```
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use convoke_core::{Layout, Operands};
use convoke_harness::layers::{LAYERS, Layer};
use convoke_harness::timing::{is_test, wanted};
use convoke_harness::{ConvProblem, Engine, engines};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

fn layers(criterion: &mut Criterion) {
    for layer in LAYERS {
        let size = if is_test() { layer.scaled_down() } else { *layer };
        let mut group = criterion.benchmark_group(layer.name);
        group.throughput(Throughput::Elements(2 * size.macs()));
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        for engine in engines().into_iter().filter(|engine| wanted(engine.level)) {
            for (name, layout) in [("nhwc", Layout::Nhwc), ("nchw", Layout::Nchw)] {
                group.bench_function(format!("{engine}/{name}"), |bencher| {
                    time(bencher, &size, layout, &engine);
                });
            }
        }
        group.finish();
    }
}

/// Times one layer. Operands are made here, so that benchmarks that are filtered out cost nothing.
fn time(bencher: &mut Bencher<'_>, layer: &Layer, layout: Layout, engine: &Engine) {
    let desc = layer.desc(layout);
    let data = ConvProblem::new(desc).real().bias().data();
    let plan = engine.plan(&desc).expect("a layer of the table");
    let mut packing = vec![0.0; plan.packed_len()];
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut dst = vec![0.0; plan.geometry().dst.len];
    let packed = plan.pack(&data.weights, &mut packing).expect("weights of the layer");
    let operands = Operands { bias: data.bias.as_deref(), ..Operands::new(&data.src, packed) };
    bencher.iter(|| plan.run(&operands, black_box(&mut dst), &mut scratch).expect("operands of the layer"));
}

criterion_group!(benches, layers);
criterion_main!(benches);
