//! Scatter: a tile back into `dst`. Between blocks of the depth as it is, after the last one with bias, residual and
//! activation.

use core::ops::Range;

use convoke_core::{Activation, Geometry, Layout, Part};
use convoke_simd::Simd;

use crate::pixels::Pixels;
use crate::product::TileBuffer;

/// Where the tiles of a call go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) layout: Layout,
    pub(crate) part: &'a Part,
    pub(crate) geometry: &'a Geometry,
    /// The list that pixels are numbered in. In NCHW, where that is right, with the rows joined.
    pub(crate) pixels: &'a Pixels,
    /// Outputs in each row of a tile.
    pub(crate) columns: usize,
}

/// The outputs of a tile that are in the part: some pixels of some out channels.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// The first pixel, and how many.
    pub(crate) pixels: (usize, usize),
    pub(crate) channels: Range<usize>,
    /// NCHW: the row of the tile that is the first of `channels`.
    pub(crate) row: usize,
}

/// What is done to a sum before it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epilogue<'a> {
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

/// A stretch of a tile's row that is contiguous in `dst`.
struct Line {
    tile: Range<usize>,
    /// In the buffer of the part, and in the whole `dst`.
    dst: Range<usize>,
    whole: Range<usize>,
    /// The out channel of its first element.
    channel: usize,
}

impl Place<'_> {
    /// Calls `f` with the lines of a tile.
    ///
    /// Closures that are given to this method and hold vector operations must be `#[inline(always)]`: on its own, a
    /// closure would be compiled for the build's level instead of the region's.
    #[inline(always)]
    fn lines(&self, extent: &Extent, mut f: impl FnMut(Line)) {
        let (p, count) = extent.pixels;
        let (k, channels) = (extent.channels.start, extent.channels.len());
        for run in self.pixels.runs(p, count) {
            // Both layouts end in the same call, so that `f` is compiled once.
            let (lines, len) = match self.layout {
                Layout::Nhwc => (run.len, channels),
                Layout::Nchw => (channels, run.len),
            };
            for i in 0..lines {
                let (tile, k, x) = match self.layout {
                    Layout::Nhwc => ((run.first + i) * self.columns, k, run.x + i),
                    Layout::Nchw => ((extent.row + i) * self.columns + run.first, k + i, run.x),
                };
                let dst = self.part.at(run.n, k, run.y, x);
                let whole = self.geometry.dst.at(run.n, k, run.y, x);
                f(Line {
                    tile: tile..tile + len,
                    dst: dst..dst + len,
                    whole: whole..whole + len,
                    channel: k,
                });
            }
        }
    }

    /// Reads back what [`suspend`](Self::suspend) wrote. Elements of the tile outside `extent` stay as they are.
    #[inline(always)]
    pub(crate) fn resume(&self, extent: &Extent, tile: &mut TileBuffer, dst: &[f32]) {
        self.lines(extent, |line| tile.0[line.tile].copy_from_slice(&dst[line.dst]));
    }

    /// Writes unfinished sums to `dst`. No bit of a sum is lost.
    #[inline(always)]
    pub(crate) fn suspend(&self, extent: &Extent, tile: &TileBuffer, dst: &mut [f32]) {
        self.lines(extent, |line| dst[line.dst].copy_from_slice(&tile.0[line.tile]));
    }

    /// Finishes the sums and writes the outputs.
    #[inline(always)]
    pub(crate) fn finish<S: Simd>(
        &self,
        simd: S,
        extent: &Extent,
        epilogue: &Epilogue,
        tile: &TileBuffer,
        dst: &mut [f32],
    ) {
        self.lines(
            extent,
            #[inline(always)]
            |line| {
                let residual = epilogue.residual.map(|residual| &residual[line.whole]);
                let sums = tile.0[line.tile].chunks(S::LANES);
                for (i, (sums, dst)) in sums.zip(dst[line.dst].chunks_mut(S::LANES)).enumerate() {
                    let first = i * S::LANES;
                    let mut v = simd.load_first(sums);
                    if let Some(bias) = epilogue.bias {
                        v = simd.add(
                            v,
                            match self.layout {
                                Layout::Nhwc => simd.load_first(&bias[line.channel + first..]),
                                Layout::Nchw => simd.splat(bias[line.channel]),
                            },
                        );
                    }
                    if let Some(residual) = residual {
                        v = simd.add(v, simd.load_first(&residual[first..]));
                    }
                    simd.store_first(epilogue.activation.apply(simd, v), dst);
                }
            },
        );
    }
}
