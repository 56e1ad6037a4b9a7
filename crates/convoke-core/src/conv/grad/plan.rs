//! The plan of a weight gradient.

use core::fmt;

use convoke_simd::Level;

use super::blocks::Blocks;
use super::dense::Dense;
use super::lanes::{LaneArrangement, Lanes};
use super::layout::{Arrangement, Feed};
use crate::Border;
use crate::conv::desc::{Conv2dDesc, Mode};
use crate::conv::geometry::Geometry;
use crate::conv::piece::{Piece, Pieces};
use crate::error::{Error, check_len, check_scratch};
use crate::kernel::finite::Finite;

/// The gradient of a convolution with respect to its weights ("backward weights"), planned from the convolution's
/// descriptor.
///
/// If `dy` is the gradient of a loss with respect to the layer's sums (before its activation, which this knows nothing of), then
///
/// ```text
/// dw[k, c, r, s] = sum over n, p, q of  dy[n, k, p, q] * src[n, g*C/G + c, p*SH - top + r*DH, q*SW - left + s*DW]
/// ```
///
/// for every border: what windows read outside counts, and a tap on the padding of a zero border is absent. `dw` has the order of
/// the layer's weights, OIHW or OHWI; an empty batch has a gradient of 0.
///
/// The sum runs over the rows of all images in order. They are cut into blocks of up to 256 pixels, as many whole rows as fit, or equal parts of a
/// row; each block is summed pixel by pixel from `+0`, and the sums of blocks are added in order. The reduction is never split
/// otherwise: pieces are out channels, so threads, layouts and (fused) levels change no bit.
///
/// ```
/// use convoke_core::{Conv2dDesc, Layout, Level, WeightsGradPlan};
/// // y = [x0 w0 + x1 w1, x1 w0 + x2 w1]
/// let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [1, 3], 1, [1, 2]);
/// let plan = WeightsGradPlan::new(&desc, Level::detect())?;
/// let (mut dw, mut scratch) = ([0.0; 2], vec![0.0; plan.scratch_len()]);
/// plan.run(&[3.0, 5.0], &[1.0, 2.0, 4.0], &mut dw, &mut scratch)?;
/// assert_eq!(dw, [3.0 * 1.0 + 5.0 * 2.0, 3.0 * 2.0 + 5.0 * 4.0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WeightsGradPlan {
    pub(super) desc: Conv2dDesc,
    pub(super) geometry: Geometry,
    pub(super) level: Level,
    pub(super) blocks: Blocks,
    pub(super) arrangement: Arrangement,
    lanes: Option<LaneArrangement>,
    scratch: usize,
}

impl WeightsGradPlan {
    /// Plans the gradient of the layer `desc`, whose activation is not looked at.
    ///
    /// # Errors
    /// Those of [`Geometry::new`]; [`Error::Overflow`] if scratch would not fit in memory.
    pub fn new(desc: &Conv2dDesc, level: Level) -> Result<Self, Error> {
        let geometry = Geometry::new(desc)?;
        let blocks = Blocks::new(desc.batch, geometry.out_size);
        let arrangement = Arrangement::new(desc, &geometry, &blocks, level)?;
        let lanes = LaneArrangement::new(desc, &geometry, &blocks, level);
        let scratch = arrangement.len.max(lanes.map_or(0, |lanes| lanes.len));
        Ok(Self { desc: *desc, geometry, level, blocks, arrangement, lanes, scratch })
    }

    /// The layer whose gradient this is.
    pub fn desc(&self) -> &Conv2dDesc {
        &self.desc
    }

    /// Its checked sizes: `dy` is shaped like `dst`.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Elements of scratch that a run, or a piece, needs.
    pub fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// Computes all of `dw`, which has [`Geometry::weights_len`] elements.
    ///
    /// Reads nothing outside its operands, reads neither `dw` nor `scratch` before writing them, and leaves `scratch` as
    /// garbage.
    ///
    /// # Errors
    /// [`Error::Length`] for an operand of the wrong length (`scratch` may be longer). `dw` is then as it was.
    pub fn run(&self, dy: &[f32], src: &[f32], dw: &mut [f32], scratch: &mut [f32]) -> Result<(), Error> {
        check_len("dw", self.geometry.weights_len, dw.len())?;
        self.run_channels(0..self.desc.out_channels, dy, src, dw, scratch)
    }

