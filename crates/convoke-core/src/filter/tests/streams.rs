//! Streams: the bits of a run over the whole picture, whatever the border, the anchor, the mask's size and the types.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use super::{BORDERS, Random, any_desc};
use crate::{Border, Error, Filter2dDesc, Filter2dPlan, Level, Mode, Pixel};

/// A value of every type.
trait Any: Pixel + Copy + Default + PartialEq + core::fmt::Debug {
    fn any(random: &mut Random) -> Self;
    fn bits(self) -> u32;
}

impl Any for u8 {
    fn any(random: &mut Random) -> Self {
        random.next() as u8
    }
    fn bits(self) -> u32 {
        self.into()
    }
}

impl Any for u16 {
    fn any(random: &mut Random) -> Self {
        random.next() as u16
    }
    fn bits(self) -> u32 {
        self.into()
    }
}

impl Any for i16 {
    fn any(random: &mut Random) -> Self {
        random.next() as i16
    }
    fn bits(self) -> u32 {
        i32::from(self) as u32
    }
}

impl Any for f32 {
    fn any(random: &mut Random) -> Self {
        random.signed() * 200.0
    }
    fn bits(self) -> u32 {
        self.to_bits()
    }
}

/// Streams a picture, in a buffer that is full of NaN beforehand, and checks the order in which rows are wanted.
fn stream<I: Any, O: Any>(plan: &Filter2dPlan, mask: &[f32], src: &[I]) -> Vec<O> {
    let desc = plan.desc();
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let packed = plan.pack(mask, &mut buffer).unwrap();
    // Exactly as long as it must be.
    let mut memory = vec![f32::NAN; plan.stream_len()];
    let mut stream = plan.stream::<I, O, _>(&packed, &mut memory[..]).unwrap();
    buffer.fill(f32::NAN);

    let row_len = desc.size[1] * desc.channels;
    let (mut row, mut dst, mut wanted) = (vec![O::default(); row_len], Vec::new(), Vec::new());
    while let Some(y) = stream.wants() {
        assert!(!stream.pull(&mut row).unwrap(), "wants a row although one is ready");
        wanted.push(y);
        stream.push(&src[y * row_len..][..row_len]).unwrap();
        while stream.pull(&mut row).unwrap() {
            dst.extend_from_slice(&row);
            if stream.wants().is_none() {
                assert!(stream.push(&src[..row_len]).is_err());
            }
        }
    }
    assert!(stream.is_finished());
    assert!(!stream.pull(&mut row).unwrap());
    assert_eq!(stream.push(&src[..row_len]), Err(Error::NotWanted { operand: "row" }));
    if desc.border != Border::Wrap {
        assert!(wanted.iter().copied().eq(0..desc.size[0]), "{wanted:?}");
    }
    dst
}

/// How a plan is made.
type Plan = fn(&Filter2dDesc, Level) -> Result<Filter2dPlan, Error>;

fn whole<I: Any, O: Any>(plan: &Filter2dPlan, mask: &[f32], src: &[I]) -> Vec<O> {
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let packed = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![O::default(); plan.dst_len()];
    plan.run(&packed, src, &mut dst, &mut vec![f32::NAN; plan.scratch_len()]).unwrap();
    dst
}

fn check<I: Any, O: Any>(desc: &Filter2dDesc, mask: &[f32], random: &mut Random) {
    check_plan::<I, O>(Filter2dPlan::new, desc, mask, random);
}

fn check_plan<I: Any, O: Any>(plan: Plan, desc: &Filter2dDesc, mask: &[f32], random: &mut Random) {
    let src: Vec<I> = (0..desc.size[0] * desc.size[1] * desc.channels).map(|_| I::any(random)).collect();
    for level in Level::available() {
        let plan = plan(desc, level).unwrap();
        let whole: Vec<O> = whole(&plan, mask, &src);
        let rows: Vec<O> = stream(&plan, mask, &src);
        assert_eq!(whole.len(), rows.len());
        for (i, (a, b)) in whole.iter().zip(&rows).enumerate() {
            assert_eq!(a.bits(), b.bits(), "{level}, element {i}: {desc:?}");
        }
    }
}

