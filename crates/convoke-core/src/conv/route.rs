//! Which kernel a layer runs on, and where that kernel reads: the decisions of the plan.

use convoke_simd::Level;

use super::band::{Channels, crowded};
use super::desc::{Conv2dDesc, Layout};
use super::geometry::Geometry;
use super::grid::Grid;
use super::lanes::LaneBlocks;
use super::planes::RowLayout;
use super::turned::Turn;
use super::window::Walk;
use crate::Border;
use crate::error::{Error, checked_len};
use crate::kernel::tile;
use crate::kernel::transpose::MAX_LANES;

/// Elements of input that one band aims at: a quarter of a megabyte, which leaves room for weights and output in the
/// second-level cache of anything that has one.
const BAND: usize = 64 * 1024;
/// Above this, a band is not worth its memory. Up to this it may be where smaller ones would overlap by half and more.
pub(super) const WIDEST_BAND: usize = 16 * BAND;
/// A band holds what lies between the taps too. Above this multiple of the taps themselves, they are gathered one by
/// one: a wide dilation, or a stride beyond the kernel.
const MOST_BETWEEN: usize = 8;
/// Rows of outputs that the lane kernel makes at a time of an image in place: the first and the last of so many cost little,
/// and the pages of so many rows are known to the processor.
const LANE_ROWS: usize = 256;
/// Taps times in channels up to which a mask is not large.
const FEW_TAPS: usize = 100;

/// The kernel, and how its lanes are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Lanes are out channels that all see the same in channel: the register tile. For everything with enough out
    /// channels in a group to fill a vector.
    Tiles(Feed),
    /// Lanes are pixels, and in channels are planes: the stripe. For few out channels, and for NCHW.
    Stripes(Grid),
    /// Lanes are out channels, each with in channels of its own: the lane kernel. Depthwise and small groups, NHWC.
    Lanes(Feed, LaneBlocks),
    /// The same, by blocks of channels that are laid out beforehand: NCHW, and large masks.
    Turned(Turn),
    /// Lanes are pixels of one plane: the plane kernel. NCHW layers with few out channels in a group.
    Planes(RowLayout),
}

/// Where tiles and lanes read their pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feed {
    /// From `src` itself, this many output rows at a time so that the input stays in the cache.
    InPlace { rows: usize },
    /// From a copy in scratch of what this many output rows and columns need; `padded` with the zeros of its border, if no
    /// weight is infinite.
    Band { rows: usize, cols: usize, padded: bool },
    /// From copies of single windows: for windows that reach further than is worth copying. Tiles only.
    Windows,
}

