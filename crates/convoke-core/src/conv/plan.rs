//! The direct plan: a checked descriptor with everything decided. A small value, made in well under a microsecond,
//! without heap; the third step of the flow packs weights for it and the fourth runs it.

use core::fmt;
use core::ops::Range;

use convoke_simd::Level;

use super::desc::{Conv2dDesc, Layout, Mode, Padding};
use super::direct;
use super::geometry::{Geometry, Strides};
use super::methods::{Layered, layer_methods};
use super::operands::Operands;
use super::pack::{Blocks, Pack};
use super::packed::{Packed, identity};
use super::part::Part;
use super::piece::Pieces;
use super::route::{Feed, Route};
use super::single;
use super::turned::Turn;
use super::window::Walk;
use crate::error::{Error, check_len, checked_len};
use crate::kernel::finite::Finite;
use crate::kernel::{lanes, plane, rows, tile};

/// A convolution layer planned for the direct algorithm: sums formed in registers, straight from the image.
///
/// A plan is `Copy`, holds no memory and can be shared by threads. It says how long its buffers must be, packs
/// weights, and runs.
///
/// ```
/// use convoke_core::{Conv2dDesc, Conv2dPlan, Layout, Level, Operands};
///
/// // Each output is the sum of a 2x2 window.
/// let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [3, 3], 1, [2, 2]);
/// let plan = Conv2dPlan::new(&desc, Level::detect())?;
///
/// let mut buffer = vec![0.0; plan.packed_len()];
/// let weights = plan.pack(&[1.0; 4], &mut buffer)?;
/// let src = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
/// let mut dst = [0.0; 4];
/// let mut scratch = vec![0.0; plan.scratch_len()];
/// plan.run(&Operands::new(&src, weights), &mut dst, &mut scratch)?;
/// assert_eq!(dst, [12.0, 16.0, 24.0, 28.0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Conv2dPlan {
    pub(super) desc: Conv2dDesc,
    pub(super) geometry: Geometry,
    pub(super) level: Level,
    pub(super) route: Route,
    pub(super) blocks: Blocks,
    body: usize,
    scratch: usize,
}

impl Conv2dPlan {
    /// Checks a descriptor and decides how to run it at `level`.
    ///
    /// # Errors
    /// Those of [`Geometry::new`]; [`Error::Overflow`] if packed weights or scratch would not fit in memory.
    pub fn new(desc: &Conv2dDesc, level: Level) -> Result<Self, Error> {
        Self::with_geometry(desc, Geometry::new(desc)?, level)
    }

    /// The same from sizes that are known, and need not be those of the descriptor's padding and strides.
    pub(super) fn with_geometry(desc: &Conv2dDesc, geometry: Geometry, level: Level) -> Result<Self, Error> {
        let (route, scratch) = Route::choose(desc, &geometry, level)?;
        let steps = desc.kernel[0] * desc.kernel[1] * geometry.group_in;
        let (groups, blocks) = match route {
            Route::Tiles(_) if level.lanes() > 1 => {
                (desc.groups, Blocks::new(level.lanes(), geometry.group_out, steps, tile::shape(level).1))
            }
            Route::Tiles(_) => {
                let [groups, channels] = if single::own(&geometry) {
                    [1, desc.out_channels]
                } else {
                    [desc.groups, geometry.group_out]
                };
                (groups, Blocks::new(1, channels, steps, single::CHANNELS))
            }
            // One out channel beside the other, as many as a stripe has.
            Route::Stripes(grid) => (desc.groups, Blocks::new(1, geometry.group_out, steps, grid.channels)),
            Route::Lanes(_, lanes) | Route::Turned(Turn { blocks: lanes, .. }) => {
                (lanes.count, Blocks::new(level.lanes(), lanes.filled[1], steps, 1))
            }
            // One out channel after the other, as the plane kernel takes them.
            Route::Planes(_) => (1, Blocks::new(1, desc.out_channels, steps, 1)),
        };
        let body = checked_len("packed weights", &[groups, blocks.total_vectors(), blocks.lanes, steps])?;
        checked_len("packed weights", &[Packed::buffer_len(body)])?;
        Ok(Self { desc: *desc, geometry, level, route, blocks, body, scratch })
    }

