//! What a caller can get wrong, and what a plan tells.

use convoke_core::{Error, Filter2dDesc, Level};

use crate::{FftFilter, FftFilterPlan};

#[test]
fn bad_requests_are_errors() {
    let level = Level::detect();
    let desc = Filter2dDesc::new([30, 40], 1, [5, 5]);
    assert!(matches!(
        FftFilterPlan::new(&desc.anchor([5, 0]), level),
        Err(Error::TooLarge { operand: "anchor row", .. })
    ));
    let huge = usize::MAX / 8;
    assert!(FftFilterPlan::new(&Filter2dDesc::new([8, 8], 1, [huge, huge]), level).is_err());
    // Far too long for a picture, and yet a plan; as far as sizes in 32 bits allow.
    let long = 1 << (usize::BITS / 8 * 3 + 3);
    assert!(matches!(
        FftFilterPlan::new(&Filter2dDesc::new([8, 8], 1, [long, 1]), level).map(|plan| plan.tile()[0]),
        Ok(tile) if tile >= long
    ));
    assert_eq!(
        FftFilter::new(&desc, &[1.0; 24], level).map(|_| ()),
        Err(Error::Length { operand: "mask", required: 25, got: 24 })
    );
    let mut mask = [1.0; 25];
    mask[7] = f32::NAN;
    assert_eq!(
        FftFilter::new(&desc, &mask, level).map(|_| ()),
        Err(Error::NotFinite { operand: "mask", index: 7 })
    );

    let filter = FftFilter::new(&desc, &[1.0; 25], level).unwrap();
    let mut scratch = vec![f32::NAN; filter.scratch_len()];
    let mut run = |rows, src: usize, dst: usize, scratch_len: usize| {
        let mut dst = vec![9_u8; dst];
        let result = filter.run_rows(rows, &vec![1_u8; src], &mut dst, &mut scratch[..scratch_len]);
        assert!(result.is_ok() || dst.iter().all(|&x| x == 9), "dst was written");
        result
    };
    let needed = filter.scratch_len();
    assert_eq!(run(0..30, 1200, 1200, needed), Ok(()));
    assert_eq!(run(7..7, 1200, 0, needed), Ok(()));
    assert!(matches!(run(0..30, 1199, 1200, needed), Err(Error::Length { operand: "src", .. })));
    assert!(matches!(run(0..30, 1200, 1201, needed), Err(Error::Length { operand: "dst", .. })));
    assert!(matches!(run(0..30, 1200, 1200, needed - 1), Err(Error::Length { operand: "scratch", .. })));
    assert!(matches!(run(0..31, 1200, 1240, needed), Err(Error::TooLarge { operand: "rows", .. })));
}

#[test]
fn plans_tell_what_they_decided() {
    let desc = Filter2dDesc::new([1080, 1920], 3, [31, 31]);
    let plan = FftFilterPlan::new(&desc, Level::detect()).unwrap();
    let description = plan.describe();
    let [p, q] = description.tile;
    assert_eq!(description.outputs, [p - 30, q - 30]);
    assert_eq!(description.spectrum_bytes, 8 * p * q);
    let text = description.to_string();
    assert!(text.starts_with("fft 31x31, ") && text.contains(&format!("{p}x{q}")), "{text}");
    // Large masks cost more, but not in proportion.
    let cost = |side| {
        let desc = Filter2dDesc::new([1080, 1920], 3, [side, side]);
        FftFilterPlan::new(&desc, Level::detect()).unwrap().predicted_cost()
    };
    assert!(cost(5) < cost(31) && cost(31) < cost(101) && cost(101) < 10.0 * cost(31));
}

/// A mask of one row or column is transformed along one axis only, and tiles are not higher than what that takes.
#[test]
fn masks_of_one_row_have_flat_tiles() {
    let desc = Filter2dDesc::new([500, 500], 1, [1, 101]);
    let plan = FftFilterPlan::new(&desc, Level::detect()).unwrap();
    let turned = FftFilterPlan::new(&Filter2dDesc::new([500, 500], 1, [101, 1]), Level::detect()).unwrap();
    let square = FftFilterPlan::new(&Filter2dDesc::new([500, 500], 1, [2, 101]), Level::detect()).unwrap();
    assert!(plan.predicted_cost() < square.predicted_cost());
    assert!(plan.tile_outputs()[0] == plan.tile()[0] && turned.tile_outputs()[1] == turned.tile()[1]);
}
