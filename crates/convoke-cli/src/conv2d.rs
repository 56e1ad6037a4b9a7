//! `convoke conv2d`: a layer from arrays to an array. Here the shapes of arrays become a descriptor; the
//! library does the rest.

use std::path::Path;

use convoke::{Conv2d, Conv2dDesc, Conv2dPlan, Layout, Options, Padding};

use crate::args::values::LayerAlgorithm;
use crate::args::{Conv2dArgs, LayerHow};
use crate::array::{Array, Data, shape_text};
use crate::error::{Context, Failure, Outcome};
use crate::files::{self, Output};
use crate::progress::Progress;
use crate::{memory, threads};

pub(crate) fn run(args: &Conv2dArgs) -> Outcome<()> {
    if let Some(option) = args.integer.given() {
        return Failure::about(option, "is for u8 and i8 layers, which this version does not have yet");
    }
    let output = Output::npy(&args.output)?;
    let (input_shape, src) = read_f32(&args.input)?;
    let (weights_shape, weights) = read_f32(&args.weights)?;
    let desc = describe(&args.how, &input_shape, &weights_shape)?;
    let plan = Conv2dPlan::new(&desc, args.common.level.0).about("conv2d")?;
    let [p, q] = plan.geometry().out_size;
    let order = Order { layout: desc.layout, one_dimensional: input_shape.len() == 3 };
    let shape = order.shape([desc.batch, desc.out_channels, p, q]);

    let [bias, residual] =
        addends(args.bias.as_deref(), args.residual.as_deref(), desc.out_channels, &shape)?;
    let values = match args.how.algo {
        LayerAlgorithm::Reference => {
            // Three numbers in f64 and a flag for each output, and the result.
            memory::check("output", plan.geometry().dst.len.saturating_mul(29))?;
            let answer =
                convoke_reference::conv2d(&desc, &src, &weights, bias.as_deref(), residual.as_deref());
            answer.values.into_iter().map(|value| value as f32).collect()
        }
        LayerAlgorithm::Planned(algorithm) => {
            let threads = threads::set_up(args.common.threads)?;
            let options = Options::new().level(args.common.level.0).algorithm(algorithm).threads(threads);
            let mut layer = Conv2d::with_options(&desc, &weights, &options).about("conv2d")?;
            if let Some(bias) = &bias {
                layer = layer.bias(bias).about("conv2d")?;
            }
            let mut dst = memory::zeros("output", layer.dst_len())?;
            let progress = Progress::new("convolving", layer.row_count() as u64, args.common.quiet);
            layer
                .run_with(&src, residual.as_deref(), &mut dst, &|rows| progress.add(rows))
                .about("conv2d")?;
            dst
        }
    };
    output.write(Array { shape, data: Data::F32(values) })
}

/// The shape and the values of an array that must hold floats.
pub(crate) fn read_f32(path: &Path) -> Outcome<(Vec<usize>, Vec<f32>)> {
    let array = files::read_npy(path)?;
    match array.data {
        Data::F32(values) => Ok((array.shape, values)),
        other => Failure::about(
            path.display(),
            format_args!(
                "must hold f32 values, got {}: this version has no integer layers yet",
                other.element()
            ),
        ),
    }
}

/// A bias and a residual, where they are given, for an output of this shape.
pub(crate) fn addends(
    bias: Option<&Path>,
    residual: Option<&Path>,
    channels: usize,
    output: &[usize],
) -> Outcome<[Option<Vec<f32>>; 2]> {
    let read = |path: Option<&Path>, required: &[usize], what: &str| {
        let Some(path) = path else { return Ok(None) };
        let (shape, values) = read_f32(path)?;
        if shape != required {
            return Failure::about(
                path.display(),
                format_args!("must have {what}, {}, got {}", shape_text(required), shape_text(&shape)),
            );
        }
        Ok(Some(values))
    };
    Ok([
        read(bias, &[channels], "one value per out channel")?,
        read(residual, output, "the shape of the output")?,
    ])
}

