//! The border of an input gradient. Where a border shows pixels of the image again, the gradient of a place on the padding is a part of
//! that of the pixel it shows. The phases make what the windows read inside the image, as with a zero border; then this adds
//! what they read outside: tap by tap of the window, output by output, straight to where it belongs. So no padded tensor is made, and
//! an image pays for its edges alone.

use convoke_simd::{Kernel, Simd};

use super::phases::Phases;
use crate::Border;
use crate::conv::desc::{Conv2dDesc, Layout, Mode};
use crate::conv::geometry::Geometry;
use crate::conv::part::Part;
use crate::conv::window::Walk;
use crate::kernel::fold::{self, BEHIND, Channels, PIXELS, Place};

/// Windows that read image values outside the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    border: Border,
    /// Those of the layer, over the image.
    walks: [Walk; 2],
    after: [usize; 2],
}

impl Fold {
    /// What a layer's border adds, if it shows the image and windows hang over the edges.
    pub(super) fn new(desc: &Conv2dDesc, geometry: &Geometry) -> Option<Self> {
        let shows = !matches!(desc.border, Border::Zero | Border::Constant(_));
        let hangs = [geometry.pad_before, geometry.pad_after] != [[0, 0]; 2];
        let walks = [0, 1].map(|axis| Walk::new(desc, geometry, axis));
        (shows && hangs).then_some(Self { border: desc.border, walks, after: geometry.pad_after })
    }

    /// How many times terms an axis may have of those that it has inside the image: once, and once for each place outside that shows the same
    /// pixel.
    pub(super) fn times(&self, axis: usize) -> usize {
        let Walk { before, size, .. } = self.walks[axis];
        let after = self.after[axis];
        // A mirror shows a pixel at most once on its way from one edge to the other.
        let once_in = |places: usize| before.div_ceil(places) + after.div_ceil(places);
        1 + match self.border {
            Border::Zero | Border::Constant(_) => 0,
            Border::Replicate | Border::Reflect101 if size == 1 => before + after,
            Border::Replicate => before.max(after),
            Border::Reflect101 => once_in(size - 1),
            Border::Reflect | Border::Wrap => once_in(size),
        }
    }
}

/// Elements that the weights have here: for each tap of the window and out channel of a group, those of all in channels side by side.
pub(super) fn len(geometry: &Geometry) -> usize {
    geometry.weights_len + BEHIND
}

/// Writes them; what is behind them stays zero.
pub(super) fn pack(phases: &Phases, weights: &[f32], packed: &mut [f32]) {
    let Conv2dDesc { groups, kernel: [rows, cols], layout, mode, .. } = phases.layer;
    let Geometry { group_in: depth, group_out: width, weights_len, .. } = phases.geometry;
    let taps = rows * cols;
    for (number, row) in packed[..weights_len].chunks_exact_mut(width).enumerate() {
        let (tap, k, group) = (number / groups / depth, number / groups % depth, number % groups);
        let tap = match mode {
            Mode::Correlate => tap,
            Mode::Convolve => taps - 1 - tap,
        };
        let k = group * depth + k;
        match layout {
            Layout::Nhwc => row.copy_from_slice(&weights[(k * taps + tap) * width..][..width]),
            Layout::Nchw => {
                for (c, value) in row.iter_mut().enumerate() {
                    *value = weights[(k * width + c) * taps + tap];
                }
            }
        }
    }
}

/// Adds what is read outside to a part of `dx`.
///
/// Each element of it goes over the taps of the window, for each over the outputs whose tap shows it, row by row, and for each
/// of those over the out channels of its group, in order. Which other elements are made does not matter.
pub(super) struct Run<'a> {
    pub(super) phases: &'a Phases,
    pub(super) fold: &'a Fold,
    pub(super) part: &'a Part,
    pub(super) weights: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) dx: &'a mut [f32],
}

