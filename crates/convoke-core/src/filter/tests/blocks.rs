//! Blocks of a picture: the same bits as the whole, and nothing written beside them; and single channels, as other backends
//! gather and store them.

use std::vec;

use convoke_simd::{Kernel, Simd};

use super::{Random, any_desc, outside};
use crate::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Pixel};

#[test]
fn any_block_has_the_bits_of_the_whole() {
    const MARKER: f32 = 12345.0;
    let mut random = Random(11);
    for _ in 0..300 {
        let desc = any_desc(&mut random);
        let [height, width] = desc.size;
        let mask = random.signed_values(desc.mask_size[0] * desc.mask_size[1]);
        for level in Level::available() {
            let plan = Filter2dPlan::new(&desc, level).unwrap();
            let mut buffer = vec![0.0; plan.packed_len()];
            let mask = plan.pack(&mask, &mut buffer).unwrap();
            let src = random.signed_values(plan.src_len());
            let mut scratch = vec![f32::NAN; plan.scratch_len()];
            let mut whole = vec![MARKER; plan.dst_len()];
            plan.run(&mask, &src, &mut whole, &mut scratch).unwrap();

            let ends = [random.below(height + 1), random.below(height + 1)];
            let rows = ends[0].min(ends[1])..ends[0].max(ends[1]);
            let ends = [random.below(width + 1), random.below(width + 1)];
            let cols = ends[0].min(ends[1])..ends[0].max(ends[1]);
            let stride = desc.dst_row_stride.unwrap_or(width * desc.channels);
            let len = if rows.is_empty() { 0 } else { (rows.len() - 1) * stride + width * desc.channels };
            let mut part = vec![MARKER; len];
            scratch.fill(f32::NAN);
            plan.run_block([rows.clone(), cols.clone()], &mask, &src, &mut part, &mut scratch).unwrap();
            for (at, got) in part.iter().enumerate() {
                let inside =
                    cols.contains(&(at % stride / desc.channels)) && at % stride < width * desc.channels;
                let want = if inside { whole[rows.start * stride + at] } else { MARKER };
                assert_eq!(got.to_bits(), want.to_bits(), "{level}, {rows:?} by {cols:?}, {at}: {desc:?}");
            }
        }
    }
}

/// A region, into a picture of its own with a row stride of its own: the same bits, and nothing between the rows.
#[test]
fn any_region_has_the_bits_of_the_whole() {
    let mut random = Random(12);
    for round in 0..240 {
        let mut desc = any_desc(&mut random);
        if round % 8 == 0 {
            // Wide enough to be read in place.
            desc.size[1] += 1800;
            (desc.src_row_stride, desc.dst_row_stride) = (None, None);
        }
        let [r, s] = desc.mask_size;
        let (column, row) = (random.signed_values(r), random.signed_values(s));
        let product: vec::Vec<f32> = column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect();
        for level in Level::available() {
            let (plan, mask) = match round % 3 {
                0 => (Filter2dPlan::new(&desc, level), product.clone()),
                1 => (Filter2dPlan::separable(&desc, level), product.clone()),
                _ => (Filter2dPlan::boxed(&desc, level), vec![1.0; r * s]),
            };
            let plan = plan.unwrap();
            let mut packing = vec![0.0; plan.packed_len()];
            let mask = plan.pack(&mask, &mut packing).unwrap();
            let src = random.signed_values(plan.src_len());
            let bytes: vec::Vec<u8> = src.iter().map(|x| (x * 100.0) as u8).collect();
            region_has_the_bits_of_the_whole::<f32>(&plan, &mask, &src, &mut random);
            region_has_the_bits_of_the_whole::<u8>(&plan, &mask, &bytes, &mut random);
        }
    }
}

