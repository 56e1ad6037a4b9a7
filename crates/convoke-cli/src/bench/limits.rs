//! The roofline: what a core could do at best, measured in the same run, and what a layer would take then. Between the
//! measurements of `peak` and the tables of layers.

use convoke::{Geometry, Level};

use crate::peak;

/// What the core can do.
pub(super) struct Limits {
    /// Billions of operations per second, of which a multiply-add is two.
    pub(super) gflops: f64,
    /// Bytes of a working set, and billions of bytes per second of copies that large.
    pub(super) copies: Vec<(f64, f64)>,
}

/// What a layer would take at least.
pub(super) struct Least {
    /// Bytes of input, weights and output.
    pub(super) bytes: f64,
    /// Billions of bytes per second of a copy that large.
    pub(super) gb_s: f64,
    multiply_ms: f64,
    move_ms: f64,
}

impl Least {
    /// Milliseconds that multiply-adds alone would take at the peak, or moving input, weights and output once at the rate
    /// of a copy that size, whichever is longer.
    pub(super) fn ms(&self) -> f64 {
        self.multiply_ms.max(self.move_ms)
    }

    /// Which of the two it is.
    pub(super) fn resource(&self) -> &'static str {
        if self.multiply_ms >= self.move_ms { "multiply-adds" } else { "memory" }
    }
}

impl Limits {
    /// Takes a moment.
    pub(super) fn measure(level: Level) -> Self {
        let sizes = [24 << 10, 512 << 10, 8 << 20, 128 << 20];
        let copies = sizes.map(|bytes| (bytes as f64, peak::copy_gb_s_of(level, bytes)));
        Self { gflops: peak::gflops(level), copies: copies.to_vec() }
    }

    /// Clocks change: the best that was seen is the limit.
    pub(super) fn raise(&mut self, other: &Self) {
        self.gflops = self.gflops.max(other.gflops);
        for (copy, other) in self.copies.iter_mut().zip(&other.copies) {
            copy.1 = copy.1.max(other.1);
        }
    }

    /// Billions of bytes per second of a copy that no cache holds.
    pub(super) fn copy_gb_s(&self) -> f64 {
        self.copies.last().map_or(f64::INFINITY, |(_, rate)| *rate)
    }

    /// The least that a layer takes.
    pub(super) fn of(&self, geometry: &Geometry) -> Least {
        let values = geometry.src.len + geometry.weights_len + geometry.dst.len;
        let bytes = (values * size_of::<f32>()) as f64;
        let fits = self.copies.iter().find(|(size, _)| bytes <= *size).or(self.copies.last());
        let gb_s = fits.map_or(f64::INFINITY, |(_, rate)| *rate);
        Least {
            bytes,
            gb_s,
            multiply_ms: 2.0 * geometry.macs as f64 / self.gflops * 1e-6,
            move_ms: bytes / gb_s * 1e-6,
        }
    }
}
