//! Pack: the weights in the order in which the product reads them, made once.
//!
//! Both orders go group by group, then block of the depth by block, then panel by panel of out channels, then term by
//! term; innermost are the out channels of the panel:
//!
//! * NHWC, where out channels are the columns of a tile: panels of `tile.columns`, the last one filled up with zeros.
//! * NCHW, where they are its rows: panels of `tile.rows`, the last ones smaller (`Tile::steps`), nothing in vain.

use convoke_core::{Conv2dDesc, Geometry, Layout, Mode, identity};

use crate::tile::{DEPTH, Tile, depth, depth_blocks};

/// The number of this backend in the identities of packings, and of this packing among its versions.
const BACKEND: usize = 0x6E_0001;

/// The identity of a packing: all that decides where a weight lies.
pub(crate) fn identity_of(desc: &Conv2dDesc, geometry: &Geometry, tile: &Tile) -> u64 {
    identity(&[
        BACKEND,
        DEPTH,
        tile.rows,
        tile.columns,
        desc.layout as usize,
        desc.mode as usize,
        desc.groups,
        geometry.group_out,
        geometry.group_in,
        desc.kernel[0],
        desc.kernel[1],
    ])
}

/// Where things lie in the packed weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    tile: Tile,
    layout: Layout,
    group_out: usize,
    /// Out channels of a group with the padding of its last panel.
    padded_out: usize,
    depth: usize,
}

impl Order {
    pub(crate) fn new(desc: &Conv2dDesc, geometry: &Geometry, tile: &Tile) -> Self {
        let padded_out = match desc.layout {
            Layout::Nhwc => geometry.group_out.next_multiple_of(tile.columns),
            Layout::Nchw => geometry.group_out,
        };
        let depth = depth(desc, geometry);
        Self { tile: *tile, layout: desc.layout, group_out: geometry.group_out, padded_out, depth }
    }

    /// Where the panel starts that begins with out channel `k` of group `g`, in the block of `terms` terms from `q`.
    #[inline(always)]
    pub(crate) fn panel(&self, g: usize, (q, terms): (usize, usize), k: usize) -> usize {
        (g * self.depth + q) * self.padded_out + k * terms
    }

    /// Calls `f` with every panel: group, block of the depth, and `(first out channel, out channels, of them real)`.
    fn for_each_panel(&self, groups: usize, mut f: impl FnMut(usize, (usize, usize), (usize, usize, usize))) {
        for g in 0..groups {
            for block in depth_blocks(self.depth) {
                match self.layout {
                    Layout::Nchw => {
                        self.tile.steps(self.group_out).for_each(|(k, step)| f(g, block, (k, step, step)));
                    }
                    Layout::Nhwc => {
                        let columns = self.tile.columns;
                        for k in (0..self.group_out).step_by(columns) {
                            f(g, block, (k, columns, columns.min(self.group_out - k)));
                        }
                    }
                }
            }
        }
    }
}

/// Fills `body`, which is all zeros, from weights in the layout's own order (OIHW or OHWI).
pub(crate) fn pack(desc: &Conv2dDesc, geometry: &Geometry, order: &Order, weights: &[f32], body: &mut [f32]) {
    let [height, width] = desc.kernel;
    let group_in = geometry.group_in;
    order.for_each_panel(desc.groups, |g, (first, terms), (k, panel, real)| {
        let at = order.panel(g, (first, terms), k);
        let body = &mut body[at..at + terms * panel];
        for (q, body) in (first..).zip(body.chunks_exact_mut(panel)) {
            let (tap, c) = (q / group_in, q % group_in);
            // True convolution is correlation with the weights turned by 180 degrees: taps in reverse.
            let tap = if desc.mode == Mode::Convolve { height * width - 1 - tap } else { tap };
            for (k, body) in (g * geometry.group_out + k..).zip(&mut body[..real]) {
                *body = weights[match desc.layout {
                    Layout::Nchw => (k * group_in + c) * height * width + tap,
                    Layout::Nhwc => (k * height * width + tap) * group_in + c,
                }];
            }
        }
    });
}
