//! The values that options take: words and numbers into the library's types, with errors that say what would be
//! right.

use std::str::FromStr;

use convoke::{
    Accumulate, Activation, Algorithm, Border, FilterAlgorithm, GaussianMethod, Layout, Level, Mode, Padding,
};

use crate::array::Element;

/// `--level`: a level of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LevelChoice(pub(crate) Level);

impl FromStr for LevelChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self(Level::detect())),
            // NEON comes with the portable level wherever it exists.
            "neon" if cfg!(target_arch = "aarch64") => Ok(Self(Level::portable())),
            "neon" => Err("this machine does not have that level".to_owned()),
            _ => text.parse().map(Self).map_err(|error: convoke::UnknownLevel| error.to_string()),
        }
    }
}

/// `--threads`.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=1024).contains(n))
        .ok_or_else(|| "must be a whole number from 1 to 1024".to_owned())
}

/// `--algo` of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayerAlgorithm {
    Planned(Algorithm),
    Reference,
}

impl FromStr for LayerAlgorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "reference" => Ok(Self::Reference),
            "winograd" | "fft" => {
                Err(format!("this version does not have {text} yet; auto, direct and gemm it has"))
            }
            _ => text
                .parse()
                .map(Self::Planned)
                .map_err(|_| "must be auto, direct, gemm or reference".to_owned()),
        }
    }
}

/// `--algo` of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterChoice {
    Planned(FilterAlgorithm),
    Reference,
}

impl FromStr for FilterChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "reference" {
            return Ok(Self::Reference);
        }
        text.parse().map(Self::Planned).map_err(|_| {
            let names: Vec<&str> = FilterAlgorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            format!("must be {} or reference", names.join(", "))
        })
    }
}

/// `--output-type` of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputType {
    Same,
    Is(Element),
}

impl FromStr for OutputType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "same" => Self::Same,
            "u8" => Self::Is(Element::U8),
            "i16" => Self::Is(Element::I16),
            "u16" => Self::Is(Element::U16),
            "f32" => Self::Is(Element::F32),
            _ => return Err("must be same, u8, i16, u16 or f32".to_owned()),
        })
    }
}

/// `--out-range`: how results become values of the output type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutRange {
    Clamp,
    Abs,
    Centre,
    Normalise,
}

impl OutRange {
    pub(crate) const HELP: &str = "What becomes of values outside the type's range:\n\
        clamp      the nearest value of the type\n\
        abs        without their sign, then clamped: for edges\n\
        centre     zero becomes the middle (u8 128, u16 32768, f32 0.5, signed types 0), then clamped\n\
        normalise  the least becomes 0, the greatest the type's greatest value (f32 1)";
}

impl FromStr for OutRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "clamp" => Self::Clamp,
            "abs" => Self::Abs,
            "centre" | "center" => Self::Centre,
            "normalise" | "normalize" => Self::Normalise,
            _ => return Err("must be clamp, abs, centre or normalise".to_owned()),
        })
    }
}

/// Two whole numbers, vertical and horizontal; one stands for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair(pub(crate) [usize; 2]);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text)?[..] {
            [both] => Ok(Self([both; 2])),
            [vertical, horizontal] => Ok(Self([vertical, horizontal])),
            _ => Err("must be one or two whole numbers".to_owned()),
        }
    }
}

impl Pair {
    /// Height and width; a single number was given for a width alone if there is one dimension only.
    pub(crate) fn size(self, one_dimensional: bool) -> [usize; 2] {
        match self.0 {
            [height, width] if one_dimensional && height == width => [1, width],
            size => size,
        }
    }
}

/// `--wrt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrt {
    Input,
    Weights,
    Bias,
}

impl FromStr for Wrt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "input" => Ok(Self::Input),
            "weights" => Ok(Self::Weights),
            "bias" => Ok(Self::Bias),
            _ => Err("must be input, weights or bias".to_owned()),
        }
    }
}

/// `--anchor`: row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor(pub(crate) [usize; 2]);

impl FromStr for Anchor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text)?[..] {
            [row, column] => Ok(Self([row, column])),
            _ => Err("must be a row and a column, counted from 0".to_owned()),
        }
    }
}

/// `--roi`: first row and column, height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roi(pub(crate) [usize; 4]);

impl FromStr for Roi {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match numbers(text)?[..] {
            [_, _, 0, _] | [_, _, _, 0] => Err("height and width must be at least 1".to_owned()),
            [y, x, height, width] => Ok(Self([y, x, height, width])),
            _ => Err("must be Y,X,H,W: first row and column, counted from 0, height and width".to_owned()),
        }
    }
}

/// `--mode`.
pub(crate) fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "correlate" => Ok(Mode::Correlate),
        "convolve" => Ok(Mode::Convolve),
        _ => Err("must be correlate or convolve".to_owned()),
    }
}

