//! `convoke filter`: from a picture or array through a mask to a picture or array.
//!
//! From whole numbers of 8 or 16 bits to such numbers every value is the exact sum, rounded once. All other types go
//! through `f32`: whole-numbered masks are exact there too as long as sums stay below 2^24; other results are within
//! the plan's error bound before they are rounded. Large pictures in files that allow it never come here as a whole:
//! see [`crate::stream`]. `--gaussian-method` takes [`Gaussian`] in place of a mask's filter. What `--premultiply` means is in [`crate::alpha`], and `--roi` in [`crate::region`].

use std::io::Write;

use convoke::mask::Mask;
use convoke::{
    Accumulate, Border, Filter, Filter2dDesc, Filter2dPlan, FilterAlgorithm, Gaussian, GaussianDesc,
    GaussianMethod, Options, Pixel, PixelKind,
};
use convoke_reference::WholePixel;

use crate::args::values::{FilterChoice, OutRange, OutputType};
use crate::args::{Common, FilterArgs, FilterHow};
use crate::array::{Array, Data, Element, shape_text};
use crate::error::{Context, Failure, Outcome};
use crate::files::{self, Output};
use crate::picture::Picture;
use crate::progress::Progress;
use crate::region::Region;
use crate::{alpha, mask, memory, stream, threads};

pub(crate) fn run(args: &FilterArgs) -> Outcome<()> {
    let output = Output::array_or_picture(&args.output)?;
    let mask = load_mask(&args.how)?;
    if let Some(job) = stream::Job::new(args, &mask, &output) {
        return job.run(output);
    }
    let Picture { array: mut input, profile, mut losses } = files::read_array_or_picture(&args.input)?;
    let mut size = Size::of(&input.shape).about(args.input.display())?;
    let element = match args.output_type {
        OutputType::Same => input.data.element(),
        OutputType::Is(element) => element,
    };
    output.can_hold(element, size.channels)?;
    if args.premultiply {
        alpha::check(&input.shape, &input.data).about(args.input.display())?;
        if args.how.algo == FilterChoice::Planned(FilterAlgorithm::Fft) {
            let message = "not with --algo fft, whose traces of distant pixels would become colours";
            return Failure::about("--premultiply", message);
        }
    }
    let mut region = None;
    if let Some(roi) = args.roi {
        let part = Region::new(roi, size).about(args.input.display())?;
        if args.isolated {
            input = part.cut(&input, size).about(args.input.display())?;
            size = Size::of(&input.shape)?;
        } else {
            region = Some(part);
        }
    }
    let mut job = Job { region, ..Job::new(&args.how, &args.common, mask, size)? };
    if args.premultiply && args.how.algo == FilterChoice::Planned(FilterAlgorithm::Auto) {
        job.leave_no_residue()?;
    }
    let filtered = if args.premultiply {
        job.run_premultiplied(&input.data, element, args.out_range)
    } else {
        job.run(&input.data, element, args.out_range)
    };
    let data = filtered.about("filter")?;
    let mut shape = input.shape;
    if let Some(region) = &job.region {
        shape[..2].copy_from_slice(&region.size());
    }
    losses.extend(output.write_picture(Array { shape, data }, profile)?);
    if !args.common.quiet {
        for loss in losses {
            // Nobody can be told if stderr is closed.
            let _ = writeln!(std::io::stderr(), "convoke: warning: {loss}");
        }
    }
    Ok(())
}

/// The sigma of a Gaussian that is not to be computed exactly.
pub(crate) fn fast_gaussian(how: &FilterHow) -> Outcome<Option<f64>> {
    if how.gaussian_method == GaussianMethod::Exact {
        return Ok(None);
    }
    let Some(sigma) = mask::sigma(&how.mask) else {
        return Failure::about("--gaussian-method", "needs a mask that is called gaussian:SIGMA");
    };
    if how.anchor.is_some() {
        return Failure::about("--gaussian-method", "not with --anchor: its window lies round the pixel");
    }
    if how.accumulate != Accumulate::F32 {
        return Failure::about("--gaussian-method", "not with --accumulate: boxes are summed in f32");
    }
    if how.algo != FilterChoice::Planned(FilterAlgorithm::Auto) {
        return Failure::about("--gaussian-method", "not with --algo, which is about exact filters");
    }
    Ok(Some(sigma))
}

