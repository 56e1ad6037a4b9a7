//! The engines for picture filters: every algorithm on every level, and pixels of any type as one value.

use std::fmt;
use std::ops::Range;

use convoke_core::{Accumulate, Error, Filter2dDesc, Filter2dPlan, Level, PackedMask};
use convoke_fft::{FftFilter, FftFilterPlan};

use crate::filter_stream::Streamed;

/// A picture's memory.
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// Bytes.
    U8(&'a [u8]),
    /// 16-bit integers.
    U16(&'a [u16]),
    /// 16-bit integers with sign.
    I16(&'a [i16]),
    /// Real numbers.
    F32(&'a [f32]),
}

/// A picture's memory, to write to.
#[derive(Debug)]
pub enum PixelsMut<'a> {
    /// Bytes.
    U8(&'a mut [u8]),
    /// 16-bit integers.
    U16(&'a mut [u16]),
    /// 16-bit integers with sign.
    I16(&'a mut [i16]),
    /// Real numbers.
    F32(&'a mut [f32]),
}

/// A mask made ready by any algorithm.
#[derive(Debug)]
pub enum FilterMask<'p> {
    /// Taps in the order of reading.
    Packed(PackedMask<'p>),
    /// A spectrum, which is allocated.
    Fft(Box<FftFilter>),
}

/// How far results in f32 may lie from the exact value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Accuracy {
    /// By so many roundings of the magnitude of each output; and not at all where every sum is exact.
    Terms(usize),
    /// By this much.
    Absolute(f64),
}

/// A filter's plan of any algorithm.
pub trait Filter2dEngine: fmt::Debug + Send + Sync {
    /// Elements of `src`.
    fn src_len(&self) -> usize;
    /// Elements of `dst`.
    fn dst_len(&self) -> usize;
    /// Elements of the packing buffer.
    fn packed_len(&self) -> usize;
    /// Elements of scratch.
    fn scratch_len(&self) -> usize;
    /// The error bound, with this mask and pictures whose values and border are of magnitude `largest` at most.
    fn accuracy(&self, mask: &FilterMask<'_>, largest: f32) -> Accuracy;
    /// The plan in words.
    fn describe(&self) -> String;
    /// Packs a mask.
    fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<FilterMask<'p>, Error>;
    /// Filters the whole picture, or some rows of it.
    fn run(
        &self,
        rows: Option<Range<usize>>,
        mask: &FilterMask<'_>,
        src: Pixels<'_>,
        dst: PixelsMut<'_>,
        scratch: &mut [f32],
    ) -> Result<(), Error>;
}

/// An algorithm on a level.
#[derive(Clone, Copy)]
pub struct FilterEngine {
    /// The algorithm's name.
    pub algorithm: &'static str,
    /// The level.
    pub level: Level,
    plan: Plan,
}

impl FilterEngine {
    /// Plans a filter.
    ///
    /// # Errors
    /// The planner's.
    pub fn plan(&self, desc: &Filter2dDesc) -> Result<Box<dyn Filter2dEngine>, Error> {
        (self.plan)(desc, self.level)
    }
}

/// `direct/avx2`
impl fmt::Display for FilterEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.algorithm, self.level)
    }
}

impl fmt::Debug for FilterEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Every engine of this machine, by algorithm, slowest level first.
pub fn filter_engines() -> Vec<FilterEngine> {
    let on_every_level =
        |&(algorithm, plan)| Level::available().map(move |level| FilterEngine { algorithm, level, plan });
    ALGORITHMS.iter().flat_map(on_every_level).collect()
}

/// The same expression for pixels of every type: `with_pixels!(Pixels, src => ...)` shadows `src` with the slice.
#[macro_export]
macro_rules! with_pixels {
    ($enum:ident, $pixels:ident => $body:expr) => {
        match $pixels {
            $enum::U8($pixels) => $body,
            $enum::U16($pixels) => $body,
            $enum::I16($pixels) => $body,
            $enum::F32($pixels) => $body,
        }
    };
}
pub use with_pixels;

type Plan = fn(&Filter2dDesc, Level) -> Result<Box<dyn Filter2dEngine>, Error>;

macro_rules! algorithms {
    ($($name:literal => $plan:ty),+ $(,)?) => {
        const ALGORITHMS: &[(&str, Plan)] =
            &[$(($name, |desc, level| Ok(Box::new(<$plan>::new(desc, level)?)))),+, ("direct-f64", in_f64)];
    };
}

// The list.
algorithms! {
    "direct" => Filter2dPlan,
    "stream" => Streamed,
    "fft" => FftEngine,
}

/// Direct, with sums in f64.
fn in_f64(desc: &Filter2dDesc, level: Level) -> Result<Box<dyn Filter2dEngine>, Error> {
    Ok(Box::new(Filter2dPlan::new(&desc.accumulate(Accumulate::F64), level)?))
}

/// The engines whose masks are packed taps.
macro_rules! of_packed_taps {
    ($($plan:ty),+) => {$(
        impl Filter2dEngine for $plan {
    fn src_len(&self) -> usize {
        self.src_len()
    }
    fn dst_len(&self) -> usize {
        self.dst_len()
    }
    fn packed_len(&self) -> usize {
        self.packed_len()
    }
    fn scratch_len(&self) -> usize {
        self.scratch_len()
    }
    fn accuracy(&self, _: &FilterMask<'_>, _: f32) -> Accuracy {
        Accuracy::Terms(self.error_terms())
    }
    fn describe(&self) -> String {
        self.describe().to_string()
    }
    fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<FilterMask<'p>, Error> {
        self.pack(mask, buffer).map(FilterMask::Packed)
    }
    fn run(
        &self,
        rows: Option<Range<usize>>,
        mask: &FilterMask<'_>,
        src: Pixels<'_>,
        dst: PixelsMut<'_>,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let FilterMask::Packed(mask) = mask else { return Err(Error::WrongPacking) };
        with_pixels!(Pixels, src => with_pixels!(PixelsMut, dst => match rows {
            None => self.run(mask, src, dst, scratch),
            Some(rows) => self.run_rows(rows, mask, src, dst, scratch),
        }))
    }
}
    )+};
}

of_packed_taps!(Filter2dPlan, Streamed);

/// The frequency backend, whose filters are made of a mask: a plan, and the direct plan for the lengths of packings.
#[derive(Debug)]
struct FftEngine {
    plan: FftFilterPlan,
    direct: Filter2dPlan,
}

impl FftEngine {
    fn new(desc: &Filter2dDesc, level: Level) -> Result<Self, Error> {
        Ok(Self { plan: FftFilterPlan::new(desc, level)?, direct: Filter2dPlan::new(desc, level)? })
    }
}

impl Filter2dEngine for FftEngine {
    fn src_len(&self) -> usize {
        self.plan.src_len()
    }
    fn dst_len(&self) -> usize {
        self.plan.dst_len()
    }
    fn packed_len(&self) -> usize {
        self.direct.packed_len()
    }
    fn scratch_len(&self) -> usize {
        self.plan.scratch_len()
    }
    fn accuracy(&self, mask: &FilterMask<'_>, largest: f32) -> Accuracy {
        match mask {
            FilterMask::Fft(filter) => Accuracy::Absolute(filter.error_bound(largest)),
            FilterMask::Packed(_) => Accuracy::Terms(self.direct.error_terms()),
        }
    }
    fn describe(&self) -> String {
        self.plan.describe().to_string()
    }
    fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<FilterMask<'p>, Error> {
        // The buffer is not needed, but a wrong one is as wrong as elsewhere.
        self.direct.pack(mask, buffer)?;
        Ok(FilterMask::Fft(Box::new(self.plan.filter(mask)?)))
    }
    fn run(
        &self,
        rows: Option<Range<usize>>,
        mask: &FilterMask<'_>,
        src: Pixels<'_>,
        dst: PixelsMut<'_>,
        scratch: &mut [f32],
    ) -> Result<(), Error> {
        let FilterMask::Fft(filter) = mask else { return Err(Error::WrongPacking) };
        if filter.plan().desc() != self.plan.desc() {
            return Err(Error::WrongPacking);
        }
        with_pixels!(Pixels, src => with_pixels!(PixelsMut, dst => match rows {
            None => filter.run(src, dst, scratch),
            Some(rows) => filter.run_rows(rows, src, dst, scratch),
        }))
    }
}
