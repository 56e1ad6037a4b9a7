//! A convolution problem as a value: a descriptor and how its operands are filled. Everything that can be asked of
//! an engine, by a test, a fuzzer or a benchmark, starts as one of these.

use std::fmt;

use convoke_core::{Activation, Border, Conv2dDesc, Layout, Mode, Padding};
use convoke_reference::{Conv2dAnswer, conv2d};

use crate::fill::{Fill, Grid, Random, rows};
use crate::sizes::{ConvSizes, conv_sizes, row_shape};

/// A layer and its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvProblem {
    /// The layer. It must make sense (see [`conv_sizes`]).
    pub desc: Conv2dDesc,
    /// What its operands hold.
    pub fill: Fill,
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether there is a residual.
    pub residual: bool,
    /// Which numbers exactly.
    pub seed: u64,
}

/// The operands of a problem. Gaps between rows hold [`GAP`](crate::guard::GAP).
#[derive(Clone, Debug)]
pub struct ConvData {
    /// The input.
    pub src: Vec<f32>,
    /// The weights, as the descriptor's layout orders them.
    pub weights: Vec<f32>,
    /// One value per out channel.
    pub bias: Option<Vec<f32>>,
    /// Shaped like `dst`.
    pub residual: Option<Vec<f32>>,
}

impl ConvProblem {
    /// Exactly summable numbers, no bias, no residual.
    pub const fn new(desc: Conv2dDesc) -> Self {
        Self { desc, fill: Fill::Exact, bias: false, residual: false, seed: 0 }
    }

    /// Real numbers.
    pub const fn real(mut self) -> Self {
        self.fill = Fill::Real;
        self
    }

    /// With a bias.
    pub const fn bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// With a residual.
    pub const fn residual(mut self) -> Self {
        self.residual = true;
        self
    }

    /// With other numbers.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The sizes.
    ///
    /// # Panics
    /// If the descriptor makes no sense.
    pub fn sizes(&self) -> ConvSizes {
        conv_sizes(&self.desc).unwrap_or_else(|| panic!("not a layer: {:?}", self.desc))
    }

    /// The grid of an exact fill.
    pub fn grid(&self) -> Grid {
        Grid::new(self.sizes().terms as usize)
    }

    /// The values of a row of `dst` and the distance to the next.
    pub fn dst_row(&self) -> [usize; 2] {
        let width = self.sizes().out_size[1] as usize;
        row_shape(self.desc.layout, self.desc.out_channels, width, self.desc.dst_row_stride)
    }

    /// The values of a row of `src` and the distance to the next.
    pub fn src_row(&self) -> [usize; 2] {
        row_shape(self.desc.layout, self.desc.in_channels, self.desc.in_size[1], self.desc.src_row_stride)
    }

    /// Makes the operands.
    pub fn data(&self) -> ConvData {
        let sizes = self.sizes();
        let grid = self.grid();
        let scale = 1.0 / (sizes.terms as f32).sqrt();
        let value = |random: &mut Random, range: u32, unit: f32, scale: f32| match self.fill {
            Fill::Exact => random.integer(range) * unit,
            Fill::Real => random.real() * scale,
        };
        let stream = |number| Random::new(self.seed, number);
        let [mut src, mut weights, mut bias, mut residual] = [1, 2, 3, 4].map(stream);
        let addend = |random: &mut Random| value(random, Grid::ADDEND, grid.unit, 1.0);
        let [src_row, dst_row] = [self.src_row(), self.dst_row()];
        ConvData {
            src: rows(sizes.src_len as usize, src_row[0], src_row[1], || {
                value(&mut src, grid.range, 1.0, 1.0)
            }),
            weights: (0..sizes.weights_len)
                .map(|_| value(&mut weights, grid.range, grid.unit, 3.0 * scale))
                .collect(),
            bias: self.bias.then(|| (0..self.desc.out_channels).map(|_| addend(&mut bias)).collect()),
            residual: self
                .residual
                .then(|| rows(sizes.dst_len as usize, dst_row[0], dst_row[1], || addend(&mut residual))),
        }
    }

    /// What the reference says.
    pub fn answer(&self, data: &ConvData) -> Conv2dAnswer {
        conv2d(&self.desc, &data.src, &data.weights, data.bias.as_deref(), data.residual.as_deref())
    }

    /// Whether results must be equal bit for bit: exact sums, and an activation that rounds at most once.
    pub fn is_exact(&self) -> bool {
        let rounds_once = matches!(
            self.desc.activation,
            Activation::None | Activation::Relu | Activation::Relu6 | Activation::Leaky(_)
        );
        self.fill == Fill::Exact && rounds_once
    }
}

/// A short name, such as `nhwc 2x8x9x9-16 3x3s2d1p1,1,2,2 g4 reflect convolve relu +bias +residual exact#7`: what
/// is plain is not said.
impl fmt::Display for ConvProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.desc;
        let layout = if d.layout == Layout::Nhwc { "nhwc" } else { "nchw" };
        let [h, w] = d.in_size;
        write!(
            f,
            "{layout} {}x{}x{h}x{w}-{} {}x{}",
            d.batch, d.in_channels, d.out_channels, d.kernel[0], d.kernel[1]
        )?;
        pair(f, "s", d.stride)?;
        pair(f, "d", d.dilation)?;
        match d.padding {
            Padding::Valid => {}
            Padding::Same => f.write_str(" same")?,
            Padding::SameLower => f.write_str(" same-lower")?,
            Padding::Explicit { top, left, bottom, right } => write!(f, " p{top},{left},{bottom},{right}")?,
        }
        if d.groups > 1 {
            write!(f, " g{}", d.groups)?;
        }
        border(f, d.border)?;
        if d.mode == Mode::Convolve {
            f.write_str(" convolve")?;
        }
        match d.activation {
            Activation::None => {}
            Activation::Leaky(slope) => write!(f, " leaky:{slope}")?,
            other => write!(f, " {}", format!("{other:?}").to_lowercase())?,
        }
        for (name, stride) in [("src", d.src_row_stride), ("dst", d.dst_row_stride)] {
            if let Some(stride) = stride {
                write!(f, " {name}-row:{stride}")?;
            }
        }
        for (name, present) in [("bias", self.bias), ("residual", self.residual)] {
            if present {
                write!(f, " +{name}")?;
            }
        }
        write!(f, " {}#{}", if self.fill == Fill::Exact { "exact" } else { "real" }, self.seed)
    }
}

fn pair(f: &mut fmt::Formatter<'_>, name: &str, [a, b]: [usize; 2]) -> fmt::Result {
    match (a, b) {
        (1, 1) => Ok(()),
        (a, b) if a == b => write!(f, "{name}{a}"),
        (a, b) => write!(f, "{name}{a},{b}"),
    }
}

pub(crate) fn border(f: &mut fmt::Formatter<'_>, border: Border) -> fmt::Result {
    match border {
        Border::Zero => Ok(()),
        Border::Constant(value) => write!(f, " constant:{value}"),
        other => write!(f, " {}", format!("{other:?}").to_lowercase()),
    }
}
