//! The grid of stripes: how the planes of a band are cut, and how large its bands and blocks are. A decision of the plan; see
//! [`stripes`](super::stripes) for what a band is.

use super::band::{APART, crowded};
use super::desc::{Conv2dDesc, Layout};
use super::geometry::Geometry;
use crate::Level;
use crate::error::{Error, checked_len};
use crate::kernel::stripe;

/// Elements of input that a band aims at: half a megabyte of second-level cache has room for it, weights and output.
pub(super) const BAND: usize = 32 * 1024;
/// Elements of input that one tap of a stripe may read if the next is to find them in the first-level cache, and sums that
/// are needed to cover the latency of the multiply-add.
const TWICE_READ: usize = 6 * 1024;
const FEWEST_SUMS: usize = 8;
/// How the planes of a band are cut and laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Whether planes are read where they are.
    pub(super) in_place: bool,
    /// Whether each output reads the one pixel in its place.
    pub(super) pointwise: bool,
    /// Output rows and columns of a band.
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Rows and columns are taken apart into so many.
    pub(super) phases: [usize; 2],
    /// Rows and columns of one phase behind those of the outputs.
    pub(super) reach: [usize; 2],
    /// Out channels of a block, and vectors of a full stripe.
    pub(crate) channels: usize,
    pub(crate) vectors: usize,
    pub(super) lanes: usize,
}

impl Grid {
    /// The grid and the length of the scratch, or an error if a band does not fit in memory.
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry, level: Level) -> Result<(Self, usize), Error> {
        let lanes = level.lanes();
        // Blocks of about the same size.
        let most = stripe::channels(level.registers());
        let channels = geometry.group_out.div_ceil(geometry.group_out.div_ceil(most));
        let mut vectors = stripe::vectors(level.registers(), channels);
        // Each tap passes over all in channels: better a few sums less than to lose the pixels between two taps.
        let often = desc.kernel != [1, 1];
        while often
            && vectors > 2
            && channels * vectors / 2 >= FEWEST_SUMS
            && geometry.group_in.saturating_mul(vectors * lanes) > TWICE_READ
        {
            vectors /= 2;
        }
        let extent = [0, 1].map(|axis| (desc.kernel[axis] - 1) * desc.dilation[axis]);
        let phases = [0, 1].map(|axis| desc.stride[axis].min(1 + extent[axis]));
        let reach = [0, 1].map(|axis| extent[axis] / desc.stride[axis]);
        let [height, width] = geometry.out_size;
        let pointwise = Self::is_pointwise(desc, geometry);
        let in_place = desc.layout == Layout::Nchw
            && pointwise
            && Self::rows_are_dense(desc, geometry)
            && geometry.dst.row == width
            && !crowded(geometry.src.channel)
            && height * width >= lanes;
        let mut grid =
            Self { in_place, pointwise, rows: height, cols: width, phases, reach, channels, vectors, lanes };
        // As many rows as fit, or columns of one row; but enough for a stripe, and bands of about the same size.
        let stripe = vectors * lanes;
        let fits = |grid: &Self| in_place || grid.band_len(geometry).is_ok_and(|len| len <= BAND);
        while grid.rows > 1 && !fits(&grid) && grid.rows * width > 4 * stripe {
            grid.rows = grid.rows.div_ceil(2);
        }
        while grid.cols > 4 * stripe && !fits(&grid) {
            grid.cols = grid.cols.div_ceil(2);
        }
        let scratch = if in_place {
            // For a part of the output that is smaller than a vector.
            checked_len("scratch", &[geometry.group_in, 2 * lanes])?.saturating_add(stripe)
        } else {
            grid.band_len(geometry)?.saturating_add(stripe)
        };
        Ok((grid, checked_len("scratch", &[scratch])?))
    }

    fn is_pointwise(desc: &Conv2dDesc, geometry: &Geometry) -> bool {
        desc.kernel == [1, 1]
            && desc.stride == [1, 1]
            && [geometry.pad_before, geometry.pad_after] == [[0, 0]; 2]
            && desc.in_size == geometry.out_size
    }

    /// Whether the rows of `src` follow each other without gaps.
    pub(super) fn rows_are_dense(desc: &Conv2dDesc, geometry: &Geometry) -> bool {
        geometry.src.row == desc.in_size[1] * geometry.src.pixel
    }

    /// Elements of a band of so many outputs: places of a row, rows of a phase, and elements of a channel.
    pub(super) fn sizes(&self, [rows, cols]: [usize; 2]) -> Result<[usize; 3], Error> {
        let (pitch, height) = (cols.saturating_add(self.reach[1]), rows.saturating_add(self.reach[0]));
        let channel = checked_len("scratch", &[self.phases[0], self.phases[1], height, pitch])?;
        Ok([pitch, height, channel + if crowded(channel) { APART } else { 0 }])
    }

    /// Elements of a band of all in channels.
    fn band_len(&self, geometry: &Geometry) -> Result<usize, Error> {
        let [_, _, channel] = self.sizes([self.rows, self.cols])?;
        checked_len("scratch", &[geometry.group_in, channel])
    }

    /// Whether a band holds at most `most` times the elements that its outputs read.
    pub(crate) fn is_dense(&self, desc: &Conv2dDesc, most: usize) -> bool {
        let [r, s] = desc.kernel;
        let read = [self.rows, self.cols, r, s].into_iter().fold(most, usize::saturating_mul);
        self.in_place || self.sizes([self.rows, self.cols]).is_ok_and(|[_, _, channel]| channel <= read)
    }

    /// Whether stripes run on from one row of a band to the next: if what lies between costs less than the ends of rows
    /// would.
    pub(super) fn runs_on(&self, width: usize, pitch: usize) -> bool {
        pitch == width || pitch < width.next_multiple_of(self.lanes)
    }

    /// How input is read, for people.
    pub(crate) fn reads(&self) -> &'static str {
        if self.in_place { "stripes in place" } else { "stripes by bands" }
    }

    /// Vectors of pixels of one image: what each step of the reduction takes.
    pub(crate) fn image_vectors(&self, geometry: &Geometry) -> u64 {
        let [height, width] = geometry.out_size;
        let pitch = if self.in_place { width } else { width + self.reach[1] };
        let vectors = if self.runs_on(width, pitch) {
            (pitch as u64).saturating_mul(height as u64).div_ceil(self.lanes as u64)
        } else {
            (width.div_ceil(self.lanes) as u64).saturating_mul(height as u64)
        };
        vectors.max(1)
    }

    /// Elements that are gathered for one image and all groups.
    pub(crate) fn gathered(&self, desc: &Conv2dDesc, geometry: &Geometry) -> u64 {
        if self.in_place {
            return 0;
        }
        let [height, width] = geometry.out_size;
        let bands = [height.div_ceil(self.rows), width.div_ceil(self.cols)];
        match self.sizes([self.rows, self.cols]) {
            Ok([_, _, channel]) => [bands[0], bands[1], channel, desc.in_channels]
                .into_iter()
                .fold(1, |product: u64, n| product.saturating_mul(n as u64)),
            Err(_) => u64::MAX,
        }
    }
}
