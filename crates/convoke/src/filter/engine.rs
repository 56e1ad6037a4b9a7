//! The plans behind a [`Filter`](crate::Filter), as one: with their packed masks, and what they need to run. Between the
//! choice of an algorithm and the run.

use std::ops::Range;

use convoke_core::{
    DetachedNarrowPlan, Error, Filter2dDesc, Filter2dPlan, Level, MaskProof, NarrowMask, NarrowPlan,
    NarrowScratch, Pixel, narrow_form,
};
use convoke_fft::{FftFilter, FftFilterPlan};

use super::algorithm::FilterAlgorithm;
use crate::buffer::{Pool, zeros};

/// A plan with its mask.
#[derive(Debug)]
pub(super) enum Engine {
    /// Any of the core's algorithms.
    Core { plan: Box<Filter2dPlan>, packed: Vec<f32>, proof: MaskProof },
    /// The frequency domain.
    Fft(Box<FftFilter>),
}

impl Engine {
    /// Plans `algorithm`, which is not [`FilterAlgorithm::Auto`], and packs the mask.
    pub(super) fn new(
        desc: &Filter2dDesc,
        mask: &[f32],
        algorithm: FilterAlgorithm,
        level: Level,
    ) -> Result<Self, Error> {
        let plan = match algorithm {
            FilterAlgorithm::Fft => {
                let filter = FftFilterPlan::new(desc, level)?.filter(mask)?;
                return Ok(Self::Fft(Box::new(filter)));
            }
            FilterAlgorithm::Separable => Filter2dPlan::separable(desc, level)?,
            FilterAlgorithm::RankTwo => Filter2dPlan::rank_two(desc, level)?,
            FilterAlgorithm::Box => Filter2dPlan::boxed(desc, level)?,
            FilterAlgorithm::Auto | FilterAlgorithm::Direct | FilterAlgorithm::Narrow => {
                Filter2dPlan::new(desc, level)?
            }
        };
        let mut packed = zeros("packed mask", plan.packed_len())?;
        let proof = plan.pack(mask, &mut packed)?.proof();
        Ok(Self::Core { plan: Box::new(plan), packed, proof })
    }

    pub(super) fn desc(&self) -> &Filter2dDesc {
        match self {
            Self::Core { plan, .. } => plan.desc(),
            Self::Fft(filter) => filter.plan().desc(),
        }
    }

    pub(super) fn level(&self) -> Level {
        match self {
            Self::Core { plan, .. } => plan.level(),
            Self::Fft(filter) => filter.plan().level(),
        }
    }

    pub(super) fn src_len(&self) -> usize {
        match self {
            Self::Core { plan, .. } => plan.src_len(),
            Self::Fft(filter) => filter.src_len(),
        }
    }

    pub(super) fn dst_len(&self) -> usize {
        match self {
            Self::Core { plan, .. } => plan.dst_len(),
            Self::Fft(filter) => filter.dst_len(),
        }
    }

    pub(super) fn scratch_len(&self) -> usize {
        match self {
            Self::Core { plan, .. } => plan.scratch_len(),
            Self::Fft(filter) => filter.scratch_len(),
        }
    }

    /// Rows that are best kept together when a picture is divided.
    pub(super) fn row_step(&self) -> usize {
        match self {
            Self::Core { .. } => 1,
            Self::Fft(filter) => filter.plan().tile_outputs()[0],
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Core { plan, .. } => plan.describe().to_string(),
            Self::Fft(filter) => filter.plan().describe().to_string(),
        }
    }

    /// Filters a region, into rows `stride` elements apart; lengths have been checked.
    pub(super) fn run_region<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        stride: usize,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        match self {
            Self::Core { plan, packed, proof } => {
                plan.run_region(region, &plan.reopen(packed, proof)?, src, dst, stride, scratch)
            }
            Self::Fft(filter) => filter.run_region(region, src, dst, stride, scratch),
        }
    }
}

/// The same filter in narrow integers, which takes over where pixels are bytes and results integers.
#[derive(Debug)]
pub(crate) struct Narrow {
    /// Everything but the taps, which it would borrow.
    plan: DetachedNarrowPlan,
    shape: Shape,
    level: Level,
    /// The taps: of a column and a row, one after the other, or of a whole mask.
    taps: Vec<i16>,
    scratch: Pool<(Vec<u8>, Vec<u16>, Vec<u32>)>,
}

impl Clone for Narrow {
    fn clone(&self) -> Self {
        Self { taps: self.taps.clone(), scratch: Pool::new(), ..*self }
    }
}

/// What the taps are.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Separable { rows: usize },
    Ones { size: [usize; 2] },
    Full { size: [usize; 2] },
}

/// Largest whole mask that is worth it: larger ones are faster with floats, in the frequency domain above all.
const MOST_TAPS: usize = 49;

impl Narrow {
    /// The narrow filter with the results of `desc` and `mask`, if there is one that is worth it.
    pub(super) fn new(desc: &Filter2dDesc, mask: &[f32], level: Level) -> Result<Option<Self>, Error> {
        // A look at each tap before there is memory for all of them.
        if !mask.iter().all(|w| (w * 65_536.0).fract() == 0.0) {
            return Ok(None);
        }
        let [r, s] = desc.mask_size;
        let len = mask.len().checked_add(r + s).ok_or(Error::Overflow { operand: "mask" })?;
        let mut buffer = zeros("mask", len)?;
        let Some(form) = narrow_form(desc, mask, &mut buffer)? else { return Ok(None) };
        let (shape, taps) = match form.desc.mask {
            NarrowMask::Separable { column, row } => {
                (Shape::Separable { rows: column.len() }, [column, row].concat())
            }
            NarrowMask::Ones(size) => (Shape::Ones { size }, Vec::new()),
            NarrowMask::Full { size, taps } if taps.len() <= MOST_TAPS => {
                (Shape::Full { size }, taps.to_vec())
            }
            _ => return Ok(None),
        };
        // Sums may be too large for it.
        let Ok(plan) = NarrowPlan::new(&form.desc, level) else { return Ok(None) };
        Ok(Some(Self { plan: plan.detach(), shape, level, taps, scratch: Pool::new() }))
    }

    /// The level it runs at.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Whether it takes over for pixels of these types.
    pub(super) fn is_for<I: Pixel, O: Pixel>() -> bool {
        NarrowPlan::is_for::<I, O>()
    }

    /// Filters a region into rows `stride` elements apart, of pixels of types that it [`is_for`](Self::is_for).
    pub(super) fn run_region<I: Pixel, O: Pixel>(
        &self,
        region: [Range<usize>; 2],
        src: &[I],
        dst: &mut [O],
        stride: usize,
    ) -> Result<(), Error> {
        let mask = match self.shape {
            Shape::Ones { size } => NarrowMask::Ones(size),
            Shape::Full { size } => NarrowMask::Full { size, taps: &self.taps },
            Shape::Separable { rows } => {
                let (column, row) = self.taps.split_at(rows);
                NarrowMask::Separable { column, row }
            }
        };
        let plan = self.plan.attach(mask)?;
        let len = plan.scratch_len();
        let make = || -> Result<_, Error> {
            let bytes = zeros("scratch", len.bytes)?;
            Ok((bytes, zeros("scratch", len.halves)?, zeros("scratch", len.words)?))
        };
        self.scratch.lend(make, |(bytes, halves, words)| {
            let mut scratch = NarrowScratch { bytes, halves, words };
            plan.try_run_region(region, src, dst, stride, &mut scratch).unwrap_or(Err(Error::WrongPacking))
        })
    }
}
