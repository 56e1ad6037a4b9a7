//! `convoke explain`: what a layer or filter would do, without doing it. Takes files, or sizes in their place.

use std::path::Path;

use convoke::{Algorithm, Conv2d, Filter, FilterAlgorithm, Gaussian, Options, PixelKind};

use crate::args::values::{FilterChoice, LayerAlgorithm, OutputType, sizes};
use crate::args::{ExplainConv2dArgs, ExplainFilterArgs, Explained};
use crate::array::Element;
use crate::error::{Context, Failure, Outcome};
use crate::filter::{self, Size};
use crate::{conv2d, files, mask, print};

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
    let (shape, input) = match (sizes(&args.input), args.input_type) {
        (Some(sizes), None | Some(OutputType::Same)) => (sizes, Element::F32),
        (Some(sizes), Some(OutputType::Is(element))) => (sizes, element),
        (None, asked) => {
            let array = files::read_array_or_picture(Path::new(&args.input))?.array;
            let found = array.data.element();
            if let Some(OutputType::Is(asked)) = asked
                && asked != found
            {
                return Failure::about("--input-type", format_args!("the picture has {found}, not {asked}"));
            }
            (array.shape, found)
        }
    };
    let output = match args.output_type {
        OutputType::Same => input,
        OutputType::Is(element) => element,
    };
    let size = Size::of(&shape).about(&args.input)?;
    let options = Options::new().level(args.common.level.0);
    let mut text = format!("filter: {}x{} pixels, {} channels, ", size.height, size.width, size.channels);
    let mut mask = filter::load_mask(&args.how)?;
    let fast = filter::fast_gaussian(&args.how)?;
    let [r, s] = match fast {
        Some(sigma) => {
            let desc = filter::describe(&args.how, &mask, size);
            let desc = filter::describe_gaussian(&desc, sigma, args.how.gaussian_method);
            let blur = Gaussian::with_options(&desc, &options).about("--mask")?;
            text.push_str(&format!(
                "border {:?}\n* gaussian by {}\n  taken: asked for\n",
                desc.border,
                blur.describe()
            ));
            // Wider ones have no mask that an exact filter could take.
            let Ok(exact) = mask::load(&args.how.mask) else { return print(&text) };
            mask = filter::adjust(exact, &args.how);
            mask.size()
        }
        None => mask.size(),
    };
    let desc = filter::describe(&args.how, &mask, size);
    if fast.is_none() {
        text.push_str(&format!(
            "mask {r}x{s}, border {:?}, {:?}, {input} to {output}\n",
            desc.border, desc.mode
        ));
    }
    let kinds = (kind(input), kind(output));
    let kind = if kinds.1 == PixelKind::Floats { kinds.1 } else { kinds.0 };
    let candidates = Filter::explain_for(kind, &desc, &mask, &options).about("filter")?;
    let planned = |algorithm| Filter::with_options(&desc, &mask, &options.filter_algorithm(algorithm));
    let narrow = planned(FilterAlgorithm::Narrow).ok();
    let is_of_kind = |algorithm| planned(algorithm).is_ok();
    let for_narrow = kind == PixelKind::Bytes;
    let chosen = match args.how.algo {
        FilterChoice::Planned(FilterAlgorithm::Auto) | FilterChoice::Reference => {
            if narrow.is_some() && for_narrow { FilterAlgorithm::Narrow } else { candidates[0].algorithm }
        }
        // Pixels that these are not for are summed directly.
        FilterChoice::Planned(FilterAlgorithm::Narrow) if !for_narrow => FilterAlgorithm::Direct,
        FilterChoice::Planned(FilterAlgorithm::RankTwo) if kind == PixelKind::Floats => {
            FilterAlgorithm::Direct
        }
        FilterChoice::Planned(asked) => asked,
    };
    let is_asked = args.how.algo != FilterChoice::Planned(FilterAlgorithm::Auto);
    let least = candidates[0].cost;
    for candidate in &candidates {
        let filter = planned(candidate.algorithm).about("filter")?;
        let is_taken = candidate.algorithm == chosen && fast.is_none();
        let (mark, why) = match (is_taken, is_asked) {
            (true, false) => ("*", "taken: the least predicted time".to_owned()),
            (true, true) if args.how.algo == FilterChoice::Planned(chosen) => {
                ("*", "taken: asked for".to_owned())
            }
            (true, true) => ("*", "taken: the one asked for is not for these pixels".to_owned()),
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
        let is_taken = algorithm == chosen && fast.is_none() && is_of_kind(algorithm);
        let mark = if is_taken { "*" } else { " " };
        let why = match algorithm {
            FilterAlgorithm::Narrow if is_taken => "taken: bytes to integers",
            _ if is_taken => "taken: asked for",
            FilterAlgorithm::Narrow if narrow.is_some() && !for_narrow => {
                "not taken: it is for bytes to integers"
            }
            FilterAlgorithm::Narrow if narrow.is_some() => "not taken: another one is asked for",
            FilterAlgorithm::RankTwo if is_of_kind(algorithm) && kind == PixelKind::Floats => {
                "not taken: it is for integers"
            }
            FilterAlgorithm::RankTwo if is_of_kind(algorithm) => {
                "not taken: the mask is better taken otherwise"
            }
            FilterAlgorithm::Fft => "not taken: the mask is too small for it",
            FilterAlgorithm::Box if mask.weights().iter().all(|w| *w == mask.weights()[0]) => {
                "not taken: sums of integers may not be exact"
            }
            _ => "not taken: the mask is not of that kind",
        };
        text.push_str(&format!("{mark} {:<10} {why}\n", algorithm.name()));
    }
    if args.how.algo == FilterChoice::Planned(FilterAlgorithm::Auto) && fast.is_none() {
        text.push_str("  --algo fixes it: on floats, other algorithms may give other last bits\n");
    }
    print(&text)
}

fn kind(element: Element) -> PixelKind {
    match element {
        Element::F32 | Element::I32 => PixelKind::Floats,
        Element::U8 => PixelKind::Bytes,
        // Signed bytes go through words.
        Element::I8 | Element::I16 | Element::U16 => PixelKind::Words,
    }
}
