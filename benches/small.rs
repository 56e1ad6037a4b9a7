//! Times what does not shrink with the picture: planning a filter, and calling one on pictures of 16x16 and 64x64 pixels.
//! One group per kind of filter; in each, `plan` and `pack` in the core, `facade` for all that `convoke::Filter` does before
//! it can run (candidates and their costs, whether the mask has factors, plan, packing), and a run for each size.
//!
//! ```text
//! cargo bench --bench small                    all
//! cargo bench --bench small -- narrow          the kinds whose names contain this
//! cargo bench --bench small -- --test          each once
//! ```
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Duration;

use convoke::mask::Mask;
use convoke::{Filter, FilterAlgorithm, Options};
use convoke_core::{
    Error, Filter2dDesc, Filter2dPlan, Level, NarrowDesc, NarrowMask, NarrowPlan, NarrowScratch, Pixel,
};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

const SIZES: [usize; 2] = [16, 64];

/// How a plan is made.
type Plan = fn(&Filter2dDesc, Level) -> Result<Filter2dPlan, Error>;

fn small(criterion: &mut Criterion) {
    let few = |criterion: &mut Criterion, name: &str, body: &dyn Fn(&mut BenchmarkGroup<'_, WallTime>)| {
        let mut group = criterion.benchmark_group(name);
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(500));
        body(&mut group);
        group.finish();
    };
    let general: Mask = "1 2 0; 0 -1 3; 1 0 1".parse().expect("a mask");
    let gauss = Mask::gaussian_sized(2.5, 15).expect("a mask");
    let ones = Mask::boxed(15).expect("a mask");
    few(criterion, "direct_3_f32", &|group| {
        kind::<f32>(group, &general, Filter2dPlan::new, FilterAlgorithm::Direct);
    });
    few(criterion, "direct_3_u8", &|group| {
        kind::<u8>(group, &general, Filter2dPlan::new, FilterAlgorithm::Direct);
    });
    few(criterion, "separable_15_f32", &|group| {
        kind::<f32>(group, &gauss, Filter2dPlan::separable, FilterAlgorithm::Separable);
    });
    few(criterion, "box_15_f32", &|group| {
        kind::<f32>(group, &ones, Filter2dPlan::boxed, FilterAlgorithm::Box);
    });
    few(criterion, "narrow_3_u8", &|group| narrow(group));
}

/// Pixels of all values: zeros would need no second look at their rounding.
fn picture<P: From<u8>>(n: usize) -> Vec<P> {
    (0..n * n).map(|i| P::from((i * 37 % 251) as u8)).collect()
}

/// Plans, packs and runs of one kind of filter.
fn kind<P: Pixel + Default + From<u8>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    mask: &Mask,
    plan: Plan,
    algorithm: FilterAlgorithm,
) {
    let desc = |n| mask.desc([n, n], 1);
    group.bench_function("plan", |bencher| {
        bencher.iter(|| plan(black_box(&desc(16)), Level::detect()).expect("a filter"));
    });
    let mut packing = vec![0.0; plan(&desc(16), Level::detect()).expect("a filter").packed_len()];
    group.bench_function("pack", |bencher| {
        let plan = plan(&desc(16), Level::detect()).expect("a filter");
        bencher.iter(|| plan.pack(black_box(mask.weights()), &mut packing).is_ok());
    });
    group.bench_function("facade", |bencher| {
        bencher.iter(|| Filter::new(black_box(&desc(16)), mask).expect("a filter"));
    });
    for n in SIZES {
        let plan = plan(&desc(n), Level::detect()).expect("a filter");
        let mut packing = vec![0.0; plan.packed_len()];
        let packed = plan.pack(mask.weights(), &mut packing).expect("a mask");
        let (src, mut dst) = (picture::<P>(n), vec![P::default(); n * n]);
        let mut scratch = vec![0.0; plan.scratch_len()];
        group.bench_function(format!("run_{n}"), |bencher| {
            bencher.iter(|| plan.run(&packed, black_box(&src), &mut dst, &mut scratch).expect("a picture"));
        });
        let options = Options::new().filter_algorithm(algorithm);
        let filter = Filter::with_options(&desc(n), mask, &options).expect("a filter");
        group.bench_function(format!("facade_run_{n}"), |bencher| {
            bencher.iter(|| filter.run_into(black_box(&src), &mut dst).expect("a picture"));
        });
    }
}

/// The same of a narrow filter.
fn narrow(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mask = NarrowMask::Separable { column: &[1, 2, 1], row: &[1, 2, 1] };
    let desc = |n| NarrowDesc::new([n, n], 1, mask).divisor(16);
    group.bench_function("plan", |bencher| {
        bencher.iter(|| NarrowPlan::new(black_box(&desc(16)), Level::detect()).expect("a filter"));
    });
    let detached = NarrowPlan::new(&desc(16), Level::detect()).expect("a filter").detach();
    group.bench_function("attach", |bencher| {
        bencher.iter(|| detached.attach(black_box(mask)).is_ok());
    });
    let whole = "1 2 1; 2 4 2; 1 2 1".parse::<Mask>().expect("a mask").divisor(16.0);
    group.bench_function("facade", |bencher| {
        bencher.iter(|| Filter::new(black_box(&whole.desc([16, 16], 1)), &whole).expect("a filter"));
    });
    for n in SIZES {
        let plan = NarrowPlan::new(&desc(n), Level::detect()).expect("a filter");
        let len = plan.scratch_len();
        let (mut bytes, mut halves, mut words) =
            (vec![0; len.bytes], vec![0; len.halves], vec![0; len.words]);
        let mut scratch = NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
        let (src, mut dst) = (picture::<u8>(n), vec![0_u8; n * n]);
        group.bench_function(format!("run_{n}"), |bencher| {
            bencher.iter(|| plan.run(black_box(&src), &mut dst, &mut scratch).expect("a picture"));
        });
        let filter = Filter::new(&whole.desc([n, n], 1), &whole).expect("a filter");
        group.bench_function(format!("facade_run_{n}"), |bencher| {
            bencher.iter(|| filter.run_into(black_box(&src), &mut dst).expect("a picture"));
        });
    }
}

criterion_group!(benches, small);
criterion_main!(benches);