    /// About `count` pieces that together are all of `dw`: ranges of out channels.
    pub fn pieces(&self, count: usize) -> Pieces {
        // What is made together is not cut.
        let tile = match self.lanes {
            Some(_) => self.level.lanes() * self.geometry.group_out,
            None => self.arrangement.tile.min(self.geometry.group_out),
        };
        Pieces::of_channels(self.desc.out_channels, self.geometry.weights_len, count, tile)
    }

    /// Computes one piece. `dw` is exactly [`Piece::dst_range`] of the whole; `dy` and `src` are whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a piece that is none of this gradient.
    pub fn run_piece(
        &self,
        piece: &Piece,
        dy: &[f32],
        src: &[f32],
        dw: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let channels = piece.channels(self.desc.out_channels, self.geometry.weights_len)?;
        check_len("dw", piece.dst_range().len(), dw.len())?;
        self.run_channels(channels, dy, src, dw, scratch)
    }

    fn run_channels(
        &self,
        channels: core::ops::Range<usize>,
        dy: &[f32],
        src: &[f32],
        dw: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        check_len("dy", self.geometry.dst.len, dy.len())?;
        check_len("src", self.geometry.src.len, src.len())?;
        check_scratch(self.scratch, scratch)?;
        if self.desc.batch == 0 {
            dw.fill(0.0);
            return Ok(());
        }
        if let Some(arrangement) = self.lanes {
            let (channels, dw, scratch) = (channels.clone(), &mut *dw, &mut *scratch);
            self.level.dispatch(Lanes { plan: self, arrangement, channels, dy, src, dw, scratch });
            // A zero that stands for an absent tap must not meet an infinity. If it did, no sum of that channel is finite.
            if !self.hangs_over_nothing() || self.level.dispatch(Finite(dw)) {
                return Ok(());
            }
        }
        self.level.dispatch(Dense { plan: self, channels, dy, src, dw, scratch });
        Ok(())
    }

    /// Whether taps may be absent.
    pub(super) fn hangs_over_nothing(&self) -> bool {
        self.desc.border == Border::Zero && [self.geometry.pad_before, self.geometry.pad_after] != [[0, 0]; 2]
    }

    /// The tap of the window that the weight of a tap meets.
    pub(super) fn window_tap(&self, tap: usize) -> usize {
        match self.desc.mode {
            Mode::Correlate => tap,
            Mode::Convolve => self.desc.kernel[0] * self.desc.kernel[1] - 1 - tap,
        }
    }

    /// The `n` of the error bound `|dw - exact| <= n * 2^-24 * sum |dy * x|`: pixels of a block and number of blocks, with what
    /// the roundings of roundings add. It presumes that nothing overflows.
    pub fn error_terms(&self) -> usize {
        error_terms(&self.blocks)
    }

    /// What was decided, for people.
    pub fn describe(&self) -> WeightsGradDescription {
        WeightsGradDescription {
            kernel: self.desc.kernel,
            reads: match self.arrangement.feed {
                _ if self.lanes.is_some() => "channels as lanes",
                Feed::InPlace => "columns in place",
                Feed::Planes => "planes in place",
                Feed::Band => "columns by bands",
                Feed::Taps => "columns tap by tap",
            },
            level: self.level,
            block: self.blocks.most(),
            blocks: self.blocks.count(),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
            macs: self.geometry.macs,
            error_terms: self.error_terms(),
        }
    }
}

/// Roundings that follow each other in a sum over blocks: `h`, and the `h^2 u` of their products.
pub(super) fn error_terms(blocks: &Blocks) -> usize {
    let depth = blocks.most().saturating_add(blocks.count());
    let square = (depth as u128 * depth as u128) >> 24;
    depth.saturating_add(usize::try_from(2 * square).unwrap_or(usize::MAX)).saturating_add(1)
}

/// What a plan of a weight gradient decided. `Display` tells it in one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WeightsGradDescription {
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// How it gets its input.
    pub reads: &'static str,
    /// The level.
    pub level: Level,
    /// Pixels of a block, at most, and the number of blocks.
    pub block: usize,
    /// The number of blocks.
    pub blocks: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Multiply-accumulates, padding counted.
    pub macs: u64,
    /// The `n` of the error bound.
    pub error_terms: usize,
}

impl fmt::Display for WeightsGradDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, s] = self.kernel;
        write!(
            f,
            "weight gradient {r}x{s}, {}, {}, {} blocks of {} pixels, scratch {} bytes, error at most {} * 2^-24 * sum|dy*x|",
            self.reads, self.level, self.blocks, self.block, self.scratch_bytes, self.error_terms
        )
    }
}
