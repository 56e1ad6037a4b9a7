//! Tests of the frequency backend against the sum of the definition in f64, and against the direct plan where results must
//! be equal. Tiles are forced to be small, so that small pictures have many.

mod accuracy;
mod calls;
mod tiles;

use convoke_core::{Border, Filter2dDesc, Filter2dPlan, Level, Mode, Pixel};

use crate::plan::{FftFilter, FftFilterPlan};

/// Numbers that look random and are the same every time (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    /// From -1 to 1.
    fn signed(&mut self) -> f32 {
        (self.next() % 2_000_001) as f32 / 1_000_000.0 - 1.0
    }

    fn signed_values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.signed()).collect()
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(17.25),
    Border::Replicate,
    Border::Reflect,
    Border::Reflect101,
    Border::Wrap,
];

/// Any filter of a picture of a few tiles of some small size, and that size.
fn any_problem(random: &mut Random) -> (Filter2dDesc, [usize; 2]) {
    let points = [[16, 16], [16, 32], [48, 32], [32, 80]][random.below(4)];
    let mask_size = points.map(|points| 1 + random.below(points - 1));
    let channels = 1 + random.below(4);
    let size = [1 + random.below(60), 1 + random.below(100)];
    let mut desc = Filter2dDesc::new(size, channels, mask_size)
        .anchor(mask_size.map(|taps| random.below(taps)))
        .border(BORDERS[random.below(6)])
        .mode([Mode::Correlate, Mode::Convolve][random.below(2)]);
    if random.below(2) == 0 {
        desc = desc.src_row_stride(size[1] * channels + random.below(9));
    }
    if random.below(2) == 0 {
        desc = desc.dst_row_stride(size[1] * channels + random.below(9));
    }
    if random.below(2) == 0 {
        desc =
            desc.scale(random.signed()).divisor(random.signed().abs() + 0.3).offset(random.signed() * 20.0);
    }
    (desc, points)
}

fn filter(desc: &Filter2dDesc, mask: &[f32], level: Level, points: [usize; 2]) -> FftFilter {
    FftFilterPlan::with_points(desc, level, points).unwrap().filter(mask).unwrap()
}

/// The result, from scratch full of NaN; `dst` is full of `marker` first.
fn run<I: Pixel, O: Pixel>(filter: &FftFilter, src: &[I], marker: O) -> Vec<O> {
    let mut scratch = vec![f32::NAN; filter.scratch_len()];
    let mut dst = vec![marker; filter.dst_len()];
    filter.run(src, &mut dst, &mut scratch).unwrap();
    dst
}

/// What the direct plan makes of it.
fn direct<I: Pixel, O: Pixel>(
    desc: &Filter2dDesc,
    mask: &[f32],
    level: Level,
    src: &[I],
    marker: O,
) -> Vec<O> {
    let plan = Filter2dPlan::new(desc, level).unwrap();
    let mut buffer = vec![0.0; plan.packed_len()];
    let packed = plan.pack(mask, &mut buffer).unwrap();
    let mut scratch = vec![0.0; plan.scratch_len()];
    let mut dst = vec![marker; plan.dst_len()];
    plan.run(&packed, src, &mut dst, &mut scratch).unwrap();
    dst
}

/// The definition in f64, in the places of `dst`; NaN between rows.
fn definition<I: Pixel + Into<f64>>(desc: &Filter2dDesc, mask: &[f32], src: &[I]) -> Vec<f64> {
    let ([h, w], c, [rows, cols], [a, b]) = (desc.size, desc.channels, desc.mask_size, desc.anchor);
    let [from, to] = [desc.src_row_stride, desc.dst_row_stride].map(|stride| stride.unwrap_or(w * c));
    let mut values = vec![f64::NAN; (h - 1) * to + w * c];
    for (y, x, channel) in
        (0..h).flat_map(|y| (0..w).flat_map(move |x| (0..c).map(move |channel| (y, x, channel))))
    {
        let mut sum = 0.0;
        for (r, s) in (0..rows).flat_map(|r| (0..cols).map(move |s| (r, s))) {
            let (down, right) = (r as isize - a as isize, s as isize - b as isize);
            let sign = if desc.mode == Mode::Correlate { 1 } else { -1 };
            let row = desc.border.index(y as isize + sign * down, h);
            let col = desc.border.index(x as isize + sign * right, w);
            let value = match (row, col) {
                (Some(y), Some(x)) => src[y * from + x * c + channel].into(),
                _ => desc.border.outside().into(),
            };
            sum += f64::from(mask[r * cols + s]) * value;
        }
        let scaled = sum * f64::from(desc.scale) / f64::from(desc.divisor);
        values[y * to + x * c + channel] = scaled + f64::from(desc.offset);
    }
    values
}
