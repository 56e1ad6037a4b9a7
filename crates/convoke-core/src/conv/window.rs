//! Which taps of a window lie inside the image. Outputs that share the same taps can share a tile, and then the taps
//! on the padding need neither a test nor a zero: they are simply not there.

use core::ops::Range;

use super::desc::Conv2dDesc;
use super::geometry::Geometry;

/// One axis of the window's walk over the image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) taps: usize,
    /// Padding in front.
    pub(crate) before: usize,
    /// Size of what is walked over.
    pub(crate) size: usize,
}

/// A run of outputs that share their taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) outputs: Range<usize>,
    pub(crate) taps: Range<usize>,
}

impl Walk {
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry, axis: usize) -> Self {
        Self {
            stride: desc.stride[axis],
            dilation: desc.dilation[axis],
            taps: desc.kernel[axis],
            before: geometry.pad_before[axis],
            size: desc.in_size[axis],
        }
    }

    /// Where tap `tap` of output `out` lies, from the first image pixel.
    #[inline(always)]
    pub(crate) fn position(&self, out: usize, tap: usize) -> isize {
        (out * self.stride + tap * self.dilation) as isize - self.before as isize
    }

    /// The taps of output `out` that lie inside.
    fn taps(&self, out: usize) -> Range<usize> {
        let start = out * self.stride;
        // The first tap with start + tap * dilation >= before, and the first with ... >= before + size.
        let at_least = |edge: usize| edge.saturating_sub(start).div_ceil(self.dilation).min(self.taps);
        at_least(self.before)..at_least(self.before + self.size)
    }

    /// Cuts `outputs` into runs that share their taps, in order.
    pub(crate) fn spans(self, outputs: Range<usize>) -> impl Iterator<Item = Span> + Clone {
        let mut next = outputs.start;
        // The first output whose last tap lies behind the image: up to there, all taps are inside once the first is.
        let reach = (self.taps - 1) * self.dilation;
        let last_inside = (self.before + self.size).checked_sub(reach + 1).map(|room| room / self.stride);
        core::iter::from_fn(move || {
            if next >= outputs.end {
                return None;
            }
            let taps = self.taps(next);
            let start = next;
            next += 1;
            if taps == (0..self.taps) {
                next = last_inside.map_or(next, |last| (last + 1).clamp(next, outputs.end));
            }
            while next < outputs.end && self.taps(next) == taps {
                next += 1;
            }
            Some(Span { outputs: start..next, taps })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// Every small walk: the spans tile the outputs, and each has exactly the taps that a test of each finds.
    #[test]
    fn spans_are_the_taps_inside() {
        for stride in 1..4 {
            for dilation in 1..4 {
                for taps in 1..5 {
                    for before in 0..7 {
                        for size in 1..8 {
                            let walk = Walk { stride, dilation, taps, before, size };
                            let outputs = 1..9;
                            let mut next = outputs.start;
                            for span in walk.spans(outputs.clone()) {
                                assert_eq!(span.outputs.start, next);
                                assert!(!span.outputs.is_empty());
                                next = span.outputs.end;
                                for out in span.outputs {
                                    let inside: Vec<_> = (0..taps)
                                        .filter(|&tap| (0..size as isize).contains(&walk.position(out, tap)))
                                        .collect();
                                    assert_eq!(
                                        inside,
                                        span.taps.clone().collect::<Vec<_>>(),
                                        "{walk:?} {out}"
                                    );
                                }
                            }
                            assert_eq!(next, outputs.end);
                        }
                    }
                }
            }
        }
    }
}