fn region_has_the_bits_of_the_whole<P: Pixel + core::fmt::Debug + From<u8>>(
    plan: &Filter2dPlan,
    mask: &crate::PackedMask<'_>,
    src: &[P],
    random: &mut Random,
) {
    let desc = plan.desc();
    let ([height, width], channels) = (desc.size, desc.channels);
    let mut scratch = vec![f32::NAN; plan.scratch_len()];
    let mut whole = vec![P::from(77); plan.dst_len()];
    match plan.run(mask, src, &mut whole, &mut scratch) {
        // Boxes refuse bytes where an odd scale or border is asked for.
        Err(Error::Inexact { .. }) => return,
        result => result.unwrap(),
    }
    let whole_stride = desc.dst_row_stride.unwrap_or(width * channels);
    let mut range = |total: usize| {
        let ends = [random.below(total + 1), random.below(total + 1)];
        ends[0].min(ends[1])..ends[0].max(ends[1])
    };
    let (rows, cols) = (range(height), range(width));
    let row_len = cols.len() * channels;
    let stride = row_len + [0, 0, 3][random.below(3)];
    let len = if rows.is_empty() { 0 } else { (rows.len() - 1) * stride + row_len };
    let mut part = vec![P::from(77); len];
    scratch.fill(f32::NAN);
    let region = [rows.clone(), cols.clone()];
    plan.run_region(region.clone(), mask, src, &mut part, stride, &mut scratch).unwrap();
    for (at, got) in part.iter().enumerate() {
        let (y, x) = (at / stride, at % stride);
        let from = (rows.start + y) * whole_stride + cols.start * channels + x;
        let want = if x < row_len { &whole[from] } else { &P::from(77) };
        assert_eq!(std::format!("{got:?}"), std::format!("{want:?}"), "{region:?}, {at}: {desc:?}");
    }
    let before = std::format!("{part:?}");
    if row_len > 0 {
        let error = plan.run_region(region.clone(), mask, src, &mut part, row_len - 1, &mut scratch);
        let short = Error::TooSmall { operand: "dst row stride", required: row_len, got: row_len - 1 };
        assert_eq!(error, Err(short));
    }
    part.push(P::from(77));
    let error = plan.run_region(region.clone(), mask, src, &mut part, stride, &mut scratch);
    assert_eq!(error, Err(Error::Length { operand: "dst", required: len, got: len + 1 }));
    part.pop();
    let error = plan.run_region([rows, cols.start..width + 1], mask, src, &mut part, stride, &mut scratch);
    assert_eq!(error, Err(Error::TooLarge { operand: "columns", required: width, got: width + 1 }));
    assert_eq!(std::format!("{part:?}"), before);
}

#[test]
fn blocks_outside_the_picture_are_refused() {
    let plan = Filter2dPlan::new(&Filter2dDesc::new([4, 6], 1, [1, 1]), Level::scalar()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let mask = plan.pack(&[1.0], &mut buffer).unwrap();
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut run =
        |rows, cols| plan.run_block([rows, cols], &mask, &[0_u8; 24], &mut [0_u8; 24], &mut scratch);
    assert_eq!(run(0..4, 0..6), Ok(()));
    assert_eq!(run(0..4, 0..7), Err(Error::TooLarge { operand: "columns", required: 6, got: 7 }));
    assert_eq!(run(0..5, 0..6), Err(Error::TooLarge { operand: "rows", required: 4, got: 5 }));
    #[expect(clippy::reversed_empty_ranges, reason = "what a confused caller may pass")]
    let reversed = 3..2;
    assert_eq!(run(0..4, reversed), Err(Error::TooLarge { operand: "columns", required: 2, got: 3 }));
}

/// Gathers and stores one channel of a row.
struct Copy<'a, I, O> {
    plan: &'a Filter2dPlan,
    src: &'a [I],
    at: [isize; 2],
    channel: usize,
    values: &'a mut [f32],
    dst: &'a mut [O],
}

impl<I: Pixel, O: Pixel> Kernel for Copy<'_, I, O> {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        self.plan.gather_channel(simd, self.src, self.at, self.channel, self.values);
        self.plan.store_channel::<S, O>(simd, self.values, None, self.dst);
    }
}

#[test]
fn channels_are_gathered_and_stored_alone() {
    let mut random = Random(5);
    for _ in 0..300 {
        let desc = any_desc(&mut random);
        let ([height, width], c) = (desc.size, desc.channels);
        let stride = desc.src_row_stride.unwrap_or(width * c);
        for level in Level::available() {
            let plan = Filter2dPlan::new(&desc, level).unwrap();
            let src = random.bytes(plan.src_len());
            let channel = random.below(c);
            // Some columns of the picture, and up to seven on either side.
            let x = random.below(width) as isize - random.below(8) as isize;
            let end = width as isize - random.below(width) as isize + random.below(8) as isize;
            let values = if end > x.max(0) { (end - x) as usize } else { 1 };
            let x = if values == 1 { 0 } else { x };
            let y = random.below(3 * height) as isize - height as isize;
            let mut gathered = vec![f32::NAN; values];
            let mut stored = vec![7_u8; (values - 1) * c + 1];
            let (values, dst) = (&mut gathered[..], &mut stored[..]);
            level.dispatch(Copy { plan: &plan, src: &src, at: [y, x], channel, values, dst });
            for (i, &got) in gathered.iter().enumerate() {
                let row = outside(desc.border, y, height as isize);
                let col = outside(desc.border, x + i as isize, width as isize);
                let want = match (row, col, desc.border) {
                    (Some(y), Some(x), _) => src[y * stride + x * c + channel].into(),
                    (_, _, Border::Constant(value)) => value,
                    _ => 0.0,
                };
                assert_eq!(got, want, "{level}, row {y}, column {}: {desc:?}", x + i as isize);
                assert_eq!(stored[i * c], want.round_ties_even() as u8);
            }
            let between = stored.iter().enumerate().filter(|(at, _)| at % c != 0);
            assert!(between.into_iter().all(|(_, &x)| x == 7), "{level}: other channels were written");
        }
    }
}
