//! Runs a picture filter problem on an engine, in guarded buffers, and holds the result against the reference.

use convoke_reference::{WholePixel, filter2d_exact, filter2d_f64, round_to};

use crate::check::{Failure, U, Verdict, without_panic};
use crate::filter_engine::{Accuracy, FilterEngine, Pixels, PixelsMut, with_pixels};
use crate::filter_problem::{FilterData, FilterProblem, Picture, PixelType};
use crate::guard::{Canary, Guarded};
use crate::run::{Offset, Way};

/// A problem with its operands and the right answer, made once and held against many engines.
#[derive(Clone, Debug)]
pub struct FilterCase {
    /// The problem.
    pub problem: FilterProblem,
    /// Its operands.
    pub data: FilterData,
    /// The values in `f64`, in the places of `dst`.
    pub values: Vec<f64>,
    /// The same with everything taken as positive.
    pub magnitudes: Vec<f64>,
    /// The correctly rounded values, from integers to integers.
    pub exact: Option<Picture>,
}

/// A guarded picture of any type.
enum Guard {
    U8(Guarded<u8>),
    U16(Guarded<u16>),
    I16(Guarded<i16>),
    F32(Guarded<f32>),
}

impl Guard {
    fn new(kind: PixelType, len: usize, offset: usize) -> Self {
        match kind {
            PixelType::U8 => Guard::U8(Guarded::new(len, offset)),
            PixelType::U16 => Guard::U16(Guarded::new(len, offset)),
            PixelType::I16 => Guard::I16(Guarded::new(len, offset)),
            PixelType::F32 => Guard::F32(Guarded::new(len, offset)),
        }
    }

    fn holding(picture: &Picture, offset: usize) -> Self {
        match picture {
            Picture::U8(values) => Guard::U8(Guarded::holding(values, offset)),
            Picture::U16(values) => Guard::U16(Guarded::holding(values, offset)),
            Picture::I16(values) => Guard::I16(Guarded::holding(values, offset)),
            Picture::F32(values) => Guard::F32(Guarded::holding(values, offset)),
        }
    }

    fn get(&self) -> Pixels<'_> {
        match self {
            Guard::U8(guarded) => Pixels::U8(guarded.get()),
            Guard::U16(guarded) => Pixels::U16(guarded.get()),
            Guard::I16(guarded) => Pixels::I16(guarded.get()),
            Guard::F32(guarded) => Pixels::F32(guarded.get()),
        }
    }

    fn get_mut(&mut self) -> PixelsMut<'_> {
        match self {
            Guard::U8(guarded) => PixelsMut::U8(guarded.get_mut()),
            Guard::U16(guarded) => PixelsMut::U16(guarded.get_mut()),
            Guard::I16(guarded) => PixelsMut::I16(guarded.get_mut()),
            Guard::F32(guarded) => PixelsMut::F32(guarded.get_mut()),
        }
    }

    fn intact(&self) -> bool {
        let guard = self;
        with_pixels!(Guard, guard => guard.intact())
    }

    fn to_picture(&self) -> Picture {
        match self {
            Guard::U8(guarded) => Picture::U8(guarded.get().to_vec()),
            Guard::U16(guarded) => Picture::U16(guarded.get().to_vec()),
            Guard::I16(guarded) => Picture::I16(guarded.get().to_vec()),
            Guard::F32(guarded) => Picture::F32(guarded.get().to_vec()),
        }
    }
}

/// The reference's exact answer for integers of this type.
fn exact<I: WholePixel>(problem: &FilterProblem, mask: &[f32], src: &[I]) -> Option<Picture> {
    let desc = &problem.desc;
    Some(match problem.dst {
        PixelType::U8 => Picture::U8(filter2d_exact(desc, mask, src)),
        PixelType::U16 => Picture::U16(filter2d_exact(desc, mask, src)),
        PixelType::I16 => Picture::I16(filter2d_exact(desc, mask, src)),
        PixelType::F32 => return None,
    })
}

/// Whether an integer is the exact one, if that is known, or one that the error allows; and whether it could be
/// anything but 0.
fn check_integer<O: WholePixel + PartialOrd + std::fmt::Display>(
    got: O,
    exact: Option<O>,
    value: f64,
    error: f64,
) -> (bool, Result<(), String>) {
    let [least, most] = match exact {
        Some(exact) => [exact, exact],
        None => [round_to(value - error), round_to(value + error)],
    };
    let right = (least..=most).contains(&got);
    let nonzero = [least, most].map(Into::<i32>::into) != [0, 0];
    (nonzero, right.then_some(()).ok_or(format!("{got}, should be {least}..={most}")))
}

