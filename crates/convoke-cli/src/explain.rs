//! `convoke explain`: what a layer or filter would do, without doing it. Takes files, or sizes in their place.

use std::path::Path;

use convoke::mask::Mask;
use convoke::{Algorithm, Conv2d, Filter2dPlan, Options};

use crate::args::values::{FilterAlgorithm, LayerAlgorithm, sizes};
use crate::args::{ExplainConv2dArgs, ExplainFilterArgs, Explained};
use crate::error::{Context, Outcome};
use crate::filter::{self, Size};
use crate::{conv2d, files, print};

pub(crate) fn run(what: &Explained) -> Outcome<()> {
    match what {
        Explained::Conv2d(args) => explain_conv2d(args),
        Explained::Filter(args) => explain_filter(args),
    }
}

fn explain_conv2d(args: &ExplainConv2dArgs) -> Outcome<()> {
    let shape = |text: &str| match sizes(text) {
        Some(sizes) => Ok(sizes),
        None => files::read_npy(Path::new(text)).map(|array| array.shape),
    };
    let desc = conv2d::describe(&args.how, &shape(&args.input)?, &shape(&args.weights)?)?;
    let algorithm = match args.how.algo {
        LayerAlgorithm::Planned(algorithm) => algorithm,
        LayerAlgorithm::Reference => Algorithm::Auto,
    };
    let options = Options::new().level(args.common.level.0).algorithm(algorithm);
    let mut text = Conv2d::explain_desc(&desc, &options).about("conv2d")?.to_string();
    for name in ["winograd", "fft"] {
        text.push_str(&format!("  {name:<8} not taken: this version does not have it\n"));
    }
    if args.how.algo == LayerAlgorithm::Reference {
        text.push_str("  the naive loops in f64 (--algo reference) are never taken by themselves\n");
    }
    print(&text)
}

fn explain_filter(args: &ExplainFilterArgs) -> Outcome<()> {
    let mask = filter::load_mask(&args.how)?;
    let shape = match sizes(&args.input) {
        Some(sizes) => sizes,
        None => files::read_array_or_picture(Path::new(&args.input))?.shape,
    };
    let size = Size::of(&shape).about(&args.input)?;
    let desc = filter::describe(&args.how, &mask, size);
    let plan = Filter2dPlan::new(&desc, args.common.level.0).about("filter")?;
    let [r, s] = mask.size();
    let mut text = format!(
        "filter: {}x{} pixels, {} channels, mask {r}x{s}, border {:?}, {:?}\n* {}\n  taken: {}\n",
        size.height,
        size.width,
        size.channels,
        desc.border,
        desc.mode,
        plan.describe(),
        match args.how.algo {
            FilterAlgorithm::Direct => "asked for",
            _ => "the only fast algorithm of this version",
        }
    );
    for (name, fits) in [("separable", is_separable(&mask)), ("box", is_box(&mask)), ("fft", true)] {
        let why = if fits { "this version does not have it" } else { "the mask is not of that kind" };
        text.push_str(&format!("  {name:<10} not taken: {why}\n"));
    }
    print(&text)
}

/// Whether all weights are equal.
fn is_box(mask: &Mask) -> bool {
    mask.weights().windows(2).all(|pair| pair[0] == pair[1])
}

/// Whether the mask is a column times a row, up to rounding.
fn is_separable(mask: &Mask) -> bool {
    let (weights, width) = (mask.weights(), mask.size()[1]);
    let Some(pivot) = (0..weights.len()).max_by(|&a, &b| weights[a].abs().total_cmp(&weights[b].abs()))
    else {
        return false;
    };
    let (row, column, greatest) = (pivot / width, pivot % width, f64::from(weights[pivot]));
    weights.iter().enumerate().all(|(at, &weight)| {
        let product =
            f64::from(weights[at / width * width + column]) * f64::from(weights[row * width + at % width]);
        (f64::from(weight) * greatest - product).abs() <= 1e-6 * greatest * greatest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_masks() {
        for (text, separable, constant) in [
            ("gaussian:2", true, false),
            ("box:3", true, true),
            ("laplacian", false, false),
            ("sobel-x", true, false),
        ] {
            let mask: Mask = text.parse().unwrap();
            assert_eq!((is_separable(&mask), is_box(&mask)), (separable, constant), "{text}");
        }
    }
}
