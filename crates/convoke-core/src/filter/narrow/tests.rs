//! Narrow filters against loops that restate the definition in 64-bit integers, at every level.

use std::vec;
use std::vec::Vec;

use super::desc::{NarrowDesc, NarrowMask, Rounding};
use super::pixel::NarrowPixel;
use super::plan::NarrowPlan;
use super::scratch::NarrowScratch;
use crate::filter::tests::{BORDERS, Random, outside, thin};
use crate::{Border, Error, Level, Mode};

/// All taps of a mask, row by row.
fn taps(mask: NarrowMask<'_>) -> Vec<i64> {
    match mask {
        NarrowMask::Separable { column, row } => {
            column.iter().flat_map(|&c| row.iter().map(move |&r| i64::from(c) * i64::from(r))).collect()
        }
        NarrowMask::Ones([r, s]) => vec![1; r * s],
        NarrowMask::Full { taps, .. } => taps.iter().map(|&tap| tap.into()).collect(),
    }
}

/// Exact results before clamping, without strides.
fn expected(desc: &NarrowDesc<'_>, src: &[u8]) -> Vec<i64> {
    let ([h, w], c, [r, s], [a, b]) = (desc.size, desc.channels, desc.mask.size(), desc.anchor);
    let taps = taps(desc.mask);
    let stride = desc.src_row_stride.unwrap_or(w * c);
    let mut values = Vec::new();
    for y in 0..h as isize {
        for x in 0..w as isize {
            for channel in 0..c {
                let mut sum = i64::from(desc.offset);
                for (i, tap) in taps.iter().enumerate() {
                    let [mut down, mut right] =
                        [(i / s) as isize - a as isize, (i % s) as isize - b as isize];
                    if desc.mode == Mode::Convolve {
                        [down, right] = [-down, -right];
                    }
                    let at = (
                        outside(desc.border, y + down, h as isize),
                        outside(desc.border, x + right, w as isize),
                    );
                    sum += tap
                        * match at {
                            (Some(y), Some(x)) => src[y * stride + x * c + channel].into(),
                            _ => desc.border.outside() as i64,
                        };
                }
                values.push(round(sum, desc.divisor.into(), desc.rounding));
                debug_assert!(r > 0);
            }
        }
    }
    values
}

fn round(sum: i64, divisor: i64, rounding: Rounding) -> i64 {
    let [floor, rest] = [sum.div_euclid(divisor), sum.rem_euclid(divisor)];
    match (2 * rest).cmp(&divisor) {
        core::cmp::Ordering::Less => floor,
        core::cmp::Ordering::Greater => floor + 1,
        core::cmp::Ordering::Equal if rounding == Rounding::TiesUp => floor + 1,
        core::cmp::Ordering::Equal => floor + (floor & 1),
    }
}

