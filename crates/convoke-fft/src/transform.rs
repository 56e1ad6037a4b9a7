//! The plan of a one-dimensional transform: passes, twiddle factors, the order of its spectrum, and its error.

use std::f64::consts::TAU;

use crate::lengths::radices;

/// One pass, of blocks of `radix * count` points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    pub(crate) radix: usize,
    pub(crate) count: usize,
    /// Where its twiddle factors start.
    first: usize,
}

/// A transform of some length, or of no points at all: one that leaves everything as it is.
#[derive(Clone, Debug)]
pub(crate) struct Transform {
    len: usize,
    passes: Vec<Pass>,
    /// `[re, im, -im]` of `exp(-2 pi i j k / n)`, for every pass but the last, `j`, and `k` from 0 on.
    twiddles: Vec<[f32; 3]>,
}

impl Transform {
    /// For a length of [`first_from`](crate::lengths::first_from).
    pub(crate) fn new(len: usize) -> Self {
        let (mut passes, mut twiddles) = (Vec::new(), Vec::new());
        let mut n = len;
        for radix in radices(len) {
            let count = n / radix;
            passes.push(Pass { radix, count, first: twiddles.len() });
            if count > 1 {
                for at in (0..count).flat_map(|j| (0..radix).map(move |k| j * k)) {
                    let (sin, cos) = (TAU * at as f64 / n as f64).sin_cos();
                    twiddles.push([cos as f32, -sin as f32, sin as f32]);
                }
            }
            n = count;
        }
        Self { len, passes, twiddles }
    }

    /// Leaves `len` points as they are: along an axis where the mask has one tap, there is nothing to transform.
    pub(crate) fn identity(len: usize) -> Self {
        Self { len, passes: Vec::new(), twiddles: Vec::new() }
    }

    /// Whether it is [`identity`](Self::identity).
    pub(crate) fn is_identity(&self) -> bool {
        self.passes.is_empty()
    }

    /// Points.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// In forward order.
    pub(crate) fn passes(&self) -> &[Pass] {
        &self.passes
    }

    /// The twiddle factors of a pass.
    #[inline]
    pub(crate) fn twiddles(&self, pass: &Pass) -> &[[f32; 3]] {
        &self.twiddles[pass.first..]
    }

    /// The frequency that a forward transform leaves at a place.
    pub(crate) fn frequency(&self, mut place: usize) -> usize {
        let (mut frequency, mut factor) = (0, 1);
        for pass in &self.passes {
            frequency += place / pass.count * factor;
            place %= pass.count;
            factor *= pass.radix;
        }
        frequency
    }

    /// The sum of the relative errors of the passes, in units of `2^-24`: see [`crate::bound`].
    pub(crate) fn error_units(&self) -> f64 {
        // A product with a rounded factor, on any level.
        let twiddle = 5.0_f64.sqrt() + 1.0;
        let pass = |pass: &Pass| {
            let butterfly = match pass.radix {
                2 => 1.0,
                4 => 2.0,
                3 | 8 => 6.0,
                _ => 12.0,
            };
            butterfly + if pass.count > 1 { twiddle } else { 0.0 }
        };
        self.passes.iter().map(pass).sum()
    }
}

#[cfg(test)]
mod tests {
    use convoke_simd::{Kernel, Level, Simd};
    use std::f64::consts::TAU;

    use super::Transform;
    use crate::lengths::first_from;
    use crate::passes::{Point, forward, inverse, transpose};

    struct Check(usize);

    impl Kernel for Check {
        type Output = ();

        fn run<S: Simd>(self, simd: S) {
            match S::LANES {
                16 => check::<S, 16>(simd, self.0),
                8 => check::<S, 8>(simd, self.0),
                4 => check::<S, 4>(simd, self.0),
                _ => check::<S, 1>(simd, self.0),
            }
        }
    }

    /// Against the sum of the definition, in f64, for every lane; and back.
    fn check<S: Simd, const L: usize>(simd: S, len: usize) {
        let plan = Transform::new(len);
        let value = |i: usize| (i as u64 * 2_654_435_761 % 1999) as f32 / 999.5 - 1.0;
        let points: Vec<Point<L>> = (0..len)
            .map(|j| [0, 1].map(|part| std::array::from_fn(|lane| value((j * 2 + part) * 16 + lane))))
            .collect();
        let mut data = points.clone();
        forward(simd, &plan, &mut data);
        let norm = (2.0 * len as f64).sqrt();
        let bound = 1.01 * plan.error_units() * 2.0_f64.powi(-24) * (len as f64).sqrt() * norm;
        for (place, got) in data.iter().enumerate() {
            for lane in [0, L - 1] {
                let mut want = [0.0; 2];
                for (j, x) in points.iter().enumerate() {
                    let (sin, cos) =
                        (-TAU * ((j * plan.frequency(place)) % len) as f64 / len as f64).sin_cos();
                    let [re, im] = [x[0][lane], x[1][lane]].map(f64::from);
                    want = [want[0] + re * cos - im * sin, want[1] + re * sin + im * cos];
                }
                let off = (f64::from(got[0][lane]) - want[0]).hypot(f64::from(got[1][lane]) - want[1]);
                assert!(off <= bound, "{len} points, place {place}: off by {off:e}, bound {bound:e}");
                assert!(off <= 1e-5 * norm, "{len} points, place {place}: off by {off:e}");
            }
        }
        inverse(simd, &plan, &mut data);
        for (got, want) in data.iter().zip(&points) {
            for (got, want) in got.as_flattened().iter().zip(want.as_flattened()) {
                assert!((got / len as f32 - want).abs() < 1e-5, "{len} points there and back");
            }
        }
    }

    #[test]
    fn every_length_at_every_level() {
        for level in Level::available() {
            let mut len = 0;
            while let Some(next) = first_from(len + 1).filter(|&next| next <= 400) {
                level.dispatch(Check(next));
                len = next;
            }
        }
    }

    #[test]
    fn frequencies_are_a_permutation() {
        for len in [16, 48, 240, 400, 1024] {
            let plan = Transform::new(len);
            let mut all: Vec<usize> = (0..len).map(|place| plan.frequency(place)).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..len));
        }
        assert_eq!(Transform::identity(48).frequency(17), 0);
    }

    #[test]
    fn blocks_are_transposed() {
        struct Block;

        impl Kernel for Block {
            type Output = ();

            fn run<S: Simd>(self, simd: S) {
                fn check<S: Simd, const L: usize>(simd: S) {
                    let vectors = std::array::from_fn(|j| {
                        let lanes: [f32; L] = std::array::from_fn(|i| (100 * j + i) as f32);
                        simd.load(&lanes)
                    });
                    for (j, v) in transpose::<S, L>(simd, vectors).into_iter().enumerate() {
                        let mut lanes = [0.0; L];
                        simd.store(v, &mut lanes);
                        assert!(lanes.iter().enumerate().all(|(i, &lane)| lane == (100 * i + j) as f32));
                    }
                }
                match S::LANES {
                    16 => check::<S, 16>(simd),
                    8 => check::<S, 8>(simd),
                    4 => check::<S, 4>(simd),
                    _ => check::<S, 1>(simd),
                }
            }
        }
        Level::available().for_each(|level| level.dispatch(Block));
    }
}
