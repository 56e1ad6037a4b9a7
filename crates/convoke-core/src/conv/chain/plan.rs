//! The plan of a chain: its layers' plans, proved to fit each other, and how tall its strips are.

use core::fmt;
use core::ops::Range;

use super::desc::{ChainDesc, ChainOperands};
use super::error::{ChainError, of_layer};
use super::run::Run;
use super::strip::{LINE, Strips};
use crate::conv::geometry::Geometry;
use crate::conv::methods::Layered;
use crate::conv::packed::Packed;
use crate::conv::part::Part;
use crate::conv::piece::{Piece, Pieces};
use crate::conv::plan::{Conv2dPlan, Description};
use crate::error::{Error, check_at_least, check_len, checked_len};
use crate::{Conv2dDesc, Level};

/// A chain of layers planned to run strip by strip: some rows of its output are made from start to end before the next.
///
/// The result is, bit for bit, that of the layers run one after the other with [`Conv2dPlan`]. What lies between them is a
/// few rows in scratch, each made once for each piece of the output. That pays where whole tensors would not stay in the
/// caches; and it is the way to run layers whose tensors do not fit in memory at all.
///
/// A plan is `Copy`, holds no memory and can be shared by threads.
///
/// ```
/// use convoke_core::{ChainDesc, ChainOperands, ChainPlan, Conv2dDesc, Layout, Level, Padding};
///
/// // Each pixel doubled, then sums of three rows.
/// let double = Conv2dDesc::new(Layout::Nhwc, 1, 1, [4, 1], 1, [1, 1]);
/// let sum = Conv2dDesc::new(Layout::Nhwc, 1, 1, [4, 1], 1, [3, 1]).padding(Padding::Same);
/// let plan = ChainPlan::new(&ChainDesc::new([double, sum]), Level::detect())?;
///
/// let mut buffer = vec![0.0; plan.packed_len()];
/// let weights = plan.pack([&[2.0], &[1.0; 3]], &mut buffer)?;
/// let mut dst = [0.0; 4];
/// let mut scratch = vec![0.0; plan.scratch_len()];
/// plan.run(&ChainOperands::new(&[1.0, 2.0, 3.0, 4.0], weights), &mut dst, &mut scratch)?;
/// assert_eq!(dst, [6.0, 12.0, 18.0, 14.0]);
/// # Ok::<(), convoke_core::ChainError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ChainPlan<const N: usize> {
    desc: ChainDesc<N>,
    /// Of one image, and without gaps between the layers.
    pub(super) layers: [Conv2dPlan; N],
    /// Of all images: where `src` and `dst` lie.
    first: Geometry,
    last: Geometry,
    pub(super) strips: Strips<N>,
    scratch: usize,
    packed: usize,
}

impl<const N: usize> ChainPlan<N> {
    /// Checks a chain and decides how to run it at `level`. A chain has at least one layer; one of none does not compile.
    ///
    /// # Errors
    /// [`ChainError::Layer`] with those of [`Conv2dPlan::new`]; [`ChainError::Layout`] and [`ChainError::Misfit`] for a layer
    /// that does not read what the one before it makes; [`ChainError::Operand`] for strips of no rows, or if packed weights
    /// or scratch would not fit in memory.
    pub fn new(desc: &ChainDesc<N>, level: Level) -> Result<Self, ChainError> {
        const { assert!(N > 0, "a chain has at least one layer") };
        let mut first = None;
        let mut last = Geometry::new(&desc.layers[0]).map_err(of_layer(0))?;
        let plan = Conv2dPlan::new(&inner::<N>(&desc.layers[0], 0), level).map_err(of_layer(0))?;
        let mut layers = [plan; N];
        for (layer, inside) in desc.layers.iter().enumerate() {
            let geometry = Geometry::new(inside).map_err(of_layer(layer))?;
            if layer > 0 {
                fits(layer, &desc.layers[layer - 1], &last, inside)?;
                layers[layer] =
                    Conv2dPlan::new(&inner::<N>(inside, layer), level).map_err(of_layer(layer))?;
            }
            first.get_or_insert(geometry);
            last = geometry;
        }
        let first = first.unwrap_or(last);
        let strips = match desc.strip_rows {
            Some(rows) => {
                check_at_least("strip rows", 1, rows)?;
                Strips::new(&layers, rows.min(last.out_size[0]))?
            }
            None => Strips::choose(&layers)?,
        };
        let inside = layers.iter().map(Conv2dPlan::scratch_len).max().unwrap_or(0);
        let scratch = match strips.total()? {
            0 => inside,
            held => checked_len("scratch", &[held.saturating_add(LINE).saturating_add(inside)])?,
        };
        let packed = layers.iter().fold(0_usize, |total, layer| total.saturating_add(layer.packed_len()));
        let packed = checked_len("packed weights", &[packed])?;
        Ok(Self { desc: *desc, layers, first, last, strips, scratch, packed })
    }

