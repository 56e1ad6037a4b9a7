//! Box filters: the bits of the direct filter wherever sums are exact, the same bits however rows are divided, and
//! nothing carried from one window to another.

use std::vec;
use std::vec::Vec;

use super::{BORDERS, Random};
use crate::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Pixel};

fn filter<I: Pixel, O: Pixel>(plan: &Filter2dPlan, mask: &[f32], src: &[I], fill: O) -> Vec<O> {
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let packed = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![fill; plan.dst_len()];
    let mut scratch = vec![f32::NAN; plan.scratch_len()];
    plan.run(&packed, src, &mut dst, &mut scratch).unwrap();
    dst
}

#[test]
fn whole_numbers_give_the_bits_of_the_direct_filter() {
    let mut random = Random(5);
    for level in Level::available() {
        for round in 0..250 {
            let channels = 1 + random.below(4);
            let near = [1, 2, 3, 8, 16, 31, 64, 65, 130, 300][random.below(10)];
            let size = [1 + random.below(40), near + random.below(3)];
            let side =
                |random: &mut Random| [1, 2, 3, 4, 5, 15, 16, 17, 21, 23, 24, 25, 50][random.below(13)];
            let mask_size = [side(&mut random), side(&mut random)];
            let border = match BORDERS[round % BORDERS.len()] {
                Border::Constant(_) => Border::Constant(17.0),
                border => border,
            };
            let [r, s] = mask_size;
            let desc = Filter2dDesc::new(size, channels, mask_size)
                .anchor([random.below(r), random.below(s)])
                .border(border)
                .divisor([1.0, (r * s) as f32][random.below(2)])
                .src_row_stride(size[1] * channels + random.below(3));
            let weight = [1.0, 0.5, -2.0][random.below(3)];
            let mask = vec![weight; r * s];
            let boxed = Filter2dPlan::boxed(&desc, level).unwrap();
            let direct = Filter2dPlan::new(&desc, level).unwrap();
            let bytes = random.bytes(boxed.src_len());
            assert_eq!(
                filter(&boxed, &mask, &bytes, 1_u8),
                filter(&direct, &mask, &bytes, 2_u8),
                "{desc:?} {level:?}"
            );
            let floats: Vec<f32> = bytes.iter().map(|&x| f32::from(x) - 100.0).collect();
            // Sums are exact; a zero's sign is nobody's promise here.
            let plus = |values: Vec<f32>| values.into_iter().map(|x| x + 0.0).collect::<Vec<f32>>();
            assert_eq!(
                plus(filter(&boxed, &mask, &floats, f32::NAN)),
                plus(filter(&direct, &mask, &floats, f32::NAN)),
                "{desc:?} {level:?}"
            );
        }
    }
}

#[test]
fn rows_and_blocks_change_no_bit() {
    let mut random = Random(6);
    let size = [37, 700];
    for level in Level::available() {
        for [r, s] in [[1, 9], [2, 27], [7, 9], [7, 100], [50, 27]] {
            let desc = Filter2dDesc::new(size, 2, [r, s]).border(Border::Reflect);
            let plan = Filter2dPlan::boxed(&desc, level).unwrap();
            let mask = vec![0.3; r * s];
            let src = random.signed_values(plan.src_len());
            let whole = filter(&plan, &mask, &src, f32::NAN);
            let mut buffer = vec![0.0; plan.packed_len()];
            let packed = plan.pack(&mask, &mut buffer).unwrap();
            let mut scratch = vec![f32::NAN; plan.scratch_len()];
            for rows in [0..1, 3..4, 6..29, 20..37, 5..5] {
                let mut part = vec![f32::NAN; rows.len() * 1400];
                plan.run_rows(rows.clone(), &packed, &src, &mut part, &mut scratch).unwrap();
                assert_eq!(part, whole[rows.start * 1400..rows.end * 1400], "{r}x{s} {rows:?} {level:?}");
            }
            for cols in [0..1, 1..60, 99..350, 640..700] {
                let mut part = vec![f32::NAN; 20 * cols.len() * 2];
                let stride = cols.len() * 2;
                plan.run_region([9..29, cols.clone()], &packed, &src, &mut part, stride, &mut scratch)
                    .unwrap();
                for (part, y) in part.chunks(cols.len() * 2).zip(9..) {
                    let whole = &whole[y * 1400 + cols.start * 2..][..cols.len() * 2];
                    assert_eq!(part, whole, "{r}x{s} row {y}, {cols:?} {level:?}");
                }
            }
        }
        // Tall enough to be cut into blocks of columns, whose edges must not show.
        let desc = Filter2dDesc::new([3, 1400], 1, [400, 3]).border(Border::Replicate);
        let plan = Filter2dPlan::boxed(&desc, level).unwrap();
        assert!(plan.describe().block < 1400);
        let src: Vec<u8> = random.bytes(plan.src_len());
        let direct = Filter2dPlan::new(&desc, level).unwrap();
        let mask = [1.0; 1200];
        assert_eq!(filter(&plan, &mask, &src, 0.0_f32), filter(&direct, &mask, &src, 1.0_f32));
    }
}

#[test]
fn infinities_reach_their_windows_and_no_others() {
    for half in [3, 14] {
        infinities([40, 90], half);
    }
}

fn infinities(size: [usize; 2], half: usize) {
    let taps = 2 * half + 1;
    let desc = Filter2dDesc::new(size, 1, [5, taps]);
    let mask = vec![1.0; 5 * taps];
    let mut src = vec![1.0_f32; 40 * 90];
    src[17 * 90 + 40] = f32::INFINITY;
    src[1] = 1e38;
    for level in Level::available() {
        let got = filter(&Filter2dPlan::boxed(&desc, level).unwrap(), &mask, &src, f32::NAN);
        for (i, got) in got.into_iter().enumerate() {
            let [y, x] = [i / 90, i % 90];
            let inside = y.abs_diff(17) <= 2 && x.abs_diff(40) <= half;
            assert_eq!(got == f32::INFINITY, inside, "{level:?} at {i}: {got}");
            let large = y <= 2 && x <= half + 1;
            // The great number leaves no trace behind it, as it would in a running difference.
            assert!(
                inside || large || got.fract() == 0.0 && (3.0..=5.0 * taps as f32).contains(&got),
                "{level:?} at {i}: {got}"
            );
        }
    }
}

#[test]
fn what_is_no_box_and_what_is_not_exact_is_refused() {
    let desc = Filter2dDesc::new([4, 4], 1, [1, 3]);
    let plan = Filter2dPlan::boxed(&desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    assert_eq!(plan.pack(&[1.0, 1.0, 1.5], &mut buffer).unwrap_err(), Error::NotBox);
    let mask = [0.1; 3];
    let packed = plan.pack(&mask, &mut buffer).unwrap();
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut dst = [7_u8; 16];
    let error = plan.run(&packed, &[1_u8; 16], &mut dst, &mut scratch).unwrap_err();
    assert!(matches!(error, Error::Inexact { .. }));
    assert_eq!(dst, [7; 16]);
    plan.run(&packed, &[1_u8; 16], &mut [0.0_f32; 16], &mut scratch).unwrap();
}
