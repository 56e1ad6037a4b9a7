//! Where in an image the taps of a window lie: in runs of equal steps, so that a kernel tests borders once for many taps.

use crate::Border;
use crate::conv::desc::{Conv2dDesc, Layout, Mode};
use crate::conv::geometry::Geometry;
use crate::conv::window::Walk;

/// The windows of a layer over one dense image, whose elements are its places. One place more, behind the image, shows a constant border.
#[derive(Clone, Copy)]
pub(crate) struct Taps {
    walks: [Walk; 2],
    border: Border,
    row: usize,
    pixel: usize,
    channel: usize,
    outside: usize,
    pub(crate) kernel: [usize; 2],
    /// In channels of a group.
    pub(crate) depth: usize,
    turned: bool,
    /// From one tap, and from one in channel, to the next in the weights of an out channel.
    pub(crate) tap_step: usize,
    pub(crate) depth_step: usize,
}

/// The taps of one row of a window: where its row of the image starts, or nothing if all of them show a constant.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    start: Option<usize>,
}

/// Taps that lie at equal steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where the first one is, for the first in channel of the first group.
    pub(crate) place: usize,
    pub(crate) step: usize,
    /// From one in channel to the next; 0 for a constant, which all channels share.
    pub(crate) channel: usize,
}

impl Taps {
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry) -> Self {
        let [r, s] = desc.kernel;
        let (tap_step, depth_step) = match desc.layout {
            Layout::Nhwc => (geometry.group_in, 1),
            Layout::Nchw => (1, r * s),
        };
        Self {
            walks: [0, 1].map(|axis| Walk::new(desc, geometry, axis)),
            border: desc.border,
            row: geometry.src.row,
            pixel: geometry.src.pixel,
            channel: geometry.src.channel,
            outside: geometry.src.image,
            kernel: desc.kernel,
            depth: geometry.group_in,
            turned: desc.mode == Mode::Convolve,
            tap_step,
            depth_step,
        }
    }

    /// What the constant place shows.
    pub(crate) fn constant(&self) -> f32 {
        if let Border::Constant(value) = self.border { value } else { 0.0 }
    }

    /// Where the weight of a tap stands in those of an out channel, for the first in channel.
    #[inline(always)]
    pub(crate) fn weight(&self, r: usize, s: usize) -> usize {
        let tap = r * self.kernel[1] + s;
        let tap = if self.turned { self.kernel[0] * self.kernel[1] - 1 - tap } else { tap };
        tap * self.tap_step
    }

    /// Row `r` of the windows of output row `y`; `None` if its taps are absent.
    #[inline(always)]
    pub(crate) fn line(&self, y: usize, r: usize) -> Option<Line> {
        match self.border.index(self.walks[0].position(y, r), self.walks[0].size) {
            Some(row) => Some(Line { start: Some(row * self.row) }),
            None if matches!(self.border, Border::Constant(_)) => Some(Line { start: None }),
            None => None,
        }
    }

    /// The run of taps of output column `x` that starts at tap `s`, and its number of taps; no run if they are absent.
    #[inline(always)]
    pub(crate) fn run(&self, line: Line, x: usize, s: usize) -> (usize, Option<Run>) {
        let walk = &self.walks[1];
        let constant = Run { place: self.outside, step: 0, channel: 0 };
        let Some(start) = line.start else {
            return (walk.taps - s, Some(constant));
        };
        let at = walk.position(x, s);
        if 0 <= at && (at as usize) < walk.size {
            let at = at as usize;
            let count = (walk.taps - s).min((walk.size - 1 - at) / walk.dilation + 1);
            let place = start + at * self.pixel;
            return (count, Some(Run { place, step: walk.dilation * self.pixel, channel: self.channel }));
        }
        match self.border.index(at, walk.size) {
            Some(at) => (1, Some(Run { place: start + at * self.pixel, step: 0, channel: self.channel })),
            None if matches!(self.border, Border::Constant(_)) => (1, Some(constant)),
            None => (1, None),
        }
    }

    /// The places that the weights of an out channel of `group` meet at output `at`, in the order of the weights.
    pub(crate) fn places(&self, at: [usize; 2], group: usize) -> Places<'_> {
        let mut places =
            Places { taps: self, at, first: group * self.depth, tap: [0, 0], c: 0, run: None, line: None };
        places.find_line();
        places.find_run();
        places
    }
}