/// The blur of the descriptor's picture.
pub(crate) fn describe_gaussian(desc: &Filter2dDesc, sigma: f64, method: GaussianMethod) -> GaussianDesc {
    GaussianDesc::new(desc.size, desc.channels, sigma)
        .border(desc.border)
        .scale(desc.scale)
        .offset(desc.offset)
        .method(method)
}

/// The mask of `--mask`, `--scale`, `--offset` and `--anchor`.
pub(crate) fn load_mask(how: &FilterHow) -> Outcome<Mask> {
    let mask = match fast_gaussian(how)? {
        // Boxes need no mask, and take sigmas of which there is none.
        Some(_) => Mask::identity(),
        None => mask::load(&how.mask)?,
    };
    Ok(adjust(mask, how))
}

/// The mask with `--scale`, `--offset` and `--anchor`.
pub(crate) fn adjust(mut mask: Mask, how: &FilterHow) -> Mask {
    mask.scale *= how.scale;
    mask.offset += how.offset;
    if let Some(anchor) = how.anchor {
        mask.anchor = Some(anchor.0);
    }
    mask
}

/// Sizes of a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Size {
    /// Of an array with this shape.
    pub(crate) fn of(shape: &[usize]) -> Outcome<Self> {
        match *shape {
            [height, width] => Ok(Self { height, width, channels: 1 }),
            [height, width, channels] if channels > 0 => Ok(Self { height, width, channels }),
            _ => Err(Failure::new(format_args!(
                "a picture must have dimensions HxW or HxWxC, got {}",
                shape_text(shape)
            ))),
        }
    }
}

/// A filter that is about to run.
struct Job {
    desc: Filter2dDesc,
    mask: Mask,
    channels: usize,
    method: Method,
    /// What of the filtered pixels is wanted; `None` for all.
    region: Option<Region>,
    quiet: bool,
}

enum Method {
    Planned(Options),
    Reference,
    Gaussian { sigma: f64, method: GaussianMethod, options: Options },
}

impl Job {
    fn new(how: &FilterHow, common: &Common, mask: Mask, size: Size) -> Outcome<Self> {
        let desc = describe(how, &mask, size);
        // Says what is wrong before any work; the naive loops rely on it.
        Filter2dPlan::new(&desc, common.level.0).about("filter")?;
        let method = match (fast_gaussian(how)?, how.algo) {
            (Some(sigma), _) => {
                let threads = threads::set_up(common.threads)?;
                let options = Options::new().level(common.level.0).threads(threads);
                let method = how.gaussian_method;
                Gaussian::with_options(&describe_gaussian(&desc, sigma, method), &options).about("--mask")?;
                Method::Gaussian { sigma, method, options }
            }
            (None, FilterChoice::Reference) => Method::Reference,
            (None, FilterChoice::Planned(algorithm)) => {
                let threads = threads::set_up(common.threads)?;
                let options = Options::new().level(common.level.0).threads(threads);
                Method::Planned(options.filter_algorithm(algorithm))
            }
        };
        Ok(Self { desc, mask, channels: size.channels, method, region: None, quiet: common.quiet })
    }

    /// The filtered data, as elements of type `to`.
    fn run(&self, data: &Data, to: Element, range: OutRange) -> Outcome<Data> {
        let wide = matches!(data, Data::F32(_) | Data::I32(_)) || range == OutRange::Normalise;
        Ok(match to {
            Element::U8 if !wide => Data::U8(self.whole(data, range, to)?),
            Element::U16 if !wide => Data::U16(self.whole(data, range, to)?),
            Element::I16 if !wide => Data::I16(self.whole(data, range, to)?),
            Element::I8 if !wide => {
                let values: Vec<i16> = self.whole(data, range, to)?;
                Data::I8(values.into_iter().map(|value| value.clamp(-128, 127) as i8).collect())
            }
            _ => {
                let values = match data {
                    Data::U8(src) => self.channels(src, &self.desc, reference_f32)?,
                    Data::U16(src) => self.channels(src, &self.desc, reference_f32)?,
                    Data::I16(src) => self.channels(src, &self.desc, reference_f32)?,
                    Data::F32(src) => self.channels(src, &self.desc, reference_f32)?,
                    Data::I8(_) | Data::I32(_) => {
                        self.channels(&data.to_f32()?, &self.desc, reference_f32)?
                    }
                };
                Data::from_f32(in_range(values, to, range), to)
            }
        })
    }

