//! Requests that cannot be served: an error that names the operand, nothing written.

use std::string::ToString;
use std::vec;

use crate::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Mode};

fn plan(desc: Filter2dDesc) -> Result<Filter2dPlan, Error> {
    Filter2dPlan::new(&desc, Level::detect())
}

#[test]
fn descriptors_are_checked() {
    let desc = Filter2dDesc::new;
    let too_small = |operand, required, got| Some(Error::TooSmall { operand, required, got });
    let too_large = |operand, required, got| Some(Error::TooLarge { operand, required, got });
    let error = |desc| plan(desc).err();
    assert_eq!(error(desc([0, 5], 1, [3, 3])), too_small("height", 1, 0));
    assert_eq!(error(desc([5, 0], 1, [3, 3])), too_small("width", 1, 0));
    assert_eq!(error(desc([5, 5], 0, [3, 3])), too_small("channels", 1, 0));
    assert_eq!(error(desc([5, 5], 5, [3, 3])), too_large("channels", 4, 5));
    assert_eq!(error(desc([5, 5], 1, [0, 3])), too_small("mask height", 1, 0));
    assert_eq!(error(desc([5, 5], 1, [3, 0])), too_small("mask width", 1, 0));
    assert_eq!(error(desc([5, 5], 1, [3, 3]).anchor([3, 0])), too_large("anchor row", 2, 3));
    assert_eq!(error(desc([5, 5], 1, [3, 3]).anchor([0, 9])), too_large("anchor column", 2, 9));
    assert_eq!(error(desc([5, 5], 3, [3, 3]).src_row_stride(14)), too_small("src row stride", 15, 14));
    assert_eq!(error(desc([5, 5], 3, [3, 3]).dst_row_stride(14)), too_small("dst row stride", 15, 14));

    let not_finite = |operand| Some(Error::NotFinite { operand, index: 0 });
    let good = desc([5, 5], 1, [3, 3]);
    assert_eq!(error(good.scale(f32::NAN)), not_finite("scale"));
    assert_eq!(error(good.divisor(f32::INFINITY)), not_finite("divisor"));
    assert_eq!(error(good.offset(f32::NEG_INFINITY)), not_finite("offset"));
    assert_eq!(error(good.border(Border::Constant(f32::NAN))), not_finite("border"));
    assert_eq!(error(good.divisor(0.0)), Some(Error::NotPositive { operand: "divisor" }));
    assert_eq!(error(good.divisor(-2.0)), Some(Error::NotPositive { operand: "divisor" }));
    assert_eq!(
        Error::NotPositive { operand: "divisor" }.to_string(),
        "divisor: must be positive, got zero or less"
    );
}

#[test]
fn hostile_sizes_are_errors() {
    const SIZES: [usize; 8] =
        [1, 2, 1 << 20, 1 << 31, usize::MAX / 8, usize::MAX / 4 + 1, isize::MAX as usize, usize::MAX];
    let mut served = 0;
    for h in SIZES {
        for w in SIZES {
            for r in SIZES {
                for s in SIZES {
                    for (channels, stride) in
                        [(1, None), (4, Some(usize::MAX)), (3, Some(isize::MAX as usize / 4))]
                    {
                        let mut desc = Filter2dDesc::new([h, w], channels, [r, s]).anchor([r - 1, 0]);
                        desc.src_row_stride = stride;
                        for mode in [Mode::Correlate, Mode::Convolve] {
                            served += usize::from(plan(desc.mode(mode)).is_ok());
                        }
                    }
                }
            }
        }
    }
    assert!(served > 0);
}

#[test]
fn scratch_does_not_grow_with_the_picture() {
    // As wide as sizes in 32 bits allow, or much wider.
    let width = 1 << (usize::BITS / 8 * 3).max(19);
    let wide = plan(Filter2dDesc::new([100, width], 4, [31, 31])).unwrap();
    assert!(wide.describe().scratch_bytes < 288 * 1024, "{}", wide.describe());
}