/// The descriptor for arrays of these shapes. Rank 3 is one-dimensional: it becomes rank 4 with a height of 1.
pub(crate) fn describe(how: &LayerHow, input: &[usize], weights: &[usize]) -> Outcome<Conv2dDesc> {
    let one_dimensional = input.len() == 3;
    let order = Order { layout: how.layout, one_dimensional };
    let layout_name = match how.layout {
        Layout::Nchw => "nchw",
        Layout::Nhwc => "nhwc",
    };
    let [n, c, h, w] = order.sizes("--input", input, "NCHW", None)?;
    let [k, i, r, s] = order.sizes("--weights", weights, "OIRS", Some("input"))?;
    if how.groups == 0 {
        return Failure::about("--groups", "must be at least 1, got 0");
    }
    if c % how.groups == 0 && i != c / how.groups {
        return Failure::about(
            "--weights",
            format_args!(
                "must have {} in channels ({c} of the input / {} groups; layout {layout_name}), got {i}",
                c / how.groups,
                how.groups
            ),
        );
    }
    let desc = Conv2dDesc::new(how.layout, n, c, [h, w], k, [r, s])
        .stride(how.stride.0)
        .dilation(how.dilation.0)
        .padding(padding(how, one_dimensional)?)
        .border(how.border)
        .groups(how.groups)
        .mode(how.mode)
        .activation(how.activation);
    Ok(desc)
}

/// How the dimensions of the arrays of a command are ordered, and whether there is one dimension only, which the first of them says.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub(crate) layout: Layout,
    pub(crate) one_dimensional: bool,
}

impl Order {
    /// The sizes of an array in the order of NCHW, or OIHW, with a height of 1 if there is one dimension only. `letters` name them, in
    /// that order, for people; `like` is the array that says how many dimensions there are, if it is another one.
    pub(crate) fn sizes(
        self,
        name: &str,
        shape: &[usize],
        letters: &str,
        like: Option<&str>,
    ) -> Outcome<[usize; 4]> {
        match (shape, self.one_dimensional, self.layout) {
            (&[n, c, h, w], false, Layout::Nchw) | (&[n, h, w, c], false, Layout::Nhwc) => Ok([n, c, h, w]),
            (&[n, c, w], true, Layout::Nchw) | (&[n, w, c], true, Layout::Nhwc) => Ok([n, c, 1, w]),
            _ => {
                let one = || self.text(letters, true);
                let order = match (self.one_dimensional, like) {
                    (false, None) => format!("{}, or {} for one dimension", self.text(letters, false), one()),
                    (false, Some(_)) => self.text(letters, false),
                    (true, None) => one(),
                    (true, Some(like)) => format!("{}, as the {like} is one-dimensional", one()),
                };
                Failure::about(name, format_args!("must have dimensions {order}, got {}", shape_text(shape)))
            }
        }
    }

    /// The shape of an array of these sizes, in the order of NCHW or OIHW; in one dimension it has no height.
    pub(crate) fn shape(self, [n, c, h, w]: [usize; 4]) -> Vec<usize> {
        match (self.layout, self.one_dimensional) {
            (Layout::Nchw, true) => vec![n, c, w],
            (Layout::Nhwc, true) => vec![n, w, c],
            (Layout::Nchw, false) => vec![n, c, h, w],
            (Layout::Nhwc, false) => vec![n, h, w, c],
        }
    }

    fn text(self, letters: &str, one_dimensional: bool) -> String {
        let places: &[usize] = match (self.layout, one_dimensional) {
            (Layout::Nchw, false) => &[0, 1, 2, 3],
            (Layout::Nchw, true) => &[0, 1, 3],
            (Layout::Nhwc, false) => &[0, 2, 3, 1],
            (Layout::Nhwc, true) => &[0, 3, 1],
        };
        places.iter().map(|&at| &letters[at..=at]).collect::<Vec<_>>().join("x")
    }
}

/// In one dimension a number for all sides means the two that exist.
pub(crate) fn padding(how: &LayerHow, one_dimensional: bool) -> Outcome<Padding> {
    match how.padding {
        Padding::Explicit { top, left, bottom, right } if one_dimensional && top + bottom > 0 => {
            if [top, bottom, right] == [left; 3] {
                return Ok(Padding::Explicit { top: 0, left, bottom: 0, right });
            }
            Failure::about(
                "--padding",
                format_args!(
                    "must be 0 above and below a one-dimensional input, got {top},{left},{bottom},{right}"
                ),
            )
        }
        other => Ok(other),
    }
}
