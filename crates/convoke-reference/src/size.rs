//! How many places a window has in a padded image, and where the first one is. Used by [`conv2d`](mod@crate::conv2d).
//!
//! Along one direction, a kernel of `R` taps that are `d` pixels apart covers `(R - 1) d + 1` pixels. It starts on
//! the first pixel of the padded image and advances by the stride for as long as it lies wholly inside. With "same"
//! padding it is the other way round: `ceil(size / stride)` places are wanted, and the padding is the least that has
//! room for them.

use convoke_core::{Conv2dDesc, Padding};

/// Height and width of the output; `None` for a descriptor that describes nothing: a size (other than the batch), a
/// stride, a dilation or the number of groups is zero, the groups do not divide the channels, or the kernel reaches
/// beyond the padded image.
///
/// Whether the tensors would fit in memory is not asked.
///
/// ```
/// use convoke_core::{Conv2dDesc, Layout, Padding};
/// use convoke_reference::out_size;
/// let desc = Conv2dDesc::new(Layout::Nchw, 1, 1, [5, 6], 1, [3, 3]);
/// assert_eq!(out_size(&desc), Some([3, 4]));
/// assert_eq!(out_size(&desc.padding(Padding::Same)), Some([5, 6]));
/// assert_eq!(out_size(&desc.stride([2, 2])), Some([2, 2]));
/// assert_eq!(out_size(&desc.dilation([3, 3])), None);
/// ```
pub fn out_size(desc: &Conv2dDesc) -> Option<[usize; 2]> {
    let channels = [desc.in_channels, desc.out_channels];
    let sizes = [desc.in_size, desc.kernel, desc.stride, desc.dilation, channels];
    if desc.groups == 0 || sizes.concat().contains(&0) || channels.iter().any(|c| c % desc.groups != 0) {
        return None;
    }
    Some([places(desc, 0)?, places(desc, 1)?])
}

/// The places of the window in one direction, 0 vertical and 1 horizontal. All sizes are known to be at least 1.
fn places(desc: &Conv2dDesc, direction: usize) -> Option<usize> {
    let stride = desc.stride[direction] as u128;
    let size = desc.in_size[direction] as u128;
    let padded = size
        + match (desc.padding, direction) {
            (Padding::Valid, _) => 0,
            (Padding::Explicit { top, bottom, .. }, 0) => top as u128 + bottom as u128,
            (Padding::Explicit { left, right, .. }, _) => left as u128 + right as u128,
            (Padding::Same | Padding::SameLower, _) => return Some(size.div_ceil(stride) as usize),
        };
    // The window at place p lies inside while p * stride + covered <= padded.
    let room = padded.checked_sub(covered(desc, direction))?;
    usize::try_from(room / stride + 1).ok()
}

/// Pixels from the window's first tap to its last, both counted.
fn covered(desc: &Conv2dDesc, direction: usize) -> u128 {
    (desc.kernel[direction] as u128 - 1) * desc.dilation[direction] as u128 + 1
}

