//! Results that no cache holds: they take another way to memory, and are the same.

use std::vec;

use super::{Random, thin};
use crate::{Border, Filter2dDesc, Filter2dPlan, Level};

/// Whole numbers, against sums of a column of three and then of five such sums.
#[test]
fn large_results_are_sums() {
    let mut random = Random(11);
    for channels in thin([1, 3]) {
        let size = [6_usize, (4 << 20) / 6 / channels + 17];
        let row_len = size[1] * channels;
        // A vector divides the rows of the first evenly, as far as the start of the buffer allows, and none of the second.
        for stride in thin([row_len.next_multiple_of(16), row_len + 5]) {
            let desc =
                Filter2dDesc::new(size, channels, [3, 5]).border(Border::Reflect101).dst_row_stride(stride);
            let src: vec::Vec<f32> = random.bytes(size[0] * row_len).into_iter().map(f32::from).collect();
            let index = |i: isize, len: usize| Border::Reflect101.index(i, len).unwrap();
            let mut expected = vec![-1.0; 5 * stride + row_len];
            for y in 0..size[0] {
                let column = |x: usize| {
                    (-1..=1).map(|r| src[index(y as isize + r, size[0]) * row_len + x]).sum::<f32>()
                };
                let columns: vec::Vec<f32> = (0..row_len).map(column).collect();
                for x in 0..row_len {
                    let at = |s| index((x / channels) as isize + s, size[1]) * channels + x % channels;
                    expected[y * stride + x] = 2.0 * (-2..=2).map(|s| columns[at(s)]).sum::<f32>();
                }
            }
            for level in Level::available() {
                for plan in [Filter2dPlan::new, Filter2dPlan::separable, Filter2dPlan::boxed] {
                    let plan = plan(&desc, level).unwrap();
                    assert!(plan.dst_len() >= 4 << 20);
                    let mut buffer = vec![f32::NAN; plan.packed_len()];
                    let packed = plan.pack(&[2.0; 15], &mut buffer).unwrap();
                    let mut dst = vec![-1.0; plan.dst_len()];
                    plan.run(&packed, &src, &mut dst, &mut vec![f32::NAN; plan.scratch_len()]).unwrap();
                    // Not `assert_eq`, which would print them.
                    assert!(
                        dst == expected,
                        "{channels} channels, stride {stride}, {level}, {:?}",
                        plan.describe()
                    );
                }
            }
        }
    }
}
