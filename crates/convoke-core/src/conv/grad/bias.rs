//! The gradient of a layer with respect to its bias: for each out channel the sum of `dy`, in the order of the weight
//! gradient's sums.

use core::ops::Range;

use convoke_simd::{Kernel, Level, Simd};

use super::blocks::{Blocks, Segment};
use super::plan::error_terms;
use crate::conv::desc::{Conv2dDesc, Layout};
use crate::conv::geometry::{Geometry, Strides};
use crate::conv::piece::{Piece, Pieces};
use crate::error::{Error, check_len};
use crate::kernel::transpose::{MAX_LANES, transpose};

/// The gradient of a convolution with respect to its bias, planned from the convolution's descriptor: for each out channel
/// the sum of `dy` over all pixels of all images, which are added in the order of [`WeightsGradPlan`](crate::WeightsGradPlan).
///
/// ```
/// use convoke_core::{BiasGradPlan, Conv2dDesc, Layout, Level};
/// let desc = Conv2dDesc::new(Layout::Nhwc, 1, 1, [1, 2], 2, [1, 1]);
/// let mut db = [0.0; 2];
/// BiasGradPlan::new(&desc, Level::detect())?.run(&[1.0, 10.0, 2.0, 20.0], &mut db)?;
/// assert_eq!(db, [3.0, 30.0]);
/// # Ok::<(), convoke_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BiasGradPlan {
    layout: Layout,
    channels: usize,
    dy: Strides,
    level: Level,
    blocks: Blocks,
}

impl BiasGradPlan {
    /// Plans the gradient of the layer `desc`.
    ///
    /// # Errors
    /// Those of [`Geometry::new`].
    pub fn new(desc: &Conv2dDesc, level: Level) -> Result<Self, Error> {
        let geometry = Geometry::new(desc)?;
        let blocks = Blocks::new(desc.batch, geometry.out_size);
        Ok(Self { layout: desc.layout, channels: desc.out_channels, dy: geometry.dst, level, blocks })
    }

    /// Elements of `dy`.
    pub fn grad_output_len(&self) -> usize {
        self.dy.len
    }

    /// Computes all of `db`, one value per out channel. Needs no scratch.
    ///
    /// # Errors
    /// [`Error::Length`] for an operand of the wrong length. `db` is then as it was.
    pub fn run(&self, dy: &[f32], db: &mut [f32]) -> Result<(), Error> {
        check_len("db", self.channels, db.len())?;
        self.run_channels(0..self.channels, dy, db)
    }

    /// About `count` pieces that together are all of `db`.
    pub fn pieces(&self, count: usize) -> Pieces {
        Pieces::of_channels(self.channels, self.channels, count, self.level.lanes())
    }

    /// Computes one piece. `db` is exactly [`Piece::dst_range`] of the whole; `dy` is whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a piece that is none of this gradient.
    pub fn run_piece(&self, piece: &Piece, dy: &[f32], db: &mut [f32]) -> Result<(), Error> {
        let channels = piece.channels(self.channels, self.channels)?;
        check_len("db", piece.dst_range().len(), db.len())?;
        self.run_channels(channels, dy, db)
    }

    fn run_channels(&self, channels: Range<usize>, dy: &[f32], db: &mut [f32]) -> Result<(), Error> {
        check_len("dy", self.dy.len, dy.len())?;
        self.level.dispatch(Run { plan: self, channels, dy, db });
        Ok(())
    }

    /// The `n` of the error bound `|db - exact| <= n * 2^-24 * sum |dy|`.
    pub fn error_terms(&self) -> usize {
        error_terms(&self.blocks)
    }
}

struct Run<'a> {
    plan: &'a BiasGradPlan,
    channels: Range<usize>,
    dy: &'a [f32],
    db: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    /// A vector of channels at a time. Where they do not lie side by side, squares of pixels by channels are transposed in
    /// registers.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { plan, channels, dy, db } = self;
        for (first, db) in channels.step_by(S::LANES).zip(db.chunks_mut(S::LANES)) {
            let mut total = simd.splat(0.0);
            for block in plan.blocks.iter() {
                let mut sum = simd.splat(0.0);
                for segment in block.segments() {
                    sum = match plan.layout {
                        Layout::Nhwc => pixels(simd, &plan.dy, dy, &segment, first, db.len(), sum),
                        Layout::Nchw => planes(simd, &plan.dy, dy, &segment, first, db.len(), sum),
                    };
                }
                total = if block.first { sum } else { simd.add(total, sum) };
            }
            simd.store_first(total, db);
        }
    }
}

#[inline(always)]
fn pixels<S: Simd>(
    simd: S,
    strides: &Strides,
    dy: &[f32],
    segment: &Segment,
    first: usize,
    lanes: usize,
    mut sum: S::F32,
) -> S::F32 {
    for y in segment.ys.clone() {
        let row = &dy[strides.at(segment.image, first, y, segment.xs.start)..];
        for x in 0..segment.xs.len() {
            sum = simd.add(sum, simd.load_first(&row[x * strides.pixel..][..lanes]));
        }
    }
    sum
}

#[inline(always)]
fn planes<S: Simd>(
    simd: S,
    strides: &Strides,
    dy: &[f32],
    segment: &Segment,
    first: usize,
    lanes: usize,
    mut sum: S::F32,
) -> S::F32 {
    for y in segment.ys.clone() {
        let row = &dy[strides.at(segment.image, first, y, segment.xs.start)..];
        let mut x = 0;
        while x < segment.xs.len() {
            let count = (segment.xs.len() - x).min(S::LANES);
            let mut square = [simd.splat(0.0); MAX_LANES];
            for (lane, square) in square.iter_mut().enumerate().take(lanes) {
                *square = simd.load_first(&row[lane * strides.channel + x..][..count]);
            }
            transpose(simd, &mut square);
            for pixel in &square[..count] {
                sum = simd.add(sum, *pixel);
            }
            x += count;
        }
    }
    sum
}
