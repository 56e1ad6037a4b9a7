//! Integer filters against the reference: every mask that `narrow_form` finds to be one of whole numbers gives the
//! correctly rounded exact value, at every level and border.

use convoke_core::{Border, Filter2dDesc, Level, Mode, NarrowPlan, NarrowScratch, narrow_form};
use convoke_harness::guard::Guarded;
use convoke_reference::filter2d_u8;

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn equal_to_the_reference() {
    let mut random = Random(70);
    let borders = [
        Border::Zero,
        Border::Constant(201.0),
        Border::Replicate,
        Border::Reflect,
        Border::Reflect101,
        Border::Wrap,
    ];
    let mut found = 0;
    for round in 0..180 {
        let [r, s] = [1 + random.below(6), 1 + random.below(6)];
        let mut taps = |n: usize| -> Vec<f32> { (0..n).map(|_| random.below(13) as f32 - 4.0).collect() };
        let mask: Vec<f32> = match round % 3 {
            0 => vec![1.0; r * s],
            1 => {
                let (column, row) = (taps(r), taps(s));
                column.iter().flat_map(|c| row.iter().map(move |r| c * r / 4.0)).collect()
            }
            _ => taps(r * s),
        };
        let channels = 1 + random.below(4);
        let desc = Filter2dDesc::new([1 + random.below(8), 1 + random.below(80)], channels, [r, s])
            .anchor([random.below(r), random.below(s)])
            .border(borders[round % 6])
            .mode([Mode::Correlate, Mode::Convolve][random.below(2)])
            .divisor([1.0, (r * s) as f32, 16.0][random.below(3)])
            .offset([0.0, 128.0, 0.5][random.below(3)]);
        let mut buffer = vec![0; mask.len() + r + s];
        let Some(form) = narrow_form(&desc, &mask, &mut buffer).unwrap() else { continue };
        let len = NarrowPlan::new(&form.desc, Level::scalar()).unwrap().src_len();
        let src: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        let expected = filter2d_u8(&desc, &mask, &src);
        for level in Level::available() {
            let plan = NarrowPlan::new(&form.desc, level).unwrap();
            let src = Guarded::holding(&src, random.below(64));
            let mut dst = Guarded::<u8>::new(plan.dst_len(), random.below(64));
            let len = plan.scratch_len();
            let mut bytes = Guarded::<u8>::new(len.bytes, random.below(64));
            let (mut halves, mut words) = (vec![0x7FC5; len.halves], vec![0x7FC5_7A1E; len.words]);
            let mut scratch =
                NarrowScratch { bytes: bytes.get_mut(), halves: &mut halves, words: &mut words };
            plan.run(src.get(), dst.get_mut(), &mut scratch).unwrap();
            assert!(dst.get() == expected, "{level}: {desc:?}, mask {mask:?}");
            assert!(dst.intact() && bytes.intact(), "{level}: {desc:?}");
        }
        found += 1;
    }
    assert!(found > 140, "{found} masks of whole numbers");
}
