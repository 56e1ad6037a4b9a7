//! How large a tile is: the cheapest by a model fitted to measured times.
//!
//! A transform of `P` by `Q` points gives `P - R + 1` by `Q - S + 1` outputs: large tiles waste little on their halos,
//! small ones stay in the second cache and fit the picture better. What a tile costs does not depend on what it holds, so
//! the time of a picture is that of a tile times their number, whole tiles counted.

use convoke_core::{Error, Filter2dDesc};
use convoke_simd::Level;

use crate::lengths::{first_from, radices};

/// Nanoseconds per point (of both tiles of a pair) outside the passes: gathering, filling, transposing, the product,
/// scattering.
const REST: f64 = 1.4;
/// Nanoseconds per tile.
const TILE: f64 = 1500.0;
/// Bytes per point: two planes, two tiles, the mask's spectrum.
const BYTES: f64 = 24.0;
/// Between these many bytes a tile outgrows the second cache (1 MiB on the machine of the fit), and costs a quarter more.
const CACHE: [f64; 2] = [4e5, 8e5];
/// From the first on, the second many bytes more double the cost.
const BEYOND: [f64; 2] = [2e6, 6e6];

/// How much more a tile costs than one that stays in the second cache.
fn crowding(bytes: f64) -> f64 {
    let full = ((bytes - CACHE[0]) / (CACHE[1] - CACHE[0])).clamp(0.0, 1.0);
    1.0 + 0.25 * full + (bytes - BEYOND[0]).max(0.0) / BEYOND[1]
}

/// Nanoseconds per point of a pass forward and back.
fn pass(radix: usize) -> f64 {
    match radix {
        3 => 0.26,
        4 => 0.26,
        5 => 0.38,
        _ => 0.38,
    }
}

/// How much slower a level is than sixteen lanes.
fn level_factor(level: Level) -> f64 {
    match level.lanes() {
        16.. => 1.0,
        8.. => 1.3,
        4.. => 3.0,
        _ => 10.0,
    }
}

/// The shape of the tiles of a filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    /// Points of a transform, rows and columns.
    pub(crate) points: [usize; 2],
    /// Outputs of a tile, rows and columns.
    pub(crate) outputs: [usize; 2],
    /// Tiles of a channel of the picture, rows and columns.
    pub(crate) tiles: [usize; 2],
    /// Predicted nanoseconds for the picture.
    pub(crate) cost: f64,
}

impl Shape {
    /// The cheapest for a descriptor that the direct plan accepts.
    pub(crate) fn choose(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        let overflow = Error::Overflow { operand: "tile" };
        let axis = |axis: usize| -> Result<Vec<Axis>, Error> {
            let (taps, size) = (desc.mask_size[axis], desc.size[axis]);
            let least = first_from(taps).ok_or(overflow)?;
            // Nothing is gained by a transform longer than what all outputs need, nor by a very long one.
            let enough = first_from(taps.checked_add(size).ok_or(overflow)? - 1).ok_or(overflow)?;
            let most = enough.min(first_from(least.saturating_mul(4).max(512)).ok_or(overflow)?);
            let next = |&len: &usize| first_from(len + 1).filter(|&len| len <= most);
            Ok(std::iter::successors(Some(least), next).map(|len| Axis::of(desc, axis, len)).collect())
        };
        let [heights, widths] = [axis(0)?, axis(1)?];
        // What a length costs is found once for each, not for each pair: there may be more than a thousand of these.
        let mut best: Option<(f64, [&Axis; 2])> = None;
        for p in &heights {
            for q in &widths {
                let cost = cost([p, q], desc.channels);
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, [p, q]));
                }
            }
        }
        best.map(|(_, axes)| Self::with_axes(axes, desc, level)).ok_or(overflow)
    }

    /// Less than the cost of any shape: that of the shortest transforms, as if there were no halos.
    pub(crate) fn least_cost(desc: &Filter2dDesc, level: Level) -> f64 {
        let values = [desc.size[0], desc.size[1], desc.channels].iter().map(|&n| n as f64).product::<f64>();
        let axes = desc.mask_size.iter().filter(|&&taps| taps > 1).count() as f64;
        // Two planes share a transform. The shortest has two passes.
        values / 2.0 * (REST + 2.0 * pass(4) * axes) * level_factor(level)
    }

    /// Tiles of so many points, each at least as many as taps.
    pub(crate) fn of(desc: &Filter2dDesc, level: Level, points: [usize; 2]) -> Self {
        let axes = [0, 1].map(|axis| Axis::of(desc, axis, points[axis]));
        Self::with_axes([&axes[0], &axes[1]], desc, level)
    }

    fn with_axes(axes: [&Axis; 2], desc: &Filter2dDesc, level: Level) -> Self {
        Self {
            points: axes.map(|axis| axis.points),
            outputs: axes.map(|axis| axis.outputs),
            tiles: axes.map(|axis| axis.tiles),
            cost: cost(axes, desc.channels) * level_factor(level),
        }
    }
}

/// A length of transforms along one axis.
struct Axis {
    points: usize,
    outputs: usize,
    tiles: usize,
    /// Nanoseconds per point of its passes.
    passes: f64,
}

impl Axis {
    fn of(desc: &Filter2dDesc, axis: usize, points: usize) -> Self {
        let (taps, size) = (desc.mask_size[axis], desc.size[axis]);
        // A transform as long as the picture and the mask may have room for more outputs than there are.
        let outputs = (points - taps + 1).min(size);
        let passes = if taps > 1 { radices(points).into_iter().map(pass).sum() } else { 0.0 };
        Self { points, outputs, tiles: size.div_ceil(outputs), passes }
    }
}

/// Nanoseconds of a picture at the widest level.
fn cost([p, q]: [&Axis; 2], channels: usize) -> f64 {
    let pairs = p.tiles as f64 * ((q.tiles * channels).div_ceil(2)) as f64;
    let area = p.points as f64 * q.points as f64;
    pairs * (area * (p.passes + q.passes + REST) * crowding(area * BYTES) + TILE)
}
