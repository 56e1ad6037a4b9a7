//! Which taps of a window lie inside the image. Outputs that share the same taps can share a tile, and then the taps
//! on the padding need neither a test nor a zero: they are simply not there.

use core::ops::Range;

use super::desc::Conv2dDesc;
use super::geometry::Geometry;
use crate::Border;

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

    /// What `outputs` read of the image, from the first row (or column) to the last, whatever the border shows of it. Nothing
    /// where all windows lie on a border that has no image value. For longer runs of outputs it starts no later and ends no
    /// earlier.
    pub(crate) fn reads(&self, outputs: Range<usize>, border: Border) -> Range<usize> {
        if outputs.is_empty() {
            return 0..0;
        }
        let first = self.position(outputs.start, 0);
        let last = self.position(outputs.end - 1, self.taps - 1);
        let size = self.size as isize;
        let [start, end] = match border {
            Border::Zero | Border::Constant(_) => {
                let start = first.clamp(0, size);
                [start, (last + 1).clamp(start, size)]
            }
            Border::Replicate => [first.clamp(0, size - 1), last.clamp(0, size - 1) + 1],
            _ if 0 <= first && last < size => [first, last + 1],
            // Mirrored once. Without the edge's second showing, a row more than that needs.
            Border::Reflect | Border::Reflect101 if -size < first && last < 2 * size - 1 => {
                let start = if last < size { first } else { first.min(2 * size - 2 - last) };
                [start.max(0), last.max(-first).saturating_add(1).min(size)]
            }
            Border::Reflect | Border::Reflect101 | Border::Wrap => [0, size],
        };
        start as usize..end as usize
    }

    /// The most rows from the first that outputs yet to be made read to the last that was read so far, where up to `count`
    /// outputs are made at a time; `after` is the padding behind.
    pub(crate) fn most_held(&self, count: usize, after: usize, border: Border) -> usize {
        let inside =
            (count - 1).saturating_mul(self.stride).saturating_add((self.taps - 1) * self.dilation + 1);
        let held = match border {
            Border::Zero | Border::Constant(_) | Border::Replicate => inside,
            // Rows at an edge are read again where the border mirrors them.
            Border::Reflect | Border::Reflect101 => inside.max(self.before + 1).max(after + 1),
            Border::Wrap if [self.before, after] == [0, 0] => inside,
            Border::Wrap => self.size,
        };
        held.min(self.size)
    }

    /// The taps of output `out` that lie inside.
    pub(crate) fn taps(&self, out: usize) -> Range<usize> {
        // Never 0, which the compiler does not know.
        let (start, dilation) = (out * self.stride, self.dilation.max(1));
        // The first tap with start + tap * dilation >= before, and the first with ... >= before + size.
        let at_least = |edge: usize| edge.saturating_sub(start).div_ceil(dilation).min(self.taps);
        at_least(self.before)..at_least(self.before + self.size)
    }

    /// Of `count` outputs, those whose tap `tap` lies inside.
    pub(crate) fn inside(&self, tap: usize, count: usize) -> Range<usize> {
        let first = tap * self.dilation;
        let before = |edge: usize| edge.saturating_sub(first).div_ceil(self.stride).min(count);
        before(self.before)..before(self.before + self.size)
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
                                    for tap in 0..taps {
                                        let among = walk.inside(tap, outputs.end);
                                        assert_eq!(among.contains(&out), inside.contains(&tap));
                                    }
                                }
                            }
                            assert_eq!(next, outputs.end);
                        }
                    }
                }
            }
        }
    }

    /// Every small walk over every border, in runs of every length: what is kept holds all rows that the next run reads,
    /// and is never more than was said; and what is read is a row that the run's windows show.
    #[test]
    fn what_is_held_is_what_is_read() {
        let borders = [
            Border::Zero,
            Border::Constant(1.0),
            Border::Replicate,
            Border::Reflect,
            Border::Reflect101,
            Border::Wrap,
        ];
        for border in borders {
            for (stride, dilation, taps) in [(1, 1, 1), (1, 1, 3), (2, 1, 3), (3, 1, 2), (1, 2, 3), (2, 3, 2)]
            {
                for before in 0..7 {
                    for after in 0..7 {
                        for size in 1..8 {
                            let walk = Walk { stride, dilation, taps, before, size };
                            let reach = (taps - 1) * dilation + 1;
                            let Some(room) = (before + size + after).checked_sub(reach) else { continue };
                            let total = room / stride + 1;
                            for count in 1..4 {
                                for first in (0..total).step_by(count) {
                                    let ys = first..(first + count).min(total);
                                    let read = walk.reads(ys.clone(), border);
                                    let held = walk.reads(first..total, border).start
                                        ..walk.reads(0..ys.end, border).end;
                                    let most = walk.most_held(count, after, border);
                                    assert!(held.start <= read.start && read.end <= held.end);
                                    assert!(held.len() <= most, "{walk:?} {border:?} {ys:?} {held:?} {most}");
                                    for (y, tap) in ys.flat_map(|y| (0..taps).map(move |tap| (y, tap))) {
                                        let at = walk.position(y, tap);
                                        let row = border.index(at, size);
                                        assert!(row.is_none_or(|row| read.contains(&row)));
                                        // The rows that are read are an image with the same border.
                                        let among = border.index(at - read.start as isize, read.len());
                                        assert_eq!(
                                            among.map(|row| row + read.start),
                                            row,
                                            "{walk:?} {border:?}"
                                        );
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
