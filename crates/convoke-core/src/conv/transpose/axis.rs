//! One axis of a transposed convolution, and how a stride takes its outputs apart into phases.
//!
//! Output `o` has a term for every tap `r` and input `i` with `i*stride + r*dilation = o + before`. So the taps of an output
//! are those with `r*dilation = o + before` modulo the stride. Outputs a stride apart have the same ones; together they are a *phase*,
//! and from one to the next the input that a tap meets moves on by one: a convolution with stride 1. Its taps, in descending
//! order, meet inputs in ascending order, `dilation / gcd(stride, dilation)` apart.

use super::desc::{ConvTranspose2dDesc, OutputSize};
use crate::conv::desc::Padding;
use crate::error::{Error, check_at_least};

/// Strides of dilated kernels are tried phase by phase, so there is a limit.
const MOST_PHASES: usize = 64;
/// Coordinates are computed as `isize`; a quarter of the range leaves room for any sum of two of them.
const MOST: usize = isize::MAX as usize / 4;

/// One axis, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) taps: usize,
    /// What is cut off in front of the outputs.
    pub(crate) before: usize,
    /// Inputs and outputs.
    pub(crate) size: usize,
    pub(crate) out: usize,
}

/// Outputs that are a stride apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    /// The first of them, and how many there are.
    pub(crate) first: usize,
    pub(crate) count: usize,
    /// Taps that they have, 0 if none; the first of them, and from one to the next.
    pub(crate) taps: usize,
    pub(crate) tap: usize,
    pub(crate) step: usize,
    /// Inputs from the one that a tap meets to the one that the tap before it does.
    pub(crate) dilation: usize,
    /// The input that the last tap of the first output meets: behind so many, or so many before the first one.
    pub(crate) skip: usize,
    pub(crate) before: usize,
}

/// Phases that follow each other and differ in their first output and their taps' numbers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) phase: Phase,
    pub(crate) len: usize,
}

impl Run {
    /// The phases, one by one.
    pub(crate) fn phases(self) -> impl Iterator<Item = Phase> + Clone {
        let Phase { first, tap, .. } = self.phase;
        (0..self.len).map(move |i| Phase { first: first + i, tap: tap + i, ..self.phase })
    }
}

