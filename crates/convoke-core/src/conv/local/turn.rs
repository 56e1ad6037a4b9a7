//! Images side by side: buffers in which each place of an image is a few cache lines, with that place of up to 64 images in it. Layout, stride
//! and dilation are then nothing but steps between places.

use core::ops::Range;

use convoke_simd::Simd;

use crate::conv::desc::{Conv2dDesc, Layout};
use crate::conv::geometry::Strides;
use crate::kernel::local::LANES;
use crate::kernel::transpose::transpose_into;

/// Images of a block, at most.
pub(super) const MOST: usize = 64;

/// Images that are worked on together.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    /// Elements of a place: whole groups of [`LANES`].
    pub(super) width: usize,
}

impl Block {
    /// Cuts images into blocks.
    pub(super) fn all(images: Range<usize>) -> impl Iterator<Item = Block> + Clone {
        images.clone().step_by(MOST).map(move |first| {
            let images = first..(first + MOST).min(images.end);
            let width = images.len().next_multiple_of(LANES);
            Block { images, width }
        })
    }

    /// Brings the elements `from..from + len` of the images of `data` side by side. Where there are fewer images than the width, there
    /// are zeros.
    #[inline(always)]
    pub(super) fn turn<S: Simd>(
        &self,
        simd: S,
        data: &[f32],
        image: usize,
        from: usize,
        len: usize,
        out: &mut [f32],
    ) {
        let out = &mut out[..len * self.width];
        if self.images.len() < self.width {
            out.fill(0.0);
        }
        let data = &data[self.images.start * image + from..];
        transpose_into(simd, data, image, [self.images.len(), len], out, self.width);
    }

    /// The other way round.
    #[inline(always)]
    pub(super) fn turn_back<S: Simd>(
        &self,
        simd: S,
        turned: &[f32],
        len: usize,
        image: usize,
        from: usize,
        out: &mut [f32],
    ) {
        let out = &mut out[self.images.start * image + from..];
        transpose_into(simd, turned, self.width, [len, self.images.len()], out, image);
    }
}

/// One row of outputs of all channels, as it lies turned: NHWC has its pixels one after the other, NCHW a row of each plane.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Stretches that lie together in an image, their length, and from one to the next.
    lines: usize,
    len: usize,
    step: usize,
    row: usize,
    image: usize,
    /// From one pixel and from one channel to the next.
    pub(super) pixel: usize,
    pub(super) channel: usize,
}

impl Row {
    pub(super) fn new(desc: &Conv2dDesc, strides: &Strides, cols: usize) -> Self {
        let channels = desc.out_channels;
        let (lines, len, pixel, channel) = match desc.layout {
            Layout::Nhwc => (1, cols * channels, channels, 1),
            Layout::Nchw => (channels, cols, 1, cols),
        };
        Self { lines, len, step: strides.channel, row: strides.row, image: strides.image, pixel, channel }
    }

    /// Elements of it.
    pub(super) fn places(&self) -> usize {
        self.lines * self.len
    }

    #[inline(always)]
    pub(super) fn turn<S: Simd>(&self, simd: S, block: &Block, data: &[f32], y: usize, out: &mut [f32]) {
        for line in 0..self.lines {
            let from = line * self.step + y * self.row;
            block.turn(simd, data, self.image, from, self.len, &mut out[line * self.len * block.width..]);
        }
    }

    #[inline(always)]
    pub(super) fn turn_back<S: Simd>(
        &self,
        simd: S,
        block: &Block,
        turned: &[f32],
        y: usize,
        out: &mut [f32],
    ) {
        for line in 0..self.lines {
            let from = line * self.step + y * self.row;
            let turned = &turned[line * self.len * block.width..];
            block.turn_back(simd, turned, self.len, self.image, from, out);
        }
    }
}