    /// The descriptor that was planned.
    pub fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Packs weights into `buffer`, which must have at least [`packed_len`](Self::packed_len) elements.
    ///
    /// `weights` is OIHW (`K * C/G * R * S`) for [`Layout::Nchw`], OHWI (`K * R * S * C/G`) for [`Layout::Nhwc`].
    ///
    /// # Errors
    /// [`Error::Length`] for weights of another length or a buffer that is too short.
    pub fn pack<'p>(&self, weights: &[f32], buffer: &'p mut [f32]) -> Result<Packed<'p>, Error> {
        check_len("weights", self.geometry.weights_len, weights.len())?;
        let finite = self.level.dispatch(Finite(weights));
        Packed::make(buffer, self.body_len(), self.identity(), finite, |packed| {
            let Self { desc, geometry, blocks, .. } = self;
            match self.route {
                Route::Lanes(_, blocks) | Route::Turned(Turn { blocks, .. }) => {
                    super::lanes::pack(desc, geometry, blocks, self.level, weights, packed);
                }
                _ => self.level.dispatch(Pack { desc, geometry, blocks: *blocks, weights, packed }),
            }
        })
    }

    /// Pieces for so many threads, each large enough to be worth it.
    pub fn pieces_for(&self, threads: usize) -> Pieces {
        Pieces::for_threads(&self.desc, &self.geometry, threads, self.granule())
    }

    /// The rows of the input that output rows read.
    pub(super) fn reads(&self, rows: Range<usize>) -> Range<usize> {
        Walk::new(&self.desc, &self.geometry, 0).reads(rows, self.desc.border)
    }

    /// The same plan for whoever has only these rows of the input, in a buffer that starts with them. Outputs keep their
    /// numbers, and only those can be made that [read](Self::reads) nothing else.
    pub(super) fn within(mut self, rows: Range<usize>, src: Strides) -> Self {
        // An image of those rows, of which the rows above are padding. Where it is cut, nothing is read beyond; and where it
        // is not, its edges are the whole image's.
        self.desc.in_size[0] = rows.len();
        self.geometry.pad_before[0] += rows.start;
        self.geometry.src = src;
        self
    }

    /// The `n` of the error bound `|y - exact| <= n * 2^-24 * sum |w * x|` of every sum, before the activation: its
    /// terms, bias and residual counted (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013). It presumes that
    /// nothing overflows; underflow adds at most `n * 2^-150`.
    pub fn error_terms(&self) -> usize {
        self.desc.kernel[0] * self.desc.kernel[1] * self.geometry.group_in + 2
    }

    /// What was decided, for people and for cost models.
    pub fn describe(&self) -> Description {
        let Self { desc, geometry, level, route, blocks, .. } = self;
        let [height, width] = geometry.out_size;
        let outputs = (desc.batch * height * width) as u64;
        let steps = self.error_terms() - 2;
        // Vectors per output pixel; where pixels are lanes, a vector serves as many of them.
        let vectors = match route {
            Route::Lanes(_, lanes) | Route::Turned(Turn { blocks: lanes, .. }) => lanes.count * steps,
            _ => blocks.total_vectors() * steps,
        };
        let mut vector_outputs = outputs;
        let (pixels, vectors, shared) = match route {
            Route::Tiles(_) => {
                (tile::shape(*level).0, desc.out_channels / blocks.channels.max(1) * vectors, 1)
            }
            Route::Stripes(grid) => {
                vector_outputs = (desc.batch as u64).saturating_mul(grid.image_vectors(geometry));
                (grid.vectors * level.lanes(), desc.groups * vectors, 1)
            }
            Route::Lanes(..) | Route::Turned(_) => {
                (lanes::ROWS * lanes::pixels(level.registers()), vectors, 1)
            }
            Route::Planes(_) => {
                let tile = plane::TILE_ROWS * rows::vectors(level.registers()) * level.lanes();
                (tile, vectors, level.lanes())
            }
        };
        let [in_height, in_width] = desc.in_size;
        let read = (desc.batch * in_height * in_width) as f64 * desc.in_channels as f64;
        let written = outputs as f64 * desc.out_channels as f64;
        let batch = desc.batch as f64;
        let moving = match (route, desc.layout) {
            (Route::Tiles(Feed::Band { .. }), Layout::Nchw) => PER_MOVED * (read + written),
            (Route::Tiles(Feed::InPlace { .. }), Layout::Nchw) => PER_MOVED * written,
            (Route::Tiles(Feed::Windows), _) => PER_MOVED * (outputs as f64) * (steps * desc.groups) as f64,
            (Route::Stripes(grid), _) => {
                batch * (grid.gathering(desc, geometry) + grid.scattering(desc, geometry))
            }
            (Route::Turned(_), Layout::Nchw) => PER_MOVED * (read + written),
            _ => 0.0,
        };
        Description {
            algorithm: "direct",
            reads: match route {
                Route::Tiles(Feed::InPlace { .. }) => "pixels in place",
                Route::Tiles(Feed::Band { .. }) => "pixels by bands",
                Route::Tiles(Feed::Windows) => "pixels by windows",
                Route::Stripes(grid) => grid.reads(),
                Route::Lanes(Feed::InPlace { .. }, _) => "lanes in place",
                Route::Lanes(..) => "lanes by bands",
                Route::Turned(_) if desc.layout == Layout::Nhwc => "lanes by blocks",
                Route::Turned(_) => "lanes by turned blocks",
                Route::Planes(_) => "planes by rows",
            },
            level: self.level,
            tile: [pixels, blocks.vectors * blocks.lanes],
            kernel: self.desc.kernel,
            packed_bytes: self.packed_len() * size_of::<f32>(),
            scratch_bytes: self.scratch * size_of::<f32>(),
            macs: self.geometry.macs,
            vector_macs: vector_outputs.div_ceil(shared as u64).saturating_mul(vectors as u64),
            // A cast from float saturates.
            moving: moving as u64,
            error_terms: self.error_terms(),
            padded: self.desc.padding != Padding::Valid,
        }
    }
}