fn dense(mut desc: Filter2dDesc) -> Filter2dDesc {
    (desc.src_row_stride, desc.dst_row_stride) = (None, None);
    desc
}

#[test]
fn streams_change_no_bit_of_any_type() {
    let mut random = Random(20);
    for round in 0..160 {
        let desc = dense(any_desc(&mut random)).divisor([1.0, 3.0, 7.5][random.below(3)]);
        let n = desc.mask_size[0] * desc.mask_size[1];
        let mask = random.signed_values(n);
        match round % 8 {
            0 => check::<u8, u8>(&desc, &mask, &mut random),
            1 => check::<u16, u16>(&desc, &mask, &mut random),
            2 => check::<i16, i16>(&desc, &mask, &mut random),
            3 => check::<f32, f32>(&desc, &mask, &mut random),
            4 => check::<u8, i16>(&desc, &mask, &mut random),
            5 => check::<i16, u8>(&desc, &mask, &mut random),
            6 => check::<f32, u16>(&desc, &mask, &mut random),
            _ => check::<u16, f32>(&desc, &mask, &mut random),
        }
    }
}

/// The mask that is a column times a row.
fn product(column: &[f32], row: &[f32]) -> Vec<f32> {
    column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect()
}

#[test]
fn streams_of_separable_masks_change_no_bit_of_any_type() {
    let mut random = Random(23);
    for round in 0..160 {
        let desc = dense(any_desc(&mut random)).divisor([1.0, 3.0, 7.5][random.below(3)]);
        let [r, s] = desc.mask_size;
        let mask = product(&random.signed_values(r), &random.signed_values(s));
        let plan = Filter2dPlan::separable;
        match round % 8 {
            0 => check_plan::<u8, u8>(plan, &desc, &mask, &mut random),
            1 => check_plan::<u16, u16>(plan, &desc, &mask, &mut random),
            2 => check_plan::<i16, i16>(plan, &desc, &mask, &mut random),
            3 => check_plan::<f32, f32>(plan, &desc, &mask, &mut random),
            4 => check_plan::<u8, i16>(plan, &desc, &mask, &mut random),
            5 => check_plan::<i16, u8>(plan, &desc, &mask, &mut random),
            6 => check_plan::<f32, u16>(plan, &desc, &mask, &mut random),
            _ => check_plan::<u16, f32>(plan, &desc, &mask, &mut random),
        }
    }
}

