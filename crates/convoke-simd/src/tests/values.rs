//! The numbers that the checks are fed: a list of awkward ones for all combinations, and a proptest strategy for
//! the rest. Also the bridge between lanes and slices, and what "the same result" means.

use core::array;
use std::vec::Vec;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::Simd;

/// The widest vector of any level. Operands have this many lanes; a narrower token takes them in turns.
pub(super) const WIDEST: usize = 16;

/// One operand of the widest vector.
pub(super) type Lanes = [f32; WIDEST];

/// Numbers at which an implementation may go wrong, with either sign: zero, denormals, the ends of the normal
/// range, ties, the bounds of bytes, of exact integers and of `i32`, infinity, quiet and signalling NaN.
pub(super) fn awkward() -> Vec<f32> {
    const MAGNITUDES: [u32; 35] = [
        0x0000_0000, // 0
        0x0000_0001, // least denormal
        0x0040_0000, // a denormal of one bit
        0x007F_FFFF, // greatest denormal
        0x0080_0000, // least normal number
        0x0080_0001,
        0x1F80_0000, // 2^-64: its square is denormal
        0x3380_0000, // half an epsilon
        0x3400_0000, // epsilon
        0x3EFF_FFFF, // just below 1/2
        0x3F00_0000, // 1/2
        0x3F00_0001, // just above 1/2
        0x3F7F_FFFF, // just below 1
        0x3F80_0000, // 1
        0x3F80_0001, // just above 1
        0x3FC0_0000, // 1.5
        0x4020_0000, // 2.5
        0x40E0_0000, // 7
        0x42FD_0000, // 126.5
        0x42FE_0000, // 127
        0x42FF_0000, // 127.5
        0x437E_8000, // 254.5
        0x437F_0000, // 255
        0x437F_8000, // 255.5
        0x4A80_0001, // 4194304.5: the last half integers
        0x4AFF_FFFF, // 8388607.5
        0x4B00_0000, // 2^23: from here on all are integers
        0x4B00_0001,
        0x4EFF_FFFF, // just below 2^31
        0x4F00_0000, // 2^31
        0x5F80_0000, // 2^64: its square is infinite
        0x7F7F_FFFF, // greatest number
        0x7F80_0000, // infinity
        0x7FC0_0000, // quiet NaN
        0x7F80_0001, // signalling NaN
    ];
    MAGNITUDES.iter().flat_map(|&bits| [f32::from_bits(bits), f32::from_bits(bits | 1 << 31)]).collect()
}

/// Any `f32`: every bit pattern, with weight on the awkward ones, on ties, and on small numbers that meet.
pub(super) fn any_f32() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => any::<u32>().prop_map(f32::from_bits),
        2 => select(awkward()),
        2 => (-600_i16..600).prop_map(|halves| f32::from(halves) / 2.0),
        1 => -300.0_f32..300.0,
        1 => (0_u32..0x0100_0000).prop_map(f32::from_bits),
    ]
}

/// Runs `check` on many sets of `N` operands. A failure is shrunk and printed; nothing is written to disk, since a
/// case worth keeping deserves a test with a name.
pub(super) fn for_any<const N: usize>(check: impl Fn([Lanes; N])) {
    let mut runner = TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
    let operands = prop::collection::vec(any_f32(), N * WIDEST);
    let result = runner.run(&operands, |values| {
        check(array::from_fn(|operand| array::from_fn(|lane| values[operand * WIDEST + lane])));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Calls `check` with sets of `N` operands such that every combination of values from `list` meets in some lane.
pub(super) fn for_all<const N: usize>(list: &[f32], check: impl Fn([Lanes; N])) {
    let combinations = list.len().pow(N as u32);
    for first in (0..combinations).step_by(WIDEST) {
        check(array::from_fn(|operand| {
            array::from_fn(|lane| {
                let combination = (first + lane) % combinations;
                list[combination / list.len().pow(operand as u32) % list.len()]
            })
        }));
    }
}

/// Applies an operation of a token to whole operands, a vector at a time.
pub(super) fn lanes<S: Simd, const N: usize>(
    simd: S,
    operands: [Lanes; N],
    operation: impl Fn([S::F32; N]) -> S::F32,
) -> Lanes {
    let mut result = [0.0; WIDEST];
    for (turn, dst) in result.chunks_mut(S::LANES).enumerate() {
        let v = operation(array::from_fn(|operand| simd.load(&operands[operand][turn * S::LANES..])));
        simd.store(v, dst);
    }
    result
}

/// Fails unless an operation gives `expected` in every lane, on all combinations of awkward numbers and on
/// arbitrary ones.
pub(super) fn check_lanes<S: Simd, const N: usize>(
    simd: S,
    same: fn(f32, f32) -> bool,
    operation: impl Fn([S::F32; N]) -> S::F32,
    expected: impl Fn([f32; N]) -> f32,
) {
    let check = |operands: [Lanes; N]| {
        for (lane, got) in lanes(simd, operands, &operation).into_iter().enumerate() {
            let x = array::from_fn(|operand| operands[operand][lane]);
            let want = expected(x);
            assert!(
                same(got, want),
                "{simd:?}, lane {lane}: {x:?} gave {got:?} ({:#010x}), not {want:?} ({:#010x})",
                got.to_bits(),
                want.to_bits(),
            );
        }
    };
    for_all(&awkward(), check);
    for_any(check);
}

/// The same bits.
pub(super) fn identical(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits()
}

/// The same bits, or NaN both: which NaN an arithmetic operation makes is nobody's promise.
pub(super) fn same(a: f32, b: f32) -> bool {
    identical(a, b) || a.is_nan() && b.is_nan()
}
