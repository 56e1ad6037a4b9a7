//! The command line: every option of every command, as clap reads it. What the words mean is in [`values`].

pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use convoke::{Accumulate, Activation, Border, GaussianMethod, Mode, Padding};

use values::{
    Anchor, Extent, FilterChoice, LayerAlgorithm, LevelChoice, OutRange, OutputType, Pair, Roi, Wrt,
};

/// Convolution: filter pictures, run and time layers, explain what is chosen and why.
#[derive(Debug, Parser)]
#[command(name = "convoke", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Filter a picture, or an .npy array (H,W) or (H,W,C), with a mask
    #[command(after_long_help = FILTER_NOTES)]
    Filter(FilterArgs),
    /// Run a convolution layer on .npy arrays
    Conv2d(Box<Conv2dArgs>),
    /// Run a transposed convolution on .npy arrays
    #[command(name = "conv-transpose2d")]
    ConvTranspose2d(Box<ConvTranspose2dArgs>),
    /// Compute the gradient of a convolution layer with respect to its input, weights or bias
    #[command(after_long_help = GRAD_NOTES)]
    Grad(Box<GradArgs>),
    /// Count parameters, multiply-adds and bytes of the three kinds of layer on one image
    Layers(LayersArgs),
    /// Find the mask that turns one picture into another
    #[command(after_long_help = LEARN_NOTES)]
    Learn(LearnArgs),
    /// Time layers, or picture filters, against what this core can do
    Bench(BenchArgs),
    /// Show the plan of a conv2d or filter: every candidate, its cost, and why it won or lost
    Explain(ExplainArgs),
    /// Show this machine: levels, caches, measured peak and bandwidth
    Info(InfoArgs),
}

/// What `filter` does with that which is not plain colour.
const FILTER_NOTES: &str = "\
Orientation: pixels are turned as the file asks (EXIF, TIFF) before filtering. Masks and --roi mean rows and
columns as a viewer shows them, and the result needs no orientation of its own.
Colour profile (ICC): copied to PNG, JPEG, TIFF and WebP; filtering is done on the numbers as they stand. A warning
on stderr says if it is lost. Other metadata (EXIF, XMP) is not copied.
Depth: 16-bit values stay 16-bit in PNG, TIFF, PGM, PPM and .npy; JPEG, BMP, GIF and WebP cannot hold them, which
is an error unless --output-type u8 is asked for.
Alpha: a channel like the others, unless --premultiply is given.";

/// What `grad` computes, and from what.
const GRAD_NOTES: &str = "\
--wrt input    needs --grad-output, --weights and --input-size; input that no window reaches has a gradient of 0
--wrt weights  needs --grad-output, --input and --kernel-size
--wrt bias     needs --grad-output
The gradient of the output is that of the layer's sums, before its activation. Options of the geometry are those of conv2d.
Where a border shows pixels of the input again, those get the gradient of what is shown.";

/// What `learn` does, and what it prints.
const LEARN_NOTES: &str = "\
Finds the mask with the least mean square error over all channels, by conjugate gradients, and prints its rows, which --mask takes, and
a last line with a # that tells the error.
Only pixels whose window lies inside the picture count, so the border does not matter; the mask lies as with the default --anchor.
Whole-numbered targets are left out where they have their type's least or greatest value: they may have been clamped.";

/// What every command that computes has.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Common {
    /// Instruction set: auto, scalar, portable, avx2, avx512, neon
    #[arg(long, value_name = "LEVEL", default_value = "auto")]
    pub(crate) level: LevelChoice,
    /// Threads [default: all cores; for bench 1]
    #[arg(long, value_name = "N", value_parser = values::threads, allow_hyphen_values = true)]
    pub(crate) threads: Option<usize>,
    /// No progress bar and no warnings
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct FilterArgs {
    /// A picture or an .npy array
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// Where the result goes: a picture or .npy file, by its name
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) how: FilterHow,
    /// Type of the result's values
    #[arg(long, value_name = "TYPE", default_value = "same", help = "same, u8, i16, u16 or f32")]
    pub(crate) output_type: OutputType,
    /// What becomes of values outside the type's range
    #[arg(long, value_name = "RANGE", default_value = "clamp", long_help = OutRange::HELP)]
    pub(crate) out_range: OutRange,
    /// Weight colours by alpha, the last of 2 or 4 channels: multiply before filtering, divide after, so that the
    /// colours of transparent pixels do not bleed. (Otherwise alpha is a channel like the others.) For masks that
    /// sum to a positive number; --offset is added last. Fully transparent results have colour 0.
    /// Not with --algo fft
    #[arg(long)]
    pub(crate) premultiply: bool,
    /// Filter and write only H rows and W columns from row Y and column X on. The mask reads the real neighbours
    /// outside; --border holds only outside the picture
    #[arg(long, value_name = "Y,X,H,W", allow_hyphen_values = true)]
    pub(crate) roi: Option<Roi>,
    /// The region is a picture of its own: --border holds from its edges on
    #[arg(long, requires = "roi")]
    pub(crate) isolated: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What a filter does, apart from its files.