#[test]
fn runs_are_checked() {
    let plan = plan(Filter2dDesc::new([4, 5], 1, [3, 3]).dst_row_stride(7)).unwrap();
    let length = |operand, required, got| Err(Error::Length { operand, required, got });
    assert_eq!([plan.src_len(), plan.dst_len()], [20, 26]);

    let mut buffer = vec![0.0; plan.packed_len()];
    assert_eq!(plan.pack(&[1.0; 8], &mut buffer).err(), length("mask", 9, 8).err());
    let mut bad = [1.0; 9];
    bad[4] = f32::NAN;
    assert_eq!(plan.pack(&bad, &mut buffer).err(), Some(Error::NotFinite { operand: "mask", index: 4 }));
    let short = plan.packed_len() - 1;
    assert_eq!(
        plan.pack(&[1.0; 9], &mut buffer[..short]).err(),
        length("packed weights", short + 1, short).err()
    );
    assert_eq!(plan.open(&vec![0.0; plan.packed_len()]).err(), Some(Error::WrongPacking));
    plan.pack(&[1.0; 9], &mut buffer).unwrap();
    let mask = plan.open(&buffer).unwrap();

    let src = [1_u8; 20];
    let mut dst = [9_u8; 26];
    let n = plan.scratch_len();
    let mut scratch = vec![0.0; n];
    assert_eq!(plan.run(&mask, &src[1..], &mut dst, &mut scratch), length("src", 20, 19));
    assert_eq!(plan.run(&mask, &src, &mut dst[1..], &mut scratch), length("dst", 26, 25));
    assert_eq!(plan.run(&mask, &src, &mut [0_u8; 27], &mut scratch), length("dst", 26, 27));
    assert_eq!(plan.run(&mask, &src, &mut dst, &mut scratch[1..]), length("scratch", n, n - 1));
    let rows = |range, dst: &mut [u8], scratch: &mut [f32]| plan.run_rows(range, &mask, &src, dst, scratch);
    assert_eq!(rows(0..2, &mut dst, &mut scratch), length("dst", 12, 26));
    assert_eq!(rows(2..2, &mut dst, &mut scratch), length("dst", 0, 26));
    let too_large = |required, got| Err(Error::TooLarge { operand: "rows", required, got });
    assert_eq!(rows(2..5, &mut dst, &mut scratch), too_large(4, 5));
    #[expect(clippy::reversed_empty_ranges, reason = "this is what must be refused")]
    let reversed = 3..2;
    assert_eq!(rows(reversed, &mut dst, &mut scratch), too_large(2, 3));
    // Another filter's mask, even one of the same size.
    let other = Filter2dPlan::new(&plan.desc().divisor(2.0), plan.level()).unwrap();
    assert_eq!(other.run(&mask, &src, &mut dst, &mut scratch), Err(Error::WrongPacking));
    assert_eq!(dst, [9; 26]);

    assert_eq!(rows(4..4, &mut [], &mut scratch), Ok(()));
    plan.run(&mask, &src, &mut dst, &mut scratch).unwrap();
    assert_eq!(dst[..14], [4, 6, 6, 6, 4, 9, 9, 6, 9, 9, 9, 6, 9, 9]);
    // The size of the picture does not matter to a packed mask.
    let larger = Filter2dPlan::new(&Filter2dDesc::new([1, 1], 1, [3, 3]), Level::scalar()).unwrap();
    let mut one = [0_u8];
    let mut scratch = vec![0.0; larger.scratch_len()];
    assert_eq!(larger.run(&mask, &[5_u8], &mut one, &mut scratch), Ok(()));
    assert_eq!(one, [5]);
}

#[test]
fn plans_describe_themselves() {
    let plan = plan(Filter2dDesc::new([4, 5], 3, [3, 3]).divisor(9.0)).unwrap();
    let description = plan.describe();
    assert_eq!(description.macs, 4 * 5 * 3 * 9);
    assert_eq!(description.error_terms, 10);
    assert!(description.to_string().starts_with("direct 3x3, "));
}