    /// The chain that was planned.
    pub fn desc(&self) -> &ChainDesc<N> {
        &self.desc
    }

    /// The plans of its layers, for a single image and without gaps between rows inside the chain. Their weights are packed as
    /// any plan of the same layer packs them, and their [error bounds](Conv2dPlan::error_terms) are those of each layer.
    pub fn layers(&self) -> &[Conv2dPlan; N] {
        &self.layers
    }

    /// Checked sizes of the first layer, for all images: `src` is its.
    pub fn first(&self) -> &Geometry {
        &self.first
    }

    /// Checked sizes of the last layer, for all images: `dst` and residual are its.
    pub fn last(&self) -> &Geometry {
        &self.last
    }

    /// The level that it runs at.
    pub fn level(&self) -> Level {
        self.layers[0].level()
    }

    /// Output rows that are made at a time.
    pub fn strip_rows(&self) -> usize {
        self.strips.rows
    }

    /// Multiply-accumulates of all layers, taps on padding counted. Saturates.
    pub fn macs(&self) -> u64 {
        let batch = self.desc.layers[0].batch as u64;
        let image = self.layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.geometry.macs));
        image.saturating_mul(batch)
    }

    /// Elements of the buffer that [`pack`](Self::pack) needs.
    pub fn packed_len(&self) -> usize {
        self.packed
    }

    /// Elements of scratch that a run, or a piece, needs.
    pub fn scratch_len(&self) -> usize {
        self.scratch
    }

    /// Packs the weights of all layers into `buffer`, which must have at least [`packed_len`](Self::packed_len) elements: OIHW
    /// or OHWI, as [`Conv2dPlan::pack`] has them.
    ///
    /// # Errors
    /// [`Error::Length`] for weights of another length (of a layer), or a buffer that is too short.
    pub fn pack<'p>(
        &self,
        weights: [&[f32]; N],
        buffer: &'p mut [f32],
    ) -> Result<[Packed<'p>; N], ChainError> {
        if buffer.len() < self.packed {
            let (required, got) = (self.packed, buffer.len());
            return Err(Error::Length { operand: "packed weights", required, got }.into());
        }
        let mut all = [Packed::NONE; N];
        let mut rest = buffer;
        for (at, (layer, packed)) in self.layers.iter().zip(&mut all).enumerate() {
            let (now, then) = rest.split_at_mut(layer.packed_len());
            *packed = layer.pack(weights[at], now).map_err(of_layer(at))?;
            rest = then;
        }
        Ok(all)
    }

    /// Weights that were packed earlier by a plan for the same chain and level.
    ///
    /// # Errors
    /// [`Error::WrongPacking`] of the first layer whose weights were packed for anything else.
    pub fn open<'p>(&self, buffer: &'p [f32]) -> Result<[Packed<'p>; N], ChainError> {
        let mut all = [Packed::NONE; N];
        let mut rest = buffer;
        for (at, (layer, packed)) in self.layers.iter().zip(&mut all).enumerate() {
            let (now, then) = rest.split_at(layer.packed_len().min(rest.len()));
            *packed = layer.open(now).map_err(of_layer(at))?;
            rest = then;
        }
        Ok(all)
    }

    /// Computes the whole output.
    ///
    /// Reads nothing outside its operands, reads neither `dst` nor `scratch` before writing them, leaves elements
    /// between the rows of a strided `dst` as they are, and `scratch` as garbage.
    ///
    /// # Errors
    /// [`Error::Length`] for an operand of the wrong length (`scratch` may be longer), [`Error::WrongPacking`] for
    /// weights of another plan. `dst` is then as it was.
    pub fn run(
        &self,
        operands: &ChainOperands<'_, N>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ChainError> {
        let part = Part::whole(&self.desc.layers[N - 1], &self.last, dst.len())?;
        self.run_part(&part, operands, dst, scratch)
    }

    /// Computes output rows `rows` of every image. `dst` is a tensor of just those rows, with the row stride of the
    /// whole one; `src` and `residual` are whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a range that does not lie in the output.
    pub fn run_rows(
        &self,
        rows: Range<usize>,
        operands: &ChainOperands<'_, N>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ChainError> {
        let part = Part::rows(&self.desc.layers[N - 1], &self.last, rows, dst.len())?;
        self.run_part(&part, operands, dst, scratch)
    }

    /// About `count` pieces that together are the whole output: rows of images, or images (NCHW, where rows of all
    /// channels do not lie together). Rows between layers that two pieces read are made for both, so fewer pieces are less
    /// work.
    pub fn pieces(&self, count: usize) -> Pieces {
        let last = &self.desc.layers[N - 1];
        Pieces::new(last, &self.last, count, last.out_channels)
    }

    /// Computes one piece. `dst` is exactly [`Piece::dst_range`] of the whole; `src` and `residual` are whole.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and a piece that does not lie in the output or has not all channels.
    pub fn run_piece(
        &self,
        piece: &Piece,
        operands: &ChainOperands<'_, N>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ChainError> {
        let part = Part::piece(&self.desc.layers[N - 1], &self.last, piece, dst.len())?;
        self.run_part(&part, operands, dst, scratch)
    }

    fn run_part(
        &self,
        part: &Part,
        operands: &ChainOperands<'_, N>,
        dst: &mut [f32],
        scratch: &mut [f32],
    ) -> Result<(), ChainError> {
        check_len("src", self.first.src.len, operands.src.len())?;
        if let Some(residual) = operands.residual {
            check_len("residual", self.last.dst.len, residual.len())?;
        }
        let mut weights: [&[f32]; N] = [&[]; N];
        for (at, layer) in self.layers.iter().enumerate() {
            weights[at] = operands.weights[at].body(layer.identity()).map_err(of_layer(at))?;
            if let Some(bias) = operands.bias[at] {
                check_len("bias", layer.desc.out_channels, bias.len()).map_err(of_layer(at))?;
            }
        }
        if scratch.len() < self.scratch {
            let (required, got) = (self.scratch, scratch.len());
            return Err(Error::Length { operand: "scratch", required, got }.into());
        }
        let channels = self.desc.layers[N - 1].out_channels;
        for image in part.images() {
            check_at_least("channels of the piece", channels, part.channels(image).len())?;
        }
        Run { plan: self, part, operands, weights }.run(dst, scratch);
        Ok(())
    }

    /// What was decided, for people.
    pub fn describe(&self) -> ChainDescription<N> {
        ChainDescription {
            layers: self.layers.map(|layer| layer.describe()),
            strip_rows: self.strips.rows,
            out_rows: self.last.out_size[0],
            held_rows: self.strips.held,
            held_bytes: self.strips.len.map(|len| len * size_of::<f32>()),
            packed_bytes: self.packed * size_of::<f32>(),
            scratch_bytes: self.scratch * size_of::<f32>(),
            macs: self.macs(),
        }
    }
}