#[derive(Args, Debug)]
pub(crate) struct FilterHow {
    /// A name (box:N gaussian:SIGMA[,N] identity shift-left shift-right shift-up shift-down sobel-x sobel-y
    /// scharr-x scharr-y prewitt-x prewitt-y laplacian sharpen emboss motion:N,ANGLE), a file (.npy, or text
    /// with one row per line), or rows such as "1 2 1; 2 4 2; 1 2 1"
    #[arg(long, value_name = "MASK", allow_hyphen_values = true)]
    pub(crate) mask: String,
    /// Multiplies the mask's own scale
    #[arg(
        long, value_name = "F", default_value = "1", value_parser = values::finite,
        allow_negative_numbers = true
    )]
    pub(crate) scale: f32,
    /// Is added to the mask's own offset
    #[arg(
        long, value_name = "F", default_value = "0", value_parser = values::finite,
        allow_negative_numbers = true
    )]
    pub(crate) offset: f32,
    /// correlate (the mask as it stands) or convolve (turned by 180 degrees)
    #[arg(long, value_name = "MODE", default_value = "correlate", value_parser = values::mode)]
    pub(crate) mode: Mode,
    /// Outside the picture: zero, constant:V, replicate, reflect, reflect101, wrap
    #[arg(long, value_name = "BORDER", default_value = "zero", value_parser = values::border)]
    pub(crate) border: Border,
    /// Row and column of the mask tap that lies on the output pixel [default: the middle, rounded down]
    #[arg(long, value_name = "R,C", allow_hyphen_values = true)]
    pub(crate) anchor: Option<Anchor>,
    /// auto, direct, separable, rank2, box, fft, narrow, or reference (naive loops in f64). On integers all give the same
    /// results; on floats auto may choose another one than on integers, and results may differ in their last bits
    #[arg(long, value_name = "ALGO", default_value = "auto")]
    pub(crate) algo: FilterChoice,
    /// Sums of pixels or results that are f32 in f32 or in f64: with one rounding at the end, the same bits on every
    /// level, by the direct algorithm, or the separable one where it gives the mask's own values or is asked for
    #[arg(long, value_name = "FORMAT", default_value = "f32", value_parser = values::accumulate)]
    pub(crate) accumulate: Accumulate,
    /// How gaussian:SIGMA is computed: exact (SIGMA up to 511), box or box:N (up to 16384). box is fast however large
    /// SIGMA is, and near: N passes
    /// (1 to 8, default 4) of a box with fractional ends. `convoke explain filter` says how near. Results are rounded
    /// sums, and not the exact value rounded once
    #[arg(long, value_name = "METHOD", default_value = "exact", value_parser = values::gaussian_method)]
    pub(crate) gaussian_method: GaussianMethod,
}

