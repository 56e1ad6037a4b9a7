//! The repeated box that stands for a Gaussian, and how far from it it is. Between a standard deviation and a plan.

/// An extended box: radius, and the part of a weight at either end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    pub(super) radius: usize,
    pub(super) end: f32,
    pub(super) passes: usize,
}

impl Shape {
    /// The box that has, repeated, the variance of the Gaussian: `sigma^2 / passes` for each pass.
    ///
    /// A box of radius `r` has variance `r (r + 1) / 3`; the greatest that is not too wide is widened by its ends. With
    /// ends `a` (Gwosdek, Grewenig, Bruhn and Weickert, 2011, equation 5)
    ///
    /// ```text
    /// a = (2 r + 1) (r (r + 1) - 3 v) / (6 (v - (r + 1)^2)),     v = sigma^2 / passes
    /// ```
    pub(super) fn of(sigma: f64, passes: usize) -> Self {
        let variance = sigma * sigma / passes as f64;
        let mut radius = (((12.0 * variance + 1.0).sqrt() - 1.0) / 2.0).floor();
        // The root is rounded.
        if radius > 0.0 && radius * (radius + 1.0) > 3.0 * variance {
            radius -= 1.0;
        }
        let next = radius + 1.0;
        let end = (2.0 * radius + 1.0) * (radius * next - 3.0 * variance) / (6.0 * (variance - next * next));
        Self { radius: radius as usize, end: end.clamp(0.0, 1.0) as f32, passes }
    }

    /// Pixels to either side.
    #[cfg(test)]
    fn reach(&self) -> usize {
        self.passes * (self.radius + 1)
    }

    /// The weights of all passes along an axis, from the middle outwards, in f64.
    pub(super) fn weights(&self) -> Vec<f64> {
        let (taps, end) = (2 * self.radius + 1, f64::from(self.end));
        let length = taps as f64 + 2.0 * end;
        let mut weights = vec![1.0];
        for _ in 0..self.passes {
            let at = |i: usize| weights.get(i).copied().unwrap_or(0.0);
            let mut wider = Vec::with_capacity(weights.len() + taps + 1);
            // The sum of the `taps` weights before `i`, exact up to roundings of 2^-53.
            let mut sum = 0.0;
            for i in 0..weights.len() + taps + 1 {
                let before = |distance: usize| i.checked_sub(distance).map_or(0.0, at);
                wider.push((sum + end * (at(i) + before(taps + 1))) / length);
                sum += at(i) - before(taps);
            }
            weights = wider;
        }
        weights.split_off(weights.len() / 2)
    }
}

/// The weights of a Gaussian cut off at four sigma and normalised, from the middle outwards: those of
/// [`Mask::gaussian`](crate::mask::Mask::gaussian) before they are rounded.
pub(super) fn gaussian(sigma: f64) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5).floor() as usize;
    let bell: Vec<f64> = (0..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * bell.iter().sum::<f64>() - 1.0;
    bell.into_iter().map(|w| w / sum).collect()
}

/// Half the sum of `|a_i a_j - b_i b_j|` over the plane, of weights from the middle outwards that sum to 1: what two
/// filters of the same picture can differ by, in units of the distance from its least to its greatest value.
///
/// As both sum to 1, it is the sum over all `i, j` where the first product is the greater one, which is where the ratios
/// `a_i / b_i` and `a_j / b_j` have a product above 1. Sorted by ratio, the partners `j` of an `i` are an end of the list.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    let at = |weights: &[f64], i: usize| {
        // Every weight but the middle one stands for two.
        weights.get(i).copied().unwrap_or(0.0) * if i == 0 { 1.0 } else { 2.0 }
    };
    let mut pairs: Vec<[f64; 2]> = (0..a.len().max(b.len()))
        .map(|i| [at(a, i), at(b, i)])
        .filter(|&[a, b]| a > 0.0 || b > 0.0)
        .collect();
    // `b` may be 0, and then the ratio is infinite.
    pairs.sort_by(|x, y| (x[0] / x[1]).total_cmp(&(y[0] / y[1])));
    // Partners of the least ratio are the fewest, and the next one has those and more.
    let (mut first, mut sums, mut total) = (pairs.len(), [0.0; 2], 0.0);
    for &[a, b] in &pairs {
        while first > 0 && pairs[first - 1][0] * a > pairs[first - 1][1] * b {
            first -= 1;
            sums[0] += pairs[first][0];
            sums[1] += pairs[first][1];
        }
        total += a * sums[0] - b * sums[1];
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variance(weights: &[f64]) -> f64 {
        2.0 * weights.iter().enumerate().map(|(i, w)| (i * i) as f64 * w).sum::<f64>()
    }

    #[test]
    fn repeated_boxes_have_the_variance_and_sum_to_one() {
        for passes in 1..=8 {
            for sigma in [0.3, 0.5, 1.0, 1.7, 2.0, 5.0, 10.0, 33.3, 100.0] {
                let shape = Shape::of(sigma, passes);
                let weights = shape.weights();
                assert_eq!(weights.len(), shape.reach() + 1);
                let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
                assert!((sum - 1.0).abs() < 1e-12, "{sigma}, {passes}: {sum}");
                let ratio = variance(&weights) / (sigma * sigma);
                // The end is rounded to f32.
                assert!((ratio - 1.0).abs() < 1e-6, "{sigma}, {passes}: {ratio}");
            }
        }
    }

    #[test]
    fn weights_are_those_of_the_definition() {
        let shape = Shape { radius: 1, end: 0.5, passes: 2 };
        // [1/2 1 1 1 1/2] / 4, twice.
        let expected = [3.5, 3.0, 2.0, 1.0, 0.25].map(|w| w / 16.0);
        for (got, want) in shape.weights().iter().zip(expected) {
            assert!((got - want).abs() < 1e-15, "{:?}", shape.weights());
        }
    }

    #[test]
    fn distances_are_half_of_what_adding_them_up_gives() {
        for (sigma, passes) in [(0.4, 3), (1.0, 1), (2.5, 3), (6.0, 4), (20.0, 5)] {
            let (a, b) = (Shape::of(sigma, passes).weights(), gaussian(sigma));
            let last = a.len().max(b.len()) as isize;
            let at = |w: &[f64], i: isize| w.get(i.unsigned_abs()).copied().unwrap_or(0.0);
            let mut sum = 0.0;
            for i in -last..=last {
                for j in -last..=last {
                    sum += (at(&a, i) * at(&a, j) - at(&b, i) * at(&b, j)).abs();
                }
            }
            let got = distance(&a, &b);
            assert!((got - sum / 2.0).abs() < 1e-12, "{sigma}, {passes}: {got}, {sum}");
        }
        assert_eq!(distance(&[1.0], &[1.0]), 0.0);
    }

    #[test]
    fn more_passes_are_nearer() {
        let error = |passes| distance(&Shape::of(10.0, passes).weights(), &gaussian(10.0));
        assert!((1..8).all(|passes| error(passes + 1) < error(passes)));
    }
}
