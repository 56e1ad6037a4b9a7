//! The grid of stripes: how the planes of a band are cut, and how large its bands and blocks are. A decision of the plan; see
//! [`stripes`](super::stripes) for what a band is.

use super::band::{APART, crowded};
use super::desc::{Conv2dDesc, Layout};
use super::geometry::Geometry;
use super::route::WIDEST_BAND;
use crate::Level;
use crate::error::{Error, checked_len};
use crate::kernel::stripe;

/// Elements of input that a band aims at: half a megabyte of second-level cache has room for it, weights and output.
pub(super) const BAND: usize = 32 * 1024;
/// Elements of input that one tap of a stripe may read if the next is to find them in the first-level cache, and sums that
/// are needed to cover the latency of the multiply-add.
const TWICE_READ: usize = 6 * 1024;
const FEWEST_SUMS: usize = 8;
/// What a line of a plane takes that is gathered, beside its vectors, in vector multiply-adds.
const PER_LINE: f64 = 20.0;

/// How the planes of a band are cut and laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Whether planes are read where they are.
    pub(super) in_place: bool,
    /// The axis of lines and the one along which they run: pixels of a row are lanes, unless there are so few that those of a
    /// column had better be.
    pub(super) axes: [usize; 2],
    /// Whether each output reads the one pixel in its place.
    pub(super) pointwise: bool,
    /// Output rows and columns of a band.
    pub(super) band: [usize; 2],
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
        let rows = Self::along([0, 1], desc, geometry, level)?;
        if rows.0.in_place {
            return Ok(rows);
        }
        let cols = Self::along([1, 0], desc, geometry, level)?;
        let cost = |grid: &Self| {
            grid.multiplying(desc, geometry)
                + grid.gathering(desc, geometry)
                + grid.scattering(desc, geometry)
        };
        Ok(if cost(&cols.0) < cost(&rows.0) { cols } else { rows })
    }

    fn along(
        axes: [usize; 2],
        desc: &Conv2dDesc,
        geometry: &Geometry,
        level: Level,
    ) -> Result<(Self, usize), Error> {
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
        let in_place = axes == [0, 1]
            && desc.layout == Layout::Nchw
            && pointwise
            && Self::rows_are_dense(desc, geometry)
            && geometry.dst.row == width
            && !crowded(geometry.src.channel)
            && height * width >= lanes;
        let band = geometry.out_size;
        let mut grid = Self { in_place, pointwise, axes, band, phases, reach, channels, vectors, lanes };
        // As many lines as fit, or places of one line; but enough for a stripe, and bands of about the same size.
        let stripe = vectors * lanes;
        let [line, along] = axes;
        // Lines that lie between those of the outputs are gathered for every band: fewer lines than these cost more than a cache
        // that is further away.
        let fits = |grid: &Self| {
            let most = if grid.band[line] <= 2 * reach[line] { WIDEST_BAND } else { BAND };
            in_place || grid.band_len(geometry).is_ok_and(|len| len <= most)
        };
        while grid.band[line] > 1 && !fits(&grid) && grid.band[line] * band[along] > 4 * stripe {
            grid.band[line] = grid.band[line].div_ceil(2);
        }
        while grid.band[along] > 4 * stripe && !fits(&grid) {
            grid.band[along] = grid.band[along].div_ceil(2);
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

    /// Elements of a band of so many rows and columns of outputs: places of a line, lines of a phase, and elements of a channel.
    pub(super) fn sizes(&self, outputs: [usize; 2]) -> Result<[usize; 3], Error> {
        let [height, pitch] = self.axes.map(|axis| outputs[axis].saturating_add(self.reach[axis]));
        let channel = checked_len("scratch", &[self.phases[0], self.phases[1], height, pitch])?;
        Ok([pitch, height, channel + if crowded(channel) { APART } else { 0 }])
    }

    /// Elements of a band of all in channels, or of one of fewer outputs, whose channels may be the ones that crowd.
    fn band_len(&self, geometry: &Geometry) -> Result<usize, Error> {
        let [_, _, channel] = self.sizes(self.band)?;
        checked_len("scratch", &[geometry.group_in, channel.saturating_add(APART)])
    }

    /// Whether a band holds at most `most` times the elements that its outputs read.
    pub(crate) fn is_dense(&self, desc: &Conv2dDesc, most: usize) -> bool {
        let [r, s] = desc.kernel;
        let read = [self.band[0], self.band[1], r, s].into_iter().fold(most, usize::saturating_mul);
        self.in_place || self.sizes(self.band).is_ok_and(|[_, _, channel]| channel <= read)
    }

    /// Whether stripes run on from one line of a band to the next: if what lies between costs less than the ends of lines
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
        let [height, width] = self.axes.map(|axis| geometry.out_size[axis]);
        let pitch = if self.in_place { width } else { width + self.reach[self.axes[1]] };
        let vectors = if self.runs_on(width, pitch) {
            (pitch as u64).saturating_mul(height as u64).div_ceil(self.lanes as u64)
        } else {
            (width.div_ceil(self.lanes) as u64).saturating_mul(height as u64)
        };
        vectors.max(1)
    }

    /// What multiplying takes for one image, in vector multiply-adds: each vector has a few tests and stores to itself.
    pub(crate) fn multiplying(&self, desc: &Conv2dDesc, geometry: &Geometry) -> f64 {
        let steps = (desc.kernel[0] * desc.kernel[1] * geometry.group_in) as f64;
        self.image_vectors(geometry) as f64 * desc.out_channels as f64 * (steps + 8.0)
    }

    /// What scattering takes for one image and all groups, beside stores of whole vectors: channels of a pixel are
    /// transposed, and pixels of which neither they nor the channels lie side by side go one by one.
    pub(crate) fn scattering(&self, desc: &Conv2dDesc, geometry: &Geometry) -> f64 {
        let [height, width] = geometry.out_size;
        let values = height as f64 * width as f64 * desc.out_channels as f64;
        match (desc.layout, self.axes) {
            (Layout::Nhwc, _) if desc.out_channels > 1 => 2.0 * values,
            (Layout::Nchw, [1, 0]) if geometry.dst.row > 1 => 12.0 * values,
            _ => 0.0,
        }
    }

    /// What gathering takes for one image and all groups, in vector multiply-adds. Lines are gathered by vectors, however
    /// short they are.
    pub(crate) fn gathering(&self, desc: &Conv2dDesc, geometry: &Geometry) -> f64 {
        let Ok([_, _, channel]) = self.sizes(self.band) else { return f64::INFINITY };
        if self.in_place {
            return 0.0;
        }
        let [_, along] = self.axes;
        let bands: usize =
            [0, 1].map(|axis| geometry.out_size[axis].div_ceil(self.band[axis])).iter().product();
        let pitch = self.band[along] + self.reach[along];
        let lines = bands as f64 * (channel / pitch) as f64;
        let vectors = lines * pitch.div_ceil(self.lanes) as f64;
        let depth = desc.in_channels;
        match desc.layout {
            // Squares, transposed.
            Layout::Nhwc => vectors * 12.0 * depth.next_multiple_of(self.lanes) as f64,
            Layout::Nchw => {
                let steps = [geometry.src.row, geometry.src.pixel];
                let distance = steps[along].saturating_mul(desc.stride[along]);
                let pick = match distance {
                    1 => 5.0,
                    2..=8 => 6.0 + 4.0 * distance as f64,
                    _ => 2.5 * self.lanes.min(self.band[along]) as f64 + 5.0,
                };
                (lines * PER_LINE + vectors * pick) * depth as f64
            }
        }
    }
}