impl Kernel for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { phases, fold, part, weights, dy, dx } = self;
        let [rows, cols] = &fold.walks;
        let [height, width] = phases.layer.in_size;
        let from = &phases.geometry.src;
        let mut channels = Channels {
            wanted: 0..0,
            all: phases.layer.out_channels,
            group: phases.geometry.group_out,
            depth: phases.geometry.group_in,
            step: part.steps()[2],
            depth_step: from.channel,
        };
        let tap_len = channels.depth * channels.all;
        for image in part.images() {
            channels.wanted = part.channels(image);
            for tap in 0..rows.taps * cols.taps {
                let [r, s] = [tap / cols.taps, tap % cols.taps];
                let mut tile = Tile {
                    simd,
                    channels: &channels,
                    weights: &weights[tap * tap_len..],
                    some: [[0, 0]; PIXELS],
                    len: 0,
                };
                let inside = cols.inside(s, width);
                for p in 0..height {
                    let at = rows.position(p, r);
                    let Some(y) = fold.border.index(at, rows.size) else { continue };
                    if !part.rows.contains(&y) {
                        continue;
                    }
                    // In a row of the image, outputs whose tap lies in it have had their share.
                    let hole = if at == y as isize { inside.clone() } else { 0..0 };
                    for q in (0..hole.start).chain(hole.end..width) {
                        let Some(x) = fold.border.index(cols.position(q, s), cols.size) else { continue };
                        let to = part.at(image, channels.wanted.start, y, x);
                        tile.push([from.at(image, 0, p, q), to], dy, dx);
                    }
                }
                tile.finish(dy, dx);
            }
        }
    }
}

/// Pixels that wait until there is a tile of them.
struct Tile<'a, S> {
    simd: S,
    channels: &'a Channels,
    /// Those of the tap, and what follows.
    weights: &'a [f32],
    some: [Place; PIXELS],
    len: usize,
}

impl<S: Simd> Tile<'_, S> {
    /// A pixel that is shown twice takes one after the other.
    #[inline(always)]
    fn push(&mut self, place: Place, dy: &[f32], dx: &mut [f32]) {
        if self.some[..self.len].iter().any(|other| other[1] == place[1]) {
            self.finish(dy, dx);
        }
        self.some[self.len] = place;
        self.len += 1;
        if self.len == PIXELS {
            fold::add(self.simd, self.channels, self.weights, dy, dx, &self.some);
            self.len = 0;
        }
    }

    /// Those that are too few for a tile.
    fn finish(&mut self, dy: &[f32], dx: &mut [f32]) {
        for place in &self.some[..self.len] {
            fold::add(self.simd, self.channels, self.weights, dy, dx, &[*place]);
        }
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Padding;

    /// Every small line over every border: no pixel is shown more often than is said, and some are shown as often.
    #[test]
    fn pixels_are_shown_as_often_as_is_said() {
        for border in [Border::Replicate, Border::Reflect, Border::Reflect101, Border::Wrap] {
            let mut as_often = 0;
            for size in 1..6 {
                for (before, after) in (0..20).flat_map(|before| (0..20).map(move |after| (before, after))) {
                    let padding = Padding::Explicit { top: before, left: 0, bottom: after, right: 0 };
                    let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [size, 1], 1, [1, 1])
                        .padding(padding)
                        .border(border);
                    let geometry = Geometry::new(&desc).unwrap();
                    let Some(fold) = Fold::new(&desc, &geometry) else {
                        assert_eq!([before, after], [0, 0]);
                        continue;
                    };
                    let mut shown = [0; 6];
                    for at in -(before as isize)..(size + after) as isize {
                        shown[border.index(at, size).unwrap()] += 1;
                    }
                    let most = *shown.iter().max().unwrap();
                    assert!(most <= fold.times(0), "{border:?} {size} {before} {after}");
                    as_often += usize::from(most == fold.times(0));
                }
            }
            assert!(as_often > 500, "{border:?}: {as_often}");
        }
    }
}