/// A run in parts, with everything full of rubbish beforehand; what is between rows is checked.
fn run<O: NarrowPixel + PartialEq + core::fmt::Debug>(
    desc: &NarrowDesc<'_>,
    level: Level,
    src: &[u8],
    marker: O,
    cuts: &[usize],
) -> Vec<O> {
    let plan = NarrowPlan::new(desc, level).unwrap();
    let len = plan.scratch_len();
    let row = desc.size[1] * desc.channels;
    let stride = desc.dst_row_stride.unwrap_or(row);
    let mut values = Vec::new();
    let ends = cuts.iter().copied().chain([desc.size[0]]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    for (start, end) in starts.zip(ends) {
        let held = if start == end { 0 } else { (end - start - 1) * stride + row };
        let mut dst = vec![marker; held];
        let mut bytes = vec![0xA5; len.bytes];
        let mut halves = vec![0xA5A5; len.halves];
        let mut words = vec![0xA5A5_A5A5; len.words];
        let mut scratch = NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
        plan.run_rows(start..end, src, &mut dst, &mut scratch).unwrap();
        for chunk in dst.chunks(stride) {
            values.extend_from_slice(&chunk[..row]);
            assert!(chunk[row..].iter().all(|&x| x == marker), "written between rows: {desc:?}");
        }
    }
    values
}

fn check(desc: &NarrowDesc<'_>, random: &mut Random) {
    let src = random.bytes(NarrowPlan::new(desc, Level::scalar()).unwrap().src_len());
    check_on(desc, &src, random);
}

fn check_on(desc: &NarrowDesc<'_>, src: &[u8], random: &mut Random) {
    let expected = expected(desc, src);
    let cut = random.below(desc.size[0] + 1);
    let bytes: Vec<u8> = expected.iter().map(|&v| v.clamp(0, 255) as u8).collect();
    let signed: Vec<i16> = expected.iter().map(|&v| v.clamp(-32768, 32767) as i16).collect();
    let unsigned: Vec<u16> = expected.iter().map(|&v| v.clamp(0, 65535) as u16).collect();
    for level in Level::available() {
        for cuts in [&[][..], &[cut]] {
            assert!(run(desc, level, src, 77_u8, cuts) == bytes, "u8, {level}, {cuts:?}: {desc:?}");
            assert!(run(desc, level, src, 77_i16, cuts) == signed, "i16, {level}, {cuts:?}: {desc:?}");
            assert!(run(desc, level, src, 77_u16, cuts) == unsigned, "u16, {level}, {cuts:?}: {desc:?}");
        }
    }
}

/// Any of the borders; the constant is a byte.
fn border(random: &mut Random) -> Border {
    match BORDERS[random.below(BORDERS.len())] {
        Border::Constant(_) => Border::Constant(random.below(256) as f32),
        border => border,
    }
}

/// A descriptor around a mask: sizes near blocks and lanes, any anchor, any division.
fn around<'a>(mask: NarrowMask<'a>, random: &mut Random) -> NarrowDesc<'a> {
    let channels = 1 + random.below(4);
    let near = [1, 2, 3, 5, 16, 17, 32, 64, 65, 80, 130][random.below(11)];
    let width = (near + random.below(3)).div_ceil([1, channels][random.below(2)]);
    let [r, s] = mask.size();
    let mut desc = NarrowDesc::new([1 + random.below(9), width], channels, mask)
        .border(border(random))
        .mode([Mode::Correlate, Mode::Convolve][random.below(2)])
        .rounding([Rounding::TiesToEven, Rounding::TiesUp][random.below(2)]);
    if random.below(2) == 0 {
        desc = desc.anchor([random.below(r), random.below(s)]);
    }
    if random.below(3) == 0 {
        desc = desc.src_row_stride(width * channels + random.below(20));
    }
    if random.below(3) == 0 {
        desc = desc.dst_row_stride(width * channels + random.below(20));
    }
    let sum = taps(mask).iter().map(|tap| tap.abs()).sum::<i64>().max(1);
    desc.divisor(match random.below(5) {
        0 => 1,
        1 => 1 << random.below(12),
        2 => 1 + random.below(sum as usize * 2) as u32,
        _ => sum as u32,
    })
    .offset(if random.below(3) == 0 { random.below(20_000) as i32 - 10_000 } else { 0 })
}

fn line(len: usize, random: &mut Random) -> Vec<i16> {
    let most = [2, 9, 40, if len < 20 { 257 } else { 40 }][random.below(4)];
    let least = [0, most / 2][random.below(2)];
    let mut line: Vec<i16> = (0..len).map(|_| (random.below(most + 1) as i16) - least as i16).collect();
    if random.below(3) > 0 {
        let sign = if least > 0 && random.below(2) == 0 { -1 } else { 1 };
        for i in 0..len / 2 {
            line[len - 1 - i] = sign * line[i];
        }
        if len % 2 == 1 && sign == -1 {
            line[len / 2] = 0;
        }
    }
    line
}

#[test]
fn any_separable_mask() {
    let mut random = Random(50);
    for round in 0..500 {
        let len =
            |random: &mut Random| if round % 4 == 0 { 1 + random.below(33) } else { 1 + random.below(8) };
        let (r, s) = (len(&mut random), len(&mut random));
        let (column, row) = (line(r, &mut random), line(s, &mut random));
        let desc = around(NarrowMask::Separable { column: &column, row: &row }, &mut random);
        check(&desc, &mut random);
    }
}

