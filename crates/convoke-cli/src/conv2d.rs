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
    let shape = dst_shape(&desc, plan.geometry().out_size, input_shape.len());

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
fn read_f32(path: &Path) -> Outcome<(Vec<usize>, Vec<f32>)> {
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
fn operand(path: &Path, required: &[usize], what: &str) -> Outcome<Vec<f32>> {
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
    let four = |name: &str, shape: &[usize], order: &str| match (shape, one_dimensional, how.layout) {
        (&[a, b, c, d], false, _) => Ok([a, b, c, d]),
        (&[a, b, c], true, Layout::Nchw) => Ok([a, b, 1, c]),
        (&[a, b, c], true, Layout::Nhwc) => Ok([a, 1, b, c]),
        _ => Failure::about(name, format_args!("must have dimensions {order}, got {}", shape_text(shape))),
    };
    let (orders, layout_name) = match (how.layout, one_dimensional) {
        (Layout::Nchw, false) => (["NxCxHxW, or NxCxW for one dimension", "OxIxRxS"], "nchw"),
        (Layout::Nchw, true) => (["NxCxW", "OxIxS, as the input is one-dimensional"], "nchw"),
        (Layout::Nhwc, false) => (["NxHxWxC, or NxWxC for one dimension", "OxRxSxI"], "nhwc"),
        (Layout::Nhwc, true) => (["NxWxC", "OxSxI, as the input is one-dimensional"], "nhwc"),
    };
    let input = four("--input", input, orders[0])?;
    let weights = four("--weights", weights, orders[1])?;
    let ([n, c, h, w], [k, i, r, s]) = match how.layout {
        Layout::Nchw => (input, weights),
        Layout::Nhwc => {
            let ([n, h, w, c], [k, r, s, i]) = (input, weights);
            ([n, c, h, w], [k, i, r, s])
        }
    };
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

/// In one dimension a number for all sides means the two that exist.
fn padding(how: &LayerHow, one_dimensional: bool) -> Outcome<Padding> {
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

fn dst_shape(desc: &Conv2dDesc, [p, q]: [usize; 2], rank: usize) -> Vec<usize> {
    let (n, k) = (desc.batch, desc.out_channels);
    match (desc.layout, rank) {
        (Layout::Nchw, 3) => vec![n, k, q],
        (Layout::Nhwc, 3) => vec![n, q, k],
        (Layout::Nchw, _) => vec![n, k, p, q],
        (Layout::Nhwc, _) => vec![n, p, q, k],
    }
}