/// An element that is brought into another order, in squares, in the time of a vector multiply-add.
const PER_MOVED: f64 = 0.7;

layer_methods!(Conv2dPlan, plan => plan);

impl Layered for Conv2dPlan {
    fn layer(&self) -> &Conv2dDesc {
        &self.desc
    }

    fn sizes(&self) -> &Geometry {
        &self.geometry
    }

    fn body_len(&self) -> usize {
        self.body
    }

    fn identity(&self) -> u64 {
        let [r, s] = self.desc.kernel;
        let desc = &self.desc;
        identity(&[
            1, // the direct algorithm
            desc.groups,
            desc.out_channels,
            self.geometry.group_in,
            r,
            s,
            self.blocks.lanes * self.blocks.vectors,
            match self.route {
                Route::Tiles(_) if self.blocks.channels != self.geometry.group_out => 4,
                Route::Tiles(_) => 1,
                Route::Planes(_) => 0,
                Route::Lanes(..) | Route::Turned(_) => 2,
                Route::Stripes(_) => 3,
            },
            (desc.mode == Mode::Convolve).into(),
            (desc.layout == Layout::Nhwc).into(),
        ])
    }

    fn needs_scratch(&self) -> usize {
        self.scratch
    }

    fn granule(&self) -> usize {
        self.blocks.vectors * self.blocks.lanes
    }

    fn run_checked(
        &self,
        part: &Part,
        operands: &Operands<'_>,
        weights: &[f32],
        dst: &mut [f32],
        scratch: &mut [f32],
    ) {
        self.level.dispatch(direct::Run { plan: self, part, operands, weights, dst, scratch });
    }
}

/// What a plan decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Description {
    /// Name of the algorithm.
    pub algorithm: &'static str,
    /// How the innermost loop gets its input.
    pub reads: &'static str,
    /// The level.
    pub level: Level,
    /// Pixels by out channels of a full register tile.
    pub tile: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Size of the packing buffer in bytes.
    pub packed_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Multiply-accumulates that the layer asks for, padding counted.
    pub macs: u64,
    /// Vector multiply-adds that the kernel issues for them: the predicted cost, to be divided by what the core does
    /// in a second. Lanes and tails that carry nothing are counted; taps on padding, which are skipped, too.
    pub vector_macs: u64,
    /// What bringing elements into another order and back takes, in the time of so many of them.
    pub moving: u64,
    /// The `n` of the error bound.
    pub error_terms: usize,
    /// Whether windows can hang over an edge.
    pub padded: bool,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, s] = self.kernel;
        let [pixels, channels] = self.tile;
        write!(
            f,
            "{} {r}x{s}, {}, tile {pixels}x{channels}, {}, packed {} bytes, scratch {} bytes, {} vector multiply-adds, \
             error at most {} * 2^-24 * sum|w*x|",
            self.algorithm,
            self.reads,
            self.level,
            self.packed_bytes,
            self.scratch_bytes,
            self.vector_macs,
            self.error_terms
        )
    }
}
