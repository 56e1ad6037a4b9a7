//! The mask that turns one picture into another: learning at its smallest, one filter and one example.
//!
//! The result of a mask is linear in its weights, so the mean square error is a quadratic with one lowest point, and what finds
//! it is the method of conjugate gradients. Its gradients are those of a convolutional layer with one channel.

use convoke_core::{Conv2dDesc, Error, Layout};

use super::conv2d::Conv2d;
use super::layer::{Layer, check};
use crate::buffer::zeros;
use crate::options::Options;

/// Taps up to which steps are preconditioned. Above, they are not, and many more are needed.
const MOST_TAPS: usize = 1600;

/// Windows per tap that the preconditioner looks at.
const SAMPLES: usize = 8;

/// Parts of the picture's power below which a pattern is taken for absent: rounding in f32 is that large.
const ABSENT: f64 = 1e-8;

/// A search for the mask with the least mean square error.
///
/// Gradients alone would crawl: neighbouring pixels of pictures are nearly alike, so that the mean of a mask's weights changes the error a
/// million times as fast as their differences do. So gradients are divided by the second moments of the picture's windows, estimated from
/// a sample of them: `M = mean of v v^T`, by its Cholesky factors. Ten to twenty steps are then enough, for smooth pictures too.
///
/// ```
/// use convoke::learn::MaskFit;
/// use convoke::Options;
/// let src: Vec<f32> = (0..400).map(|i| (i * i % 17) as f32).collect();
/// // Each pixel is three times its right neighbour.
/// let target: Vec<f32> = (0..400).map(|i| if i % 20 < 19 { 3.0 * src[i + 1] } else { 0.0 }).collect();
/// let mut fit = MaskFit::new(1, [20, 20], [1, 3], &src, &target, &Options::new())?;
/// while fit.step()? {}
/// assert!(fit.loss() < 1e-6);
/// assert!((fit.weights()[2] - 3.0).abs() < 1e-3 && fit.weights()[0].abs() < 1e-3);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Debug)]
pub struct MaskFit {
    layer: Conv2d,
    src: Vec<f32>,
    /// Of the windows' results; NaN where there is none.
    target: Vec<f32>,
    /// What is missing to the target, 0 where there is none; and what a step adds.
    missing: Vec<f32>,
    change: Vec<f32>,
    count: usize,
    /// Pixels were multiplied by this.
    scale: f64,
    factors: Option<Factors>,
    weights: Vec<f64>,
    direction: Vec<f64>,
    /// Of the last step: gradient times preconditioned gradient.
    energy: f64,
    losses: Vec<f64>,
    idle: u32,
    done: bool,
}