impl FilterProblem {
    /// Makes the operands and asks the reference.
    pub fn case(&self) -> FilterCase {
        FilterCase::with(*self, self.data())
    }

    /// Runs the problem whole on an engine and compares.
    ///
    /// # Errors
    /// The [`Failure`].
    pub fn check(&self, engine: &FilterEngine) -> Result<Verdict, Failure> {
        self.case().check(engine, Way::Whole, 0)
    }
}

impl FilterCase {
    /// A case with operands of one's own.
    pub fn with(problem: FilterProblem, data: FilterData) -> Self {
        let (desc, mask, src) = (&problem.desc, &data.mask, &data.src);
        let (values, magnitudes) = with_pixels!(Picture, src => filter2d_f64(desc, mask, src));
        let exact = match src {
            Picture::U8(src) => exact(&problem, mask, src),
            Picture::U16(src) => exact(&problem, mask, src),
            Picture::I16(src) => exact(&problem, mask, src),
            Picture::F32(_) => None,
        };
        Self { problem, data, values, magnitudes, exact }
    }

    /// Runs the case on an engine and compares. [`Way::Pieces`] counts as rows: filters have no other pieces.
    ///
    /// # Errors
    /// The [`Failure`].
    pub fn check(&self, engine: &FilterEngine, way: Way, offset: Offset) -> Result<Verdict, Failure> {
        without_panic(|| self.run(engine, way, offset))
            .and_then(|(dst, accuracy)| self.compare(&dst, accuracy))
            .map_err(|what| Failure { problem: self.problem.to_string(), engine: engine.to_string(), what })
    }

    /// The output of an engine, in the places of `dst`.
    ///
    /// # Panics
    /// If the engine refuses or writes where it may not.
    pub fn output(&self, engine: &FilterEngine, way: Way, offset: Offset) -> Picture {
        self.run(engine, way, offset).unwrap_or_else(|what| panic!("{engine} on {}: {what}", self.problem)).0
    }

    /// The output, and the error bound of plan and mask.
    fn run(&self, engine: &FilterEngine, way: Way, offset: Offset) -> Result<(Picture, Accuracy), String> {
        let problem = &self.problem;
        let plan = engine.plan(&problem.desc).map_err(|error| format!("plan: {error}"))?;
        let lens = [plan.src_len(), plan.dst_len()];
        if lens != problem.lens() {
            return Err(format!("plan: lengths are {lens:?}, should be {:?}", problem.lens()));
        }
        let src = Guard::holding(&self.data.src, offset % 16);
        let mask = Guarded::holding(&self.data.mask, (offset + 3) % 16);
        let mut packing = Guarded::<f32>::new(plan.packed_len(), (offset + 9) % 16);
        let mut scratch = Guarded::<f32>::new(plan.scratch_len(), (offset + 11) % 16);
        let packed = plan.pack(mask.get(), packing.get_mut()).map_err(|error| format!("pack: {error}"))?;
        let accuracy = plan.accuracy(&packed, self.largest());
        let refused = |error| format!("{way:?}: {error}");
        let [height, stride] = [problem.desc.size[0], problem.row_strides()[1]];
        let step = match way {
            Way::Whole => height,
            Way::Rows(step) => step.max(1),
            Way::Pieces(count) => height.div_ceil(count.max(1)),
        };
        let mut dst = Guard::new(problem.dst, problem.lens()[1], (offset + 5) % 16);
        if way == Way::Whole {
            plan.run(None, &packed, src.get(), dst.get_mut(), scratch.get_mut()).map_err(refused)?;
        } else {
            for start in (0..height).step_by(step) {
                let rows = start..height.min(start + step);
                let len = (rows.len() - 1) * stride + problem.row_len();
                let mut part = Guard::new(problem.dst, len, (offset + start) % 16);
                plan.run(Some(rows.clone()), &packed, src.get(), part.get_mut(), scratch.get_mut())
                    .map_err(refused)?;
                if !part.intact() {
                    return Err(format!("rows {rows:?}: wrote outside dst"));
                }
                let places = start * stride..start * stride + len;
                match (dst.get_mut(), part.get()) {
                    (PixelsMut::U8(dst), Pixels::U8(part)) => dst[places].copy_from_slice(part),
                    (PixelsMut::U16(dst), Pixels::U16(part)) => dst[places].copy_from_slice(part),
                    (PixelsMut::I16(dst), Pixels::I16(part)) => dst[places].copy_from_slice(part),
                    (PixelsMut::F32(dst), Pixels::F32(part)) => dst[places].copy_from_slice(part),
                    _ => unreachable!("made from the same type"),
                }
            }
        }
        for (name, intact) in
            [("dst", dst.intact()), ("scratch", scratch.intact()), ("packing", packing.intact())]
        {
            if !intact {
                return Err(format!("{way:?}: wrote outside {name}"));
            }
        }
        Ok((dst.to_picture(), accuracy))
    }