    /// From whole numbers to whole numbers, without any rounding but the last.
    fn whole<O: Pixel + WholePixel + Ord>(
        &self,
        data: &Data,
        range: OutRange,
        to: Element,
    ) -> Outcome<Vec<O>> {
        match data {
            Data::U8(src) => self.ranged(src, range, to),
            Data::U16(src) => self.ranged(src, range, to),
            Data::I16(src) => self.ranged(src, range, to),
            Data::I8(src) => {
                let src: Vec<i16> = src.iter().map(|&value| value.into()).collect();
                self.ranged(&src, range, to)
            }
            Data::F32(_) | Data::I32(_) => Err(Failure::new("the input has no small whole numbers")),
        }
    }

    fn ranged<I: Pixel + WholePixel, O: Pixel + WholePixel + Ord>(
        &self,
        src: &[I],
        range: OutRange,
        to: Element,
    ) -> Outcome<Vec<O>> {
        let desc = self.desc;
        let reference = convoke_reference::filter2d_exact::<I, O>;
        Ok(match range {
            OutRange::Clamp | OutRange::Normalise => self.channels(src, &desc, reference)?,
            OutRange::Centre => self.channels(src, &desc.offset(desc.offset + middle(to)), reference)?,
            OutRange::Abs => {
                // Of y and -y one is clamped to 0 or is negative, and the other is |y|.
                let mut values: Vec<O> = self.channels(src, &desc, reference)?;
                let negated = desc.scale(-desc.scale).offset(-desc.offset);
                let others: Vec<O> = self.channels(src, &negated, reference)?;
                for (value, other) in values.iter_mut().zip(others) {
                    *value = other.max(*value);
                }
                values
            }
        })
    }

    /// Chooses among algorithms under which a window of zeros has the sum zero. Others leave a little of what lies far
    /// away, and one residue divided by another is any colour.
    fn leave_no_residue(&mut self) -> Outcome<()> {
        if let Method::Planned(options) = &mut self.method {
            let kind = PixelKind::Floats;
            let candidates = Filter::explain_for(kind, &self.desc, &self.mask, options).about("filter")?;
            let mut algorithms = candidates.iter().map(|candidate| candidate.algorithm);
            let local = [FilterAlgorithm::Direct, FilterAlgorithm::Separable];
            let algorithm = algorithms.find(|algorithm| local.contains(algorithm));
            *options = options.filter_algorithm(algorithm.unwrap_or(FilterAlgorithm::Direct));
        }
        Ok(())
    }

    /// The same, with colours weighted by alpha, which is the last channel.
    fn run_premultiplied(&self, data: &Data, to: Element, range: OutRange) -> Outcome<Data> {
        let (colours, alphas) = alpha::multiply(&data.to_f32()?, self.channels);
        let mut desc = self.desc.offset(0.0);
        desc.channels = 1;
        let alphas = self.channels_of(1, &alphas, &desc, reference_f32)?;
        desc.channels = self.channels - 1;
        if let Border::Constant(value) = desc.border {
            // Outside, colour and alpha are the same constant.
            desc.border = Border::Constant(value * value);
        }
        let products = self.channels_of(desc.channels, &colours, &desc, reference_f32)?;
        // What will be written as transparent is so, whatever rounding has left of it.
        let transparent = if to != Element::F32 && range == OutRange::Clamp { 0.5 } else { 0.0 };
        let values = alpha::divide(&products, &alphas, transparent, self.desc.offset);
        Ok(Data::from_f32(in_range(values, to, range), to))
    }

    /// Filters all channels of the picture.
    fn channels<I: Pixel + Copy, O: Pixel + Default>(
        &self,
        src: &[I],
        desc: &Filter2dDesc,
        reference: impl Fn(&Filter2dDesc, &[f32], &[I]) -> Vec<O>,
    ) -> Outcome<Vec<O>> {
        self.channels_of(self.channels, src, desc, reference)
    }