impl Axis {
    /// Axis 0, vertical, or 1 of a descriptor.
    pub(super) fn new(desc: &ConvTranspose2dDesc, axis: usize) -> Result<Self, Error> {
        for (operand, got) in [
            (["in height", "in width"], desc.in_size),
            (["kernel height", "kernel width"], desc.kernel),
            (["vertical stride", "horizontal stride"], desc.stride),
            (["vertical dilation", "horizontal dilation"], desc.dilation),
        ] {
            check_at_least(operand[axis], 1, got[axis])?;
        }
        let overflow = Error::Overflow { operand: ["padded height", "padded width"][axis] };
        let (size, taps) = (desc.in_size[axis], desc.kernel[axis]);
        let (stride, dilation) = (desc.stride[axis], desc.dilation[axis]);
        let fits = |len: &usize| *len <= MOST;
        // From the first tap of the first window to the last tap of the last one.
        let windows = (size - 1).checked_mul(stride).filter(fits).ok_or(overflow)?;
        let extent = (taps - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
        let extent = extent.filter(fits).ok_or(overflow)?;
        let reached = windows + extent;
        if stride > MOST || reached > MOST {
            return Err(overflow);
        }
        let (operand, most_more) =
            (["output padding rows", "output padding columns"][axis], stride.max(dilation) - 1);
        let same = matches!(desc.padding, Padding::Same | Padding::SameLower);
        // A dilation that one tap does not ask for may be any number.
        let most_more = if same { 0 } else { most_more.min(MOST) };
        let (out, before) = if same {
            let out = match desc.output {
                OutputSize::Padding(_) => size.checked_mul(stride).filter(fits).ok_or(overflow)?,
                OutputSize::Exact(out) => {
                    check_out(axis, out[axis], windows + 1, windows.saturating_add(stride))?
                }
            };
            let total = reached.saturating_sub(out);
            (out, if desc.padding == Padding::Same { total / 2 } else { total.div_ceil(2) })
        } else {
            let (before, after) = match desc.padding {
                Padding::Explicit { top, left, bottom, right } => [(top, bottom), (left, right)][axis],
                _ => (0, 0),
            };
            if before > MOST || after > MOST {
                return Err(overflow);
            }
            let least = reached as isize - (before + after) as isize;
            let most = least + most_more as isize;
            let out = match desc.output {
                OutputSize::Padding(more) => least + more[axis].min(most_more) as isize,
                OutputSize::Exact(out) => {
                    // The least and the most are at least 1 to be named, and nothing fits if the most is not.
                    let [least, most] = [least.max(1), most.max(0)].map(|size| size as usize);
                    check_out(axis, out[axis], least, most)? as isize
                }
            };
            if out < 1 {
                let operand = ["padding above and below", "padding left and right"][axis];
                return Err(Error::TooLarge { operand, required: reached - 1, got: before + after });
            }
            (out as usize, before)
        };
        if let OutputSize::Padding(more) = desc.output
            && more[axis] > most_more
        {
            return Err(Error::TooLarge { operand, required: most_more, got: more[axis] });
        }
        Self { stride, dilation, taps, before, size, out }.checked(axis)
    }

    /// The axis, if its phases are not too many to be told apart one by one.
    pub(super) fn checked(mut self, axis: usize) -> Result<Self, Error> {
        if self.taps == 1 {
            self.dilation = 1;
        }
        if self.out > MOST {
            return Err(Error::Overflow { operand: ["out height", "out width"][axis] });
        }
        if self.dilation > 1 && self.stride.min(self.out) > MOST_PHASES {
            let operand =
                ["vertical stride of a dilated kernel", "horizontal stride of a dilated kernel"][axis];
            return Err(Error::TooLarge { operand, required: MOST_PHASES, got: self.stride });
        }
        Ok(self)
    }

    /// How many phases there are.
    pub(super) fn phases(&self) -> usize {
        self.stride.min(self.out)
    }

    /// Most taps that an output has.
    pub(super) fn most_taps(&self) -> usize {
        self.taps.div_ceil(self.stride / gcd(self.stride, self.dilation))
    }

    /// The phase that starts with output `first`.
    fn phase(&self, first: usize) -> Phase {
        let Self { stride, dilation, taps, before, size, out } = *self;
        let count = (out - first).div_ceil(stride);
        let place = first + before;
        let common = gcd(stride, dilation);
        let step = stride / common;
        // The least tap of those that meet an input.
        let tap = place.is_multiple_of(common).then(|| solve(dilation / common, place / common, step));
        let none = Phase { first, count, taps: 0, tap: 0, step, dilation: 1, skip: 0, before: 0 };
        let Some(tap) = tap.filter(|&tap| tap < taps) else { return none };
        let taps = (taps - tap).div_ceil(step);
        let last = tap + (taps - 1) * step;
        let base = (place as isize - (last * dilation) as isize) / stride as isize;
        let [skip, before] = [base.max(0), (-base).max(0)].map(|distance| distance as usize);
        if skip >= size {
            return none;
        }
        let dilation = if taps == 1 { 1 } else { dilation / common };
        Phase { first, count, taps, tap, step, dilation, skip, before }
    }

    /// All phases, in runs of those that are alike.
    pub(super) fn runs(self) -> impl Iterator<Item = Run> + Clone {
        let mut first = 0;
        core::iter::from_fn(move || {
            let left = self.phases() - first;
            if left == 0 {
                return None;
            }
            let phase = self.phase(first);
            let len = if self.dilation == 1 { self.alike(first).min(left) } else { 1 };
            first += len;
            Some(Run { phase, len })
        })
    }

    /// How many phases of a dense kernel, from that of output `first` on, have as many outputs and taps and start at the same
    /// input.
    fn alike(&self, first: usize) -> usize {
        let Self { stride, taps, before, out, .. } = *self;
        let tap = (first + before) % stride;
        // Until taps start again from 0, until one output less is left, until one tap less is.
        let wrap = stride - tap;
        let count = (out - first).div_ceil(stride);
        let shorter = out - (count - 1) * stride - first;
        let fewer = match taps.saturating_sub(tap).div_ceil(stride) {
            0 => wrap,
            some => taps - (some - 1) * stride - tap,
        };
        wrap.min(shorter).min(fewer)
    }
}

/// An output size, if it is one of those that are possible.
fn check_out(axis: usize, got: usize, least: usize, most: usize) -> Result<usize, Error> {
    let operand = ["output height", "output width"][axis];
    if got < least {
        return Err(Error::TooSmall { operand, required: least, got });
    }
    if got > most {
        return Err(Error::TooLarge { operand, required: most, got });
    }
    Ok(got)
}

/// The least `r` with `r*factor = value` modulo `modulus`, which has no divisor in common with `factor`.
fn solve(factor: usize, value: usize, modulus: usize) -> usize {
    // Euclid's algorithm, keeping `a = x * factor` and `b = y * factor` modulo `modulus`.
    let (mut a, mut b) = (modulus as i128, (factor % modulus) as i128);
    let (mut x, mut y) = (0, 1);
    while b > 0 {
        let times = a / b;
        (a, b) = (b, a - times * b);
        (x, y) = (y, x - times * y);
    }
    (x * (value % modulus) as i128).rem_euclid(modulus as i128) as usize
}

fn gcd(mut a: usize, mut b: usize) -> usize {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Every small axis: the phases are all outputs, once, and have exactly the terms that trying each finds, in the order of
    /// the inputs.
    #[test]
    fn phases_are_the_terms_of_every_output() {
        let mut terms = 0;
        for stride in 1..6 {
            for dilation in 1..5 {
                for taps in 1..8 {
                    for before in [0, 1, 2, 5, 11] {
                        for (size, out) in [(1, 1), (1, 9), (3, 2), (4, 13), (6, 20)] {
                            let axis = Axis { stride, dilation, taps, before, size, out };
                            let axis = axis.checked(0).unwrap();
                            let mut seen = vec![0; out];
                            for phase in axis.runs().flat_map(Run::phases) {
                                for q in 0..phase.count {
                                    let o = phase.first + q * stride;
                                    seen[o] += 1;
                                    let wanted: Vec<_> = (0..size)
                                        .flat_map(|i| (0..taps).map(move |r| (i, r)))
                                        .filter(|(i, r)| i * stride + r * axis.dilation == o + before)
                                        .collect();
                                    let got: Vec<_> = (0..phase.taps)
                                        .map(|j| {
                                            let i = (phase.skip + q + j * phase.dilation) as isize;
                                            let r = phase.tap + (phase.taps - 1 - j) * phase.step;
                                            (i - phase.before as isize, r)
                                        })
                                        .filter(|(i, _)| (0..size as isize).contains(i))
                                        .map(|(i, r)| (i as usize, r))
                                        .collect();
                                    assert_eq!(got, wanted, "{axis:?} {phase:?} {o}");
                                    terms += got.len();
                                    assert!(phase.taps <= axis.most_taps());
                                }
                            }
                            assert!(seen.iter().all(|&times| times == 1), "{axis:?}");
                        }
                    }
                }
            }
        }
        assert!(terms > 10_000);
    }

    /// However large the stride, a dense kernel has few runs.
    #[test]
    fn runs_are_few() {
        const FAR: usize = 1 << (usize::BITS / 8 * 5);
        for (stride, taps) in [(FAR, 2 * FAR), (FAR, 3), (1000, 1000), (7, FAR)] {
            let axis = Axis { stride, dilation: 1, taps, before: 5, size: 9, out: 9 * stride };
            assert!(axis.checked(0).unwrap().runs().count() <= 6);
        }
        let dilated = Axis { stride: FAR, dilation: 2, taps: 3, before: 0, size: 2, out: 2 * FAR };
        assert!(matches!(dilated.checked(1), Err(Error::TooLarge { .. })));
    }
}
