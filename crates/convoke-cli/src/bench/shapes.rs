//! Lists of layers: a built-in one, and JSON files of the same form.

use std::path::Path;

use convoke::{Conv2dDesc, Layout, Padding};
use serde::Deserialize;

use crate::error::{Context, Failure, Outcome};
use crate::files;

/// A layer to time. Pairs are vertical, horizontal.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) struct Shape {
    #[serde(rename = "name")]
    pub(super) name: String,
    n: usize,
    c: usize,
    h: usize,
    w: usize,
    k: usize,
    r: usize,
    s: usize,
    #[serde(rename = "stride", default = "ones")]
    stride: [usize; 2],
    #[serde(rename = "pad", default)]
    pad: [usize; 2],
    #[serde(rename = "dilation", default = "ones")]
    dilation: [usize; 2],
    #[serde(rename = "groups", default = "one")]
    groups: usize,
}

fn one() -> usize {
    1
}

fn ones() -> [usize; 2] {
    [1, 1]
}

impl Shape {
    pub(super) fn desc(&self, layout: Layout) -> Conv2dDesc {
        let [vertical, horizontal] = self.pad;
        let padding =
            Padding::Explicit { top: vertical, left: horizontal, bottom: vertical, right: horizontal };
        Conv2dDesc::new(layout, self.n, self.c, [self.h, self.w], self.k, [self.r, self.s])
            .stride(self.stride)
            .padding(padding)
            .dilation(self.dilation)
            .groups(self.groups)
    }
}

/// The layers in a file.
pub(super) fn read(path: &Path) -> Outcome<Vec<Shape>> {
    serde_json::from_slice(&files::read(path)?).about(path.display())
}

/// One of each kind that networks are made of, from ResNet-50, VGG-16, MobileNet v2 and a few others.
///
/// Name, channels in and out, image, kernel, stride, padding, dilation, groups; the image and kernel are square
/// unless the name says `1d`.
const BUILT_IN: &str = "
    rn50_conv1_7x7s2_3-64@224       3    64   224  7 2 3 1 1
    rn50_l1_1x1_64-64@56            64   64   56   1 1 0 1 1
    rn50_l1_3x3_64-64@56            64   64   56   3 1 1 1 1
    rn50_l1_1x1_64-256@56           64   256  56   1 1 0 1 1
    rn50_l2_3x3s2_128-128@56        128  128  56   3 2 1 1 1
    rn50_l2_3x3_128-128@28          128  128  28   3 1 1 1 1
    rn50_l3_1x1s2_512-1024@28       512  1024 28   1 2 0 1 1
    rn50_l3_3x3_256-256@14          256  256  14   3 1 1 1 1
    rn50_l4_3x3_512-512@7           512  512  7    3 1 1 1 1
    rn50_l4_1x1_2048-512@7          2048 512  7    1 1 0 1 1
    vgg16_3x3_64-64@224             64   64   224  3 1 1 1 1
    vgg16_3x3_256-256@56            256  256  56   3 1 1 1 1
    mbv2_dw3x3_32@112               32   32   112  3 1 1 1 32
    mbv2_dw3x3s2_144@56             144  144  56   3 2 1 1 144
    mbv2_dw3x3_960@7                960  960  7    3 1 1 1 960
    mbv2_1x1_16-96@112              16   96   112  1 1 0 1 1
    mbv2_1x1_96-576@14              96   576  14   1 1 0 1 1
    misc_3x3d2_256-256@28           256  256  28   3 1 2 2 1
    misc_3x3g32_128-128@56          128  128  56   3 1 1 1 32
    misc_dw31x31_384@14             384  384  14   31 1 15 1 384
    misc_5x5_64-64@56               64   64   56   5 1 2 1 1
    misc_11x11s4_3-64@224           3    64   224  11 4 2 1 1
    misc_1d_k3_512-512@400          512  512  400  3 1 1 1 1";

/// The built-in list.
pub(super) fn built_in() -> Outcome<Vec<Shape>> {
    let shape = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        let numbers: Vec<usize> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
        let [c, k, image, kernel, stride, pad, dilation, groups] = numbers[..] else { return None };
        let vertical = |value: usize, flat: usize| if name.contains("1d") { flat } else { value };
        Some(Shape {
            n: 1,
            c,
            h: vertical(image, 1),
            w: image,
            k,
            r: vertical(kernel, 1),
            s: kernel,
            stride: [vertical(stride, 1), stride],
            pad: [vertical(pad, 0), pad],
            dilation: [vertical(dilation, 1), dilation],
            groups,
            name,
        })
    };
    let lines = BUILT_IN.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| shape(line).ok_or_else(|| Failure::new(format!("built-in list: {line}")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_can_be_planned() {
        let shapes = built_in().unwrap();
        assert_eq!(shapes.len(), 23);
        for shape in shapes {
            convoke::Geometry::new(&shape.desc(Layout::Nhwc))
                .unwrap_or_else(|error| panic!("{}: {error}", shape.name));
        }
    }

    #[test]
    fn files_may_leave_out_what_is_usual() {
        let text = r#"[{"name": "a", "N": 1, "C": 2, "H": 5, "W": 6, "K": 3, "R": 3, "S": 3, "count": 7}]"#;
        let shapes: Vec<Shape> = serde_json::from_str(text).unwrap();
        let desc = shapes[0].desc(Layout::Nchw);
        assert_eq!((desc.stride, desc.groups, desc.in_size), ([1, 1], 1, [5, 6]));
    }
}
