//! Pooling: the greatest or the mean of each window, channel by channel.

use convoke_core::{Conv2dDesc, Error, Geometry, Layout, Padding};

use super::layer::{Layer, batch_of, check, check_backward};
use super::threads::run_chunks;
use crate::options::Options;

/// What is made of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Max,
    Mean,
}

/// What a pooling layer does.
///
/// ```
/// use convoke::learn::PoolDesc;
/// use convoke::{Layout, Padding};
/// let desc = PoolDesc::max(Layout::Nhwc, 64, [112, 112], [3, 3]).stride([2, 2]).padding(Padding::all(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolDesc {
    kind: Kind,
    /// The window's walk is that of a depthwise convolution.
    walk: Conv2dDesc,
}

impl PoolDesc {
    /// The greatest value of each window of `window` `[R, S]` pixels; NaN if there is one. Windows lie side by side.
    pub const fn max(layout: Layout, channels: usize, in_size: [usize; 2], window: [usize; 2]) -> Self {
        Self::new(Kind::Max, layout, channels, in_size, window)
    }

    /// The mean of each window. Pixels outside the image do not count.
    pub const fn average(layout: Layout, channels: usize, in_size: [usize; 2], window: [usize; 2]) -> Self {
        Self::new(Kind::Mean, layout, channels, in_size, window)
    }

    /// The mean of the whole image: one number per channel.
    pub const fn global_average(layout: Layout, channels: usize, in_size: [usize; 2]) -> Self {
        Self::new(Kind::Mean, layout, channels, in_size, in_size)
    }

    const fn new(
        kind: Kind,
        layout: Layout,
        channels: usize,
        in_size: [usize; 2],
        window: [usize; 2],
    ) -> Self {
        let walk = Conv2dDesc::new(layout, 1, channels, in_size, channels, window);
        Self { kind, walk: walk.groups(channels).stride(window) }
    }

    /// Pixels from one window to the next, `[vertical, horizontal]`.
    pub const fn stride(mut self, stride: [usize; 2]) -> Self {
        self.walk = self.walk.stride(stride);
        self
    }

    /// How far windows hang over the edges: less than their size.
    pub const fn padding(mut self, padding: Padding) -> Self {
        self.walk = self.walk.padding(padding);
        self
    }
}

/// A pooling layer. An example is an image of the layout of its descriptor, and so is its result.
///
/// The gradient of a maximum goes to the pixel that is the greatest, the first one of equals; that of a mean to all pixels in equal parts.
/// Where windows overlap, contributions are added window by window, in the order of the windows.
///
/// ```
/// use convoke::learn::{Layer, Pool, PoolDesc};
/// use convoke::{Layout, Options};
/// let mut pool = Pool::new(&PoolDesc::max(Layout::Nchw, 1, [2, 4], [2, 2]), &Options::new())?;
/// let src = [1.0, 5.0, 2.0, 2.0, 0.0, 3.0, 2.0, 1.0];
/// let (mut dst, mut src_grad) = ([0.0; 2], [0.0; 8]);
/// pool.forward(&src, &mut dst)?;
/// pool.backward(&src, &[10.0, 20.0], Some(&mut src_grad))?;
/// assert_eq!(dst, [5.0, 2.0]);
/// assert_eq!(src_grad, [0.0, 10.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), convoke::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    desc: PoolDesc,
    geometry: Geometry,
    options: Options,
}

/// Sizes of an image as planes whose pixels have several values each: NCHW has many planes of one, NHWC one plane of many.
#[derive(Clone, Copy)]
struct Planes {
    count: usize,
    depth: usize,
    src: [usize; 2],
    dst: [usize; 2],
}