    /// Filters so many channels: at once, or as many at a time as the descriptor has. Gives the part of the result
    /// that is wanted.
    fn channels_of<I: Pixel + Copy, O: Pixel + Default>(
        &self,
        channels: usize,
        src: &[I],
        desc: &Filter2dDesc,
        reference: impl Fn(&Filter2dDesc, &[f32], &[I]) -> Vec<O>,
    ) -> Outcome<Vec<O>> {
        let rounds = channels.div_ceil(desc.channels);
        let [height, width] = desc.size;
        let region = self.region.as_ref();
        let [rows, cols] = region.map_or([0..height, 0..width], Region::ranges);
        let pixels = rows.len() * cols.len();
        let progress = Progress::new("filtering", (rows.len() * rounds) as u64, self.quiet);
        let part = |whole: Vec<O>, channels: usize| match region {
            Some(region) => region.of(&whole, Size { height, width, channels }),
            None => Ok(whole),
        };
        let run = |desc: &Filter2dDesc, src: &[I]| match &self.method {
            Method::Reference => part(reference(desc, self.mask.weights(), src), desc.channels),
            Method::Gaussian { sigma, method, options } => {
                let gaussian = describe_gaussian(desc, *sigma, *method);
                let blur = Gaussian::with_options(&gaussian, options).map_err(Failure::new)?;
                let mut whole = memory::zeros("output", blur.len())?;
                blur.run_into(src, &mut whole).map_err(Failure::new)?;
                progress.add(rows.len());
                part(whole, desc.channels)
            }
            Method::Planned(options) => {
                let filter = Filter::with_options(desc, &self.mask, options).map_err(Failure::new)?;
                let mut dst = memory::zeros("output", pixels * desc.channels)?;
                let region = [rows.clone(), cols.clone()];
                let done = |rows| progress.add(rows);
                filter.run_region_with(region, src, &mut dst, &done).map_err(Failure::new)?;
                Ok(dst)
            }
        };
        if channels == desc.channels {
            return run(desc, src);
        }
        let mut all = memory::zeros("output", pixels * channels)?;
        for first in (0..channels).step_by(desc.channels) {
            let count = desc.channels.min(channels - first);
            let some: Vec<I> =
                src.chunks_exact(channels).flat_map(|pixel| &pixel[first..first + count]).copied().collect();
            let mut narrower = *desc;
            narrower.channels = count;
            let filtered = run(&narrower, &some)?;
            for (pixel, filtered) in all.chunks_exact_mut(channels).zip(filtered.chunks_exact(count)) {
                pixel[first..first + count].copy_from_slice(filtered);
            }
        }
        Ok(all)
    }
}

/// The core's descriptor of a filter. Arrays with more than four channels are filtered four at a time.
pub(crate) fn describe(how: &FilterHow, mask: &Mask, size: Size) -> Filter2dDesc {
    let desc = mask.desc([size.height, size.width], size.channels.min(4));
    desc.mode(how.mode).border(how.border).accumulate(how.accumulate)
}

fn reference_f32<I: Copy + Into<f64>>(desc: &Filter2dDesc, mask: &[f32], src: &[I]) -> Vec<f32> {
    let (values, _) = convoke_reference::filter2d_f64(desc, mask, src);
    values.into_iter().map(|value| value as f32).collect()
}

/// What zero becomes with `--out-range centre`.
pub(crate) fn middle(to: Element) -> f32 {
    match to {
        Element::U8 => 128.0,
        Element::U16 => 32768.0,
        Element::F32 => 0.5,
        Element::I8 | Element::I16 | Element::I32 => 0.0,
    }
}

/// Applies `--out-range`, all but the clamping that every conversion to whole numbers does.
fn in_range(mut values: Vec<f32>, to: Element, range: OutRange) -> Vec<f32> {
    let top = to.range().map_or(1.0, |(_, greatest)| greatest);
    match range {
        OutRange::Clamp => {}
        OutRange::Abs => values.iter_mut().for_each(|value| *value = value.abs()),
        OutRange::Centre => {
            let middle = middle(to);
            values.iter_mut().for_each(|value| *value += middle);
        }
        OutRange::Normalise => {
            let finite = || values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value));
            let (least, greatest) =
                (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
            let width = if greatest > least { greatest - least } else { 1.0 };
            for value in &mut values {
                // Infinities go to the ends; NaN stays what it is.
                *value = ((f64::from(*value) - least) / width * f64::from(top)).clamp(0.0, top.into()) as f32;
            }
        }
    }
    values
}