/// Every height with every mask height and anchor, the mask much taller than the picture included.
#[test]
fn every_height_anchor_and_border() {
    let mut random = Random(21);
    for height in [1, 2, 3, 4, 5, 8, 9, 13] {
        for rows in [1, 2, 3, 4, 5, 7, 11, 29] {
            let mut anchors = vec![0, rows / 2, rows - 1, rows / 3];
            anchors.dedup();
            for anchor in anchors {
                for border in BORDERS {
                    for mode in [Mode::Correlate, Mode::Convolve] {
                        let desc = Filter2dDesc::new([height, 3], 1, [rows, 2])
                            .anchor([anchor, 1])
                            .border(border)
                            .mode(mode);
                        let mask = random.signed_values(rows * 2);
                        let src: Vec<f32> = random.signed_values(height * 3);
                        let plan = Filter2dPlan::new(&desc, Level::detect()).unwrap();
                        assert_eq!(
                            whole::<f32, f32>(&plan, &mask, &src),
                            stream::<f32, f32>(&plan, &mask, &src),
                            "{desc:?}"
                        );
                        let mask = product(&mask[..rows], &[3.0, -2.0]);
                        let plan = Filter2dPlan::separable(&desc, Level::detect()).unwrap();
                        assert_eq!(
                            whole::<f32, f32>(&plan, &mask, &src),
                            stream::<f32, f32>(&plan, &mask, &src),
                            "separable: {desc:?}"
                        );
                        let mask = vec![0.7; rows * 2];
                        let plan = Filter2dPlan::boxed(&desc, Level::detect()).unwrap();
                        assert_eq!(
                            whole::<f32, f32>(&plan, &mask, &src),
                            stream::<f32, f32>(&plan, &mask, &src),
                            "box: {desc:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Rows much longer than any tile, read in place by a run and widened by a stream.
#[test]
fn long_rows() {
    let mut random = Random(22);
    for border in BORDERS {
        let desc = Filter2dDesc::new([7, 1111], 3, [4, 5]).border(border);
        let mask = random.signed_values(20);
        check::<f32, f32>(&desc, &mask, &mut random);
        check::<u8, u8>(&desc, &mask, &mut random);
    }
    // Rows about as long as a chunk of sums, and several; a mask so tall that blocks of the whole picture are narrower than
    // a chunk, and that its column is summed in two walks.
    for width in [1009, 1024, 1025, 2111] {
        for (r, border) in [(3, Border::Reflect), (131, Border::Wrap), (131, Border::Zero)] {
            let desc = Filter2dDesc::new([9, width], 1, [r, 17]).border(border);
            let mask = product(&random.signed_values(r), &random.signed_values(17));
            check_plan::<f32, f32>(Filter2dPlan::separable, &desc, &mask, &mut random);
            check_plan::<u8, u8>(Filter2dPlan::separable, &desc, &mask, &mut random);
        }
    }
}

#[test]
fn streams_of_boxes_change_no_bit_of_any_type() {
    let mut random = Random(24);
    for round in 0..160 {
        let desc = dense(any_desc(&mut random)).divisor([1.0, 3.0, 7.5][random.below(3)]);
        let weight = [1.0, -3.0, 0.3][random.below(3)];
        let mask = vec![weight; desc.mask_size[0] * desc.mask_size[1]];
        let plan = Filter2dPlan::boxed;
        match round % 6 {
            0 => check_plan::<u8, f32>(plan, &desc, &mask, &mut random),
            1 => check_plan::<f32, u16>(plan, &desc, &mask, &mut random),
            2 => check_plan::<i16, f32>(plan, &desc, &mask, &mut random),
            3 => check_plan::<f32, f32>(plan, &desc, &mask, &mut random),
            4 => check_plan::<f32, u8>(plan, &desc, &mask, &mut random),
            _ => {
                // Sums that are exact, as they must be from integers to integers.
                let desc = dense(desc).border(BORDERS[random.below(BORDERS.len())]).divisor(3.0);
                let desc = Filter2dDesc { scale: 1.0, offset: 0.0, ..desc };
                if matches!(desc.border, Border::Constant(_)) {
                    continue;
                }
                check_plan::<u8, u8>(plan, &desc, &vec![1.0; mask.len()], &mut random);
                check_plan::<u8, i16>(plan, &desc, &vec![1.0; mask.len()], &mut random);
            }
        }
    }
    // Rows longer than a chunk, and a box wider than one; a group of rows that a run over the whole picture would cut
    // into columns.
    for (size, [r, s]) in [([9, 1111], [3, 5]), ([5, 2111], [2, 1100]), ([300, 1500], [131, 17])] {
        for border in [Border::Reflect, Border::Wrap, Border::Zero] {
            let desc = Filter2dDesc::new(size, 1, [r, s]).border(border);
            check_plan::<f32, f32>(Filter2dPlan::boxed, &desc, &vec![0.7; r * s], &mut random);
        }
    }
}

#[test]
fn streams_of_separable_masks_and_boxes_take_little_memory() {
    let desc = Filter2dDesc::new([1 << 20, 65536], 3, [31, 31]).border(Border::Reflect101);
    assert!(desc.separable_stream_len() < (31 + 9) * 3 * 65536, "{}", desc.separable_stream_len());
    assert!(desc.box_stream_len() < (31 + 22) * 3 * 65536, "{}", desc.box_stream_len());
    assert!(desc.border(Border::Wrap).box_stream_len() < (31 + 6) * 3 * 65536);
    let endless = Filter2dDesc::new([1, usize::MAX / 2], 4, [9, 9]);
    assert_eq!([endless.separable_stream_len(), endless.box_stream_len()], [usize::MAX; 2]);
    let desc = Filter2dDesc::new([4, 4], 1, [3, 3]);
    for plan in [Filter2dPlan::separable, Filter2dPlan::boxed] {
        let plan = plan(&desc, Level::detect()).unwrap();
        let mut buffer = vec![0.0; plan.packed_len()];
        let mask = plan.pack(&[1.0; 9], &mut buffer).unwrap();
        let required = plan.stream_len();
        let error = plan.stream::<u8, u8, _>(&mask, vec![0.0; required - 1]).err();
        assert_eq!(error, Some(Error::Length { operand: "stream buffer", required, got: required - 1 }));
    }
    let plan = Filter2dPlan::boxed(&desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let mask = plan.pack(&[0.3; 9], &mut buffer).unwrap();
    let error = plan.stream::<u8, u8, _>(&mask, vec![0.0; plan.stream_len()]).err();
    assert_eq!(error, Some(Error::Inexact { operand: "sums of a box" }));
    let mut picture = [7_u8; 16];
    let error = plan.run_in_place(&mask, &mut picture, &mut vec![0.0; plan.stream_len()]);
    assert_eq!((error, picture), (Err(Error::Inexact { operand: "sums of a box" }), [7; 16]));
}

#[test]
fn a_stream_keeps_about_as_many_rows_as_the_mask_has() {
    let desc = Filter2dDesc::new([1 << 20, 65536], 3, [5, 5]).border(Border::Reflect101);
    assert!(desc.stream_len() < (5 + 8) * 3 * 65536, "{}", desc.stream_len());
    // Whatever the number of rows.
    let taller = Filter2dDesc { size: [1 << 30, 65536], ..desc };
    assert_eq!(taller.stream_len(), desc.stream_len());
    // At an edge of the mask an anchor takes twice the rows, and only where the border reflects.
    let edge = |border| desc.anchor([0, 2]).border(border).stream_len();
    assert!(edge(Border::Reflect) < (9 + 8) * 3 * 65536);
    assert!(edge(Border::Replicate) <= desc.stream_len());
    assert_eq!(Filter2dDesc::new([1, usize::MAX / 2], 4, [9, 9]).stream_len(), usize::MAX);
}

#[test]
fn wrapped_borders_ask_for_the_end_first() {
    let desc = Filter2dDesc::new([6, 2], 1, [3, 1]).border(Border::Wrap);
    let plan = Filter2dPlan::new(&desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let mask = plan.pack(&[1.0, 10.0, 100.0], &mut buffer).unwrap();
    let mut stream = plan.stream::<f32, f32, _>(&mask, vec![0.0; desc.stream_len()]).unwrap();
    let (mut order, mut first, mut row) = (Vec::new(), Vec::new(), [0.0; 2]);
    while let Some(y) = stream.wants() {
        order.push(y);
        stream.push(&[y as f32; 2]).unwrap();
        while stream.pull(&mut row).unwrap() {
            first.push(row[0]);
        }
    }
    assert_eq!(order, [5, 0, 1, 2, 3, 4, 5, 0]);
    assert_eq!(first, [105.0, 210.0, 321.0, 432.0, 543.0, 54.0]);
}

#[test]
fn streams_check_what_they_are_given() {
    let desc = Filter2dDesc::new([2, 5], 2, [3, 3]);
    let plan = Filter2dPlan::new(&desc, Level::detect()).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let mask = plan.pack(&[1.0; 9], &mut buffer).unwrap();
    let required = desc.stream_len();
    let short = plan.stream::<u8, u8, _>(&mask, vec![0.0; required - 1]).err();
    assert_eq!(short, Some(Error::Length { operand: "stream buffer", required, got: required - 1 }));
    let other = Filter2dPlan::new(&desc.divisor(2.0), Level::detect()).unwrap();
    let wrong = other.stream::<u8, u8, _>(&mask, vec![0.0; required]).err();
    assert_eq!(wrong, Some(Error::WrongPacking));

    let mut stream = plan.stream::<u8, u8, _>(&mask, vec![0.0; required]).unwrap();
    let length = |operand, got| Error::Length { operand, required: 10, got };
    assert_eq!(stream.push(&[1; 9]), Err(length("row", 9)));
    assert_eq!(stream.pull(&mut [0; 11]), Err(length("dst", 11)));
    assert_eq!(stream.pull(&mut [0; 10]), Ok(false));
    stream.push(&[1; 10]).unwrap();
    assert_eq!((stream.wants(), stream.pull(&mut [0; 10])), (Some(1), Ok(false)));
    stream.push(&[1; 10]).unwrap();
    let error = stream.push(&[1; 10]).unwrap_err();
    assert_eq!(error, Error::NotWanted { operand: "row" });
    assert_eq!(error.to_string(), "row: must be pushed only when the stream wants one, got one too many");
    let mut dst = [0; 10];
    assert_eq!(stream.pull(&mut dst), Ok(true));
    assert_eq!(dst, [4, 4, 6, 6, 6, 6, 6, 6, 4, 4]);
    assert_eq!((stream.wants(), stream.is_finished()), (None, false));
    assert_eq!(stream.pull(&mut dst), Ok(true));
    assert_eq!((stream.pull(&mut dst), stream.is_finished()), (Ok(false), true));

    // A buffer that shrinks is an error as well.
    let mut stream = plan.stream::<u8, u8, _>(&mask, vec![0.0; required]).unwrap();
    let mut torn = stream.clone();
    torn.buffer.truncate(5);
    assert!(torn.push(&[1; 10]).is_err());
    stream.push(&[1; 10]).unwrap();
}

fn check_in_place<P: Any>(plan: Plan, desc: &Filter2dDesc, mask: &[f32], random: &mut Random) {
    for level in Level::available() {
        let plan = plan(desc, level).unwrap();
        let src: Vec<P> = (0..plan.src_len()).map(|_| P::any(random)).collect();
        let mut packing = vec![f32::NAN; plan.packed_len()];
        let packed = plan.pack(mask, &mut packing).unwrap();
        let mut expected = src.clone();
        let mut scratch = vec![f32::NAN; plan.scratch_len()];
        plan.run(&packed, &src, &mut expected, &mut scratch).unwrap();
        let mut picture = src.clone();
        let mut memory = vec![f32::NAN; plan.stream_len()];
        let result = plan.run_in_place(&packed, &mut picture, &mut memory);
        if desc.border == Border::Wrap {
            assert_eq!(result, Err(Error::NotInPlace));
            expected.clone_from(&src);
        }
        // What lies between rows is the picture's own, and stays.
        assert!(picture.iter().zip(&expected).all(|(a, b)| a.bits() == b.bits()), "{level}: {desc:?}");
        assert!(plan.run_in_place(&packed, &mut picture, &mut memory[1..]).is_err());
    }
}

#[test]
fn in_place_changes_no_bit() {
    let mut random = Random(22);
    for round in 0..120 {
        let mut desc = any_desc(&mut random);
        let stride = desc.size[1] * desc.channels + [0, 0, 5][random.below(3)];
        (desc.src_row_stride, desc.dst_row_stride) = (Some(stride), Some(stride));
        let [r, s] = desc.mask_size;
        let (plan, mask): (Plan, _) = match round % 3 {
            0 => (Filter2dPlan::separable, product(&random.signed_values(r), &random.signed_values(s))),
            1 => (Filter2dPlan::new, random.signed_values(r * s)),
            _ => (Filter2dPlan::boxed, vec![0.7; r * s]),
        };
        if round % 3 == 2 {
            check_in_place::<f32>(plan, &desc, &mask, &mut random);
            continue;
        }
        match round % 4 {
            0 => check_in_place::<u8>(plan, &desc, &mask, &mut random),
            1 => check_in_place::<u16>(plan, &desc, &mask, &mut random),
            2 => check_in_place::<i16>(plan, &desc, &mask, &mut random),
            _ => check_in_place::<f32>(plan, &desc, &mask, &mut random),
        }
    }
    let desc = Filter2dDesc::new([3, 3], 1, [1, 1]).dst_row_stride(4);
    let plan = Filter2dPlan::new(&desc, Level::detect()).unwrap();
    let mut packing = vec![0.0; plan.packed_len()];
    let packed = plan.pack(&[1.0], &mut packing).unwrap();
    let error = plan.run_in_place(&packed, &mut [0_u8; 9], &mut vec![0.0; desc.stream_len()]);
    assert_eq!(error, Err(Error::NotInPlace));
}
