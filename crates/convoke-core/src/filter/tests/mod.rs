//! Tests of picture filters, against loops that restate the definition and share nothing with the code under test.

mod blocks;
mod boxed;
mod integers;
mod past_caches;
mod rank_two;
mod requests;
mod separable;
mod streams;
mod sums;

use std::vec;
use std::vec::Vec;

use crate::{Border, Filter2dDesc, Filter2dPlan, Level, Mode, Pixel};

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    /// From -1 to 1.
    fn signed(&mut self) -> f32 {
        (self.next() % 2_000_001) as f32 / 1_000_000.0 - 1.0
    }

    fn signed_values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.signed()).collect()
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }

    /// Of all bits, with the ends of any 16-bit type more often.
    fn words(&mut self, n: usize) -> Vec<u16> {
        let mut word = || match self.below(8) {
            0 => [0, 0x7FFF, 0x8000, 0xFFFF][self.below(4)],
            _ => self.next() as u16,
        };
        (0..n).map(|_| word()).collect()
    }

    /// Any of the borders.
    fn border(&mut self) -> Border {
        BORDERS[self.below(BORDERS.len())]
    }
}

/// All cases; or, where the environment says `CONVOKE_THIN=N`, the first of every `N`, as in the harness.
pub(crate) fn thin<C: IntoIterator>(cases: C) -> impl Iterator<Item = C::Item> {
    let every = std::env::var("CONVOKE_THIN").ok().and_then(|every| every.parse().ok());
    cases.into_iter().step_by(every.unwrap_or(1).max(1))
}

/// What a plan makes of a picture, in buffers full of NaN before.
fn filtered<I: Pixel, O: Pixel + Default + Clone>(plan: &Filter2dPlan, mask: &[f32], src: &[I]) -> Vec<O> {
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let mask = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![O::default(); plan.dst_len()];
    let mut scratch = vec![f32::NAN; plan.scratch_len()];
    plan.run(&mask, src, &mut dst, &mut scratch).unwrap();
    dst
}

pub(crate) const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(17.25),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

/// The index in a line of `n` that stands at `at`, found by walking towards the line instead of by arithmetic.
pub(crate) fn outside(border: Border, mut at: isize, n: isize) -> Option<usize> {
    while !(0..n).contains(&at) {
        at = match border {
            Border::Zero | Border::Constant(_) => return None,
            Border::Replicate => at + (at < 0) as isize - (at >= n) as isize,
            Border::Reflect => {
                if at < 0 {
                    -1 - at
                } else {
                    2 * n - 1 - at
                }
            }
            Border::Reflect101 if n == 1 => 0,
            Border::Reflect101 => {
                if at < 0 {
                    -at
                } else {
                    2 * n - 2 - at
                }
            }
            Border::Wrap => {
                if at < 0 {
                    at + n
                } else {
                    at - n
                }
            }
        };
    }
    Some(at as usize)
}

/// For every output, row by row and without stride: the tap values and the pixels that they meet, rows and columns
/// of the mask in ascending order (turned for convolution).
fn windows<I: Pixel + Into<f32>>(
    desc: &Filter2dDesc,
    mask: &[f32],
    src: &[I],
    mut each: impl FnMut(&[(f32, f32)]),
) {
    let ([h, w], c, [rows, cols], [a, b]) = (desc.size, desc.channels, desc.mask_size, desc.anchor);
    let stride = desc.src_row_stride.unwrap_or(w * c);
    let mut taps = Vec::new();
    for y in 0..h as isize {
        for x in 0..w as isize {
            for channel in 0..c {
                taps.clear();
                for r in 0..rows {
                    for s in 0..cols {
                        let (weight, down, right) = match desc.mode {
                            Mode::Correlate => {
                                (mask[r * cols + s], r as isize - a as isize, s as isize - b as isize)
                            }
                            Mode::Convolve => {
                                let (r, s) = (rows - 1 - r, cols - 1 - s);
                                (mask[r * cols + s], a as isize - r as isize, b as isize - s as isize)
                            }
                        };
                        let row = outside(desc.border, y + down, h as isize);
                        let col = outside(desc.border, x + right, w as isize);
                        let value = match (row, col, desc.border) {
                            (Some(y), Some(x), _) => src[y * stride + x * c + channel].into(),
                            (_, _, Border::Constant(value)) => value,
                            _ => 0.0,
                        };
                        taps.push((weight, value));
                    }
                }
                each(&taps);
            }
        }
    }
}

/// A run with all buffers full of NaN (or a marker) beforehand, with the result's rows close together, and guards
/// between them checked.
fn run<I: Pixel, O: Pixel + PartialEq + core::fmt::Debug>(
    desc: &Filter2dDesc,
    level: Level,
    mask: &[f32],
    src: &[I],
    marker: O,
) -> Vec<O> {
    let plan = Filter2dPlan::new(desc, level).unwrap();
    let mut buffer = vec![f32::NAN; plan.packed_len()];
    let packed = plan.pack(mask, &mut buffer).unwrap();
    let mut dst = vec![marker; plan.dst_len()];
    let mut scratch = vec![f32::NAN; plan.scratch_len()];
    plan.run(&packed, src, &mut dst, &mut scratch).unwrap();
    dense(desc, &dst, marker)
}

/// The rows of a strided result, after a look between them.
fn dense<O: Pixel + PartialEq + core::fmt::Debug>(desc: &Filter2dDesc, dst: &[O], marker: O) -> Vec<O> {
    let row = desc.size[1] * desc.channels;
    let mut values = Vec::new();
    for chunk in dst.chunks(desc.dst_row_stride.unwrap_or(row)) {
        values.extend_from_slice(&chunk[..row]);
        // NaN is no marker for this: it equals nothing.
        assert!(chunk[row..].iter().all(|&x| x == marker), "written between rows: {desc:?}");
    }
    values
}

/// Any filter of a small picture: sizes around the lanes, masks up to 7 by 7 or much larger than the picture.
fn any_desc(random: &mut Random) -> Filter2dDesc {
    let channels = 1 + random.below(4);
    let near = [1, 2, 3, 4, 8, 16, 32, 64, 80][random.below(9)];
    let width = (near + random.below(3)).saturating_sub(1).max(1).div_ceil([1, channels][random.below(2)]);
    let height = 1 + random.below(11);
    let mask_size = match random.below(6) {
        0 => [1, 1 + random.below(9)],
        1 => [1 + random.below(9), 1],
        2 => [height + random.below(9), width.min(9) + random.below(9)],
        _ => [1 + random.below(7), 1 + random.below(7)],
    };
    let anchor = match random.below(2) {
        0 => [mask_size[0] / 2, mask_size[1] / 2],
        _ => [random.below(mask_size[0]), random.below(mask_size[1])],
    };
    let mut desc = Filter2dDesc::new([height, width], channels, mask_size)
        .anchor(anchor)
        .border(random.border())
        .mode([Mode::Correlate, Mode::Convolve][random.below(2)]);
    if random.below(2) == 0 {
        desc = desc.src_row_stride(width * channels + random.below(20));
    }
    if random.below(2) == 0 {
        desc = desc.dst_row_stride(width * channels + random.below(20));
    }
    desc
}