/// How far the first window hangs over the image's start, `[above, left]`.
///
/// # Panics
/// For a descriptor that has no [`out_size`].
pub fn overhang(desc: &Conv2dDesc) -> [usize; 2] {
    let places = out_size(desc).expect("a descriptor that describes a layer");
    if let Padding::Explicit { top, left, .. } = desc.padding {
        return [top, left];
    }
    [0, 1].map(|direction| {
        let needed =
            (places[direction] as u128 - 1) * desc.stride[direction] as u128 + covered(desc, direction);
        let missing = needed.saturating_sub(desc.in_size[direction] as u128);
        let above = match desc.padding {
            Padding::SameLower => missing - missing / 2,
            _ => missing / 2, // With no padding nothing is missing.
        };
        usize::try_from(above).expect("padding that fits in memory")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use convoke_core::Layout;

    fn line(size: usize, kernel: usize, stride: usize, dilation: usize) -> Conv2dDesc {
        Conv2dDesc::new(Layout::Nchw, 1, 1, [size, 1], 1, [kernel, 1])
            .stride([stride, 1])
            .dilation([dilation, 1])
    }

    /// The places of a window, tried one by one.
    fn count(padded: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
        (0..).step_by(stride).take_while(|start| start + (kernel - 1) * dilation < padded).count()
    }

    #[test]
    fn by_trying_every_place() {
        let mut fitting = 0;
        for size in 1..9 {
            for kernel in 1..5 {
                for stride in 1..5 {
                    for dilation in 1..4 {
                        let desc = line(size, kernel, stride, dilation);
                        for (top, bottom) in [(0, 0), (1, 0), (0, 2), (3, 1)] {
                            let padded = desc.padding(Padding::Explicit { top, left: 0, bottom, right: 0 });
                            let places = count(size + top + bottom, kernel, stride, dilation);
                            let expected = (places > 0).then_some([places, 1]);
                            assert_eq!(out_size(&padded), expected, "{padded:?}");
                            fitting += usize::from(places > 0);
                        }
                        // The least padding with which the window has ceil(size / stride) places.
                        let wanted = (0..size).step_by(stride).count();
                        let least = (0..).find(|pad| count(size + pad, kernel, stride, dilation) >= wanted);
                        let least = least.expect("some padding is enough");
                        let [same, lower] = [Padding::Same, Padding::SameLower].map(|p| desc.padding(p));
                        assert_eq!(out_size(&same), Some([wanted, 1]));
                        assert_eq!(out_size(&lower), Some([wanted, 1]));
                        assert_eq!(overhang(&same), [least / 2, 0], "{same:?}");
                        assert_eq!(overhang(&lower), [least.div_ceil(2), 0], "{lower:?}");
                    }
                }
            }
        }
        assert!(fitting > 1000, "{fitting}");
    }

    #[test]
    fn well_known_layers() {
        let desc = Conv2dDesc::new(Layout::Nhwc, 1, 3, [224, 224], 64, [7, 7]).stride([2, 2]);
        assert_eq!(out_size(&desc.padding(Padding::all(3))), Some([112, 112]));
        assert_eq!(out_size(&desc.padding(Padding::Same)), Some([112, 112]));
        // Five are missing for 112 windows: two above, three below.
        assert_eq!(overhang(&desc.padding(Padding::Same)), [2, 2]);
        assert_eq!(overhang(&desc.padding(Padding::SameLower)), [3, 3]);
        assert_eq!(overhang(&desc.padding(Padding::all(3))), [3, 3]);
        assert_eq!(out_size(&desc), Some([109, 109]));
        assert_eq!(overhang(&desc), [0, 0]);
    }

    #[test]
    fn nothing_described() {
        let good = Conv2dDesc::new(Layout::Nchw, 1, 4, [5, 5], 6, [3, 3]);
        assert_eq!(out_size(&good.groups(2)), Some([3, 3]));
        assert_eq!(out_size(&good.groups(3)), None, "3 does not divide 4");
        assert_eq!(out_size(&good.groups(4)), None, "4 does not divide 6");
        assert_eq!(out_size(&good.groups(0)), None);
        assert_eq!(out_size(&good.stride([0, 1])), None);
        assert_eq!(out_size(&good.dilation([1, 0])), None);
        assert_eq!(out_size(&Conv2dDesc::new(Layout::Nchw, 1, 4, [0, 5], 6, [3, 3])), None);
        assert_eq!(out_size(&Conv2dDesc::new(Layout::Nchw, 1, 4, [5, 5], 0, [3, 3])), None);
        assert_eq!(out_size(&Conv2dDesc::new(Layout::Nchw, 0, 4, [5, 5], 6, [3, 3])), Some([3, 3]));
    }

    #[test]
    fn sizes_beyond_memory() {
        let most = usize::MAX;
        assert_eq!(out_size(&line(5, most, 1, most)), None);
        assert_eq!(out_size(&line(5, 2, most, 1)), Some([1, 1]));
        let padded =
            line(5, 1, 1, 1).padding(Padding::Explicit { top: most, left: 0, bottom: most, right: 0 });
        assert_eq!(out_size(&padded), None, "more places than can be counted");
        assert_eq!(out_size(&padded.stride([most, 1])), Some([3, 1]));
    }
}
