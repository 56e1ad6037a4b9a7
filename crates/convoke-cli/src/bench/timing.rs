//! The clock of the benchmarks: single calls, many of them, over several rounds.

use std::time::{Duration, Instant};

/// How long a problem runs in each round.
const PER_ROUND: Duration = Duration::from_millis(15);
/// A call of this length is enough for a round.
const LONG: Duration = Duration::from_millis(400);

/// Times of single calls, in milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<f64>);

impl Samples {
    /// One round: a call to warm up, then as many as fit, at least two unless they are long.
    pub(super) fn round<E>(&mut self, call: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        self.round_of(PER_ROUND, call)
    }

    /// The same in a fifth of the time, for those who have many problems.
    pub(super) fn short_round<E>(&mut self, call: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        self.round_of(PER_ROUND / 5, call)
    }

    fn round_of<E>(&mut self, time: Duration, mut call: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        call()?;
        let end = Instant::now() + time;
        for count in 1.. {
            let start = Instant::now();
            call()?;
            let elapsed = start.elapsed();
            self.0.push(elapsed.as_secs_f64() * 1e3);
            if elapsed > LONG || (count >= 2 && Instant::now() >= end) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let half = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 0 => (sorted[half - 1] + sorted[half]) / 2.0,
            _ => sorted[half],
        }
    }
}

/// Values from the start of a cache line on, as tensor libraries place them. What an allocator gives by itself mostly begins 16
/// bytes behind one, and then every vector of 64 bytes lies across two.
pub(super) struct Buffer {
    values: Vec<f32>,
    start: usize,
}

impl Buffer {
    const LINE: usize = 16;

    pub(super) fn noise(len: usize) -> Self {
        Self::of(noise(len + Self::LINE))
    }

    pub(super) fn zeros(len: usize) -> Self {
        Self::of(vec![0.0; len + Self::LINE])
    }

    fn of(values: Vec<f32>) -> Self {
        let start = values.as_ptr().align_offset(Self::LINE * size_of::<f32>()).min(Self::LINE);
        Self { values, start }
    }

    pub(super) fn first(&self, len: usize) -> &[f32] {
        &self.values[self.start..][..len]
    }

    pub(super) fn first_mut(&mut self, len: usize) -> &mut [f32] {
        &mut self.values[self.start..][..len]
    }
}

/// Numbers that are the same in every run: a linear congruential generator (Knuth, MMIX).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 24 bits.
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as u32
    }

    /// From 0 to `n - 1`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    /// From 1 to `n`, any of two numbers with the same ratio as likely as any other such pair.
    pub(super) fn log_uniform(&mut self, n: usize) -> usize {
        let part = f64::from(self.next()) / f64::from(1 << 24);
        (((n + 1) as f64).powf(part) as usize).clamp(1, n)
    }
}

/// Numbers that are the same in every run, spread over -1 to 1.
pub(super) fn noise(len: usize) -> Vec<f32> {
    let mut random = Random(1);
    (0..len).map(|_| random.next() as f32 / (1 << 23) as f32 - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(Samples(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(Samples(vec![4.0, 1.0]).min(), 1.0);
        assert!(noise(1000).iter().all(|x| x.abs() <= 1.0));
    }
}
