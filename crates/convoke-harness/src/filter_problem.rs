//! A picture filter problem as a value: a descriptor, the types of the pixels, and how mask and picture are filled.

use std::fmt;

use convoke_core::{Filter2dDesc, Mode};

use crate::fill::{Fill, Grid, Random};
use crate::filter_engine::{Pixels, PixelsMut};
use crate::guard::Canary;
use crate::problem::border;
use crate::sizes::filter_lens;

/// The type of a picture's pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelType {
    /// Bytes.
    #[default]
    U8,
    /// 16-bit integers.
    U16,
    /// 16-bit integers with sign.
    I16,
    /// Real numbers.
    F32,
}

impl PixelType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::U8, Self::U16, Self::I16, Self::F32];

    /// Every type with every type: what is read and what is written.
    pub fn pairs() -> impl Iterator<Item = (Self, Self)> {
        Self::ALL.into_iter().flat_map(|src| Self::ALL.map(|dst| (src, dst)))
    }

    /// As in Rust.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::F32 => "f32",
        }
    }
}

/// A picture of any type.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Bytes.
    U8(Vec<u8>),
    /// 16-bit integers.
    U16(Vec<u16>),
    /// 16-bit integers with sign.
    I16(Vec<i16>),
    /// Real numbers.
    F32(Vec<f32>),
}

impl Picture {
    /// The type.
    pub fn pixel_type(&self) -> PixelType {
        match self {
            Picture::U8(_) => PixelType::U8,
            Picture::U16(_) => PixelType::U16,
            Picture::I16(_) => PixelType::I16,
            Picture::F32(_) => PixelType::F32,
        }
    }

    /// To be read.
    pub fn pixels(&self) -> Pixels<'_> {
        match self {
            Picture::U8(values) => Pixels::U8(values),
            Picture::U16(values) => Pixels::U16(values),
            Picture::I16(values) => Pixels::I16(values),
            Picture::F32(values) => Pixels::F32(values),
        }
    }

    /// To be written.
    pub fn pixels_mut(&mut self) -> PixelsMut<'_> {
        match self {
            Picture::U8(values) => PixelsMut::U8(values),
            Picture::U16(values) => PixelsMut::U16(values),
            Picture::I16(values) => PixelsMut::I16(values),
            Picture::F32(values) => PixelsMut::F32(values),
        }
    }

    /// So many canaries of a type.
    pub fn canaries(kind: PixelType, len: usize) -> Self {
        match kind {
            PixelType::U8 => Picture::U8(vec![u8::CANARY; len]),
            PixelType::U16 => Picture::U16(vec![u16::CANARY; len]),
            PixelType::I16 => Picture::I16(vec![i16::CANARY; len]),
            PixelType::F32 => Picture::F32(vec![f32::CANARY; len]),
        }
    }

    /// The values as real numbers.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Picture::U8(values) => values.iter().map(|&value| value.into()).collect(),
            Picture::U16(values) => values.iter().map(|&value| value.into()).collect(),
            Picture::I16(values) => values.iter().map(|&value| value.into()).collect(),
            Picture::F32(values) => values.clone(),
        }
    }

    /// The same bits?
    pub fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Picture::F32(a), Picture::F32(b)) => {
                a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
            }
            _ => self == other,
        }
    }
}

/// A filter, a mask and a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilterProblem {
    /// The filter. It must make sense (see [`filter_lens`]).
    pub desc: Filter2dDesc,
    /// Pixels read.
    pub src: PixelType,
    /// Pixels written.
    pub dst: PixelType,
    /// What mask and picture hold.
    pub fill: Fill,
    /// Which numbers exactly.
    pub seed: u64,
}

/// The operands of a filter problem.
#[derive(Clone, Debug)]
pub struct FilterData {
    /// Row-major.
    pub mask: Vec<f32>,
    /// The picture; gaps between rows hold canaries.
    pub src: Picture,
}

impl FilterProblem {
    /// Exactly summable numbers, u8 to u8.
    pub const fn new(desc: Filter2dDesc) -> Self {
        Self { desc, src: PixelType::U8, dst: PixelType::U8, fill: Fill::Exact, seed: 0 }
    }

    /// With these types of pixels.
    pub const fn types(mut self, src: PixelType, dst: PixelType) -> Self {
        (self.src, self.dst) = (src, dst);
        self
    }

    /// Real numbers.
    pub const fn real(mut self) -> Self {
        self.fill = Fill::Real;
        self
    }

    /// With other numbers.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Elements of `src` and `dst`.
    ///
    /// # Panics
    /// If the descriptor makes no sense.
    pub fn lens(&self) -> [usize; 2] {
        filter_lens(&self.desc)
            .unwrap_or_else(|| panic!("not a filter: {:?}", self.desc))
            .map(|len| len as usize)
    }

    /// The values of a row.
    pub fn row_len(&self) -> usize {
        self.desc.size[1] * self.desc.channels
    }

    /// Elements from one row of `src` to the next, and of `dst`.
    pub fn row_strides(&self) -> [usize; 2] {
        [self.desc.src_row_stride, self.desc.dst_row_stride].map(|stride| stride.unwrap_or(self.row_len()))
    }