impl Pool {
    /// Checks a descriptor.
    ///
    /// # Errors
    /// Those of [`Geometry::new`]; [`Error::TooLarge`] for padding that a whole window fits in.
    pub fn new(desc: &PoolDesc, options: &Options) -> Result<Self, Error> {
        let geometry = Geometry::new(&desc.walk)?;
        for axis in [0, 1] {
            let got = geometry.pad_before[axis].max(geometry.pad_after[axis]);
            let required = desc.walk.kernel[axis] - 1;
            if got > required {
                return Err(Error::TooLarge { operand: "padding", required, got });
            }
        }
        Ok(Self { desc: *desc, geometry, options: *options })
    }

    /// Height and width of a result.
    pub fn out_size(&self) -> [usize; 2] {
        self.geometry.out_size
    }

    fn planes(&self) -> Planes {
        let walk = &self.desc.walk;
        let (count, depth) = match walk.layout {
            Layout::Nchw => (walk.in_channels, 1),
            Layout::Nhwc => (1, walk.in_channels),
        };
        Planes { count, depth, src: walk.in_size, dst: self.geometry.out_size }
    }

    /// Calls `visit` for each window of an image with where its result starts, and its first and last pixel.
    fn each_window(&self, planes: Planes, mut visit: impl FnMut(usize, Window)) {
        let walk = &self.desc.walk;
        let inside = |axis: usize, out: usize| {
            let start = out * walk.stride[axis];
            let before = self.geometry.pad_before[axis];
            let end = (start + walk.kernel[axis]).saturating_sub(before).min(planes.src[axis]);
            start.saturating_sub(before)..end
        };
        for plane in 0..planes.count {
            for y in 0..planes.dst[0] {
                let rows = inside(0, y);
                for x in 0..planes.dst[1] {
                    let at = ((plane * planes.dst[0] + y) * planes.dst[1] + x) * planes.depth;
                    visit(at, Window { plane, rows: rows.clone(), cols: inside(1, x) });
                }
            }
        }
    }

    fn image_forward(&self, src: &[f32], dst: &mut [f32]) {
        let planes = self.planes();
        self.each_window(planes, |at, window| {
            let dst = &mut dst[at..at + planes.depth];
            let mean = self.desc.kind == Kind::Mean;
            dst.fill(if mean { 0.0 } else { f32::NEG_INFINITY });
            window.each_pixel(planes, |pixel| {
                let src = &src[pixel..pixel + planes.depth];
                for (dst, &x) in dst.iter_mut().zip(src) {
                    // The sum, or the greater one; `x` if it is NaN, and then for good.
                    *dst = if mean {
                        *dst + x
                    } else if x <= *dst || dst.is_nan() {
                        *dst
                    } else {
                        x
                    };
                }
            });
            if mean {
                let count = window.count() as f32;
                dst.iter_mut().for_each(|dst| *dst /= count);
            }
        });
    }

    fn image_backward(&self, src: &[f32], dst_grad: &[f32], src_grad: &mut [f32]) {
        let planes = self.planes();
        src_grad.fill(0.0);
        self.each_window(planes, |at, window| {
            let dst_grad = &dst_grad[at..at + planes.depth];
            match self.desc.kind {
                Kind::Mean => {
                    let count = window.count() as f32;
                    window.each_pixel(planes, |pixel| {
                        let src_grad = &mut src_grad[pixel..pixel + planes.depth];
                        for (src_grad, dst_grad) in src_grad.iter_mut().zip(dst_grad) {
                            *src_grad += dst_grad / count;
                        }
                    });
                }
                Kind::Max => {
                    for first in (0..planes.depth).step_by(CHANNELS) {
                        let len = CHANNELS.min(planes.depth - first);
                        let mut greatest = Greatest::new();
                        window.each_pixel(planes, |pixel| greatest.look(&src[pixel + first..][..len]));
                        let mut number = 0;
                        window.each_pixel(planes, |pixel| {
                            greatest.give(
                                number,
                                &dst_grad[first..][..len],
                                &mut src_grad[pixel + first..][..len],
                            );
                            number += 1;
                        });
                    }
                }
            }
        });
    }

