//! `convoke explain`: what a layer or filter would do, without doing it. Takes files, or sizes in their place.

use std::path::Path;

use convoke::{Algorithm, Conv2d, Filter, FilterAlgorithm, Gaussian, Options};

use crate::args::values::{FilterChoice, LayerAlgorithm, sizes};
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
        None => files::read_array_or_picture(Path::new(&args.input))?.array.shape,
    };
    let size = Size::of(&shape).about(&args.input)?;
    let desc = filter::describe(&args.how, &mask, size);
    let options = Options::new().level(args.common.level.0);
    let candidates = Filter::explain(&desc, &mask, &options).about("filter")?;
    let chosen = match args.how.algo {
        FilterChoice::Planned(FilterAlgorithm::Auto) | FilterChoice::Reference => candidates[0].algorithm,
        FilterChoice::Planned(asked) => asked,
    };
    let fast = match filter::fast_gaussian(&args.how)? {
        Some(sigma) => {
            let desc = filter::describe_gaussian(&desc, sigma, args.how.gaussian_method);
            Some(Gaussian::with_options(&desc, &options).about("filter")?)
        }
        None => None,
    };
    let [r, s] = mask.size();
    let mut text = format!(
        "filter: {}x{} pixels, {} channels, mask {r}x{s}, border {:?}, {:?}\n",
        size.height, size.width, size.channels, desc.border, desc.mode,
    );
    if let Some(blur) = &fast {
        text.push_str(&format!("* gaussian by {}\n  taken: asked for\n", blur.describe()));
    }
    let least = candidates[0].cost;
    for candidate in &candidates {
        let filter = Filter::with_options(&desc, &mask, &options.filter_algorithm(candidate.algorithm));
        let filter = filter.about("filter")?;
        let is_taken = candidate.algorithm == chosen && fast.is_none();
        let (mark, why) = match (is_taken, args.how.algo) {
            (true, FilterChoice::Planned(FilterAlgorithm::Auto)) => {
                ("*", "taken: the least predicted time".to_owned())
            }
            (true, _) => ("*", "taken: asked for".to_owned()),
            (false, _) => {
                (" ", format!("not taken: {:.1} times the least predicted time", candidate.cost / least))
            }
        };
        text.push_str(&format!("{mark} {}\n  {why}\n", filter.describe()));
    }
    for &algorithm in FilterAlgorithm::ALL {
        let known = candidates.iter().any(|candidate| candidate.algorithm == algorithm);
        if algorithm == FilterAlgorithm::Auto || known {
            continue;
        }
        let why = match algorithm {
            FilterAlgorithm::Narrow
                if Filter::with_options(&desc, &mask, &options.filter_algorithm(algorithm)).is_ok() =>
            {
                "taken wherever bytes are filtered to integers"
            }
            FilterAlgorithm::Fft => "not taken: the mask is too small for it",
            _ => "not taken: the mask is not of that kind",
        };
        text.push_str(&format!("  {:<10} {why}\n", algorithm.name()));
    }
    print(&text)
}
