//! Named layers: the convolutions of three well-known networks, and harder ones. Benchmarks measure them, tests run
//! them scaled down.
//!
//! Names read `net_stage_kernel[sSTRIDE]_in-out@size`; `dw` is depthwise, `dN` dilation, `gN` groups. The networks are
//! ResNet-50 v1.5 (He et al., 2015; stride on the 3x3 layer), VGG-16 (Simonyan and Zisserman, 2014) and MobileNetV2
//! (Sandler et al., 2018), each at 224 by 224 pixels.

use convoke_core::{Activation, Conv2dDesc, Layout, Padding};

/// A layer of a network, for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its short name.
    pub name: &'static str,
    /// The network's.
    pub net: &'static str,
    /// In channels.
    pub in_channels: usize,
    /// Height and width of the input.
    pub in_size: [usize; 2],
    /// Out channels.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// In both directions.
    pub stride: usize,
    /// Above and below; left and right.
    pub padding: [usize; 2],
    /// In both directions.
    pub dilation: usize,
    /// Groups.
    pub groups: usize,
    /// How often the network has it.
    pub count: usize,
}

impl Layer {
    /// The layer as a descriptor.
    pub const fn desc(&self, layout: Layout) -> Conv2dDesc {
        let [vertical, horizontal] = self.padding;
        Conv2dDesc::new(layout, 1, self.in_channels, self.in_size, self.out_channels, self.kernel)
            .stride([self.stride, self.stride])
            .dilation([self.dilation, self.dilation])
            .padding(Padding::Explicit {
                top: vertical,
                left: horizontal,
                bottom: vertical,
                right: horizontal,
            })
            .groups(self.groups)
    }

    /// The layer with its kernel, stride, padding and dilation, but fewer pixels and channels, so that a naive loop
    /// computes it in milliseconds. Sizes keep the remainders that tails depend on.
    pub const fn scaled_down(&self) -> Self {
        let [height, width] = self.in_size;
        // Whole multiples of 16 become 16 or 32; odd counts stay odd.
        const fn channels(count: usize) -> usize {
            if count > 32 { 16 * (1 + count / 16 % 2) + count % 16 } else { count }
        }
        const fn pixels(size: usize) -> usize {
            if size > 28 { 14 + size % 14 } else { size }
        }
        let mut small = *self;
        small.in_size = [pixels(height), pixels(width)];
        if self.groups == self.in_channels {
            small.groups = channels(self.groups);
            small.in_channels = small.groups;
            small.out_channels = small.groups * (self.out_channels / self.groups);
        } else if self.groups == 1 {
            small.in_channels = channels(self.in_channels);
            small.out_channels = channels(self.out_channels);
        }
        small
    }

    /// Multiply-accumulates, taps on padding counted.
    pub fn macs(&self) -> u64 {
        crate::sizes::conv_sizes(&self.desc(Layout::Nchw)).map_or(0, |sizes| sizes.macs as u64)
    }
}

/// The layer of a name.
pub fn find(name: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.name == name)
}

#[allow(clippy::too_many_arguments, reason = "the columns of a table")]
const fn layer(
    name: &'static str,
    net: &'static str,
    in_channels: usize,
    in_size: [usize; 2],
    out_channels: usize,
    kernel: [usize; 2],
    stride: usize,
    padding: [usize; 2],
    dilation: usize,
    groups: usize,
    count: usize,
) -> Layer {
    Layer { name, net, in_channels, in_size, out_channels, kernel, stride, padding, dilation, groups, count }
}