impl Route {
    /// Decides, and says how many elements of scratch that takes.
    pub(crate) fn choose(
        desc: &Conv2dDesc,
        geometry: &Geometry,
        level: Level,
    ) -> Result<(Self, usize), Error> {
        if level.lanes() == 1 {
            // Without vectors to fill there is one walk for all layers, which needs no scratch.
            return Ok((Route::Tiles(Feed::InPlace { rows: geometry.out_size[0] }), 0));
        }
        // A register tile would fill `group_out` of its lanes; the lane kernel fills as many as whole groups can.
        let lanes =
            LaneBlocks::new(desc, geometry, level).filter(|_| desc.groups > 1 && addressable(desc, geometry));
        let turned = lanes.and_then(|blocks| {
            let (turn, len) = Turn::new(desc, geometry, level, blocks).ok()?;
            let worth = len <= WIDEST_BAND && turn.is_dense(desc, geometry, level, MOST_BETWEEN);
            worth.then_some((blocks, (Route::Turned(turn), len)))
        });
        match (desc.layout, lanes) {
            (Layout::Nhwc, Some(blocks)) => {
                let large = desc.kernel[0] * desc.kernel[1] * geometry.group_in > FEW_TAPS;
                // A group that fills a vector fills a register tile as well, if that has the registers for as many sums.
                let alone = blocks.filled[1] == geometry.group_out && level.registers() >= 32;
                match turned {
                    _ if alone => {}
                    Some((_, turned)) if large && desc.kernel != [1, 1] => return Ok(turned),
                    _ => match Feed::choose(desc, geometry, level, Channels::of_lanes(desc), false)? {
                        (Feed::Windows, _) => {}
                        (Feed::InPlace { .. }, _) => {
                            // What a walk down has read comes back only at the side of the next tile.
                            let rows = geometry.out_size[0].min(LANE_ROWS);
                            return Ok((Route::Lanes(Feed::InPlace { rows }, blocks), 0));
                        }
                        (feed, scratch) => return Ok((Route::Lanes(feed, blocks), scratch)),
                    },
                }
            }
            (Layout::Nhwc, None) => {}
            (Layout::Nchw, _) => {
                // Rows of a plane come one after the other, without dilation between them. Their loads are shared by the
                // rows of taps, those of stripes by out channels: planes are for one or two of these, or small groups, and
                // few in channels, whose rows stay in the first-level cache.
                let sharing = if desc.kernel[0] > 1 {
                    geometry.group_out <= 2 || desc.groups > 1
                } else {
                    geometry.group_out == 1 && desc.groups > 1
                };
                let thin = sharing
                    && geometry.group_in <= 8
                    && 2 * geometry.group_out <= level.lanes().max(8)
                    && (desc.kernel[0] == 1 || desc.dilation[0] == 1);
                let planes = thin.then(|| RowLayout::new(desc, geometry, level).ok()).flatten();
                let planes = planes.filter(|(layout, len)| {
                    *len <= WIDEST_BAND && layout.is_dense(desc, geometry, MOST_BETWEEN)
                });
                let stripes = turned.and_then(|(blocks, _)| {
                    let (grid, len) = Grid::new(desc, geometry, level).ok()?;
                    let cost = stripes_of_groups_cost(desc, geometry, &grid);
                    let worth = len <= WIDEST_BAND
                        && grid.is_dense(desc, MOST_BETWEEN)
                        && cost < turned_cost(desc, geometry, blocks);
                    worth.then_some((Route::Stripes(grid), len))
                });
                match (turned, planes) {
                    (Some((blocks, turned)), Some((layout, len))) => {
                        // A vector of outputs costs about the same as channels of a pixel, turned there and back, and as
                        // pixels of a row: what counts is how many there are. Most maps are no multiple of a vector wide,
                        // few layers have less channels than lanes.
                        let width = geometry.out_size[1];
                        let pixels = desc.out_channels.saturating_mul(width.div_ceil(level.lanes()));
                        let channels = blocks.count.saturating_mul(width);
                        let planes = (Route::Planes(layout), len);
                        return Ok(if channels <= pixels { stripes.unwrap_or(turned) } else { planes });
                    }
                    (Some((_, turned)), None) => return Ok(stripes.unwrap_or(turned)),
                    (None, Some((layout, len))) => return Ok((Route::Planes(layout), len)),
                    (None, None) => {}
                }
            }
        }
        let channels = Channels::of_tile(desc, 0, geometry.group_in);
        let padded = padding_pays(desc, geometry, level);
        let (feed, scratch) = Feed::choose(desc, geometry, level, channels, padded)?;
        match Grid::new(desc, geometry, level) {
            Ok((grid, len))
                if len <= WIDEST_BAND
                    && grid.is_dense(desc, MOST_BETWEEN)
                    && stripes_cost(desc, geometry, &grid) < tiles_cost(desc, geometry, level) =>
            {
                Ok((Route::Stripes(grid), len))
            }
            _ => Ok((Route::Tiles(feed), scratch)),
        }
    }
}