#[derive(Args, Debug)]
pub(crate) struct Conv2dArgs {
    /// Input: (N,C,H,W), with --layout nhwc (N,H,W,C); or rank 3, (N,C,W) or (N,W,C)
    #[arg(long, value_name = "X.npy")]
    pub(crate) input: PathBuf,
    /// Weights: OIHW, with --layout nhwc OHWI; for rank 3 OIW or OWI
    #[arg(long, value_name = "W.npy")]
    pub(crate) weights: PathBuf,
    /// One value per out channel
    #[arg(long, value_name = "B.npy")]
    pub(crate) bias: Option<PathBuf>,
    /// An array of the output's shape that is added to it before the activation
    #[arg(long, value_name = "R.npy")]
    pub(crate) residual: Option<PathBuf>,
    /// Where the result goes
    #[arg(short, long, value_name = "Y.npy")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) how: LayerHow,
    #[command(flatten)]
    pub(crate) integer: IntegerArgs,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct ConvTranspose2dArgs {
    /// Input: (N,C,H,W), with --layout nhwc (N,H,W,C); or rank 3, (N,C,W) or (N,W,C)
    #[arg(long, value_name = "X.npy")]
    pub(crate) input: PathBuf,
    /// Weights: IOHW, with --layout nhwc IHWO; for rank 3 IOW or IWO. Those of the convolution whose transpose this is
    #[arg(long, value_name = "W.npy")]
    pub(crate) weights: PathBuf,
    /// One value per out channel
    #[arg(long, value_name = "B.npy")]
    pub(crate) bias: Option<PathBuf>,
    /// An array of the output's shape that is added to it before the activation
    #[arg(long, value_name = "R.npy")]
    pub(crate) residual: Option<PathBuf>,
    /// Where the result goes
    #[arg(short, long, value_name = "Y.npy")]
    pub(crate) output: PathBuf,
    /// Rows and columns more than the windows need, at the end: PH,PW or one number for both, less than the stride or the
    /// dilation
    #[arg(long, value_name = "PH,PW", allow_hyphen_values = true, conflicts_with = "output_size")]
    pub(crate) output_padding: Option<Pair>,
    /// Height and width of the output; for rank 3 the width will do
    #[arg(long, value_name = "H,W", allow_hyphen_values = true)]
    pub(crate) output_size: Option<Pair>,
    #[command(flatten)]
    pub(crate) how: LayerHow,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct GradArgs {
    /// With respect to what: input, weights or bias
    #[arg(long, value_name = "OPERAND")]
    pub(crate) wrt: Wrt,
    /// The gradient of the layer's output: shaped like it
    #[arg(long, value_name = "DY.npy")]
    pub(crate) grad_output: PathBuf,
    /// The layer's weights, for the gradient of its input: OIHW, with --layout nhwc OHWI; for rank 3 OIW or OWI
    #[arg(long, value_name = "W.npy")]
    pub(crate) weights: Option<PathBuf>,
    /// Height and width of the layer's input; for rank 3 the width will do
    #[arg(long, value_name = "H,W", allow_hyphen_values = true)]
    pub(crate) input_size: Option<Pair>,
    /// The layer's input, for the gradient of its weights
    #[arg(long, value_name = "X.npy")]
    pub(crate) input: Option<PathBuf>,
    /// Height and width of the layer's kernel; for rank 3 the width will do
    #[arg(long, value_name = "R,S", allow_hyphen_values = true)]
    pub(crate) kernel_size: Option<Pair>,
    /// Where the result goes
    #[arg(short, long, value_name = "D.npy")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) how: LayerHow,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What a layer does, apart from its arrays.
#[derive(Args, Debug)]
pub(crate) struct LayerHow {
    /// Order of dimensions: nchw or nhwc
    #[arg(long, value_name = "LAYOUT", default_value = "nchw", value_parser = values::layout)]
    pub(crate) layout: convoke::Layout,
    /// Pixels from one window to the next: SH,SW or one number for both
    #[arg(long, value_name = "SH,SW", default_value = "1", allow_hyphen_values = true)]
    pub(crate) stride: Pair,
    /// Pixels from one tap to the next: DH,DW or one number for both
    #[arg(long, value_name = "DH,DW", default_value = "1", allow_hyphen_values = true)]
    pub(crate) dilation: Pair,
    /// How far windows hang over the edges: T,L,B,R or V,H or one number; or same, same-lower, valid
    #[arg(
        long, value_name = "PAD", default_value = "valid", allow_hyphen_values = true,
        value_parser = values::padding
    )]
    pub(crate) padding: Padding,
    /// What they read there: zero, constant:V, replicate, reflect, reflect101, wrap
    #[arg(long, value_name = "BORDER", default_value = "zero", value_parser = values::border)]
    pub(crate) border: Border,
    /// Groups of channels
    #[arg(long, value_name = "G", allow_hyphen_values = true, default_value_t = 1)]
    pub(crate) groups: usize,
    /// correlate (what networks do) or convolve (weights turned by 180 degrees)
    #[arg(long, value_name = "MODE", default_value = "correlate", value_parser = values::mode)]
    pub(crate) mode: Mode,
    /// none, relu, relu6, leaky:A, sigmoid, tanh, silu, hardswish
    #[arg(long, value_name = "F", default_value = "none", value_parser = values::activation)]
    pub(crate) activation: Activation,
    /// Largest tolerated error, relative to the sum of |w x|; the algorithms of this version satisfy any
    #[arg(long, value_name = "E", allow_hyphen_values = true, value_parser = values::max_error)]
    pub(crate) max_error: Option<f32>,
    /// auto, direct, gemm or reference (naive loops in f64)
    #[arg(long, value_name = "ALGO", default_value = "auto")]
    pub(crate) algo: LayerAlgorithm,
}

/// Options of integer layers, which are known by name so that the answer can be a clear one.
#[derive(Args, Debug)]
pub(crate) struct IntegerArgs {
    #[arg(long, hide = true, allow_hyphen_values = true)]
    input_zero_point: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    weights_zero_point: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    output_zero_point: Option<String>,
    #[arg(long, hide = true)]
    output_type: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    scale: Option<String>,
    #[arg(long, hide = true)]
    multiplier: Option<String>,
    #[arg(long, hide = true, allow_hyphen_values = true)]
    shift: Option<String>,
    #[arg(long, hide = true)]
    rounding: Option<String>,
}

impl IntegerArgs {
    /// The first option given that only integer layers have. (`--output-type f32` is what f32 layers give.)
    pub(crate) fn given(&self) -> Option<&'static str> {
        let output_type = self.output_type.as_deref().filter(|&name| name != "f32");
        [
            ("--input-zero-point", self.input_zero_point.is_some()),
            ("--weights-zero-point", self.weights_zero_point.is_some()),
            ("--output-zero-point", self.output_zero_point.is_some()),
            ("--output-type", output_type.is_some()),
            ("--scale", self.scale.is_some()),
            ("--multiplier", self.multiplier.is_some()),
            ("--shift", self.shift.is_some()),
            ("--rounding", self.rounding.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }
}

#[derive(Args, Debug)]
pub(crate) struct LayersArgs {
    /// Height and width of the image
    #[arg(long, value_name = "HxW", default_value = "200x200", allow_hyphen_values = true)]
    pub(crate) image: Extent,
    /// Neurons of the fully and of the locally connected layer [default: one for each pixel]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) neurons: Option<u64>,
    /// Height and width of what a neuron of the locally connected layer sees, and of a filter
    #[arg(long, value_name = "RxS", default_value = "10x10", allow_hyphen_values = true)]
    pub(crate) field: Extent,
    /// Filters of the convolutional layer
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) filters: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Accepted for uniformity; this command shows no progress
    #[arg(long, hide = true)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LearnArgs {
    /// A picture or an .npy array
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// What the mask makes of it: as large, with as many channels
    #[arg(value_name = "TARGET")]
    pub(crate) target: PathBuf,
    /// Height and width of the mask
    #[arg(long, value_name = "RxS", allow_hyphen_values = true)]
    pub(crate) size: Extent,
    /// Draws the loss of each step and the mask into this folder: loss.png and mask.png
    #[arg(long, value_name = "DIR")]
    pub(crate) plot: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Layers to time: a JSON list of {name, N, C, H, W, K, R, S, stride, pad, dilation, groups} [default: a
    /// built-in list]
    #[arg(long, value_name = "FILE.json", conflicts_with = "filters")]
    pub(crate) shapes: Option<PathBuf>,
    /// Time picture filters instead of layers
    #[arg(long)]
    pub(crate) filters: bool,
    /// Time blocks of MobileNetV2 as chains of layers, beside the layers one after the other
    #[arg(long, conflicts_with_all = ["shapes", "filters", "survey", "algo"])]
    pub(crate) chains: bool,
    /// Time this many random layers, and tell which are farthest from what the core could do
    #[arg(long, value_name = "N", conflicts_with_all = ["shapes", "filters", "only", "layout", "algo"],
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) survey: Option<u32>,
    /// Which random layers: with another number others
    #[arg(long, value_name = "N", default_value_t = 1, requires = "survey")]
    pub(crate) seed: u64,
    /// Only problems whose name matches; * stands for any text, ? for any character
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Option<String>,
    /// Rounds over all problems
    #[arg(
        long, value_name = "N", default_value_t = 7,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    pub(crate) rounds: u32,
    /// Order of dimensions: nchw or nhwc
    #[arg(long, value_name = "LAYOUT", default_value = "nhwc", value_parser = values::layout)]
    pub(crate) layout: convoke::Layout,
    /// auto, direct, gemm; with --filters auto, direct, separable, rank2, box, fft, narrow
    #[arg(long, value_name = "ALGO", default_value = "auto")]
    pub(crate) algo: String,
    /// One JSON object per line instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    pub(crate) what: Explained,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Explained {
    /// A convolution layer
    Conv2d(ExplainConv2dArgs),
    /// A picture filter
    Filter(ExplainFilterArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ExplainConv2dArgs {
    /// The input: an .npy file, or its sizes, such as 1x64x56x56
    #[arg(long, value_name = "X.npy|SIZES")]
    pub(crate) input: String,
    /// The weights: an .npy file, or their sizes, such as 64x64x3x3
    #[arg(long, value_name = "W.npy|SIZES")]
    pub(crate) weights: String,
    #[command(flatten)]
    pub(crate) how: LayerHow,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainFilterArgs {
    /// A picture, an .npy array, or sizes, such as 480x640x3
    #[arg(value_name = "IN|SIZES")]
    pub(crate) input: String,
    /// Pixels of the picture: u8, u16, i16 or f32 [default: the file's; f32 for sizes]
    #[arg(long, value_name = "TYPE")]
    pub(crate) input_type: Option<OutputType>,
    /// Values of the result: same, u8, i16, u16 or f32
    #[arg(long, value_name = "TYPE", default_value = "same")]
    pub(crate) output_type: OutputType,
    #[command(flatten)]
    pub(crate) how: FilterHow,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct InfoArgs {
    /// One JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Accepted for uniformity; this command shows no progress
    #[arg(long, hide = true)]
    pub(crate) quiet: bool,
}
