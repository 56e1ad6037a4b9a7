//! How a weight gradient lays out what it reads: whether a band of the input is copied or read in place or window by window,
//! and where everything lies in scratch. Decisions of the plan.

use convoke_simd::Level;

use super::blocks::Blocks;
use crate::Border;
use crate::conv::band::{Channels, Source};
use crate::conv::desc::{Conv2dDesc, Layout};
use crate::conv::geometry::Geometry;
use crate::error::{Error, checked_len};
use crate::kernel::outer;

/// Out channels whose gradients are laid out at a time.
const CHANNELS: usize = 512;
/// A band above this is not worth its memory.
const WIDEST: usize = 1024 * 1024;
/// Nor is one that holds more than so many times what is read of it.
const MOST_BETWEEN: usize = 8;
/// Elements of a cache line.
pub(super) const ALIGN: usize = 16;

/// Where columns are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// `src` itself.
    InPlace,
    /// `src` itself, of which pixels become columns as they are: planes and a single tap.
    Planes,
    /// A copy of what the windows of a block reach, border in place.
    Band,
    /// Copies of one tap of all windows, for windows that reach further than is worth copying.
    Taps,
}

/// Sizes of scratch, and what they follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrangement {
    pub(super) feed: Feed,
    /// Out channels of a tile, and of all tiles whose panels are there at the same time.
    pub(super) tile: usize,
    pub(super) chunk: usize,
    /// Elements of the panels of `dy`, of the panel of columns, and of the band of one image.
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) band: usize,
    /// All of it.
    pub(super) len: usize,
}

impl Arrangement {
    pub(super) fn new(
        desc: &Conv2dDesc,
        geometry: &Geometry,
        blocks: &Blocks,
        level: Level,
    ) -> Result<Self, Error> {
        let tile = outer::channels(level.registers());
        let chunk = geometry.group_out.min(CHANNELS.next_multiple_of(tile));
        let round = |len: usize| len.next_multiple_of(ALIGN);
        let left = round(blocks.most() * chunk);
        let right = round(blocks.most() * outer::VECTORS * level.lanes());
        let unpadded = [geometry.pad_before, geometry.pad_after] == [[0, 0]; 2];
        let [images, rows] = blocks.segments();
        let channels = Channels::of_tile(desc, 0, geometry.group_in);
        let cols = blocks.cols();
        let alone = desc.kernel == [1, 1] && desc.stride == [1, 1];
        let (feed, band) = if desc.layout == Layout::Nhwc && unpadded {
            (Feed::InPlace, 0)
        } else if unpadded && alone {
            (Feed::Planes, 0)
        } else {
            let [height, width] = reach(desc, channels, [rows, cols]);
            let len = checked_len("scratch", &[height, width, channels.pitch(), images]);
            let [r, s] = desc.kernel;
            let taps = [images, rows, cols, r, s, geometry.group_in]
                .into_iter()
                .fold(MOST_BETWEEN, usize::saturating_mul);
            match len {
                Ok(len) if len <= WIDEST.min(taps) => (Feed::Band, height * width * channels.pitch()),
                _ => (Feed::Taps, checked_len("scratch", &[blocks.most(), tap_channels(geometry).pitch()])?),
            }
        };
        let bands = if feed == Feed::Band { images } else { 1 };
        // Planes have their weights in another order than they are summed in.
        let turned = if desc.layout == Layout::Nchw { geometry.weights_len / desc.out_channels } else { 0 };
        let len = checked_len("scratch", &[band, bands])?
            .saturating_add(left)
            .saturating_add(right)
            .max(turned)
            .saturating_add(ALIGN);
        Ok(Self { feed, tile, chunk, left, right, band, len: checked_len("scratch", &[len])? })
    }
}

/// Rows and columns of a band that so many outputs read.
fn reach(desc: &Conv2dDesc, channels: Channels, outputs: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| {
        let reach =
            (outputs[axis] - 1) * desc.stride[axis] + (desc.kernel[axis] - 1) * desc.dilation[axis] + 1;
        reach.div_ceil(channels.every[axis])
    })
}

/// The band of these outputs, if it is not cut at the image's edges, which starts at `data`.
pub(super) fn source<'a>(
    desc: &Conv2dDesc,
    geometry: &Geometry,
    outputs: [core::ops::Range<usize>; 2],
    data: &'a [f32],
) -> Source<'a> {
    let channels = Channels::of_tile(desc, 0, geometry.group_in);
    let size = reach(desc, channels, [outputs[0].len(), outputs[1].len()]);
    let origin = [0, 1]
        .map(|axis| (outputs[axis].start * desc.stride[axis]) as isize - geometry.pad_before[axis] as isize);
    let pixel = channels.pitch();
    Source { data, row: size[1] * pixel, pixel, origin, size, every: channels.every }
}

/// What is copied of a single tap.
pub(super) fn tap_channels(geometry: &Geometry) -> Channels {
    Channels { first: 0, count: geometry.group_in, every: [1, 1] }
}

/// What windows read outside the image: zeros may be gathered as if they were values.
pub(super) fn border(desc: &Conv2dDesc) -> Border {
    if desc.border == Border::Zero { Border::Constant(0.0) } else { desc.border }
}