    /// What a batch costs, in something like multiply-adds.
    fn work(&self, batch: usize) -> u64 {
        self.geometry.macs.saturating_mul(batch as u64)
    }
}

/// Channels whose greatest pixel is looked for at once: arrays of a known length become vectors.
const CHANNELS: usize = 16;

/// The greatest values of a window's pixels so far, and the number of the pixel that each is of.
struct Greatest {
    most: [f32; CHANNELS],
    at: [u32; CHANNELS],
    next: u32,
}

impl Greatest {
    fn new() -> Self {
        Self { most: [f32::NEG_INFINITY; CHANNELS], at: [0; CHANNELS], next: 0 }
    }

    /// The next pixel. A NaN is greater than anything, and stays.
    fn look(&mut self, pixel: &[f32]) {
        let mut look = |i: usize, x: f32| {
            let stays = x <= self.most[i] || self.most[i].is_nan();
            self.at[i] = if stays { self.at[i] } else { self.next };
            self.most[i] = if stays { self.most[i] } else { x };
        };
        match pixel.first_chunk::<CHANNELS>() {
            Some(pixel) => (0..CHANNELS).for_each(|i| look(i, pixel[i])),
            None => pixel.iter().enumerate().for_each(|(i, &x)| look(i, x)),
        }
        self.next += 1;
    }

    /// Gives pixel `number` the gradients of the channels in which it is the greatest.
    fn give(&self, number: u32, dst_grad: &[f32], src_grad: &mut [f32]) {
        let give = |i: usize, grad: f32| if self.at[i] == number { grad } else { 0.0 };
        match (dst_grad.first_chunk::<CHANNELS>(), src_grad.first_chunk_mut::<CHANNELS>()) {
            (Some(dst_grad), Some(src_grad)) => {
                (0..CHANNELS).for_each(|i| src_grad[i] += give(i, dst_grad[i]))
            }
            _ => {
                src_grad.iter_mut().zip(dst_grad).enumerate().for_each(|(i, (x, &grad))| *x += give(i, grad))
            }
        }
    }
}

/// What of a window lies inside the image.
struct Window {
    plane: usize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
}

impl Window {
    fn count(&self) -> usize {
        self.rows.len() * self.cols.len()
    }

    /// Where each pixel's values start.
    fn each_pixel(&self, planes: Planes, mut visit: impl FnMut(usize)) {
        for y in self.rows.clone() {
            for x in self.cols.clone() {
                visit(((self.plane * planes.src[0] + y) * planes.src[1] + x) * planes.depth);
            }
        }
    }
}

impl Layer for Pool {
    fn src_len(&self) -> usize {
        self.geometry.src.len
    }

    fn dst_len(&self) -> usize {
        self.geometry.dst.len
    }

    fn forward(&mut self, src: &[f32], dst: &mut [f32]) -> Result<(), Error> {
        let batch = batch_of(src, self.src_len())?;
        check("dst", batch * self.dst_len(), dst.len())?;
        let (from, to) = (self.src_len(), self.dst_len());
        run_chunks(&self.options, self.work(batch), dst, to, |at, dst| {
            self.image_forward(&src[at / to * from..][..from], dst);
        });
        Ok(())
    }

    fn backward(&mut self, src: &[f32], dst_grad: &[f32], src_grad: Option<&mut [f32]>) -> Result<(), Error> {
        let batch = check_backward(self, src, dst_grad, src_grad.as_deref())?;
        let Some(src_grad) = src_grad else { return Ok(()) };
        let (from, to) = (self.src_len(), self.dst_len());
        // Greatest values are looked for, and then given something.
        let work = self.work(batch).saturating_mul(4);
        run_chunks(&self.options, work, src_grad, from, |at, src_grad| {
            self.image_backward(&src[at..at + from], &dst_grad[at / from * to..][..to], src_grad);
        });
        Ok(())
    }
}
