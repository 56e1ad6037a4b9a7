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
    let shape = shape_of(desc.layout, [desc.batch, desc.out_channels, p, q], input_shape.len());

    let bias = match &args.bias {
        None => None,
        Some(path) => Some(operand(path, &[desc.out_channels], "one value per out channel")?),
    };
    let residual = match &args.residual {
        None => None,
        Some(path) => Some(operand(path, &shape, "the shape of the output")?),
    };
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

/// An operand whose shape is known.
pub(crate) fn operand(path: &Path, required: &[usize], what: &str) -> Outcome<Vec<f32>> {
    let (shape, values) = read_f32(path)?;
    if shape != required {
        return Failure::about(
            path.display(),
            format_args!("must have {what}, {}, got {}", shape_text(required), shape_text(&shape)),
        );
    }
    Ok(values)
}

/// The descriptor for arrays of these shapes. Rank 3 is one-dimensional: it becomes rank 4 with a height of 1.
pub(crate) fn describe(how: &LayerHow, input: &[usize], weights: &[usize]) -> Outcome<Conv2dDesc> {
    let one_dimensional = input.len() == 3;
    let (orders, layout_name) = match (how.layout, one_dimensional) {
        (Layout::Nchw, false) => (["NxCxHxW, or NxCxW for one dimension", "OxIxRxS"], "nchw"),
        (Layout::Nchw, true) => (["NxCxW", "OxIxS, as the input is one-dimensional"], "nchw"),
        (Layout::Nhwc, false) => (["NxHxWxC, or NxWxC for one dimension", "OxRxSxI"], "nhwc"),
        (Layout::Nhwc, true) => (["NxWxC", "OxSxI, as the input is one-dimensional"], "nhwc"),
    };
    let [n, c, h, w] = sizes("--input", input, how.layout, one_dimensional, orders[0])?;
    let [k, i, r, s] = sizes("--weights", weights, how.layout, one_dimensional, orders[1])?;
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

/// The sizes of an array in the order of NCHW, or OIHW, with a height of 1 if there is one dimension only. `order` is what they
/// should be, for people.
pub(crate) fn sizes(
    name: &str,
    shape: &[usize],
    layout: Layout,
    one_dimensional: bool,
    order: &str,
) -> Outcome<[usize; 4]> {
    match (shape, one_dimensional, layout) {
        (&[n, c, h, w], false, Layout::Nchw) | (&[n, h, w, c], false, Layout::Nhwc) => Ok([n, c, h, w]),
        (&[n, c, w], true, Layout::Nchw) | (&[n, w, c], true, Layout::Nhwc) => Ok([n, c, 1, w]),
        _ => Failure::about(name, format_args!("must have dimensions {order}, got {}", shape_text(shape))),
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

/// The shape of an array of these sizes, in the order of NCHW or OIHW; of rank 3 it has no height.
pub(crate) fn shape_of(layout: Layout, [n, c, h, w]: [usize; 4], rank: usize) -> Vec<usize> {
    match (layout, rank) {
        (Layout::Nchw, 3) => vec![n, c, w],
        (Layout::Nhwc, 3) => vec![n, w, c],
        (Layout::Nchw, _) => vec![n, c, h, w],
        (Layout::Nhwc, _) => vec![n, h, w, c],
    }
}
