//! Results that no cache holds: they take another way to memory, and are the same.

use std::vec;

use super::Random;
use crate::{Border, Filter2dDesc, Filter2dPlan, Level};

/// Whole numbers, against the direct algorithm, which stores as usual.
#[test]
fn large_results_are_those_of_the_direct_filter() {
    let mut random = Random(11);
    for channels in [1, 3] {
        let size = [6, (4 << 20) / 6 / channels + 17];
        let desc = Filter2dDesc::new(size, channels, [3, 5])
            .border(Border::Reflect101)
            .dst_row_stride(size[1] * channels + 5);
        let src: vec::Vec<f32> =
            random.bytes(size[0] * size[1] * channels).into_iter().map(f32::from).collect();
        for level in Level::available() {
            let direct = Filter2dPlan::new(&desc, level).unwrap();
            let mut expected = vec![-1.0; direct.dst_len()];
            let mask = [2.0; 15];
            let filter = |plan: &Filter2dPlan, dst: &mut [f32]| {
                let mut buffer = vec![f32::NAN; plan.packed_len()];
                let packed = plan.pack(&mask, &mut buffer).unwrap();
                plan.run(&packed, &src, dst, &mut vec![f32::NAN; plan.scratch_len()]).unwrap();
            };
            filter(&direct, &mut expected);
            for plan in [Filter2dPlan::separable(&desc, level), Filter2dPlan::boxed(&desc, level)] {
                let plan = plan.unwrap();
                assert!(plan.dst_len() >= 4 << 20);
                let mut dst = vec![-1.0; plan.dst_len()];
                filter(&plan, &mut dst);
                // Not `assert_eq`, which would print them.
                assert!(dst == expected, "{channels} channels, {level}, {:?}", plan.describe());
            }
        }
    }
}
