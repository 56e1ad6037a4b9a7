//! `convoke conv-transpose2d`: a transposed convolution from arrays to an array.

use convoke::{Border, ConvTranspose2dDesc, ConvTranspose2dPlan, Operands, OutputSize};

use crate::args::{ConvTranspose2dArgs, LayerHow};
use crate::array::{Array, Data};
use crate::conv2d::{Order, addends, padding, read_f32};
use crate::error::{Context, Failure, Outcome};
use crate::files::Output;
use crate::{memory, parts};

pub(crate) fn run(args: &ConvTranspose2dArgs) -> Outcome<()> {
    if args.how.border != Border::Zero {
        return Failure::about("--border", "must be zero: what is cut off is not read");
    }
    let reference = parts::is_reference(args.how.algo)?;
    let output = Output::npy(&args.output)?;
    let (input_shape, src) = read_f32(&args.input)?;
    let (weights_shape, weights) = read_f32(&args.weights)?;
    let one_dimensional = input_shape.len() == 3;
    let size = match (args.output_padding, args.output_size) {
        (_, Some(size)) => OutputSize::Exact(size.size(one_dimensional)),
        (Some(more), None) if one_dimensional && more.0[0] == more.0[1] => {
            OutputSize::Padding([0, more.0[1]])
        }
        (more, None) => OutputSize::Padding(more.map_or([0, 0], |more| more.0)),
    };
    let mut desc = describe(&args.how, &input_shape, &weights_shape)?;
    desc.output = size;
    let plan = ConvTranspose2dPlan::new(&desc, args.common.level.0).about("conv-transpose2d")?;
    let [p, q] = plan.geometry().out_size;
    let order = Order { layout: desc.layout, one_dimensional };
    let shape = order.shape([desc.batch, desc.out_channels, p, q]);
    let [bias, residual] =
        addends(args.bias.as_deref(), args.residual.as_deref(), desc.out_channels, &shape)?;
    let (bias, residual) = (bias.as_deref(), residual.as_deref());
    let len = plan.geometry().dst.len;
    let values = if reference {
        parts::rounded(len, || convoke_reference::conv_transpose2d(&desc, &src, &weights, bias, residual))?
    } else {
        memory::check("output", len.saturating_mul(size_of::<f32>()))?;
        let mut buffer = memory::zeros("packed weights", plan.packed_len())?;
        let weights = plan.pack(&weights, &mut buffer).about("conv-transpose2d")?;
        let operands = Operands { bias, residual, ..Operands::new(&src, weights) };
        parts::run(
            "convolving",
            &args.common,
            len,
            plan.scratch_len(),
            |count| plan.pieces(count),
            |piece, dst, scratch| plan.run_piece(piece, &operands, dst, scratch),
        )?
    };
    output.write(Array { shape, data: Data::F32(values) })
}

/// The descriptor for arrays of these shapes, but for the output's size.
fn describe(how: &LayerHow, input: &[usize], weights: &[usize]) -> Outcome<ConvTranspose2dDesc> {
    let one_dimensional = input.len() == 3;
    let order = Order { layout: how.layout, one_dimensional };
    let [n, c, h, w] = order.sizes("--input", input, "NCHW", None)?;
    let [i, o, r, s] = order.sizes("--weights", weights, "IORS", Some("input"))?;
    if how.groups == 0 {
        return Failure::about("--groups", "must be at least 1, got 0");
    }
    if i != c {
        return Failure::about(
            "--weights",
            format_args!("must have {c} in channels, those of the input, got {i}"),
        );
    }
    let Some(k) = o.checked_mul(how.groups) else {
        return Failure::about("--groups", format_args!("{}: too large", how.groups));
    };
    Ok(ConvTranspose2dDesc::new(how.layout, n, c, [h, w], k, [r, s])
        .stride(how.stride.0)
        .dilation(how.dilation.0)
        .padding(padding(how, one_dimensional)?)
        .groups(how.groups)
        .mode(how.mode)
        .activation(how.activation))
}