/// `--accumulate`.
pub(crate) fn accumulate(text: &str) -> Result<Accumulate, String> {
    match text {
        "f32" => Ok(Accumulate::F32),
        "f64" => Ok(Accumulate::F64),
        _ => Err("must be f32 or f64".to_owned()),
    }
}

/// `--gaussian-method`.
pub(crate) fn gaussian_method(text: &str) -> Result<GaussianMethod, String> {
    text.parse().map_err(|error: convoke::UnknownGaussianMethod| error.to_string())
}

/// `--layout`.
pub(crate) fn layout(text: &str) -> Result<Layout, String> {
    match text {
        "nchw" => Ok(Layout::Nchw),
        "nhwc" => Ok(Layout::Nhwc),
        _ => Err("must be nchw or nhwc".to_owned()),
    }
}

/// `--border`.
pub(crate) fn border(text: &str) -> Result<Border, String> {
    Ok(match text {
        "zero" => Border::Zero,
        "replicate" => Border::Replicate,
        "reflect" => Border::Reflect,
        "reflect101" => Border::Reflect101,
        "wrap" => Border::Wrap,
        _ => match text.strip_prefix("constant:") {
            Some(value) => Border::Constant(finite(value)?),
            None => {
                return Err("must be zero, constant:V, replicate, reflect, reflect101 or wrap".to_owned());
            }
        },
    })
}

/// `--padding`.
pub(crate) fn padding(text: &str) -> Result<Padding, String> {
    const RIGHT: &str = "must be same, same-lower, valid, T,L,B,R, V,H or one whole number";
    Ok(match text {
        "valid" => Padding::Valid,
        "same" => Padding::Same,
        "same-lower" => Padding::SameLower,
        _ => match numbers(text).map_err(|_| RIGHT)?[..] {
            [all] => Padding::all(all),
            [vertical, horizontal] => {
                Padding::Explicit { top: vertical, left: horizontal, bottom: vertical, right: horizontal }
            }
            [top, left, bottom, right] => Padding::Explicit { top, left, bottom, right },
            _ => return Err(RIGHT.to_owned()),
        },
    })
}

/// `--activation`.
pub(crate) fn activation(text: &str) -> Result<Activation, String> {
    Ok(match text {
        "none" => Activation::None,
        "relu" => Activation::Relu,
        "relu6" => Activation::Relu6,
        "sigmoid" => Activation::Sigmoid,
        "tanh" => Activation::Tanh,
        "silu" => Activation::Silu,
        "hardswish" => Activation::HardSwish,
        _ => match text.strip_prefix("leaky:") {
            Some(slope) => Activation::Leaky(finite(slope)?),
            None => {
                return Err("must be none, relu, relu6, leaky:A, sigmoid, tanh, silu or hardswish".to_owned());
            }
        },
    })
}

/// A number that is neither infinite nor NaN.
pub(crate) fn finite(text: &str) -> Result<f32, String> {
    text.trim()
        .parse::<f32>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| "must be a finite number".to_owned())
}

/// `--max-error`.
pub(crate) fn max_error(text: &str) -> Result<f32, String> {
    finite(text)
        .ok()
        .filter(|number| *number >= 0.0)
        .ok_or_else(|| "must be a number that is not negative".to_owned())
}

/// Whole numbers with commas between them.
fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let number =
        |word: &str| word.trim().parse().map_err(|_| format!("must be whole numbers, got {:?}", word.trim()));
    text.split(',').map(number).collect()
}

/// Sizes as in `1x64x56x56`, if that is what the text is.
pub(crate) fn sizes(text: &str) -> Option<Vec<usize>> {
    let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    sizes.ok().filter(|sizes| sizes.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paddings() {
        assert_eq!(padding("1"), Ok(Padding::all(1)));
        assert_eq!(padding("0,1"), Ok(Padding::Explicit { top: 0, left: 1, bottom: 0, right: 1 }));
        assert_eq!(padding("1,2,3,4"), Ok(Padding::Explicit { top: 1, left: 2, bottom: 3, right: 4 }));
        for wrong in ["", "1,2,3", "-1", "1.5", "sane", "99999999999999999999"] {
            assert!(padding(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn borders_and_activations() {
        assert_eq!(border("constant:-2.5"), Ok(Border::Constant(-2.5)));
        assert!(border("constant:nan").is_err());
        assert!(border("constant").is_err());
        assert_eq!(activation("leaky:0.1"), Ok(Activation::Leaky(0.1)));
        assert!(activation("leaky:").is_err());
    }

    #[test]
    fn sizes_are_told_from_files() {
        assert_eq!(sizes("1x64x56x56"), Some(vec![1, 64, 56, 56]));
        for file in ["x.npy", "3", "axb", "1x2.npy", ""] {
            assert_eq!(sizes(file), None, "{file}");
        }
    }
}