/// All of them: name, network, in channels, input size, out channels, kernel, stride, padding, dilation, groups, count.
#[rustfmt::skip]
pub const LAYERS: &[Layer] = &[
    // resnet50
    layer("rn50_conv1_7x7s2_3-64@224", "resnet50", 3, [224, 224], 64, [7, 7], 2, [3, 3], 1, 1, 1),
    layer("rn50_l1_1x1_64-64@56", "resnet50", 64, [56, 56], 64, [1, 1], 1, [0, 0], 1, 1, 1),
    layer("rn50_l1_3x3_64-64@56", "resnet50", 64, [56, 56], 64, [3, 3], 1, [1, 1], 1, 1, 3),
    layer("rn50_l1_1x1_64-256@56", "resnet50", 64, [56, 56], 256, [1, 1], 1, [0, 0], 1, 1, 4),
    layer("rn50_l1_1x1_256-64@56", "resnet50", 256, [56, 56], 64, [1, 1], 1, [0, 0], 1, 1, 2),
    layer("rn50_l2_1x1_256-128@56", "resnet50", 256, [56, 56], 128, [1, 1], 1, [0, 0], 1, 1, 1),
    layer("rn50_l2_3x3s2_128-128@56", "resnet50", 128, [56, 56], 128, [3, 3], 2, [1, 1], 1, 1, 1),
    layer("rn50_l2_1x1s2_256-512@56", "resnet50", 256, [56, 56], 512, [1, 1], 2, [0, 0], 1, 1, 1),
    layer("rn50_l2_1x1_128-512@28", "resnet50", 128, [28, 28], 512, [1, 1], 1, [0, 0], 1, 1, 4),
    layer("rn50_l2_1x1_512-128@28", "resnet50", 512, [28, 28], 128, [1, 1], 1, [0, 0], 1, 1, 3),
    layer("rn50_l2_3x3_128-128@28", "resnet50", 128, [28, 28], 128, [3, 3], 1, [1, 1], 1, 1, 3),
    layer("rn50_l3_1x1_512-256@28", "resnet50", 512, [28, 28], 256, [1, 1], 1, [0, 0], 1, 1, 1),
    layer("rn50_l3_3x3s2_256-256@28", "resnet50", 256, [28, 28], 256, [3, 3], 2, [1, 1], 1, 1, 1),
    layer("rn50_l3_1x1s2_512-1024@28", "resnet50", 512, [28, 28], 1024, [1, 1], 2, [0, 0], 1, 1, 1),
    layer("rn50_l3_1x1_256-1024@14", "resnet50", 256, [14, 14], 1024, [1, 1], 1, [0, 0], 1, 1, 6),
    layer("rn50_l3_1x1_1024-256@14", "resnet50", 1024, [14, 14], 256, [1, 1], 1, [0, 0], 1, 1, 5),
    layer("rn50_l3_3x3_256-256@14", "resnet50", 256, [14, 14], 256, [3, 3], 1, [1, 1], 1, 1, 5),
    layer("rn50_l4_1x1_1024-512@14", "resnet50", 1024, [14, 14], 512, [1, 1], 1, [0, 0], 1, 1, 1),
    layer("rn50_l4_3x3s2_512-512@14", "resnet50", 512, [14, 14], 512, [3, 3], 2, [1, 1], 1, 1, 1),
    layer("rn50_l4_1x1s2_1024-2048@14", "resnet50", 1024, [14, 14], 2048, [1, 1], 2, [0, 0], 1, 1, 1),
    layer("rn50_l4_1x1_512-2048@7", "resnet50", 512, [7, 7], 2048, [1, 1], 1, [0, 0], 1, 1, 3),
    layer("rn50_l4_1x1_2048-512@7", "resnet50", 2048, [7, 7], 512, [1, 1], 1, [0, 0], 1, 1, 2),
    layer("rn50_l4_3x3_512-512@7", "resnet50", 512, [7, 7], 512, [3, 3], 1, [1, 1], 1, 1, 2),
    // vgg16
    layer("vgg16_3x3_3-64@224", "vgg16", 3, [224, 224], 64, [3, 3], 1, [1, 1], 1, 1, 1),
    layer("vgg16_3x3_64-64@224", "vgg16", 64, [224, 224], 64, [3, 3], 1, [1, 1], 1, 1, 1),
    layer("vgg16_3x3_64-128@112", "vgg16", 64, [112, 112], 128, [3, 3], 1, [1, 1], 1, 1, 1),
    layer("vgg16_3x3_128-128@112", "vgg16", 128, [112, 112], 128, [3, 3], 1, [1, 1], 1, 1, 1),
    layer("vgg16_3x3_128-256@56", "vgg16", 128, [56, 56], 256, [3, 3], 1, [1, 1], 1, 1, 1),
    layer("vgg16_3x3_256-256@56", "vgg16", 256, [56, 56], 256, [3, 3], 1, [1, 1], 1, 1, 2),
    layer("vgg16_3x3_256-512@28", "vgg16", 256, [28, 28], 512, [3, 3], 1, [1, 1], 1, 1, 1),
    layer("vgg16_3x3_512-512@28", "vgg16", 512, [28, 28], 512, [3, 3], 1, [1, 1], 1, 1, 2),
    layer("vgg16_3x3_512-512@14", "vgg16", 512, [14, 14], 512, [3, 3], 1, [1, 1], 1, 1, 3),
    // mobilenetv2
    layer("mbv2_dw3x3_32@112", "mobilenetv2", 32, [112, 112], 32, [3, 3], 1, [1, 1], 1, 32, 1),
    layer("mbv2_dw3x3s2_96@112", "mobilenetv2", 96, [112, 112], 96, [3, 3], 2, [1, 1], 1, 96, 1),
    layer("mbv2_dw3x3_144@56", "mobilenetv2", 144, [56, 56], 144, [3, 3], 1, [1, 1], 1, 144, 1),
    layer("mbv2_dw3x3s2_144@56", "mobilenetv2", 144, [56, 56], 144, [3, 3], 2, [1, 1], 1, 144, 1),
    layer("mbv2_dw3x3_192@28", "mobilenetv2", 192, [28, 28], 192, [3, 3], 1, [1, 1], 1, 192, 2),
    layer("mbv2_dw3x3s2_192@28", "mobilenetv2", 192, [28, 28], 192, [3, 3], 2, [1, 1], 1, 192, 1),
    layer("mbv2_dw3x3_384@14", "mobilenetv2", 384, [14, 14], 384, [3, 3], 1, [1, 1], 1, 384, 4),
    layer("mbv2_dw3x3_576@14", "mobilenetv2", 576, [14, 14], 576, [3, 3], 1, [1, 1], 1, 576, 2),
    layer("mbv2_dw3x3s2_576@14", "mobilenetv2", 576, [14, 14], 576, [3, 3], 2, [1, 1], 1, 576, 1),
    layer("mbv2_dw3x3_960@7", "mobilenetv2", 960, [7, 7], 960, [3, 3], 1, [1, 1], 1, 960, 3),
    layer("mbv2_1x1_16-96@112", "mobilenetv2", 16, [112, 112], 96, [1, 1], 1, [0, 0], 1, 1, 1),
    layer("mbv2_1x1_144-24@56", "mobilenetv2", 144, [56, 56], 24, [1, 1], 1, [0, 0], 1, 1, 1),
    layer("mbv2_1x1_32-192@28", "mobilenetv2", 32, [28, 28], 192, [1, 1], 1, [0, 0], 1, 1, 3),
    layer("mbv2_1x1_384-64@14", "mobilenetv2", 384, [14, 14], 64, [1, 1], 1, [0, 0], 1, 1, 3),
    layer("mbv2_1x1_96-576@14", "mobilenetv2", 96, [14, 14], 576, [1, 1], 1, [0, 0], 1, 1, 3),
    layer("mbv2_1x1_960-160@7", "mobilenetv2", 960, [7, 7], 160, [1, 1], 1, [0, 0], 1, 1, 2),
    layer("mbv2_1x1_320-1280@7", "mobilenetv2", 320, [7, 7], 1280, [1, 1], 1, [0, 0], 1, 1, 1),
    // misc
    layer("misc_3x3d2_256-256@28", "misc", 256, [28, 28], 256, [3, 3], 1, [2, 2], 2, 1, 1),
    layer("misc_3x3g32_128-128@56", "misc", 128, [56, 56], 128, [3, 3], 1, [1, 1], 1, 32, 1),
    layer("misc_dw31x31_384@14", "misc", 384, [14, 14], 384, [31, 31], 1, [15, 15], 1, 384, 1),
    layer("misc_dw31x31_384@28", "misc", 384, [28, 28], 384, [31, 31], 1, [15, 15], 1, 384, 1),
    layer("misc_dw7x7_192@56", "misc", 192, [56, 56], 192, [7, 7], 1, [3, 3], 1, 192, 1),
    layer("misc_5x5_64-64@56", "misc", 64, [56, 56], 64, [5, 5], 1, [2, 2], 1, 1, 1),
    layer("misc_11x11s4_3-64@224", "misc", 3, [224, 224], 64, [11, 11], 4, [2, 2], 1, 1, 1),
    layer("misc_1d_k3_512-512@400", "misc", 512, [1, 400], 512, [1, 3], 1, [0, 1], 1, 1, 1),
];

