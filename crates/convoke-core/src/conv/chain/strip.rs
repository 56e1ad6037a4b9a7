//! How many rows of a chain's output are made at a time, and how many rows of what lies between its layers are held for
//! that. A decision of the plan.

use super::error::{ChainError, of_layer};
use crate::conv::geometry::Strides;
use crate::conv::plan::Conv2dPlan;
use crate::conv::route::largest;
use crate::conv::window::Walk;
use crate::error::{Error, checked_len};

/// Elements between layers that a strip aims at: what a second-level cache of one megabyte has room for, beside weights and
/// the rows that are read and written.
const HELD: usize = 160 * 1024;
/// Rows that a strip has all the same, if what it holds then is not beyond these elements: low strips move the rows that they
/// leave to each other more often, and kernels make rows by twos.
const FEWEST: usize = 8;
const MOST: usize = 1024 * 1024;

/// Elements of a cache line, on which what is held starts.
pub(super) const LINE: usize = 16;

/// Strips of a chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strips<const N: usize> {
    /// Output rows of the last layer that are made at a time.
    pub(super) rows: usize,
    /// Rows of each layer's output that are held. Of the last, those of a strip.
    pub(super) held: [usize; N],
    /// Where the elements of the rows that are held lie, and how many there are, rounded up to cache lines. Nothing for the
    /// last.
    pub(super) strides: [Strides; N],
    pub(super) len: [usize; N],
}

impl<const N: usize> Strips<N> {
    /// Strips of so many rows.
    pub(super) fn new(layers: &[Conv2dPlan; N], rows: usize) -> Result<Self, ChainError> {
        let strides = layers.map(|layer| layer.geometry.dst);
        let mut strips = Self { rows, held: [rows; N], strides, len: [0; N] };
        for layer in (1..N).rev() {
            let reader = &layers[layer];
            let (desc, geometry) = (&reader.desc, &reader.geometry);
            let walk = Walk::new(desc, geometry, 0);
            let held = walk.most_held(strips.held[layer], geometry.pad_after[0], desc.border);
            let sizes = [1, desc.in_channels, held, desc.in_size[1]];
            let strides = Strides::new("scratch", desc.layout, sizes, None).map_err(of_layer(layer - 1))?;
            strips.held[layer - 1] = held;
            strips.strides[layer - 1] = strides;
            strips.len[layer - 1] = strides.len.next_multiple_of(LINE);
        }
        Ok(strips)
    }

    /// Strips that are fastest.
    ///
    /// Rows that one strip leaves to the next are moved, and all weights are read again for each strip: tall strips are better,
    /// as long as what lies between the layers stays in the cache.
    pub(super) fn choose(layers: &[Conv2dPlan; N]) -> Result<Self, ChainError> {
        let height = layers[N - 1].geometry.out_size[0];
        let fits = |rows: usize| {
            let most = if rows <= FEWEST { MOST } else { HELD };
            Self::new(layers, rows).is_ok_and(|strips| strips.total().is_ok_and(|total| total <= most))
        };
        let rows = largest(height, fits);
        // All strips about as tall.
        Self::new(layers, height.div_ceil(height.div_ceil(rows)))
    }

    /// Elements between all layers.
    pub(super) fn total(&self) -> Result<usize, Error> {
        let total = self.len.iter().fold(0_usize, |total, &len| total.saturating_add(len));
        checked_len("scratch", &[total])
    }
}