impl MaskFit {
    /// A search that starts from weights of 0. `src` and `target` are `planes` pictures of `size` `[H, W]`, one after the other; the mask is a
    /// correlation of `mask` `[R, S]` weights whose tap `(R / 2, S / 2)`, rounded down, lies on the target's pixel. Only pixels whose window
    /// lies inside the picture count, and of those the ones whose target is not NaN.
    ///
    /// # Errors
    /// [`Error::Length`] for pictures of other lengths; a mask without weights or larger than the picture; [`Error::NotFinite`] for
    /// a pixel of `src` that is infinite or NaN, or an infinite target; [`Error::TooSmall`] for fewer usable pixels than the mask has weights.
    pub fn new(
        planes: usize,
        size: [usize; 2],
        mask: [usize; 2],
        src: &[f32],
        target: &[f32],
        options: &Options,
    ) -> Result<Self, Error> {
        let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, size, 1, mask);
        let layer = Conv2d::new(&desc, 0, options)?;
        let len = planes.checked_mul(layer.src_len()).ok_or(Error::Overflow { operand: "src" })?;
        check("src", len, src.len())?;
        check("target", len, target.len())?;
        if let Some(index) = src.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { operand: "src", index });
        }
        if let Some(index) = target.iter().position(|t| t.is_infinite()) {
            return Err(Error::NotFinite { operand: "target", index });
        }
        let most = src.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = if most > 0.0 { f64::from(most).recip() } else { 1.0 };
        let scaled = |x: &f32| (f64::from(*x) * scale) as f32;
        let src: Vec<f32> = src.iter().map(scaled).collect();
        let [height, width] = layer.geometry().out_size;
        let mut inside = zeros("target", planes.saturating_mul(layer.dst_len()))?;
        for (row, inside) in inside.chunks_mut(width).enumerate() {
            let (plane, y) = (row / height, row % height);
            let at = (plane * size[0] + y + mask[0] / 2) * size[1] + mask[1] / 2;
            for (inside, target) in inside.iter_mut().zip(&target[at..]) {
                *inside = scaled(target);
            }
        }
        let taps = mask[0] * mask[1];
        let count = inside.iter().filter(|t| !t.is_nan()).count();
        if count < taps {
            return Err(Error::TooSmall { operand: "usable pixels", required: taps, got: count });
        }
        let mut fit = Self {
            missing: zeros("residual", inside.len())?,
            change: zeros("residual", inside.len())?,
            target: inside,
            src,
            layer,
            count,
            scale,
            factors: None,
            weights: vec![0.0; taps],
            direction: vec![0.0; taps],
            energy: 0.0,
            losses: Vec::new(),
            idle: 0,
            done: false,
        };
        if taps <= MOST_TAPS {
            fit.factors = Some(fit.moments(size, mask));
        }
        fit.look()?;
        Ok(fit)
    }

    /// Improves the weights once. Gives whether another step may be worth it.
    ///
    /// # Errors
    /// [`Error::Overflow`] for want of memory; [`Error::NotFinite`] if pixels are so large that their squares overflow.
    pub fn step(&mut self) -> Result<bool, Error> {
        if self.done {
            return Ok(false);
        }
        // The gradient of half the sum of squares, with its sign turned: transposed windows times what is missing.
        self.layer.backward(&self.src, &self.missing, None)?;
        let gradient: Vec<f64> = self.layer.parameters()[0].gradient.iter().map(|&g| g.into()).collect();
        let mut ahead = gradient.clone();
        if let Some(factors) = &self.factors {
            factors.solve(&mut ahead);
        }
        let energy = dot(&gradient, &ahead);
        let keep = if self.energy > 0.0 { energy / self.energy } else { 0.0 };
        for (direction, ahead) in self.direction.iter_mut().zip(&ahead) {
            *direction = ahead + keep * *direction;
        }
        self.energy = energy;
        self.results(false)?;
        let power: f64 = self.change.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let along: f64 =
            self.change.iter().zip(&self.missing).map(|(&x, &e)| f64::from(x) * f64::from(e)).sum();
        // As far as the error falls on this line.
        let length = if power > 0.0 { along / power } else { 0.0 };
        let mut largest = [0.0_f64; 2];
        for (weight, direction) in self.weights.iter_mut().zip(&self.direction) {
            *weight += length * direction;
            largest = [largest[0].max(weight.abs()), largest[1].max((length * direction).abs())];
        }
        let before = self.loss();
        self.look()?;
        // Where rounding is all that is left, it goes up and down.
        self.idle = if self.loss() < before * (1.0 - 1e-7) { 0 } else { self.idle + 1 };
        self.done = length == 0.0 || largest[1] <= 1e-7 * largest[0] || self.idle == 3;
        Ok(!self.done)
    }

    /// The weights so far, row by row.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The mean square error of these weights over all usable pixels, in squares of the target's unit.
    pub fn loss(&self) -> f64 {
        self.losses.last().copied().unwrap_or(f64::NAN)
    }

    /// The loss at the start and after each step.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// Pixels that count.
    pub fn usable(&self) -> usize {
        self.count
    }

    /// Whether the picture has every pattern that the mask can tell apart. If not (flat pictures, plain ramps), other masks
    /// would do as well as the one that is found. `true` for masks too large to look into that.
    pub fn is_determined(&self) -> bool {
        self.factors.as_ref().is_none_or(|factors| factors.least > 10.0 * ABSENT)
    }

    /// What the current weights leave missing, and its square.
    fn look(&mut self) -> Result<(), Error> {
        self.results(true)?;
        let mut sum = 0.0;
        for ((missing, &target), &result) in self.missing.iter_mut().zip(&self.target).zip(&self.change) {
            *missing = if target.is_nan() { 0.0 } else { target - result };
            sum += f64::from(*missing) * f64::from(*missing);
        }
        let loss = sum / self.count as f64 / (self.scale * self.scale);
        if !loss.is_finite() {
            return Err(Error::NotFinite { operand: "loss", index: self.losses.len() });
        }
        self.losses.push(loss);
        Ok(())
    }

    /// The results of the weights, or of the direction, at usable pixels, and 0 elsewhere.
    fn results(&mut self, of_weights: bool) -> Result<(), Error> {
        let weights = if of_weights { &self.weights } else { &self.direction };
        for (value, &weight) in self.layer.parameters_mut()[0].values.iter_mut().zip(weights) {
            *value = weight as f32;
        }
        self.layer.forward(&self.src, &mut self.change)?;
        for (result, target) in self.change.iter_mut().zip(&self.target) {
            if target.is_nan() {
                *result = 0.0;
            }
        }
        Ok(())
    }

    /// The factors of the second moments of a sample of usable windows.
    fn moments(&self, size: [usize; 2], mask: [usize; 2]) -> Factors {
        let taps = mask[0] * mask[1];
        let usable: Vec<usize> = (0..self.target.len()).filter(|&i| !self.target[i].is_nan()).collect();
        let samples = SAMPLES * taps + 64;
        let [height, width] = self.layer.geometry().out_size;
        let mut matrix = vec![0.0; taps * taps];
        let mut window = vec![0.0; taps];
        let mut state = 1_u64;
        for _ in 0..samples {
            // A linear congruence (Knuth's MMIX), of which the upper half is random enough.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usable[((u128::from(state) * usable.len() as u128) >> 64) as usize];
            let (plane, y, x) = (at / (height * width), at / width % height, at % width);
            for (r, row) in window.chunks_mut(mask[1]).enumerate() {
                let from = (plane * size[0] + y + r) * size[1] + x;
                for (value, &pixel) in row.iter_mut().zip(&self.src[from..]) {
                    *value = f64::from(pixel);
                }
            }
            for (i, row) in matrix.chunks_mut(taps).enumerate() {
                let factor = window[i];
                for (sum, value) in row[..=i].iter_mut().zip(&window) {
                    *sum += factor * value;
                }
            }
        }
        Factors::new(matrix, taps)
    }
}

