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
    pub(super) fn round<E>(&mut self, mut call: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        call()?;
        let end = Instant::now() + PER_ROUND;
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

/// Numbers that are the same in every run, spread over -1 to 1: a linear congruential generator (Knuth, MMIX).
pub(super) fn noise(len: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
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
