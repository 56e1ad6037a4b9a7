//! Times picture filters: one group per filter and picture, `algorithm/level` within it, throughput in pixels per second.
//!
//! ```text
//! cargo bench --bench filters                          the best level, all pictures
//! cargo bench --bench filters -- filter2d_3_1080p      the filters whose names contain this
//! CONVOKE_BENCH_LEVELS=avx2,avx512 cargo bench ...     chosen levels, or `all`
//! cargo bench --bench filters -- --test                each once, scaled down
//! ```
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use convoke_harness::pictures::{NamedFilter, named_filters};
use convoke_harness::timing::{is_test, wanted};
use convoke_harness::{FilterEngine, filter_engines};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

fn filters(criterion: &mut Criterion) {
    for filter in named_filters() {
        let filter = if is_test() { filter.scaled_down() } else { filter };
        let mut group = criterion.benchmark_group(&filter.name);
        let [height, width] = filter.problem.desc.size;
        group.throughput(Throughput::Elements((height * width) as u64));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        for engine in filter_engines().into_iter().filter(|engine| wanted(engine.level)) {
            group.bench_function(engine.to_string(), |bencher| {
                time(bencher, &filter, &engine);
            });
        }
        group.finish();
    }
}

/// Times one filter. Operands are made here, so that benchmarks that are filtered out cost nothing.
fn time(bencher: &mut Bencher<'_>, filter: &NamedFilter, engine: &FilterEngine) {
    let data = filter.data();
    let plan = engine.plan(&filter.problem.desc).expect("a filter of the table");
    let mut packing = vec![0.0; plan.packed_len()];
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mask = plan.pack(&data.mask, &mut packing).expect("a mask of the filter");
    let mut dst = data.src.clone();
    bencher.iter(|| {
        let (src, dst) = (data.src.pixels(), black_box(&mut dst).pixels_mut());
        plan.run(None, &mask, src, dst, &mut scratch).expect("a picture of the filter's size");
    });
}

criterion_group!(benches, filters);
criterion_main!(benches);