/// A block of MobileNetV2: pointwise to more channels, depthwise 3x3, pointwise to few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its short name.
    pub name: &'static str,
    /// In channels, those between, out channels.
    pub channels: [usize; 3],
    /// Height and width of the input.
    pub size: [usize; 2],
    /// Of the depthwise layer, in both directions.
    pub stride: usize,
}

impl Block {
    /// Its layers. Where the last one's output has the shape of the first one's input, that is its residual.
    pub fn descs(&self, layout: Layout) -> [Conv2dDesc; 3] {
        let Self { channels: [ins, between, outs], size, stride, .. } = *self;
        [
            Conv2dDesc::new(layout, 1, ins, size, between, [1, 1]).activation(Activation::Relu6),
            Conv2dDesc::new(layout, 1, between, size, between, [3, 3])
                .padding(Padding::all(1))
                .stride([stride; 2])
                .groups(between)
                .activation(Activation::Relu6),
            Conv2dDesc::new(layout, 1, between, size.map(|size| size.div_ceil(stride)), outs, [1, 1]),
        ]
    }
}

const fn block(name: &'static str, channels: [usize; 3], size: usize, stride: usize) -> Block {
    Block { name, channels, size: [size; 2], stride }
}

/// The blocks of MobileNetV2 at 224 by 224 pixels, but for the first, which has two layers.
#[rustfmt::skip]
pub const BLOCKS: &[Block] = &[
    block("mbv2_16-96-24s2@112", [16, 96, 24], 112, 2),
    block("mbv2_24-144-24@56", [24, 144, 24], 56, 1),
    block("mbv2_24-144-32s2@56", [24, 144, 32], 56, 2),
    block("mbv2_32-192-32@28", [32, 192, 32], 28, 1),
    block("mbv2_32-192-64s2@28", [32, 192, 64], 28, 2),
    block("mbv2_64-384-64@14", [64, 384, 64], 14, 1),
    block("mbv2_64-384-96@14", [64, 384, 96], 14, 1),
    block("mbv2_96-576-96@14", [96, 576, 96], 14, 1),
    block("mbv2_96-576-160s2@14", [96, 576, 160], 14, 2),
    block("mbv2_160-960-160@7", [160, 960, 160], 7, 1),
    block("mbv2_160-960-320@7", [160, 960, 320], 7, 1),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::conv_sizes;

    #[test]
    fn names_are_unique_and_layers_make_sense() {
        for (at, layer) in LAYERS.iter().enumerate() {
            assert!(LAYERS[..at].iter().all(|other| other.name != layer.name), "{}", layer.name);
            assert!(conv_sizes(&layer.desc(Layout::Nhwc)).is_some(), "{}", layer.name);
            let small = layer.scaled_down();
            assert!(conv_sizes(&small.desc(Layout::Nhwc)).is_some(), "{}", layer.name);
            assert!(small.macs() <= 20_000_000, "{}: {}", layer.name, small.macs());
        }
    }

    #[test]
    fn networks_have_their_known_cost() {
        // Multiply-accumulates of all convolutions: VGG-16 has 15.35e9 (its dense layers not counted), ResNet-50 4.09e9.
        let total =
            |net| LAYERS.iter().filter(|l| l.net == net).map(|l| l.macs() * l.count as u64).sum::<u64>();
        assert_eq!(total("vgg16") / 10_000_000, 1534);
        assert_eq!(total("resnet50") / 10_000_000, 408);
    }
}
