//! A picture filter problem as a value: a descriptor, the types of the pixels, and how mask and picture are filled.

use std::fmt;

use convoke_core::{Filter2dDesc, Mode};

use crate::fill::{Fill, Grid, Random};
use crate::guard::Canary;
use crate::problem::border;
use crate::sizes::filter_lens;

/// The type of a picture's pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelType {
    /// Bytes.
    #[default]
    U8,
    /// Real numbers.
    F32,
}

/// A picture of either type.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Bytes.
    U8(Vec<u8>),
    /// Real numbers.
    F32(Vec<f32>),
}

impl Picture {
    /// The values as real numbers.
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Picture::U8(values) => values.iter().map(|&value| value.into()).collect(),
            Picture::F32(values) => values.clone(),
        }
    }

    /// The same bits?
    pub fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (Picture::U8(a), Picture::U8(b)) => a == b,
            (Picture::F32(a), Picture::F32(b)) => {
                a.iter().map(|x| x.to_bits()).eq(b.iter().map(|x| x.to_bits()))
            }
            _ => false,
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
                Fill::Exact => {
                    mask.integer(if taps > 64 { 3 } else { 15 }) / if taps > 8 { 32.0 } else { 16.0 }
                }
                Fill::Real => (mask.real() + 0.25) * 2.0 / (taps as f32).sqrt(),
            })
            .collect();
        let [row_stride, _] = self.row_strides();
        let in_row = |at: usize| at % row_stride < self.row_len();
        let places = 0..self.lens()[0];
        let src = match (self.src, self.fill) {
            (PixelType::U8, _) => {
                // All values, and the two ends more often: they are where clamping and saturation go wrong.
                let mut byte = || match src.below(4) {
                    0 => [0, 255][src.below(2) as usize],
                    _ => src.below(256) as u8,
                };
                Picture::U8(places.map(|at| if in_row(at) { byte() } else { u8::CANARY }).collect())
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
            && self.desc.mask_size[0] * self.desc.mask_size[1] <= Grid::ADDEND as usize
    }
}

/// A short name, such as `33x17x3 u8>f32 5x3 @0,2 reflect101 convolve *0.5 /9 +128 exact#7`.
impl fmt::Display for FilterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.desc;
        let name = |pixel| if pixel == PixelType::U8 { "u8" } else { "f32" };
        let [[h, w], [r, s], [a, b]] = [d.size, d.mask_size, d.anchor];
        write!(f, "{h}x{w}x{} {}>{} {r}x{s}", d.channels, name(self.src), name(self.dst))?;
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