#[test]
fn any_mask_of_ones() {
    let mut random = Random(51);
    for round in 0..400 {
        let most = [4, 9, 20, 70][round % 4];
        let size = [1 + random.below(most), 1 + random.below(most)];
        let desc = around(NarrowMask::Ones(size), &mut random);
        check(&desc, &mut random);
    }
    // Sums beyond 16 bits down a column, and in four columns.
    for size in [[300, 3], [300, 40], [258, 1], [65, 9], [64, 9], [257, 1], [3, 500]] {
        let desc = around(NarrowMask::Ones(size), &mut random);
        check(&desc, &mut random);
    }
}

#[test]
fn any_full_mask() {
    let mut random = Random(52);
    for _ in 0..300 {
        let size = [1 + random.below(6), 1 + random.below(6)];
        let taps = line(size[0] * size[1], &mut random);
        let desc = around(NarrowMask::Full { size, taps: &taps }, &mut random);
        check(&desc, &mut random);
    }
}

/// Every area of a small mean, on pictures that reach every sum: all roundings near all ties.
/// The LLVM of Rust 1.95 made 0 of them on WebAssembly: see `finish::byte`.
#[test]
fn sums_that_fill_sixteen_bits_end_at_255() {
    let mut random = Random(55);
    for taps in [[0, 50, 0, 50, 50, 50, 0, 50, 0], [30, 0, 30, 0, 90, 0, 30, 0, 30]] {
        let mask = NarrowMask::Full { size: [3, 3], taps: &taps };
        let desc = NarrowDesc::new([4, 80], 1, mask).border(Border::Wrap);
        check_on(&desc, &[255; 320], &mut random);
        check(&desc, &mut random);
    }
}

#[test]
fn every_quotient() {
    let mut random = Random(53);
    for area in thin((1..=300).chain([496, 2000, 3969, 4000, 4095])) {
        for rounding in [Rounding::TiesToEven, Rounding::TiesUp] {
            let desc = NarrowDesc::new([1, 1000], 1, NarrowMask::Ones([1, area]))
                .border(Border::Replicate)
                .divisor(area as u32)
                .rounding(rounding);
            // Slopes: neighbouring windows differ by little, and the whole range is met.
            let src: Vec<u8> = (0..1000).map(|x| (x * 255 / 999 + random.below(2)).min(255) as u8).collect();
            let expected = expected(&desc, &src);
            for level in Level::available() {
                let got = run(&desc, level, &src, 0_u8, &[]);
                assert!(got.iter().zip(&expected).all(|(&g, &e)| i64::from(g) == e), "{area} {level}");
            }
        }
    }
}

#[test]
fn wide_pictures_are_cut_into_blocks() {
    let mut random = Random(54);
    let column = line(31, &mut random);
    let row = [1, 4, 6, 4, 1];
    for border in BORDERS {
        let border = if let Border::Constant(_) = border { Border::Constant(9.0) } else { border };
        for mask in [
            NarrowMask::Separable { column: &column, row: &row },
            NarrowMask::Ones([40, 37]),
            NarrowMask::Full { size: [31, 5], taps: &[3; 155] },
        ] {
            let desc = NarrowDesc::new([3, 2101], 1, mask).border(border).divisor(300);
            assert!(NarrowPlan::new(&desc, Level::detect()).unwrap().block < 2101);
            check(&desc, &mut random);
        }
    }
}