/// The lower triangle `L` of a positive matrix `L L^T`, row by row (Cholesky).
#[derive(Debug)]
struct Factors {
    rows: Vec<f64>,
    size: usize,
    /// The least pivot, as a part of the mean of the diagonal.
    least: f64,
}

impl Factors {
    /// Of a matrix of which the lower triangle counts. So much is added to its diagonal that nothing is divided by zero.
    fn new(mut rows: Vec<f64>, size: usize) -> Self {
        let mean = (0..size).map(|i| rows[i * size + i]).sum::<f64>() / size as f64;
        let mean = if mean > 0.0 { mean } else { 1.0 };
        let mut least = f64::INFINITY;
        for i in 0..size {
            let (above, rest) = rows.split_at_mut(i * size);
            let row = &mut rest[..size];
            for (j, other) in above.chunks(size).enumerate() {
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let pivot = row[i] - dot(&row[..i], &row[..i]);
            least = least.min(pivot / mean);
            row[i] = (pivot.max(0.0) + ABSENT * mean).sqrt();
        }
        Self { rows, size, least }
    }

    /// Solves `L L^T x = b` in place.
    fn solve(&self, x: &mut [f64]) {
        for i in 0..self.size {
            let row = &self.rows[i * self.size..][..=i];
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..self.size).rev() {
            let row = &self.rows[i * self.size..][..=i];
            x[i] /= row[i];
            let (before, at) = x.split_at_mut(i);
            for (x, factor) in before.iter_mut().zip(row) {
                *x -= factor * at[0];
            }
        }
    }
}

/// In four sums, so that each need not wait for the one before.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_solve() {
        // 4 0 2 / 0 9 3 / 2 3 6, of which the upper part is not read.
        let factors = Factors::new(vec![4.0, f64::NAN, f64::NAN, 0.0, 9.0, f64::NAN, 2.0, 3.0, 6.0], 3);
        let mut x = [4.0 + 6.0, 18.0 + 9.0, 2.0 + 6.0 + 18.0];
        factors.solve(&mut x);
        for (x, want) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((x - want).abs() < 1e-6, "{x} and {want}");
        }
        assert!(factors.least > 0.1);
        // Of a singular matrix what was added to the diagonal is left.
        assert!(Factors::new(vec![1.0, 0.0, 1.0, 1.0], 2).least.abs() <= ABSENT);
    }
}
