//! Arithmetic, comparison and choice.

use core::array;

use super::values::{WIDEST, awkward, check_lanes, for_all, for_any, identical, same};
use crate::{Scalar, Simd};

at_every_level! {
    add
    sub
    mul
    div
    mul_add
    mul_add_is_fused_as_declared
    min
    max
    select_lt
    any_lt
}

fn add<S: Simd>(simd: S) {
    check_lanes(simd, same, |[a, b]| simd.add(a, b), |[a, b]| a + b);
}

fn sub<S: Simd>(simd: S) {
    check_lanes(simd, same, |[a, b]| simd.sub(a, b), |[a, b]| a - b);
}

fn mul<S: Simd>(simd: S) {
    check_lanes(simd, same, |[a, b]| simd.mul(a, b), |[a, b]| a * b);
}

fn div<S: Simd>(simd: S) {
    check_lanes(simd, same, |[a, b]| simd.div(a, b), |[a, b]| a / b);
}

fn mul_add<S: Simd>(simd: S) {
    let expected = |[a, b, c]: [f32; 3]| if S::FUSED { a.mul_add(b, c) } else { a * b + c };
    check_lanes(simd, same, |[a, b, c]| simd.mul_add(a, b, c), expected);
}

/// (1 + e)^2 - (1 + 2e) is e^2 exactly, and nothing if the square is rounded first.
fn mul_add_is_fused_as_declared<S: Simd>(simd: S) {
    let e = f32::EPSILON;
    let mut result = [f32::NAN; WIDEST];
    simd.store(
        simd.mul_add(simd.splat(1.0 + e), simd.splat(1.0 + e), simd.splat(-1.0 - 2.0 * e)),
        &mut result,
    );
    assert_eq!(result[..S::LANES], [if S::FUSED { e * e } else { 0.0 }; WIDEST][..S::LANES]);
}

/// The second operand wherever the comparison is not true: NaN on either side, and zeros of different signs.
fn min<S: Simd>(simd: S) {
    check_lanes(simd, identical, |[a, b]| simd.min(a, b), |[a, b]| if a < b { a } else { b });
    check_lanes(simd, identical, |[a, b]| simd.min(a, b), |[a, b]| Scalar::new().min(a, b));
}

fn max<S: Simd>(simd: S) {
    check_lanes(simd, identical, |[a, b]| simd.max(a, b), |[a, b]| if a > b { a } else { b });
    check_lanes(simd, identical, |[a, b]| simd.max(a, b), |[a, b]| Scalar::new().max(a, b));
}

/// All pairs are compared; what they choose between tells the lanes apart.
fn select_lt<S: Simd>(simd: S) {
    let choose = |[a, b]: [f32; 2]| if a < b { f32::NAN } else { -0.0 };
    let (yes, no) = (simd.splat(f32::NAN), simd.splat(-0.0));
    check_lanes(simd, identical, |[a, b]| simd.select_lt(a, b, yes, no), choose);
    check_lanes(simd, identical, |[a, b]| simd.select_lt(a, b, b, a), |[a, b]| if a < b { b } else { a });
}

fn any_lt<S: Simd>(simd: S) {
    let check = |[a, b]: [[f32; WIDEST]; 2]| {
        for (a, b) in a.chunks(S::LANES).zip(b.chunks(S::LANES)) {
            let expected = a.iter().zip(b).any(|(a, b)| a < b);
            assert_eq!(simd.any_lt(simd.load(a), simd.load(b)), expected, "{a:?} < {b:?}");
        }
    };
    for_all(&awkward(), check);
    for_any(check);
    // One lane alone, with nothing or with NaN in the others.
    for lane in 0..S::LANES {
        for others in [0.0, f32::NAN, f32::INFINITY] {
            let a = [others; WIDEST];
            let b: [f32; WIDEST] = array::from_fn(|i| if i == lane { 1.0 } else { others });
            let a: [f32; WIDEST] = array::from_fn(|i| if i == lane { 0.5 } else { a[i] });
            assert!(simd.any_lt(simd.load(&a), simd.load(&b)), "lane {lane} among {others}");
            assert!(!simd.any_lt(simd.load(&b), simd.load(&a)), "lane {lane} among {others}");
        }
    }
}