/// What the register tile would take, in vector multiply-adds of one image: see `docs/performance.md` for the constants.
fn tiles_cost(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> f64 {
    let steps = (desc.kernel[0] * desc.kernel[1] * geometry.group_in) as f64;
    let outputs = (geometry.out_size[0] * geometry.out_size[1]) as f64;
    let vectors = geometry.group_out.div_ceil(level.lanes()) as f64;
    let multiply = outputs * vectors * desc.groups as f64 * (steps + 8.0);
    // Rows are transposed in squares, whole or not.
    let pixels = desc.in_size[0] as f64 * desc.in_size[1].next_multiple_of(level.lanes()) as f64;
    let moved = match desc.layout {
        Layout::Nhwc => 0.0,
        Layout::Nchw => 0.5 * pixels * desc.in_channels as f64 + 0.8 * outputs * desc.out_channels as f64,
    };
    multiply * 1.04 + moved
}

/// The same for stripes.
fn stripes_cost(desc: &Conv2dDesc, geometry: &Geometry, grid: &Grid) -> f64 {
    1.08 * grid.multiplying(desc, geometry) + grid.gathering(desc, geometry) + grid.scattering(desc, geometry)
}

/// The same where groups have few out channels, by which the loads of a stripe are shared.
fn stripes_of_groups_cost(desc: &Conv2dDesc, geometry: &Geometry, grid: &Grid) -> f64 {
    stripes_cost(desc, geometry, grid) * (1.0 + 4.0 / geometry.group_out as f64)
}

/// What turned blocks would take: two instructions for a multiply-add, and the turning of all that is read and written.
fn turned_cost(desc: &Conv2dDesc, geometry: &Geometry, blocks: LaneBlocks) -> f64 {
    let steps = (desc.kernel[0] * desc.kernel[1] * geometry.group_in) as f64;
    let [height, width] = geometry.out_size.map(|size| size as f64);
    let outputs = height * width;
    let pixels = (desc.in_size[0] * desc.in_size[1]) as f64;
    // A tile of fewer pixels takes as long as a whole one.
    let multiply = height * width.max(8.0) * blocks.count as f64 * (2.0 * steps + 8.0);
    multiply + 0.7 * (pixels * desc.in_channels as f64 + outputs * desc.out_channels as f64)
}

impl Feed {
    /// Decides where pixels with these channels are read from, `padded` with zeros or not, and how much scratch that takes.
    fn choose(
        desc: &Conv2dDesc,
        geometry: &Geometry,
        level: Level,
        channels: Channels,
        padded: bool,
    ) -> Result<(Self, usize), Error> {
        let [height, width] = geometry.out_size;
        let (pixels, vectors) = tile::shape(level);
        let [r, s] = desc.kernel;
        let unpadded = [geometry.pad_before, geometry.pad_after] == [[0, 0]; 2];
        // Pixels of a tile that share few places in the cache are read from a copy, if often enough.
        let apart = desc.in_channels.saturating_mul(desc.stride[1]);
        let often = geometry.group_out > level.lanes() * vectors;
        let in_place = desc.groups > 1 || !crowded(apart) || !often;
        let in_place = in_place && !padded && (desc.border == Border::Zero || unpadded);
        if desc.layout == Layout::Nhwc && in_place {
            let row = desc.in_size[1].saturating_mul(desc.in_channels).saturating_mul(desc.stride[0]);
            return Ok((Feed::InPlace { rows: (BAND / row.max(1)).clamp(1, height) }, 0));
        }
        let fits = |size: [usize; 2]| band_len(desc, size, channels, padded).is_ok_and(|len| len <= BAND);
        // All columns and as many rows as fit; if not even one row fits, as many columns, but enough for a tile.
        let mut rows = largest(height, |rows| fits([rows, width]));
        // Rows between those of one band and the next are gathered for both.
        let overlap = (r - 1).saturating_mul(desc.dilation[0]) / desc.stride[0];
        let enough = overlap.saturating_mul(2).min(height);
        if rows < enough {
            let fits =
                |rows| band_len(desc, [rows, width], channels, padded).is_ok_and(|len| len <= WIDEST_BAND);
            rows = largest(enough, fits);
        }
        let cols = if rows > 1 || fits([1, width]) {
            width
        } else {
            largest(width, |cols| fits([1, cols])).max(width.min(pixels))
        };
        let taps = [rows, cols, r, s, channels.count].into_iter().fold(MOST_BETWEEN, usize::saturating_mul);
        match band_len(desc, [rows, cols], channels, padded) {
            Ok(len) if len <= WIDEST_BAND.min(taps) => Ok((Feed::Band { rows, cols, padded }, len)),
            _ => Ok((Feed::Windows, checked_len("scratch", &[pixels, r, s, channels.pitch()])?)),
        }
    }
}

/// Whether every place in a padded row of pixels, also in front of it, is a number that the lane kernel can tell from
/// places inside.
fn addressable(desc: &Conv2dDesc, geometry: &Geometry) -> bool {
    let padded = desc.in_size[1] + geometry.pad_before[1] + geometry.pad_after[1];
    padded.checked_mul(desc.in_channels.max(MAX_LANES)).is_some_and(|len| len <= isize::MAX as usize)
}

/// Whether zeros around a small image cost less than tiles of the few outputs that share their taps. A tile of few pixels
/// waits for the latency of the multiply-add.
fn padding_pays(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> bool {
    const SMALL: usize = 16;
    /// Multiply-adds that a processor with two at a time starts before the first of them ends.
    const WAIT: usize = 8;
    if desc.border != Border::Zero || geometry.out_size.iter().any(|&size| size > SMALL) {
        return false;
    }
    let (pixels, vectors) = tile::shape(level);
    let tiles = |outputs: usize| {
        let tiles = outputs.div_ceil(pixels);
        (outputs * vectors).max(tiles * WAIT)
    };
    let spans = [0, 1].map(|axis| Walk::new(desc, geometry, axis).spans(0..geometry.out_size[axis]));
    let mut cost = 0_usize;
    for ys in spans[0].clone() {
        for xs in spans[1].clone() {
            let steps = tiles(ys.outputs.len() * xs.outputs.len());
            cost = cost.saturating_add((ys.taps.len() * xs.taps.len()).saturating_mul(steps));
        }
    }
    let [r, s] = desc.kernel;
    r.saturating_mul(s).saturating_mul(tiles(geometry.out_size[0] * geometry.out_size[1])) < cost
}

/// The largest number from 1 to `most` that fits, by halving; 1 if none does.
pub(super) fn largest(most: usize, fits: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    low
}

/// Elements of a band for this many output rows and columns.
fn band_len(
    desc: &Conv2dDesc,
    outputs: [usize; 2],
    channels: Channels,
    padded: bool,
) -> Result<usize, Error> {
    let every = channels.every;
    let reach = |axis: usize| {
        let reach =
            (outputs[axis] - 1) * desc.stride[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis] + 1;
        let reach =
            if desc.border == Border::Zero && !padded { reach.min(desc.in_size[axis]) } else { reach };
        reach.div_ceil(every[axis])
    };
    checked_len("scratch", &[reach(0), reach(1), channels.pitch()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Padding;

    fn route(desc: Conv2dDesc) -> (Route, usize) {
        Route::choose(&desc, &Geometry::new(&desc).unwrap(), Level::portable()).unwrap()
    }

    fn layer(layout: Layout, channels: usize, size: usize, groups: usize) -> Conv2dDesc {
        Conv2dDesc::new(layout, 1, channels, [size, size], channels, [3, 3])
            .padding(Padding::Same)
            .groups(groups)
    }

    #[test]
    fn dense_layers_run_on_tiles() {
        assert!(matches!(route(layer(Layout::Nhwc, 64, 56, 1)), (Route::Tiles(Feed::InPlace { .. }), 0)));
        assert!(matches!(route(layer(Layout::Nchw, 64, 56, 1)).0, Route::Tiles(Feed::Band { .. })));
        let replicate = layer(Layout::Nhwc, 64, 56, 1).border(Border::Replicate);
        assert!(matches!(route(replicate).0, Route::Tiles(Feed::Band { .. })));
    }

    #[test]
    fn pixels_are_lanes_for_few_out_channels_and_for_pointwise_planes() {
        let few = |layout| Conv2dDesc::new(layout, 1, 64, [56, 56], 1, [3, 3]).padding(Padding::Same);
        assert!(matches!(route(few(Layout::Nhwc)).0, Route::Stripes(_)));
        assert!(matches!(route(few(Layout::Nchw)).0, Route::Stripes(_)));
        let pointwise = |layout| Conv2dDesc::new(layout, 1, 64, [56, 56], 64, [1, 1]);
        assert!(matches!(route(pointwise(Layout::Nchw)).0, Route::Stripes(grid) if grid.in_place));
        assert!(matches!(route(pointwise(Layout::Nhwc)), (Route::Tiles(Feed::InPlace { .. }), 0)));
    }

    #[test]
    fn depthwise_layers_run_on_lanes_or_planes() {
        assert!(matches!(route(layer(Layout::Nhwc, 64, 56, 64)), (Route::Lanes(Feed::InPlace { .. }, _), 0)));
        assert!(matches!(route(layer(Layout::Nchw, 64, 56, 64)).0, Route::Turned(_)));
        // Most lanes would stay empty.
        assert!(matches!(route(layer(Layout::Nchw, 2, 56, 2)).0, Route::Planes(_)));
        assert!(matches!(route(layer(Layout::Nhwc, 64, 56, 32)), (Route::Lanes(Feed::InPlace { .. }, _), 0)));
        let replicate = layer(Layout::Nhwc, 64, 56, 64).border(Border::Replicate);
        assert!(matches!(route(replicate).0, Route::Lanes(Feed::Band { .. }, _)));
    }

    /// However far the taps are apart, scratch is in proportion to the number of weights.
    #[test]
    fn scratch_does_not_follow_the_dilation() {
        const FAR: usize = 1 << (usize::BITS / 8 * 5);
        for layout in [Layout::Nchw, Layout::Nhwc] {
            for channels in [1, 16] {
                for groups in [1, channels] {
                    let desc = layer(layout, channels, 20, groups)
                        .border(Border::Wrap)
                        .dilation([FAR, FAR])
                        .padding(Padding::all(FAR));
                    let (route, scratch) = route(desc);
                    assert!(matches!(route, Route::Tiles(Feed::Windows)), "{route:?}");
                    assert!(scratch <= 14 * 9 * channels);
                }
            }
        }
    }
}
