//! `convoke grad`: the gradient of a layer with respect to its input, its weights or its bias, from arrays to an array.

use std::path::Path;

use convoke::{Activation, BiasGradPlan, Conv2dDesc, InputGradPlan, Operands, WeightsGradPlan};

use crate::args::GradArgs;
use crate::args::values::{Pair, Wrt};
use crate::array::{Array, Data, shape_text};
use crate::conv2d::{Order, padding, read_f32};
use crate::error::{Context, Failure, Outcome};
use crate::files::Output;
use crate::{memory, parts};

/// What is read and known of the gradient of the output.
struct GradOutput {
    sizes: [usize; 4],
    order: Order,
    values: Vec<f32>,
}

pub(crate) fn run(args: &GradArgs) -> Outcome<()> {
    if args.how.activation != Activation::None {
        return Failure::about(
            "--activation",
            "must be none: --grad-output is the gradient of the layer's sums",
        );
    }
    let reference = parts::is_reference(args.how.algo)?;
    let output = Output::npy(&args.output)?;
    let (shape, values) = read_f32(&args.grad_output)?;
    let order = Order { layout: args.how.layout, one_dimensional: shape.len() == 3 };
    let dy = GradOutput { sizes: order.sizes("--grad-output", &shape, "NKPQ", None)?, order, values };
    let (shape, values) = match args.wrt {
        Wrt::Input => input(args, &dy, reference)?,
        Wrt::Weights => weights(args, &dy, reference)?,
        Wrt::Bias => bias(args, &dy, reference)?,
    };
    output.write(Array { shape, data: Data::F32(values) })
}

fn input(args: &GradArgs, dy: &GradOutput, reference: bool) -> Outcome<(Vec<usize>, Vec<f32>)> {
    let (shape, weights) = read_f32(needed(&args.weights, "--weights", "input")?)?;
    let [o, i, r, s] = dy.order.sizes("--weights", &shape, "OIRS", Some("gradient"))?;
    let size = needed_pair(args.input_size, "--input-size", "input")?.size(dy.order.one_dimensional);
    if o != dy.sizes[1] {
        let k = dy.sizes[1];
        return Failure::about(
            "--weights",
            format_args!("must have {k} out channels, those of --grad-output, got {o}"),
        );
    }
    let Some(c) = i.checked_mul(args.how.groups) else {
        return Failure::about("--groups", format_args!("{}: too large", args.how.groups));
    };
    let desc = describe(args, dy, c, size, [r, s])?;
    let plan = InputGradPlan::new(&desc, args.common.level.0).about("grad")?;
    check_size(plan.grad_output_size(), dy)?;
    let len = plan.geometry().dst.len;
    let values = if reference {
        parts::rounded(len, || convoke_reference::input_grad(&desc, &dy.values, &weights))?
    } else {
        memory::check("output", len.saturating_mul(size_of::<f32>()))?;
        let mut buffer = memory::zeros("packed weights", plan.packed_len())?;
        let packed = plan.pack(&weights, &mut buffer).about("grad")?;
        let operands = Operands::new(&dy.values, packed);
        parts::run(
            "differentiating",
            &args.common,
            len,
            plan.scratch_len(),
            |count| plan.pieces(count),
            |piece, dx, scratch| plan.run_piece(piece, &operands, dx, scratch),
        )?
    };
    Ok((dy.order.shape([desc.batch, c, size[0], size[1]]), values))
}

fn weights(args: &GradArgs, dy: &GradOutput, reference: bool) -> Outcome<(Vec<usize>, Vec<f32>)> {
    let (shape, src) = read_f32(needed(&args.input, "--input", "weights")?)?;
    let [n, c, h, w] = dy.order.sizes("--input", &shape, "NCHW", Some("gradient"))?;
    let kernel = needed_pair(args.kernel_size, "--kernel-size", "weights")?.size(dy.order.one_dimensional);
    if n != dy.sizes[0] {
        let images = dy.sizes[0];
        return Failure::about(
            "--input",
            format_args!("must have {images} images, as --grad-output, got {n}"),
        );
    }
    let desc = describe(args, dy, c, [h, w], kernel)?;
    let plan = WeightsGradPlan::new(&desc, args.common.level.0).about("grad")?;
    check_size(plan.geometry().out_size, dy)?;
    let len = plan.geometry().weights_len;
    let values = if reference {
        parts::rounded(len, || convoke_reference::weights_grad(&desc, &dy.values, &src))?
    } else {
        parts::run(
            "differentiating",
            &args.common,
            len,
            plan.scratch_len(),
            |count| plan.pieces(count),
            |piece, dw, scratch| plan.run_piece(piece, &dy.values, &src, dw, scratch),
        )?
    };
    Ok((dy.order.shape([desc.out_channels, c / desc.groups, kernel[0], kernel[1]]), values))
}

fn bias(args: &GradArgs, dy: &GradOutput, reference: bool) -> Outcome<(Vec<usize>, Vec<f32>)> {
    let [n, k, p, q] = dy.sizes;
    if p == 0 || q == 0 {
        let got = shape_text(&[p, q]);
        return Failure::about("--grad-output", format_args!("must have at least one pixel, got {got}"));
    }
    // Any layer with such an output will do.
    let desc = Conv2dDesc::new(args.how.layout, n, 1, [p, q], k, [1, 1]);
    let plan = BiasGradPlan::new(&desc, args.common.level.0).about("grad")?;
    let values = if reference {
        parts::rounded(k, || convoke_reference::bias_grad(&desc, &dy.values))?
    } else {
        parts::run(
            "adding",
            &args.common,
            k,
            0,
            |count| plan.pieces(count),
            |piece, db, _| plan.run_piece(piece, &dy.values, db),
        )?
    };
    Ok((vec![k], values))
}

/// The layer whose gradient is wanted.
fn describe(
    args: &GradArgs,
    dy: &GradOutput,
    c: usize,
    size: [usize; 2],
    kernel: [usize; 2],
) -> Outcome<Conv2dDesc> {
    let how = &args.how;
    let [n, k, ..] = dy.sizes;
    Ok(Conv2dDesc::new(how.layout, n, c, size, k, kernel)
        .stride(how.stride.0)
        .dilation(how.dilation.0)
        .padding(padding(how, dy.order.one_dimensional)?)
        .border(how.border)
        .groups(how.groups)
        .mode(how.mode))
}

/// Whether the gradient has as many pixels as the layer's output.
fn check_size(out: [usize; 2], dy: &GradOutput) -> Outcome<()> {
    let got = [dy.sizes[2], dy.sizes[3]];
    if out == got {
        return Ok(());
    }
    Failure::about(
        "--grad-output",
        format_args!(
            "must have {} pixels, as the layer's output, got {}",
            shape_text(&out),
            shape_text(&got)
        ),
    )
}

fn needed<'a>(path: &'a Option<std::path::PathBuf>, option: &str, wrt: &str) -> Outcome<&'a Path> {
    path.as_deref().ok_or_else(|| Failure::new(format_args!("{option}: is needed with --wrt {wrt}")))
}

fn needed_pair(pair: Option<Pair>, option: &str, wrt: &str) -> Outcome<Pair> {
    pair.ok_or_else(|| Failure::new(format_args!("{option}: is needed with --wrt {wrt}")))
}
