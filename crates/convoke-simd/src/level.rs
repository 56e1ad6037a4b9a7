//! Levels: which instruction sets this machine offers, as values. A kernel is handed to a level; the level picks
//! the token and enters the region.

use core::fmt;
use core::str::FromStr;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::{Avx2, Avx512};
use crate::{Kernel, Portable, Scalar, Simd};

/// An instruction set that this processor has, with the token that proves it.
///
/// A level is chosen when planning and carried in the plan; nothing asks the processor while it works.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Level {
    /// Plain Rust, one lane.
    Scalar(Scalar),
    /// What the build itself enables: SSE2, NEON, simd128, ...
    Portable(Portable),
    /// AVX2 with FMA.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2(Avx2),
    /// AVX-512 F, VL, BW and DQ.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx512(Avx512),
}

impl Level {
    /// Every level of this machine, slowest first. It is never empty.
    pub fn available() -> impl DoubleEndedIterator<Item = Level> + Clone {
        let levels = [
            Some(Self::scalar()),
            Some(Self::portable()),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Avx2::new().map(Level::Avx2),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Avx512::new().map(Level::Avx512),
        ];
        levels.into_iter().flatten()
    }

    /// The best level of this machine. Works without `std`; the processor is asked once.
    pub fn detect() -> Level {
        Self::available().next_back().unwrap_or(Self::portable())
    }

    /// Plain Rust.
    pub const fn scalar() -> Level {
        Level::Scalar(Scalar::new())
    }

    /// The vectors of the build's own target settings.
    pub const fn portable() -> Level {
        Level::Portable(Portable::new())
    }

    /// The names of all levels that Convoke knows, whether or not this machine has them.
    pub const NAMES: &'static [&'static str] = &["scalar", "portable", "avx2", "avx512"];

    /// One of [`NAMES`](Self::NAMES).
    pub const fn name(self) -> &'static str {
        match self {
            Level::Scalar(_) => "scalar",
            Level::Portable(_) => "portable",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(_) => "avx2",
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(_) => "avx512",
        }
    }

    /// Values of `f32` in one vector.
    pub const fn lanes(self) -> usize {
        match self {
            Level::Scalar(_) => Scalar::LANES,
            Level::Portable(_) => Portable::LANES,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(_) => Avx2::LANES,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(_) => Avx512::LANES,
        }
    }

    /// Architectural vector registers.
    pub const fn registers(self) -> usize {
        match self {
            Level::Scalar(_) => Scalar::REGISTERS,
            Level::Portable(_) => Portable::REGISTERS,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(_) => Avx2::REGISTERS,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(_) => Avx512::REGISTERS,
        }
    }

    /// Whether a multiply-add takes [one lane of a vector](Simd::BY_LANE) for all of its lanes.
    pub const fn by_lane(self) -> bool {
        match self {
            Level::Scalar(_) => Scalar::BY_LANE,
            Level::Portable(_) => Portable::BY_LANE,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(_) => Avx2::BY_LANE,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(_) => Avx512::BY_LANE,
        }
    }

    /// Whether multiply-add rounds once: all such levels give the same bits.
    pub const fn fused(self) -> bool {
        match self {
            Level::Scalar(_) => Scalar::FUSED,
            Level::Portable(_) => Portable::FUSED,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(_) => Avx2::FUSED,
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(_) => Avx512::FUSED,
        }
    }

    /// Runs a kernel that names no vectors, but leaves it to the compiler to make some: levels that add no instructions to those
    /// of the build then run the same code, which is compiled once.
    #[inline]
    pub fn dispatch_plain<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Level::Scalar(_) | Level::Portable(_) => enter(Portable::new(), kernel),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(simd) => enter(simd, kernel),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(simd) => enter(simd, kernel),
        }
    }

    /// Runs a kernel at this level.
    #[inline]
    pub fn dispatch<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            // One token under two names, and one piece of code.
            #[cfg(all(target_arch = "arm", target_os = "none"))]
            Level::Scalar(simd) | Level::Portable(simd) => enter(simd, kernel),
            #[cfg(not(all(target_arch = "arm", target_os = "none")))]
            Level::Scalar(simd) => enter(simd, kernel),
            #[cfg(not(all(target_arch = "arm", target_os = "none")))]
            Level::Portable(simd) => enter(simd, kernel),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx2(simd) => enter(simd, kernel),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Level::Avx512(simd) => enter(simd, kernel),
        }
    }
}

#[inline(always)]
fn enter<S: Simd, K: Kernel>(simd: S, kernel: K) -> K::Output {
    simd.vectorize(
        #[inline(always)]
        || kernel.run(simd),
    )
}

impl PartialEq for Level {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Level {}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A level's name that this machine cannot serve: see [`Level::from_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownLevel {
    /// No level has this name.
    NoSuchName,
    /// The name is right, but this processor (or this build) does not have the instructions.
    NotOnThisMachine,
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => {
                f.write_str("not a level; levels are")?;
                for (i, name) in Level::NAMES.iter().enumerate() {
                    write!(f, "{} {name}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::NotOnThisMachine => f.write_str("this machine does not have that level"),
        }
    }
}

impl core::error::Error for UnknownLevel {}

impl FromStr for Level {
    type Err = UnknownLevel;

    /// The level of that name, if this machine has it.
    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        if !Self::NAMES.contains(&name) {
            return Err(UnknownLevel::NoSuchName);
        }
        Self::available().find(|level| level.name() == name).ok_or(UnknownLevel::NotOnThisMachine)
    }
}
