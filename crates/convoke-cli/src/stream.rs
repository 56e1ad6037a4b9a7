//! `convoke filter` on pictures that need not fit in memory: row by row from file to file. The same result as that
//! of [`crate::filter`], in memory for about as many rows as the mask has.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use convoke::mask::Mask;
use convoke::{Filter2dDesc, FilterAlgorithm, FilterStream, GaussianMethod, Options};

use crate::args::FilterArgs;
use crate::args::values::{FilterChoice, OutRange, OutputType};
use crate::array::Element;
use crate::error::{Context, Failure, Outcome};
use crate::files::{Output, Stop, plain};
use crate::filter::{Size, describe, middle};
use crate::memory;
use crate::progress::Progress;
use crate::rows::{BUFFER, RowFile, RowFormat, RowPixel};

/// Bytes of picture and result together up to which they are held in memory, where several threads can work on
/// them.
const SMALL: usize = 64 << 20;

/// A filter from file to file.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    args: &'a FilterArgs,
    input: RowFile,
    desc: Filter2dDesc,
    mask: &'a Mask,
    algorithm: FilterAlgorithm,
    element: Element,
    format: RowFormat,
}

impl<'a> Job<'a> {
    /// The job, if it can be done row by row and is large enough to be.
    pub(crate) fn new(args: &'a FilterArgs, mask: &'a Mask, output: &Output) -> Option<Self> {
        let FilterChoice::Planned(algorithm) = args.how.algo else { return None };
        // Streams have all algorithms but one.
        if algorithm == FilterAlgorithm::Fft || args.out_range == OutRange::Normalise {
            return None;
        }
        if args.premultiply || args.roi.is_some() || args.how.gaussian_method != GaussianMethod::Exact {
            return None;
        }
        let input = RowFile::open(&args.input)?;
        let element = match args.output_type {
            OutputType::Same => input.element(),
            OutputType::Is(element) => element,
        };
        let size = Size::of(input.shape()).ok()?;
        let format = output.row_format(element, size.channels)?;
        let values = input.shape().iter().product::<usize>();
        let bytes = values.saturating_mul(input.element().size() + element.size());
        (bytes > SMALL && size.channels <= 4).then_some(())?;
        Some(Self { args, input, desc: describe(&args.how, mask, size), mask, algorithm, element, format })
    }

    /// Does it.
    pub(crate) fn run(self, output: Output) -> Outcome<()> {
        match self.input.element() {
            Element::U8 => self.from::<u8>(output),
            Element::U16 => self.from::<u16>(output),
            Element::I16 => self.from::<i16>(output),
            Element::F32 => self.from::<f32>(output),
            other => Failure::about(self.args.input.display(), format_args!("no filter of rows of {other}")),
        }
    }

    fn from<I: RowPixel>(self, output: Output) -> Outcome<()> {
        let range = self.args.out_range;
        let nothing = |_: &mut f32| ();
        match self.element {
            Element::U8 => self.to::<I, u8>(output, |_| ()),
            Element::U16 => self.to::<I, u16>(output, |_| ()),
            Element::I16 => self.to::<I, i16>(output, |_| ()),
            Element::F32 => match range {
                OutRange::Abs => self.to::<I, f32>(output, |value| *value = value.abs()),
                OutRange::Centre => self.to::<I, f32>(output, |value| *value += middle(Element::F32)),
                OutRange::Clamp | OutRange::Normalise => self.to::<I, f32>(output, nothing),
            },
            other => Failure::about(self.args.output.display(), format_args!("no filter of rows to {other}")),
        }
    }

    /// With all types known. `last` is what is done to floats at the end.
    fn to<I: RowPixel, O: RowPixel>(self, output: Output, last: impl Fn(&mut O)) -> Outcome<()> {
        let Self { args, mut input, desc, mask, algorithm, element, format } = self;
        let options = Options::new().level(args.common.level.0).filter_algorithm(algorithm);
        let stream = |desc: &Filter2dDesc| {
            // What the largest of them needs.
            let len = desc.separable_stream_len().max(desc.box_stream_len());
            memory::check("filter", len.saturating_mul(size_of::<f32>()))?;
            FilterStream::<I, O>::with_options(desc, mask, &options).about("filter")
        };
        let is_float = element == Element::F32;
        let shift = if args.out_range == OutRange::Centre && !is_float { middle(element) } else { 0.0 };
        let mut stream_of = Rows { stream: stream(&desc.offset(desc.offset + shift))?, negated: None };
        if args.out_range == OutRange::Abs && !is_float {
            // Of y and -y one is clamped to 0 or is negative, and the other is |y|.
            let negated = desc.scale(-desc.scale).offset(-desc.offset);
            stream_of.negated = Some((stream(&negated)?, vec![O::default(); desc.size[1] * desc.channels]));
        }
        let progress = Progress::new("filtering", desc.size[0] as u64, args.common.quiet);
        let shape = input.shape().to_vec();
        let header = |to: &mut dyn Write| format.write_header(&shape, element, to);
        output.write_rows(|to| {
            let mut to = BufWriter::with_capacity(BUFFER, to);
            header(&mut to)?;
            let row_len = desc.size[1] * desc.channels;
            let (mut src, mut dst) = (vec![I::default(); row_len], vec![O::default(); row_len]);
            let (mut bytes, mut encoded) = (Vec::new(), vec![0; size_of_val(&dst[..])]);
            while let Some(y) = stream_of.stream.wants() {
                let read = input.read(y, &mut bytes, &mut src);
                read.map_err(|error| unreadable(&args.input, error))?;
                stream_of.push(&src)?;
                while stream_of.pull(&mut dst)? {
                    dst.iter_mut().for_each(&last);
                    O::encode(&dst, format.order(), &mut encoded);
                    to.write_all(&encoded)?;
                    progress.add(1);
                }
            }
            Ok(to.flush()?)
        })
    }
}

fn unreadable(path: &Path, error: io::Error) -> Stop {
    Stop::Failed(Failure::new(format_args!("{}: {}", path.display(), plain(error))))
}

/// A stream, and for `--out-range abs` that of the negated values and a row of it.
struct Rows<I, O> {
    stream: FilterStream<I, O>,
    negated: Option<(FilterStream<I, O>, Vec<O>)>,
}

impl<I: RowPixel, O: RowPixel> Rows<I, O> {
    fn push(&mut self, row: &[I]) -> Result<(), Failure> {
        if let Some((negated, _)) = &mut self.negated {
            negated.push(row).about("filter")?;
        }
        self.stream.push(row).about("filter")
    }

    fn pull(&mut self, dst: &mut [O]) -> Result<bool, Failure> {
        let pulled = self.stream.pull(dst).about("filter")?;
        if let (true, Some((negated, others))) = (pulled, &mut self.negated) {
            negated.pull(others).about("filter")?;
            for (value, other) in dst.iter_mut().zip(others) {
                if *other > *value {
                    *value = *other;
                }
            }
        }
        Ok(pulled)
    }
}
