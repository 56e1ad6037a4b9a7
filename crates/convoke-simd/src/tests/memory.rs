//! Loads and stores: which elements are read and written, and which never.

use core::array;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::vec::Vec;
use std::{format, vec};

use super::values::{WIDEST, for_any, identical, lanes};
use crate::PastCaches;
use crate::Simd;

at_every_level! {
    splat
    load_and_store_pass_every_bit
    load_and_store_at_every_offset
    load_first
    store_first
    first_of_many
    interleave
    deinterleave
    permute
    splat_lane
    past_caches
    prefetch
    load_u8
    load_16
    short_slices_panic
    vectorize
}

/// Stands before and behind everything that an operation may touch.
const GUARD: f32 = -777.0;

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| 1.0 + i as f32).collect()
}

/// A vector's lanes.
fn contents<S: Simd>(simd: S, v: S::F32) -> Vec<f32> {
    let mut lanes = vec![GUARD; S::LANES];
    simd.store(v, &mut lanes);
    lanes
}

fn splat<S: Simd>(simd: S) {
    for_any(|[x]| {
        for x in x {
            assert!(contents(simd, simd.splat(x)).into_iter().all(|lane| identical(lane, x)), "{x:?}");
        }
    });
}

/// NaN payloads, denormals and signs included: these are copies, not arithmetic.
fn load_and_store_pass_every_bit<S: Simd>(simd: S) {
    for_any(|[x]| {
        for (x, y) in x.into_iter().zip(lanes(simd, [x], |[v]| v)) {
            assert!(identical(x, y), "{:#010x} became {:#010x}", x.to_bits(), y.to_bits());
        }
        for x in x.chunks(S::LANES) {
            let mut y = vec![GUARD; S::LANES];
            simd.store_first(simd.load_first(x), &mut y);
            assert!(x.iter().zip(&y).all(|(&x, &y)| identical(x, y)), "{x:?} became {y:?}");
        }
    });
}

fn load_and_store_at_every_offset<S: Simd>(simd: S) {
    let src = numbers(3 * WIDEST);
    for offset in 0..2 * WIDEST {
        let vector = offset..offset + S::LANES;
        assert_eq!(contents(simd, simd.load(&src[offset..])), src[vector.clone()]);
        let mut dst = vec![GUARD; 3 * WIDEST];
        simd.store(simd.load(&src), &mut dst[offset..]);
        assert_eq!(dst[vector.clone()], src[..S::LANES]);
        assert!(dst[..vector.start].iter().chain(&dst[vector.end..]).all(|&x| x == GUARD), "{dst:?}");
    }
}

/// Every length up to one more than a vector. The slice is the end of its allocation, and also the middle of one
/// whose neighbours must not show.
fn load_first<S: Simd>(simd: S) {
    for len in 0..=S::LANES + 1 {
        let alone = numbers(len).into_boxed_slice();
        let mut surrounded = [GUARD; 3 * WIDEST];
        surrounded[WIDEST..WIDEST + len].copy_from_slice(&alone);
        let expected: Vec<f32> = (0..S::LANES).map(|i| alone.get(i).copied().unwrap_or(0.0)).collect();
        for src in [&alone[..], &surrounded[WIDEST..WIDEST + len]] {
            let got = contents(simd, simd.load_first(src));
            assert!(got.iter().zip(&expected).all(|(&a, &b)| identical(a, b)), "length {len}: {got:?}");
        }
    }
}

fn store_first<S: Simd>(simd: S) {
    let v = simd.load(&numbers(WIDEST));
    for len in 0..=S::LANES + 1 {
        let mut dst = vec![GUARD; 3 * WIDEST];
        simd.store_first(v, &mut dst[WIDEST..WIDEST + len]);
        let written = len.min(S::LANES);
        assert_eq!(dst[WIDEST..WIDEST + written], numbers(written)[..], "length {len}");
        let (before, behind) = (&dst[..WIDEST], &dst[WIDEST + written..]);
        assert!(before.iter().chain(behind).all(|&x| x == GUARD), "length {len}: {dst:?}");

        // The same where the slice ends its allocation.
        let mut alone = vec![GUARD; len].into_boxed_slice();
        simd.store_first(v, &mut alone);
        assert_eq!(alone[..written], numbers(written)[..], "length {len}");
    }
}

/// A long slice is a vector and nothing else.
fn first_of_many<S: Simd>(simd: S) {
    for len in [4 * WIDEST, 31 * WIDEST + 5, 32 * WIDEST, 1 << 16] {
        let src = numbers(len);
        assert_eq!(contents(simd, simd.load_first(&src)), src[..S::LANES]);
        let mut dst = vec![GUARD; len];
        simd.store_first(simd.load(&src), &mut dst);
        assert_eq!(dst[..S::LANES], src[..S::LANES]);
        assert!(dst[S::LANES..].iter().all(|&x| x == GUARD));
    }
}