#[test]
fn bad_requests() {
    let mask = NarrowMask::Separable { column: &[1, 2, 1], row: &[1, 2, 1] };
    let desc = NarrowDesc::new([4, 5], 1, mask);
    let error = |desc: NarrowDesc<'_>| NarrowPlan::new(&desc, Level::detect()).unwrap_err();
    let small = |operand, required, got| Error::TooSmall { operand, required, got };
    let large = |operand, required, got| Error::TooLarge { operand, required, got };
    assert_eq!(error(NarrowDesc::new([0, 5], 1, mask)), small("height", 1, 0));
    assert_eq!(error(NarrowDesc::new([4, 0], 1, mask)), small("width", 1, 0));
    assert_eq!(error(NarrowDesc::new([4, 5], 0, mask)), small("channels", 1, 0));
    assert_eq!(error(NarrowDesc::new([4, 5], 5, mask)), large("channels", 4, 5));
    assert_eq!(error(NarrowDesc::new([4, 5], 1, NarrowMask::Ones([0, 3]))), small("mask height", 1, 0));
    assert_eq!(
        error(NarrowDesc::new([4, 5], 1, NarrowMask::Ones([3, 4096]))),
        large("mask width", 4095, 4096)
    );
    assert_eq!(error(desc.anchor([3, 0])), large("anchor row", 2, 3));
    assert_eq!(error(desc.divisor(0)), small("divisor", 1, 0));
    assert_eq!(error(desc.divisor(u32::MAX)), large("divisor", 1 << 30, u32::MAX as usize));
    assert_eq!(error(desc.offset(i32::MIN)), large("offset", 1 << 30, 1 << 31));
    assert_eq!(error(desc.border(Border::Constant(0.5))), large("border", 255, 0));
    assert_eq!(error(desc.border(Border::Constant(256.0))), large("border", 255, 256));
    assert_eq!(error(desc.border(Border::Constant(f32::NAN))), large("border", 255, 0));
    assert_eq!(error(desc.src_row_stride(4)), small("src row stride", 5, 4));
    assert_eq!(error(desc.dst_row_stride(4)), small("dst row stride", 5, 4));
    assert_eq!(error(NarrowDesc::new([usize::MAX, 5], 1, mask)), Error::Overflow { operand: "src" });
    let full = NarrowMask::Full { size: [2, 2], taps: &[1; 3] };
    assert_eq!(
        error(NarrowDesc::new([4, 5], 1, full)),
        Error::Length { operand: "mask", required: 4, got: 3 }
    );
    let full = NarrowMask::Full { size: [usize::MAX / 8, 9], taps: &[1; 3] };
    assert_eq!(error(NarrowDesc::new([4, 5], 1, full)), Error::Overflow { operand: "mask" });
    let huge = [i16::MAX; 200];
    let sums = NarrowMask::Separable { column: &huge, row: &huge };
    assert!(matches!(error(NarrowDesc::new([4, 5], 1, sums)), Error::TooLarge { operand: "sums", .. }));

    // Nothing is written after an error.
    let plan = NarrowPlan::new(&desc, Level::detect()).unwrap();
    let len = plan.scratch_len();
    let (mut bytes, mut halves, mut words) =
        (vec![1; len.bytes], vec![1; len.halves - 1], vec![1; len.words]);
    let mut scratch = NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
    let mut dst = [9_u8; 20];
    let length = |operand, required, got| Err(Error::Length { operand, required, got });
    assert_eq!(
        plan.run(&[0; 20], &mut dst, &mut scratch),
        length("scratch halves", len.halves, len.halves - 1)
    );
    assert_eq!(plan.run(&[0; 19], &mut dst, &mut scratch), length("src", 20, 19));
    assert_eq!(plan.run(&[0; 20], &mut dst[..19], &mut scratch), length("dst", 20, 19));
    let (late, turned) = (4..5, core::ops::Range { start: 3, end: 2 });
    assert_eq!(plan.run_rows(late, &[0; 20], &mut dst[..5], &mut scratch), Err(large("rows", 4, 5)));
    assert_eq!(plan.run_rows(turned, &[0; 20], &mut dst[..5], &mut scratch), Err(large("rows", 2, 3)));
    assert_eq!(dst, [9; 20]);
}

