//! What the [lane kernel](super::lanes) is asked to do: a layer, how its outputs share input, and rows of them.

use core::ops::Range;

use super::transpose::MAX_LANES;
use crate::Activation;

/// Rows of outputs in a tile that stays where it is.
pub(crate) const ROWS: usize = 2;

/// Neighbouring pixels of each row in a tile: sums, two rows of weights and a pixel fill the registers.
pub(crate) const fn pixels(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 4 }
}

/// Columns of taps whose weights are in registers at a time, of `left` that are still to do.
#[inline(always)]
pub(crate) const fn chunk(left: usize) -> usize {
    match left {
        // Rather twice two than three and one.
        4 => 2,
        1..=3 => left,
        _ => 3,
    }
}

/// How outputs that share input follow each other along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// From one output of a tile to the next: those between are on other columns (or rows) of a dilated window.
    pub(crate) apart: usize,
    /// Taps from one such output to the next; 0 if they share nothing.
    pub(crate) taps: usize,
}

impl Sharing {
    /// Of `outputs` outputs in tiles of `tile`.
    pub(crate) fn new([stride, dilation]: [usize; 2], taps: usize, outputs: usize, tile: usize) -> Self {
        let (mut a, mut b) = (stride, dilation);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        let (apart, shared) = (dilation / a, stride / a);
        // Tiles of few outputs would cost more than the loads that they share.
        let crowd = outputs / apart;
        if shared >= taps || 2 * crowd < tile {
            Self { apart: 1, taps: 0 }
        } else {
            Self { apart, taps: shared }
        }
    }
}

/// The number, as one that the compiler knows nothing about. Of a distance that is the same all the time it would work out
/// all multiples beforehand, for there are none that are too many for it, and look each up in memory.
#[inline(always)]
pub(super) fn opaque(distance: usize) -> usize {
    core::hint::black_box(distance)
}

/// What is the same for all strips of a layer. Pairs are `[vertical, horizontal]`.
pub(crate) struct Layer<'a> {
    pub(crate) taps: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) sharing: [Sharing; 2],
    /// Whether tiles [walk down](super::lane_walk) the image; only if all lanes are channels.
    pub(crate) walks: bool,
    /// In channels of a group, one for depthwise layers.
    pub(crate) depth: usize,
    /// For each of them, the lane of the in channel that a lane's out channel sees; empty if that is the lane itself.
    pub(crate) orders: &'a [[u32; MAX_LANES]],
    /// In channels and out channels of a vector, and how many vectors there are. The last one is pushed back to end with
    /// the channels, whose counts are in `channels`.
    pub(crate) lanes: [usize; 2],
    pub(crate) channels: [usize; 2],
    pub(crate) blocks: usize,
    /// Packed weights: for each block, row of taps, chunk of columns, in channel and column, one vector.
    pub(crate) weights: &'a [f32],
    /// The image: rows and pixels of each, and from one to the next.
    pub(crate) src: &'a [f32],
    pub(crate) size: [usize; 2],
    pub(crate) row: usize,
    pub(crate) pixel: usize,
    pub(crate) bias: Option<&'a [f32]>,
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

/// Rows of outputs.
pub(crate) struct Strip {
    /// Where the first tap of the first output lies in the image, outside it if it likes.
    pub(crate) at: [isize; 2],
    /// How many there are, `sharing[0].apart` from one to the next; no more than [`Layer::most_rows`].
    pub(crate) rows: usize,
    /// Outputs of a row.
    pub(crate) width: usize,
    /// The vectors of channels to compute.
    pub(crate) blocks: Range<usize>,
    /// Where the first row starts in `dst` and in the residual, and from one row and one pixel to the next in both.
    pub(crate) dst: usize,
    pub(crate) residual: usize,
    pub(crate) row: usize,
    pub(crate) pixel: usize,
}