    /// Makes the operands.
    pub fn data(&self) -> FilterData {
        let taps = self.desc.mask_size[0] * self.desc.mask_size[1];
        let mut mask = Random::new(self.seed, 1);
        let mut src = Random::new(self.seed, 2);
        // Masks of pictures with mean near a half, so that outputs are seldom clamped.
        let mask = (0..taps)
            .map(|_| match self.fill {
                Fill::Exact => mask.integer(most_units(taps)) / if taps > 8 { 32.0 } else { 16.0 },
                Fill::Real => (mask.real() + 0.25) * 2.0 / (taps as f32).sqrt(),
            })
            .collect();
        let [row_stride, _] = self.row_strides();
        let in_row = |at: usize| at % row_stride < self.row_len();
        let places = 0..self.lens()[0];
        let src = match (self.src, self.fill) {
            // All values, and the two ends more often: they are where clamping and saturation go wrong.
            (PixelType::U8, _) => {
                let mut byte = || match src.below(4) {
                    0 => [0, 255][src.below(2) as usize],
                    _ => src.below(256) as u8,
                };
                Picture::U8(places.map(|at| if in_row(at) { byte() } else { u8::CANARY }).collect())
            }
            (PixelType::U16, _) => {
                let mut word = || match src.below(4) {
                    0 => [0, 65535][src.below(2) as usize],
                    // Small enough that sums of them are seldom clamped as bytes.
                    1 => src.below(256) as u16,
                    _ => src.below(65536) as u16,
                };
                Picture::U16(places.map(|at| if in_row(at) { word() } else { u16::CANARY }).collect())
            }
            (PixelType::I16, _) => {
                let mut word = || match src.below(4) {
                    0 => [-32768, 32767][src.below(2) as usize],
                    1 => src.below(512) as i16 - 256,
                    _ => src.below(65536) as u16 as i16,
                };
                Picture::I16(places.map(|at| if in_row(at) { word() } else { i16::CANARY }).collect())
            }
            (PixelType::F32, fill) => {
                let mut value = || match fill {
                    Fill::Exact => src.integer(255),
                    Fill::Real => (src.real() + 1.0) * 127.5,
                };
                Picture::F32(places.map(|at| if in_row(at) { value() } else { crate::guard::GAP }).collect())
            }
        };
        FilterData { mask, src }
    }

    /// Whether f32 holds every sum of pixels of this type, in units of the mask, with room for the offset.
    fn sums_are_exact(&self) -> bool {
        let greatest = match self.src {
            PixelType::U8 | PixelType::F32 => 255,
            PixelType::U16 => 65_535,
            PixelType::I16 => 32_768,
        };
        let taps = self.desc.mask_size[0] * self.desc.mask_size[1];
        taps * most_units(taps) as usize * greatest <= (1 << 24) - (1 << 20)
    }

    /// Whether f32 results must be equal bit for bit: exact sums, scaled by powers of two, and an offset on the grid.
    pub fn is_exact(&self) -> bool {
        let desc = &self.desc;
        let power_of_two = |x: f32| x.is_normal() && x.to_bits() << 9 == 0;
        let on_grid = (desc.offset * 32.0).fract() == 0.0 && desc.offset.abs() <= 1024.0;
        self.fill == Fill::Exact
            && power_of_two(desc.scale)
            && power_of_two(desc.divisor)
            && desc.scale.abs() / desc.divisor <= 1.0
            && desc.scale.abs() / desc.divisor >= 1.0 / 16.0
            && on_grid
            && self.sums_are_exact()
            && self.desc.mask_size[0] * self.desc.mask_size[1] <= Grid::ADDEND as usize
    }
}

/// The greatest weight of an exact mask with so many taps, in units.
fn most_units(taps: usize) -> u32 {
    if taps > 64 { 3 } else { 15 }
}

/// A short name, such as `33x17x3 u8>f32 5x3 @0,2 reflect101 convolve *0.5 /9 +128 exact#7`.
impl fmt::Display for FilterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.desc;
        let [[h, w], [r, s], [a, b]] = [d.size, d.mask_size, d.anchor];
        write!(f, "{h}x{w}x{} {}>{} {r}x{s}", d.channels, self.src.name(), self.dst.name())?;
        if [a, b] != [r / 2, s / 2] {
            write!(f, " @{a},{b}")?;
        }
        border(f, d.border)?;
        if d.mode == Mode::Convolve {
            f.write_str(" convolve")?;
        }
        for (sign, value, neutral) in [("*", d.scale, 1.0), ("/", d.divisor, 1.0), ("+", d.offset, 0.0)] {
            if value != neutral {
                write!(f, " {sign}{value}")?;
            }
        }
        for (name, stride) in [("src", d.src_row_stride), ("dst", d.dst_row_stride)] {
            if let Some(stride) = stride {
                write!(f, " {name}-row:{stride}")?;
            }
        }
        write!(f, " {}#{}", if self.fill == Fill::Exact { "exact" } else { "real" }, self.seed)
    }
}
