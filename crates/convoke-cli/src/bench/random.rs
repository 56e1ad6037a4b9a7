//! Random layers, the same in every run: what a survey looks for cliffs among.

use convoke::{Conv2dDesc, Geometry, Layout, Padding};

use super::timing::Random;

/// Multiply-adds of the layers that are taken: below, a call is what counts and not the layer; above, it lasts too long for
/// so many of them.
const MACS: std::ops::RangeInclusive<u64> = 500_000..=60_000_000;
/// Most values of input, weights and output together.
const MOST_VALUES: usize = 12 << 20;

/// The next layer that makes sense and is of a size to be timed. Every field varies: layout, batch, channels (log-uniform,
/// so odd numbers of them), groups, sides, kernels up to 31, strides, dilations, padding of its own on each side.
pub(super) fn layer(random: &mut Random) -> Conv2dDesc {
    loop {
        let desc = any(random);
        if let Ok(geometry) = Geometry::new(&desc)
            && MACS.contains(&geometry.macs)
            && geometry.src.len + geometry.dst.len + geometry.weights_len <= MOST_VALUES
        {
            return desc;
        }
    }
}

fn any(random: &mut Random) -> Conv2dDesc {
    let layout = [Layout::Nhwc, Layout::Nchw][random.below(2)];
    let (groups, group_in, group_out) = match random.below(20) {
        0..9 => (1, random.log_uniform(512), random.log_uniform(512)),
        9..13 => (random.log_uniform(512), 1, 1),
        13 => (random.log_uniform(128), 1, 1 + random.below(4)),
        14..17 => (1 + random.log_uniform(64), random.log_uniform(32), random.log_uniform(32)),
        // Few channels on one side.
        17 => (1, 1 + random.below(4), random.log_uniform(256)),
        18 => (1, random.log_uniform(512), 1 + random.below(8)),
        _ => (1, 16 * (1 + random.below(32)), 16 * (1 + random.below(32))),
    };
    let size = [0; 2].map(|_| random.log_uniform(160));
    let kernel = match random.below(10) {
        0..2 => [1, 1],
        2..5 => [3, 3],
        5..8 => [0; 2].map(|_| 1 + random.below(7)),
        8 => [1, 1 + random.below(31)],
        _ => [1 + random.below(31); 2],
    };
    let often_one = |random: &mut Random| [1, 1, 1, 1, 1, 2, 2, 2, 3, 4][random.below(10)];
    let stride = [0; 2].map(|_| often_one(random));
    let dilation = if random.below(4) == 0 { [0; 2].map(|_| often_one(random)) } else { [1, 1] };
    let mut side = |axis: usize| random.below((kernel[axis] - 1) * dilation[axis] / 2 + 2);
    let padding = Padding::Explicit { top: side(0), bottom: side(0), left: side(1), right: side(1) };
    let batch = [1, 1, 1, 1, 2, 3][random.below(6)];
    Conv2dDesc::new(layout, batch, groups * group_in, size, groups * group_out, kernel)
        .groups(groups)
        .stride(stride)
        .dilation(dilation)
        .padding(padding)
}

/// A short name: `nhwc 1x64x56x56-128 3x3 s2,1 d2,2 p1,0,1,1 g4`. Padding is top, left, bottom, right.
pub(super) fn name(desc: &Conv2dDesc) -> String {
    let layout = if desc.layout == Layout::Nchw { "nchw" } else { "nhwc" };
    let ([h, w], [r, s]) = (desc.in_size, desc.kernel);
    let mut name =
        format!("{layout} {}x{}x{h}x{w}-{} {r}x{s}", desc.batch, desc.in_channels, desc.out_channels);
    for (letter, [a, b]) in [('s', desc.stride), ('d', desc.dilation)] {
        if [a, b] != [1, 1] {
            name.push_str(&format!(" {letter}{a},{b}"));
        }
    }
    if let Padding::Explicit { top, left, bottom, right } = desc.padding
        && top + left + bottom + right > 0
    {
        name.push_str(&format!(" p{top},{left},{bottom},{right}"));
    }
    if desc.groups > 1 {
        name.push_str(&format!(" g{}", desc.groups));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_of_every_kind_and_the_same_in_every_run() {
        let many = |seed| -> Vec<Conv2dDesc> {
            let mut random = Random::new(seed);
            (0..300).map(|_| layer(&mut random)).collect()
        };
        let layers = many(1);
        assert_eq!(layers, many(1));
        assert_ne!(layers, many(2));
        let some = |is: fn(&Conv2dDesc) -> bool| layers.iter().filter(|desc| is(desc)).count() >= 10;
        assert!(some(|desc| desc.layout == Layout::Nhwc) && some(|desc| desc.layout == Layout::Nchw));
        assert!(some(|desc| desc.groups == 1) && some(|desc| desc.groups == desc.in_channels));
        assert!(some(|desc| desc.groups > 1 && desc.groups < desc.in_channels));
        assert!(some(|desc| desc.stride[0] > 1) && some(|desc| desc.dilation[1] > 1));
        assert!(some(|desc| desc.kernel == [1, 1]) && some(|desc| desc.kernel[1] > 7));
        assert!(some(|desc| desc.batch > 1) && some(|desc| desc.in_channels % 16 != 0));
    }

    #[test]
    fn names_tell_layers_apart() {
        let desc = Conv2dDesc::new(Layout::Nchw, 2, 8, [7, 9], 12, [3, 1])
            .groups(4)
            .stride([2, 1])
            .padding(Padding::Explicit { top: 1, left: 0, bottom: 2, right: 0 });
        assert_eq!(name(&desc), "nchw 2x8x7x9-12 3x1 s2,1 p1,0,2,0 g4");
    }
}