    /// The greatest magnitude of a pixel or of the border.
    fn largest(&self) -> f32 {
        let [row_stride, _] = self.problem.row_strides();
        let src = self.data.src.to_f32();
        let pixels = src.chunks(row_stride).flat_map(|row| &row[..self.problem.row_len()]);
        pixels.fold(self.problem.desc.border.outside().abs(), |largest, x| largest.max(x.abs()))
    }

    /// Compares a `dst` of some accuracy.
    ///
    /// # Errors
    /// The first wrong element, in words.
    pub fn compare(&self, dst: &Picture, accuracy: Accuracy) -> Result<Verdict, String> {
        let [row_len, row_stride] = [self.problem.row_len(), self.problem.row_strides()[1]];
        let most = self.problem.desc.mask_size[0] * self.problem.desc.mask_size[1] + 3;
        if let Accuracy::Terms(terms) = accuracy
            && terms > most
        {
            return Err(format!(
                "promises an error of {terms} terms; {most} is what any order of summation keeps"
            ));
        }
        let exact = self.problem.is_exact() && matches!(accuracy, Accuracy::Terms(_));
        let untouched = |at: usize| with_pixels!(Picture, dst => dst[at].is_canary());
        let mut verdict = Verdict::default();
        for at in 0..self.values.len() {
            let channels = self.problem.desc.channels;
            let place = || {
                let (y, rest) = (at / row_stride, at % row_stride);
                format!("row {y}, column {}, channel {}", rest / channels, rest % channels)
            };
            if at % row_stride >= row_len {
                if !untouched(at) {
                    return Err(format!("{}: wrote into the gap behind a row", place()));
                }
                continue;
            }
            let (value, error) = (self.values[at], self.tolerance(at, accuracy));
            verdict.outputs += 1;
            macro_rules! integer {
                ($type:ident, $values:ident) => {{
                    let exact = match &self.exact {
                        Some(Picture::$type(exact)) => Some(exact[at]),
                        _ => None,
                    };
                    let (nonzero, right) = check_integer($values[at], exact, value, error);
                    verdict.nonzero += usize::from(nonzero);
                    right
                }};
            }
            let right = match dst {
                Picture::U8(values) => integer!(U8, values),
                Picture::U16(values) => integer!(U16, values),
                Picture::I16(values) => integer!(I16, values),
                Picture::F32(values) if exact => {
                    let (got, want) = (values[at], value as f32);
                    verdict.nonzero += usize::from(want != 0.0);
                    // A zero's sign may come from the scale.
                    let same = got.to_bits() == want.to_bits() || (got == 0.0 && want == 0.0);
                    same.then_some(()).ok_or(format!("{got:?}, should be exactly {want:?}"))
                }
                Picture::F32(values) => {
                    let got = values[at];
                    let off = (f64::from(got) - value).abs();
                    verdict.nonzero += usize::from(value != 0.0);
                    verdict.worst = verdict.worst.max(if error > 0.0 { off / error } else { 0.0 });
                    (off <= error)
                        .then_some(())
                        .ok_or(format!("{got:?}, should be {value:?}, give or take {error:e}"))
                }
            };
            right.map_err(|what| format!("{}: got {what}", place()))?;
        }
        Ok(verdict)
    }

    /// The error that an f32 value may have: roundings of what they are applied to, products of roundings counted, and as
    /// many underflows; or what the engine says.
    fn tolerance(&self, at: usize, accuracy: Accuracy) -> f64 {
        match accuracy {
            Accuracy::Terms(_) if self.problem.is_exact() => 0.0,
            Accuracy::Terms(terms) => {
                let n = terms as f64;
                n * U * (1.0 + n * U) * self.magnitudes[at] + n * 2.0_f64.powi(-140)
            }
            Accuracy::Absolute(error) => error,
        }
    }
}