/// Places of weights one after the other, found without a division.
pub(crate) struct Places<'a> {
    taps: &'a Taps,
    at: [usize; 2],
    /// In channels of the groups before.
    first: usize,
    /// The next weight: row and column of its tap among the weights, and in channel.
    tap: [usize; 2],
    c: usize,
    line: Option<Line>,
    run: Option<Run>,
}

impl Places<'_> {
    /// The next one; `None` if its tap is absent.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<usize> {
        let place = self.run.map(
            #[inline(always)]
            |run| run.place + (self.first + self.c) * run.channel,
        );
        if self.taps.depth_step == 1 {
            self.c += 1;
            if self.c == self.taps.depth {
                self.c = 0;
                self.next_tap();
            }
        } else {
            self.c += usize::from(self.next_tap());
        }
        place
    }

    /// Goes on to the next tap; tells whether that is the first one again.
    #[inline(always)]
    fn next_tap(&mut self) -> bool {
        let [rows, cols] = self.taps.kernel;
        self.tap[1] += 1;
        let mut around = false;
        if self.tap[1] == cols {
            self.tap = [self.tap[0] + 1, 0];
            around = self.tap[0] == rows;
            if around {
                self.tap[0] = 0;
            }
            self.find_line();
        }
        self.find_run();
        around
    }

    /// Where a tap lies in the window.
    #[inline(always)]
    fn in_window(&self, axis: usize) -> usize {
        if self.taps.turned { self.taps.kernel[axis] - 1 - self.tap[axis] } else { self.tap[axis] }
    }

    #[inline(always)]
    fn find_line(&mut self) {
        self.line = self.taps.line(self.at[0], self.in_window(0));
    }

    #[inline(always)]
    fn find_run(&mut self) {
        self.run = match self.line {
            Some(line) => self.taps.run(line, self.at[1], self.in_window(1)).1,
            None => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Padding;

    /// Runs are the taps one by one, for every border, and weights meet what they are said to.
    #[test]
    fn runs_are_the_taps() {
        for border in
            [Border::Zero, Border::Constant(3.0), Border::Replicate, Border::Reflect101, Border::Wrap]
        {
            for (layout, mode) in [(Layout::Nhwc, Mode::Correlate), (Layout::Nchw, Mode::Convolve)] {
                let desc = Conv2dDesc::new(layout, 1, 4, [3, 4], 2, [3, 5])
                    .padding(Padding::all(3))
                    .dilation([2, 1])
                    .stride([1, 2])
                    .groups(2)
                    .border(border)
                    .mode(mode);
                let geometry = Geometry::new(&desc).unwrap();
                let taps = Taps::new(&desc, &geometry);
                for y in 0..geometry.out_size[0] {
                    for x in 0..geometry.out_size[1] {
                        let mut next = taps.places([y, x], 1);
                        let places: std::vec::Vec<_> = (0..3 * 5 * 2).map(|_| next.next()).collect();
                        for r in 0..3 {
                            let line = taps.line(y, r);
                            let mut s = 0;
                            while s < 5 {
                                let (count, run) = line.map_or((1, None), |line| taps.run(line, x, s));
                                for i in 0..count {
                                    let index = |axis: usize, out: usize, tap: usize| {
                                        border.index(taps.walks[axis].position(out, tap), desc.in_size[axis])
                                    };
                                    let at = index(0, y, r).zip(index(1, x, s + i));
                                    let place = run.map(|run| run.place + i * run.step + 3 * run.channel);
                                    let expected = match at {
                                        Some((y, x)) => Some(geometry.src.at(0, 3, y, x)),
                                        None if border == Border::Zero => None,
                                        None => Some(geometry.src.image),
                                    };
                                    assert_eq!(place, expected, "{desc:?} {y} {x} {r} {s}");
                                    let weight = taps.weight(r, s + i) + taps.depth_step;
                                    assert_eq!(places[weight], expected);
                                }
                                s += count;
                            }
                            assert_eq!(s, 5);
                        }
                    }
                }
            }
        }
    }
}