/// Every lane to its place, bits untouched.
fn interleave<S: Simd>(simd: S) {
    let (a, b) = (numbers(WIDEST), numbers(2 * WIDEST)[WIDEST..].to_vec());
    let expected: Vec<f32> = a[..S::LANES].iter().zip(&b).flat_map(|(&a, &b)| [a, b]).collect();
    let [lower, upper] = simd.interleave(simd.load(&a), simd.load(&b));
    let got: Vec<f32> = [contents(simd, lower), contents(simd, upper)].concat();
    assert_eq!(got, expected);
}

fn deinterleave<S: Simd>(simd: S) {
    let (a, b) = (numbers(WIDEST), numbers(2 * WIDEST)[WIDEST..].to_vec());
    let all = [&a[..S::LANES], &b[..S::LANES]].concat();
    let [even, odd] = simd.deinterleave(simd.load(&a), simd.load(&b));
    let every_second = |first: usize| all.iter().copied().skip(first).step_by(2).collect::<Vec<f32>>();
    assert_eq!(contents(simd, even), every_second(0));
    assert_eq!(contents(simd, odd), every_second(1));
    let [lower, upper] = simd.interleave(even, odd);
    assert_eq!([contents(simd, lower), contents(simd, upper)].concat(), all);
}

/// Every lane's value in every lane, and numbers beyond the lanes.
fn permute<S: Simd>(simd: S) {
    let src = numbers(WIDEST);
    for step in 0..=2 * WIDEST as u32 {
        for first in 0..=2 * WIDEST as u32 {
            let order: [u32; WIDEST] = array::from_fn(|i| first.wrapping_add(step.wrapping_mul(i as u32)));
            let expected: Vec<f32> =
                order[..S::LANES].iter().map(|&lane| src[lane as usize % S::LANES]).collect();
            let got = simd.permute(simd.load(&src), simd.order(&order));
            assert_eq!(contents(simd, got), expected, "{order:?}");
        }
    }
    assert!(
        catch_unwind(AssertUnwindSafe(|| {
            let _ = simd.order(&vec![0; S::LANES - 1]);
        }))
        .is_err()
    );
}

/// Every lane, and numbers beyond the lanes.
fn splat_lane<S: Simd>(simd: S) {
    let src = numbers(WIDEST);
    macro_rules! check {
        ($($lane:literal)*) => {$(
            let expected = vec![src[$lane % S::LANES]; S::LANES];
            assert_eq!(contents(simd, simd.splat_lane::<$lane>(simd.load(&src))), expected, "{}", $lane);
        )*};
    }
    check!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 33);
}

/// Every byte in every lane.
fn load_u8<S: Simd>(simd: S) {
    for first in 0..=255_u8 {
        let bytes: [u8; WIDEST] = array::from_fn(|i| first.wrapping_add(i as u8));
        let expected: Vec<f32> = bytes[..S::LANES].iter().copied().map(f32::from).collect();
        assert_eq!(contents(simd, simd.load_u8(&bytes)), expected);
        assert_eq!(contents(simd, simd.load_u8(&bytes[..S::LANES])), expected);
    }
}

/// Every 16-bit value in some lane, at every offset.
fn load_16<S: Simd>(simd: S) {
    let words: Vec<u16> = (0..=u16::MAX).chain(0..WIDEST as u16).collect();
    let signed: Vec<i16> = words.iter().map(|&word| word as i16).collect();
    for first in 0..=usize::from(u16::MAX) {
        let lanes = first..first + S::LANES;
        let expected: Vec<f32> = words[lanes.clone()].iter().copied().map(f32::from).collect();
        assert_eq!(contents(simd, simd.load_u16(&words[lanes.clone()])), expected);
        let expected: Vec<f32> = signed[lanes.clone()].iter().copied().map(f32::from).collect();
        assert_eq!(contents(simd, simd.load_i16(&signed[lanes])), expected);
    }
}