/// Any region into memory of its own, by a plan whose taps were taken away and given back.
#[test]
fn regions_are_parts_of_the_whole() {
    let mut random = Random(31);
    for round in 0..150 {
        let (height, width, c) = (1 + random.below(9), 1 + random.below(70), 1 + random.below(4));
        let [r, s] = [1 + random.below(6), 1 + random.below(9)];
        let mut tap = || random.below(7) as i16 - 3;
        let (column, row): (Vec<i16>, Vec<i16>) =
            ((0..r).map(|_| tap()).collect(), (0..s).map(|_| tap()).collect());
        let full: Vec<i16> = (0..r * s).map(|_| tap()).collect();
        let mask = match round % 3 {
            0 => NarrowMask::Separable { column: &column, row: &row },
            1 => NarrowMask::Ones([r, s]),
            _ => NarrowMask::Full { size: [r, s], taps: &full },
        };
        let desc = NarrowDesc::new([height, width], c, mask)
            .divisor(1 + random.below(40) as u32)
            .border(BORDERS[round % BORDERS.len()])
            .mode([Mode::Correlate, Mode::Convolve][round % 2]);
        let Ok(_) = NarrowPlan::new(&desc, Level::detect()) else { continue };
        let src: Vec<u8> = (0..height * width * c).map(|_| random.next() as u8).collect();
        for level in Level::available() {
            let plan = NarrowPlan::new(&desc, level).unwrap().detach().attach(mask).unwrap();
            let len = plan.scratch_len();
            let (mut bytes, mut halves, mut words) =
                (vec![0xAA; len.bytes], vec![0xAAAA; len.halves], vec![0xAAAA_AAAA; len.words]);
            let scratch = &mut NarrowScratch { bytes: &mut bytes, halves: &mut halves, words: &mut words };
            let mut whole = vec![0_i16; plan.dst_len()];
            plan.run(&src, &mut whole, scratch).unwrap();
            for _ in 0..3 {
                let mut range = |total: usize| {
                    let ends = [random.below(total + 1), random.below(total + 1)];
                    ends[0].min(ends[1])..ends[0].max(ends[1])
                };
                let (rows, cols) = (range(height), range(width));
                let (row_len, stride) = (cols.len() * c, cols.len() * c + 2);
                let len = if rows.is_empty() { 0 } else { (rows.len() - 1) * stride + row_len };
                let mut part = vec![-7_i16; len];
                plan.run_region([rows.clone(), cols.clone()], &src, &mut part, stride, scratch).unwrap();
                for (at, &got) in part.iter().enumerate() {
                    let from = (rows.start + at / stride) * width * c + cols.start * c + at % stride;
                    let want = if at % stride < row_len { whole[from] } else { -7 };
                    assert_eq!(got, want, "{level}, {rows:?} by {cols:?}, {at}: {desc:?}");
                }
                let outside = plan.run_region([rows, 0..width + 1], &src, &mut part, stride, scratch);
                let error = Error::TooLarge { operand: "columns", required: width, got: width + 1 };
                assert_eq!(outside, Err(error));
            }
        }
    }
}

#[test]
fn a_detached_plan_refuses_taps_that_it_does_not_know() {
    let of = |column, row| NarrowMask::Separable { column, row };
    let desc = NarrowDesc::new([4, 4], 1, of(&[1, 2, 1], &[-1, 0, 1])).divisor(4);
    let plan = NarrowPlan::new(&desc, Level::detect()).unwrap().detach();
    assert!(plan.attach(of(&[1, 2, 1], &[-1, 0, 1])).is_ok());
    // Other taps with the same sums need the same lanes and division.
    assert!(plan.attach(of(&[2, 1, 1], &[-1, 1, 0])).is_ok());
    for other in [
        of(&[1, 3, 1], &[-1, 0, 1]),
        of(&[1, 2, 1], &[-1, 0, 2]),
        of(&[1, 2, 1], &[-1, 1]),
        NarrowMask::Ones([3, 3]),
        NarrowMask::Full { size: [3, 3], taps: &[1; 9] },
    ] {
        assert_eq!(plan.attach(other).err(), Some(Error::WrongPacking), "{other:?}");
    }
    let full = NarrowMask::Full { size: [2, 2], taps: &[1; 4] };
    let plan = NarrowPlan::new(&NarrowDesc::new([4, 4], 1, full), Level::detect()).unwrap().detach();
    let short = NarrowMask::Full { size: [2, 2], taps: &[1; 3] };
    assert_eq!(plan.attach(short).err(), Some(Error::Length { operand: "mask", required: 4, got: 3 }));
}
