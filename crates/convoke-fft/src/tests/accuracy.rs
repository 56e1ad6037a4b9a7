//! The bound that holds pair of tiles by pair of tiles, on pictures made to come near it.

use std::f64::consts::TAU;

use convoke_core::{Filter2dDesc, Level};

use super::{Random, definition, filter, run};

/// Pictures of one channel as wide as two tiles: their norm is that of the only pair.
#[test]
fn errors_are_below_factor_times_norm() {
    let mut random = Random(7);
    let mut worst: f64 = 0.0;
    for points in [[32, 32], [48, 80], [64, 64], [16, 160]] {
        let mask_size = points.map(|points| points / 2 + 1);
        let outputs = [0, 1].map(|axis| points[axis] - mask_size[axis] + 1);
        let size = [outputs[0], 2 * outputs[1]];
        let desc = Filter2dDesc::new(size, 1, mask_size).border(convoke_core::Border::Wrap);
        let taps = mask_size[0] * mask_size[1];
        let masks = [
            random.signed_values(taps),
            vec![1.0; taps],
            (0..taps).map(|tap| if tap % 2 == 0 { 1.0 } else { -1.0 }).collect(),
            (0..taps).map(|tap| if tap == taps / 3 { 1.0 } else { 0.0 }).collect(),
        ];
        let pixels = size[0] * size[1];
        let wave = |fy: f64, fx: f64| {
            let phase = move |at: usize| fy * (at / size[1]) as f64 + fx * (at % size[1]) as f64;
            (0..pixels).map(|at| (1000.0 * (TAU * phase(at)).cos()) as f32).collect()
        };
        let mut impulse = vec![0.0; pixels];
        impulse[pixels / 2 + 3] = 1e6;
        let mut mixed = random.signed_values(pixels);
        mixed[pixels / 3] = -1e7;
        let pictures: [Vec<f32>; 7] = [
            random.signed_values(pixels),
            vec![1.0; pixels],
            impulse,
            mixed,
            wave(0.5, 0.5),
            wave(1.0 / 3.0, 0.123),
            wave(7.0 / points[0] as f64, 5.0 / points[1] as f64),
        ];
        for (mask, picture) in
            masks.iter().flat_map(|mask| pictures.iter().map(move |picture| (mask, picture)))
        {
            let want = definition(&desc, mask, picture);
            // At most every value of the picture, once for each time that it is gathered.
            let squares = picture.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            let largest = picture.iter().map(|&x| f64::from(x).powi(2)).fold(0.0, f64::max);
            let times = points[0].div_ceil(size[0]) * (points[1].div_ceil(size[1]) + 1);
            let norm = (squares * times as f64).min(largest * (2 * points[0] * points[1]) as f64).sqrt();
            for level in Level::available() {
                let filter = filter(&desc, mask, level, points);
                // A handful of units for each pass, whatever the level.
                let mask_norm = mask.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt();
                let units = filter.error_factor() / mask_norm * 2.0_f64.powi(24);
                assert!((20.0..120.0).contains(&units), "{units} units for {points:?}");
                let bound = filter.error_factor() * norm;
                for (got, want) in run(&filter, picture, 0.0_f32).iter().zip(&want) {
                    let off = (f64::from(*got) - want).abs();
                    assert!(off <= bound, "{level}, {points:?}: off by {off:e}, bound {bound:e}");
                    worst = worst.max(off / bound);
                }
            }
        }
    }
    assert!(worst > 1e-4, "nothing came near the bound: {worst:e} of it");
}