/// A layer as it stands in a chain: of one image, without gaps between rows that only the chain sees.
fn inner<const N: usize>(desc: &Conv2dDesc, layer: usize) -> Conv2dDesc {
    let mut desc = *desc;
    desc.batch = 1;
    if layer > 0 {
        desc.src_row_stride = None;
    }
    if layer + 1 < N {
        desc.dst_row_stride = None;
    }
    desc
}

/// Whether a layer reads what the one before it makes.
fn fits(layer: usize, before: &Conv2dDesc, made: &Geometry, desc: &Conv2dDesc) -> Result<(), ChainError> {
    if desc.layout != before.layout {
        return Err(ChainError::Layout { layer, required: before.layout, got: desc.layout });
    }
    for (operand, required, got) in [
        ("batch", before.batch, desc.batch),
        ("in channels", before.out_channels, desc.in_channels),
        ("in height", made.out_size[0], desc.in_size[0]),
        ("in width", made.out_size[1], desc.in_size[1]),
    ] {
        if got != required {
            return Err(ChainError::Misfit { layer, operand, required, got });
        }
    }
    Ok(())
}

/// What a plan decided. `Display` tells it in a line for the chain and one for each layer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChainDescription<const N: usize> {
    /// The layers, of one image.
    pub layers: [Description; N],
    /// Output rows that are made at a time, and how many there are.
    pub strip_rows: usize,
    /// Output rows of an image.
    pub out_rows: usize,
    /// Rows of each layer's output that are held at a time. Of the last, those of a strip, which go to `dst`.
    pub held_rows: [usize; N],
    /// Bytes of scratch that hold them.
    pub held_bytes: [usize; N],
    /// Size of the packing buffer in bytes.
    pub packed_bytes: usize,
    /// Size of the scratch in bytes.
    pub scratch_bytes: usize,
    /// Multiply-accumulates that all layers ask for, padding counted.
    pub macs: u64,
}

impl<const N: usize> fmt::Display for ChainDescription<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "chain of {N}, strips of {} of {} rows, packed {} bytes, scratch {} bytes",
            self.strip_rows, self.out_rows, self.packed_bytes, self.scratch_bytes
        )?;
        for (at, layer) in self.layers.iter().enumerate() {
            write!(f, "\n  {layer}")?;
            if at + 1 < N {
                write!(f, "; {} rows held in {} bytes", self.held_rows[at], self.held_bytes[at])?;
            }
        }
        Ok(())
    }
}