/// Documented: a slice shorter than a vector is a panic, and nothing has been written by then.
fn short_slices_panic<S: Simd>(simd: S) {
    let panics = |f: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(f)).is_err();
    for len in 0..S::LANES {
        let (mut floats, mut bytes) = (vec![GUARD; len], vec![7_u8; len]);
        let (mut words, mut signed) = (vec![7_u16; len], vec![7_i16; len]);
        let context = format!("length {len}");
        assert!(panics(&mut || drop(contents(simd, simd.load(&floats)))), "load, {context}");
        assert!(panics(&mut || drop(contents(simd, simd.load_u8(&bytes)))), "load_u8, {context}");
        assert!(panics(&mut || simd.store(simd.splat(1.0), &mut floats)), "store, {context}");
        assert!(panics(&mut || simd.store_u8(simd.splat(1.0), &mut bytes)), "store_u8, {context}");
        assert!(floats.iter().all(|&x| x == GUARD) && bytes.iter().all(|&x| x == 7), "{context}");
        assert!(panics(&mut || drop(contents(simd, simd.load_u16(&words)))), "load_u16, {context}");
        assert!(panics(&mut || drop(contents(simd, simd.load_i16(&signed)))), "load_i16, {context}");
        assert!(panics(&mut || simd.store_u16(simd.splat(1.0), &mut words)), "store_u16, {context}");
        assert!(panics(&mut || simd.store_i16(simd.splat(1.0), &mut signed)), "store_i16, {context}");
        assert!(words.iter().all(|&x| x == 7) && signed.iter().all(|&x| x == 7), "{context}");
    }
}

/// The region is a plain call otherwise: once, with its result, its borrows and its panics.
fn vectorize<S: Simd>(simd: S) {
    let mut calls = 0;
    let answer = simd.vectorize(|| {
        calls += 1;
        vec![calls; 3]
    });
    assert_eq!((calls, answer), (1, vec![1; 3]));
    assert!(catch_unwind(AssertUnwindSafe(|| simd.vectorize(|| panic!("passes through")))).is_err());
}

/// Every start in a cache line, and every length up to three of them; nothing beside it.
fn past_caches<S: Simd>(simd: S) {
    for (past, at, len) in
        (0..2).flat_map(|past| (0..17).flat_map(move |at| (0..50).map(move |len| (past == 1, at, len))))
    {
        let mut dst = vec![GUARD; 80];
        let src = numbers(len);
        let put = simd.past_caches(past, &mut dst[1..79], |past| {
            past.put(at, &src);
            past.put(78 - 3, &src[..len.min(3)]);
            len
        });
        let mut expected = vec![GUARD; 80];
        expected[1 + at..][..len].copy_from_slice(&src);
        expected[76..][..len.min(3)].copy_from_slice(&src[..len.min(3)]);
        assert_eq!((dst, put), (expected, len), "{len} values at {at}");

        let mut dst = vec![GUARD; 160];
        let values = numbers(4 * S::LANES);
        let v = |i: usize| simd.load(&values[i * S::LANES..]);
        let stride = 2 * S::LANES + len;
        simd.past_caches(past, &mut dst[1..159], |past| {
            let mut rows = past.rows::<2>(at, stride, 2 * S::LANES + len.min(3));
            rows.store(simd, 0, &[[v(0), v(1)], [v(2), v(3)]]);
            rows.store_first(simd, 2 * S::LANES, len.min(3), [v(1), v(2)]);
        });
        let mut expected = vec![GUARD; 160];
        for (i, values) in values.chunks(2 * S::LANES).enumerate() {
            let at = 1 + at + i * stride;
            expected[at..][..values.len()].copy_from_slice(values);
            let first = len.min(3).min(S::LANES);
            expected[at + values.len()..][..first]
                .copy_from_slice(&numbers(4 * S::LANES)[(1 + i) * S::LANES..][..first]);
        }
        assert_eq!(dst, expected, "vectors at {at}, {stride} apart");
    }
    let beyond = |f: &mut dyn FnMut(&mut PastCaches<'_, S>)| {
        let mut dst = [0.0; 20];
        catch_unwind(AssertUnwindSafe(|| simd.past_caches(true, &mut dst, |past| f(past)))).is_err()
    };
    assert!(beyond(&mut |past| past.put(1, &[1.0; 20])));
    assert!(beyond(&mut |past| past.rows::<2>(1, 10, 10).store_first(simd, 0, 0, [simd.splat(1.0); 2])));
    assert!(beyond(&mut |past| past.rows::<2>(0, 10, 11).store_first(simd, 0, 0, [simd.splat(1.0); 2])));
    assert!(beyond(&mut |past| past.rows::<1>(0, 0, 16).store(simd, 17 - S::LANES, &[[simd.splat(1.0)]])));
    assert!(beyond(&mut |past| past.rows::<1>(0, 0, 16).store_first(simd, 16, 1, [simd.splat(1.0)])));
}

/// Nothing to see; empty slices and dangling pointers do no harm.
fn prefetch<S: Simd>(simd: S) {
    simd.prefetch(&numbers(3));
    simd.prefetch::<f32>(&[]);
    simd.prefetch(&[1_u8]);
}
