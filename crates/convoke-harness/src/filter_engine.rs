//! The engines for picture filters: every algorithm on every level, and pixels of any type as one value.

use std::fmt;
use std::ops::Range;

use convoke_core::{Error, Filter2dDesc, Filter2dPlan, Level, PackedMask};

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
    /// The `n` of the error bound.
    fn error_terms(&self) -> usize;
    /// The plan in words.
    fn describe(&self) -> String;
    /// Packs a mask.
    fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<PackedMask<'p>, Error>;
    /// Filters the whole picture, or some rows of it.
    fn run(
        &self,
        rows: Option<Range<usize>>,
        mask: &PackedMask<'_>,
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
            &[$(($name, |desc, level| Ok(Box::new(<$plan>::new(desc, level)?)))),+];

        $(impl Filter2dEngine for $plan {
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
            fn error_terms(&self) -> usize {
                self.error_terms()
            }
            fn describe(&self) -> String {
                self.describe().to_string()
            }
            fn pack<'p>(&self, mask: &[f32], buffer: &'p mut [f32]) -> Result<PackedMask<'p>, Error> {
                self.pack(mask, buffer)
            }
            fn run(
                &self,
                rows: Option<Range<usize>>,
                mask: &PackedMask<'_>,
                src: Pixels<'_>,
                dst: PixelsMut<'_>,
                scratch: &mut [f32],
            ) -> Result<(), Error> {
                with_pixels!(Pixels, src => with_pixels!(PixelsMut, dst => match rows {
                    None => self.run(mask, src, dst, scratch),
                    Some(rows) => self.run_rows(rows, mask, src, dst, scratch),
                }))
            }
        })+
    };
}

// The list.
algorithms! {
    "direct" => Filter2dPlan,
    "stream" => Streamed,
}
